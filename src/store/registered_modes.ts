// Files in place whose mode alone is to change, in the order of the manifest: as many as it names, for a tree
// may have got other modes as a whole. Kept in columns, by blocks of which some stay in memory (I8).

import { Slabs } from "../base/slabs.ts";
import { SpilledBlocks, type Spilling } from "../base/spill.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { Stamp } from "../wire/messages.ts";
import { Ascending } from "./ascending.ts";
import { BLOCK_BITS, BLOCK_FILES, ColumnsOf, STAMP_BYTES, StampColumns } from "./file_columns.ts";

/** A file in place whose mode is not the manifest's. */
export interface ModeChange {
  readonly entry: number;
  readonly final: string;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly digest: Uint8Array;
  readonly standing: Stamp;
}

/** A stamp, a time, a mode, a digest and whether it is left out. */
const BLOCK_BYTES = BLOCK_FILES * (STAMP_BYTES + 8 + 4 + DIGEST_BYTES + 1);

class Block {
  readonly stamps: StampColumns;
  readonly mtimes: BigInt64Array;
  readonly modes: Uint32Array;
  readonly digests: Uint8Array;
  /** Not 0 for those that are left out. */
  readonly leftOut: Uint8Array;

  constructor(memory: Uint8Array) {
    const columns = new ColumnsOf(memory, BLOCK_FILES);
    this.stamps = new StampColumns(columns);
    this.mtimes = columns.times();
    this.modes = columns.integers();
    this.digests = columns.bytes(DIGEST_BYTES);
    this.leftOut = columns.bytes(1);
  }
}

export class RegisteredModes {
  readonly #final: (entry: number) => string;
  readonly #entries = new Ascending(new Slabs());
  readonly #blocks: SpilledBlocks<Block>;

  /** `final` says where an entry goes, always the same. */
  constructor(
    final: (entry: number) => string,
    { spill }: Spilling = {},
  ) {
    this.#final = final;
    const view = (memory: Uint8Array) => new Block(memory);
    this.#blocks = new SpilledBlocks({ blockBytes: BLOCK_BYTES, view, spill });
  }

  /** What they take in memory. */
  get heldBytes(): number {
    return this.#blocks.heldBytes + this.#entries.heldBytes;
  }

  /** Entries come in ascending order. */
  add({ entry, mode, mtimeNs, digest, standing }: Omit<ModeChange, "final">): void {
    const number = this.#entries.length;
    const [block, at] = [this.#blocks.change(number >>> BLOCK_BITS), number & (BLOCK_FILES - 1)];
    block.stamps.put(at, standing);
    block.mtimes[at] = mtimeNs;
    block.modes[at] = mode;
    block.digests.set(digest, at * DIGEST_BYTES);
    this.#entries.add(entry);
  }

  /** It is not to be changed. */
  leaveOut(entry: number): void {
    const number = this.#entries.find(entry);
    if (number === null) return;
    this.#blocks.change(number >>> BLOCK_BITS).leftOut[number & (BLOCK_FILES - 1)] = 1;
  }

  /** Those to be changed. */
  *[Symbol.iterator](): Generator<ModeChange> {
    for (let number = 0; number < this.#entries.length; number++) {
      const [block, at] = [this.#blocks.see(number >>> BLOCK_BITS), number & (BLOCK_FILES - 1)];
      if (block.leftOut[at] !== 0) continue;
      const entry = this.#entries.at(number);
      yield {
        entry,
        final: this.#final(entry),
        mode: block.modes[at]!,
        mtimeNs: block.mtimes[at]!,
        digest: block.digests.slice(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES),
        standing: block.stamps.get(at),
      };
    }
  }
}
