// What was written to a stream of our own and its connection did not take yet: it waits here with its
// writer, in order. Refuses what is written wrongly, and what comes when the stream is gone.

type Bytes = Uint8Array<ArrayBuffer>;

/** What it needs of its stream's connection. */
export interface WritesHost {
  /** Whether the connection is over. */
  readonly over: boolean;
  /** Why nothing goes on: the connection's end, or else what befell this stream. */
  explain(found: string): Error;
}

export interface PendingWrite {
  readonly bytes: Bytes;
  /** The stream ends with it. */
  readonly end: boolean;
  /** Bytes of it that were taken. */
  at: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const NOTHING = new Uint8Array(0);

export class PendingWrites {
  readonly #host: WritesHost;
  readonly #onFirst: () => void;
  readonly #writes: PendingWrite[] = [];
  #isClosed = false;
  #gone: string | null = null;

  /** `onFirst` is called for a write that waits for no other. */
  constructor(host: WritesHost, onFirst: () => void) {
    this.#host = host;
    this.#onFirst = onFirst;
  }

  /** The one whose turn it is. */
  get first(): PendingWrite | undefined {
    return this.#writes[0];
  }

  /** What befell the stream; null while it is well. */
  get gone(): string | null {
    return this.#gone;
  }

  write(bytes: Bytes): Promise<void> {
    if (this.#isClosed) return Promise.reject(new TypeError("Cannot write: the stream is closed"));
    if (bytes.buffer.detached) {
      return Promise.reject(new TypeError("Cannot write: the buffer is detached"));
    }
    return this.#put(bytes, false);
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new TypeError("Cannot close: the stream is closed"));
    this.#isClosed = true;
    return this.#put(NOTHING, true);
  }

  /** Its writer writes no more, not even an end. */
  shut(): void {
    this.#isClosed = true;
  }

  /** Takes the first one out; whoever does settles it. */
  shift(): PendingWrite {
    return this.#writes.shift()!;
  }

  /** The stream is gone, and so is whoever waits; `taken` too, where one was taken out and is not settled. */
  fail(found: string, taken: PendingWrite | null = null): void {
    this.#gone ??= found;
    const left = [...taken === null ? [] : [taken], ...this.#writes.splice(0)];
    for (const { reject } of left) reject(this.#host.explain(this.#gone));
  }

  #put(bytes: Bytes, end: boolean): Promise<void> {
    if (this.#host.over || this.#gone !== null) {
      return Promise.reject(this.#host.explain(this.#gone ?? "the stream is gone"));
    }
    if (bytes.byteLength === 0 && !end) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#writes.push({ bytes, end, at: 0, resolve, reject });
      if (this.#writes.length === 1) this.#onFirst();
    });
  }
}
