// Bytes of a stream that came before anybody wanted them. They lie in blocks that are filled to their
// end, so that a peer which sends them one by one makes us hold no more than it was allowed (I8), and
// used again: where a reader is slower than the network, most bytes come this way.

/** Smallest and largest block. */
const LEAST_BLOCK_BYTES = 16 * 1024;
const MOST_BLOCK_BYTES = 64 * 1024;

interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  from: number;
  to: number;
}

/** Blocks that are empty; so many are kept at most. */
export type SpareBlocks = Uint8Array<ArrayBuffer>[];
const MOST_SPARE_BLOCKS = 64;

export class Held {
  readonly #spare: SpareBlocks;
  readonly #blocks: Block[] = [];
  #bytes = 0;

  constructor(spare: SpareBlocks = []) {
    this.#spare = spare;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Room at the end for at most so many bytes, and at least one; {@linkcode added} says how many came. */
  room(most: number): Uint8Array<ArrayBuffer> {
    let last = this.#blocks.at(-1);
    if (last === undefined || last.to === last.bytes.byteLength) {
      last = { bytes: this.#block(most), from: 0, to: 0 };
      this.#blocks.push(last);
    }
    return last.bytes.subarray(last.to, last.to + most);
  }

  /** So many bytes were put into the room given last. */
  added(count: number): void {
    const last = this.#blocks.at(-1);
    if (last === undefined) return; // dropped meanwhile
    last.to += count;
    this.#bytes += count;
  }

  /** Copies what is there into a view; how many bytes that were. */
  take(into: Uint8Array): number {
    let taken = 0;
    while (taken < into.byteLength && this.#bytes > 0) {
      const block = this.#blocks[0]!;
      const count = Math.min(block.to - block.from, into.byteLength - taken);
      into.set(block.bytes.subarray(block.from, block.from + count), taken);
      block.from += count;
      taken += count;
      this.#bytes -= count;
      // The last one may be filled on at this moment.
      if (block.from === block.bytes.byteLength) this.#recycle(this.#blocks.shift()!);
    }
    return taken;
  }

  #block(most: number): Uint8Array<ArrayBuffer> {
    if (most < MOST_BLOCK_BYTES) return new Uint8Array(Math.max(most, LEAST_BLOCK_BYTES));
    return this.#spare.pop() ?? new Uint8Array(MOST_BLOCK_BYTES);
  }

  /** What is dropped is not: bytes may be on their way into it. */
  #recycle({ bytes }: Block): void {
    if (bytes.byteLength < MOST_BLOCK_BYTES || this.#spare.length >= MOST_SPARE_BLOCKS) return;
    this.#spare.push(bytes);
  }

  drop(): void {
    this.#blocks.length = 0;
    this.#bytes = 0;
  }
}
