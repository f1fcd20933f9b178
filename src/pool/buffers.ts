// Frame buffers of one size under a byte budget (I8). Reused, because fresh pages cost more to fault
// in than most of what is done with them. Who waits for one, and in what order, is the engine's business.

/** Equal-sized buffers that go out and come back. */
export class BufferPool {
  /** Size of each buffer. */
  readonly bufferBytes: number;
  /** Buffers there may be at once. */
  readonly capacity: number;
  readonly #idle: ArrayBuffer[] = [];
  #outstanding = 0;
  #isClosed = false;

  constructor(options: { bufferBytes: number; budgetBytes: number }) {
    const { bufferBytes, budgetBytes } = options;
    if (!Number.isSafeInteger(bufferBytes) || bufferBytes < 1) {
      throw new RangeError(`buffers of ${bufferBytes} bytes`);
    }
    if (!(budgetBytes >= bufferBytes)) {
      throw new RangeError(`a budget of ${budgetBytes} bytes for buffers of ${bufferBytes}`);
    }
    this.bufferBytes = bufferBytes;
    this.capacity = Math.floor(budgetBytes / bufferBytes);
  }

  /** Buffers taken and not given back. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Buffers that `take` can still hand out. */
  get available(): number {
    return this.capacity - this.#outstanding;
  }

  /** A buffer with whatever it held last, or null when the budget is out. */
  take(): ArrayBuffer | null {
    if (this.available === 0) return null;
    this.#outstanding++;
    return this.#idle.pop() ?? new ArrayBuffer(this.bufferBytes);
  }

  /** Takes a buffer back. One of another size was detached, or is not from here: a mistake. */
  give(buffer: ArrayBuffer): void {
    if (buffer.byteLength !== this.bufferBytes) {
      throw new RangeError(`a buffer of ${buffer.byteLength} bytes among ${this.bufferBytes}`);
    }
    this.forfeit(1);
    if (this.#isClosed) buffer.transfer(0);
    else this.#idle.push(buffer);
  }

  /**
   * None is kept from now on. Memory goes at once: a collector that sees small objects alone lets the
   * buffers of one transfer after the other lie (17 MiB each).
   */
  close(): void {
    this.#isClosed = true;
    for (const buffer of this.#idle.splice(0)) buffer.transfer(0);
  }

  /** Writes off buffers that died with a worker or a stream, so that their budget is free again. */
  forfeit(count: number): void {
    if (!(count <= this.#outstanding)) {
      throw new RangeError(`${count} buffers back of ${this.#outstanding} outstanding`);
    }
    this.#outstanding -= count;
  }
}
