// One direction of one stream of the memory transport: a bounded queue of bytes with one writer and
// one reader. A write settles once its bytes are taken over, so that its buffer may be used again.

export interface MemoryPipeOptions {
  /** Bytes taken over and not yet read. */
  readonly inFlightBytes: number;
  /** Most bytes one read answers. */
  readonly readBytes: number;
  /** Called once, before the first bytes (or the end) can be read. */
  readonly onFirstBytes: () => void;
  /** Awaited before bytes can be read. */
  readonly deliver: (bytes: number) => Promise<void>;
}

export class MemoryPipe {
  readonly #options: MemoryPipeOptions;
  /** Copies of what was written, delivered and not yet read. */
  readonly #pieces: Uint8Array[] = [];
  #heldBytes = 0;
  #announced = false;
  #closed = false;
  #finished = false;
  #failed = false;
  #order: Promise<void> = Promise.resolve();
  /** Wakes whoever waits for bytes or for room; both look again. */
  #wake: (() => void)[] = [];

  constructor(options: MemoryPipeOptions) {
    this.#options = options;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#closed) return Promise.reject(new TypeError("Cannot write: the stream is closed"));
    return this.#inOrder(async () => {
      for (let at = 0; at < bytes.byteLength;) {
        const room = this.#options.inFlightBytes - this.#heldBytes;
        this.#throwIfFailed();
        if (room <= 0) {
          await this.#change();
          continue;
        }
        const piece = bytes.slice(at, at + room);
        at += piece.byteLength;
        this.#heldBytes += piece.byteLength;
        await this.#options.deliver(piece.byteLength);
        this.#throwIfFailed();
        this.#pieces.push(piece);
        this.#announce();
      }
      this.#throwIfFailed();
    });
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.#inOrder(() => {
      this.#throwIfFailed();
      this.#finished = true;
      this.#announce();
      return Promise.resolve();
    });
  }

  async read(into: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer> | null> {
    if (into.byteLength === 0) throw new TypeError("Cannot read into an empty view");
    const { byteOffset, byteLength } = into;
    // As a BYOB reader does: the caller's view is dead from here on.
    const buffer = into.buffer.transfer();
    while (true) {
      this.#throwIfFailed();
      const piece = this.#pieces[0];
      if (piece === undefined) {
        if (this.#finished) return null;
        await this.#change();
        continue;
      }
      const countBytes = Math.min(piece.byteLength, byteLength, this.#options.readBytes);
      const out = new Uint8Array(buffer, byteOffset, countBytes);
      out.set(piece.subarray(0, countBytes));
      if (countBytes === piece.byteLength) this.#pieces.shift();
      else this.#pieces[0] = piece.subarray(countBytes);
      this.#heldBytes -= countBytes;
      this.#notify();
      return out;
    }
  }

  /** Both ends find it gone, what was not read included. */
  fail(): void {
    this.#failed = true;
    this.#notify();
  }

  #inOrder(step: () => Promise<void>): Promise<void> {
    const done = this.#order.then(step);
    this.#order = done.catch(() => {});
    return done;
  }

  #announce(): void {
    if (!this.#announced) {
      this.#announced = true;
      this.#options.onFirstBytes();
    }
    this.#notify();
  }

  #throwIfFailed(): void {
    if (this.#failed) throw new Error("the stream is gone");
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
