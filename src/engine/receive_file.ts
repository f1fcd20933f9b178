// One file on its way in: which chunks are missing, landing, stored or held from before, and what
// is still to be journalled.

import { type Range, RangeSet } from "../base/ranges.ts";
import type { StandingFile } from "../pool/messages.ts";
import type { ChunkRun, HeldChunks } from "../store/store.ts";
import type { SealedFile, Stamp } from "../wire/messages.ts";
import { type ChunkRecord, DIGEST_BYTES } from "../wire/frame.ts";
import { chunkLengthBytes } from "./geometry.ts";
import { mayTrustUnread } from "./send_file.ts";

const MISSING = 0;
const LANDING = 1;
const STORED = 2;
/** In the part or in the standing file since before; a record must settle it, or `kept`. */
const HELD = 3;
/** Held, and the journal is being told to claim it no more; and then claimed no more. */
const FORGETTING = 4;
const FORGOTTEN = 5;

const NO_BYTES = new Uint8Array(0);
/** Shared by all that have none: thousands of files are open at once. */
const NONE: readonly never[] = [];

/** A file up to here may be left to be synced with others; a larger one is synced as it is written. */
const TOGETHER_BYTES = 256 * 1024;

/** What is needed of a file's entry. */
export interface ReceivedEntry {
  readonly sizeBytes: number;
  readonly sparse?: boolean | undefined;
  readonly stamp?: Stamp | undefined;
}

export class ReceiveFile {
  readonly index: number;
  readonly sizeBytes: number;
  readonly isSparse: boolean;
  readonly chunks: number;
  /** Nothing stands at its source's place: the sender awaits no verdict. */
  readonly fresh: boolean;
  /** Who writes its one chunk makes it durable too. */
  readonly syncsAlone: boolean;
  /** Absolute path chunks are written to; empty until it was placed. */
  part = "";
  /** Known to the store, and the sender was answered: chunks may land. */
  placed = false;
  /** A file that stands at the destination and may lend its chunks. */
  standing: StandingFile | null = null;
  sealed: SealedFile | null = null;
  /** What the part was of: the sender's stamp when its chunks were journalled, and its clock then. */
  heldAs: { readonly stamp: Stamp; readonly recordedNs: bigint } | null = null;
  /** A chunk is written to the part, or is about to be. */
  touched = false;
  /** The sender's; of a file that is new here nothing is held, and none is kept. */
  readonly #stamp: Stamp | undefined;
  /** Frames with a stored chunk of this file that is not durable yet. */
  #undurable: readonly number[] = NONE;
  /** `same` records of a standing file, kept back until a chunk differs. */
  #deferred: readonly ChunkRecord[] = NONE;
  /** Of chunks, once there is something to be said of one: most files are unchanged. */
  #digests: Uint8Array | null = null;
  /** Of chunks, made with the digests; a file of one chunk has its state in the number. */
  #states = NO_BYTES;
  #state = MISSING;
  /** The frame that each landing chunk came in; null where none did. Of one chunk it is the number. */
  #carriers: Map<number, number> | number | null = null;
  #unjournalled: readonly number[] = NONE;
  #isWhole = false;
  #stored = 0;
  #held = 0;

  constructor(
    index: number,
    { entry, chunks, fresh, together = false }: {
      entry: ReceivedEntry;
      chunks: number;
      fresh: boolean;
      /** The store syncs small files, many at once. */
      together?: boolean;
    },
  ) {
    const { sizeBytes, sparse, stamp } = entry;
    this.syncsAlone = chunks === 1 && !(together && sizeBytes <= TOGETHER_BYTES);
    this.index = index;
    this.sizeBytes = sizeBytes;
    this.isSparse = sparse === true;
    this.#stamp = fresh ? undefined : stamp;
    this.fresh = fresh;
    this.chunks = chunks;
  }

  /** Digests of the chunks that are here, in place. */
  get digests(): Uint8Array {
    return this.#digests ?? this.#make();
  }

  /** Every chunk is in the part, or stands where it is. */
  get isComplete(): boolean {
    const kept = this.sealed?.kept === true ? this.#held : 0;
    return this.#stored + kept === this.chunks;
  }

  /** The standing file is what was sent: nothing needs to be written. */
  get keepsStanding(): boolean {
    return this.standing !== null && !this.touched &&
      this.standing.stamp.sizeBytes === this.sizeBytes;
  }

  /** What is held may stand for the source unread: the sender's own rule, held against it. */
  get mayBeKept(): boolean {
    const { heldAs } = this;
    return heldAs !== null && mayTrustUnread(this.#stamp, heldAs.stamp, heldAs.recordedNs);
  }

  wants(chunk: number): boolean {
    return this.#stateOf(chunk) === MISSING || this.isHeld(chunk);
  }

  digestOf(chunk: number): Uint8Array {
    if (this.chunks === 1) return this.digests;
    return this.digests.subarray(chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES);
  }

  isHeld(chunk: number): boolean {
    return this.#stateOf(chunk) >= HELD;
  }

  /** Held in the part, where the journal says so. */
  isClaimed(chunk: number): boolean {
    return this.standing === null && this.#stateOf(chunk) === HELD;
  }

  /** Neither overwritten nor journalled again until the journal has answered. */
  isForgetting(chunk: number): boolean {
    return this.#stateOf(chunk) === FORGETTING;
  }

  /** The claims on chunks from `first` up to `end` are to be dropped; answers on which there are any. */
  forget(first: number, end: number): Range[] {
    const ranges = new RangeSet();
    for (let chunk = first; chunk < Math.min(end, this.chunks); chunk++) {
      if (!this.isClaimed(chunk)) continue;
      this.#turn(chunk, FORGETTING);
      ranges.add(chunk);
    }
    return ranges.drain(ranges.size);
  }

  /** The journal claims these chunks no more. */
  forgotten(ranges: readonly Range[]): void {
    for (const [first, count] of ranges) {
      for (let chunk = first; chunk < first + count; chunk++) this.#turn(chunk, FORGOTTEN);
    }
  }

  /**
   * Nothing more comes: what was forgotten and not overwritten is still there, and is to be journalled
   * again. Answers whether there is any.
   */
  reclaim(): boolean {
    for (let chunk = 0; chunk < this.chunks; chunk++) {
      if (this.#stateOf(chunk) > HELD) this.#unjournalled = added(this.#unjournalled, chunk);
    }
    return this.#unjournalled.length > 0;
  }

  /** Every chunk is here from before, for all that is known. */
  get isAllHeld(): boolean {
    return this.#held === this.chunks;
  }

  /** Bytes of the chunks held and not settled by a record. */
  heldBytes(chunkBytes: number): number {
    let bytes = 0;
    for (let chunk = 0; chunk < this.chunks; chunk++) {
      if (this.isHeld(chunk)) bytes += chunkLengthBytes(this.sizeBytes, chunkBytes, chunk);
    }
    return bytes;
  }

  hold({ ranges, digests }: HeldChunks): void {
    let heldBytes = 0;
    for (const [first, count] of ranges) {
      const bytes = digests.subarray(heldBytes, heldBytes += count * DIGEST_BYTES);
      this.digests.set(bytes, first * DIGEST_BYTES);
      for (let chunk = first; chunk < first + count; chunk++) {
        if (this.#stateOf(chunk) === MISSING) this.#held++;
        this.#turn(chunk, HELD);
      }
    }
  }

  land(chunk: number, frame: number): void {
    if (this.isHeld(chunk)) this.#held--;
    this.#turn(chunk, LANDING);
    if (this.chunks === 1) this.#carriers = frame;
    else if (this.#carriers instanceof Map) this.#carriers.set(chunk, frame);
    else this.#carriers = new Map([[chunk, frame]]);
  }

  /** The frame in which a chunk is landing; null when it is not. */
  carrierOf(chunk: number): number | null {
    return this.#carriers instanceof Map ? this.#carriers.get(chunk) ?? null : this.#carriers;
  }

  /** The chunk is verified and where it belongs; `written` when the journal must hear of it. */
  store(record: ChunkRecord, { written }: { written: boolean }): void {
    if (this.isHeld(record.chunk)) this.#held--;
    this.digests.set(record.digest, record.chunk * DIGEST_BYTES);
    this.#turn(record.chunk, STORED);
    if (this.#carriers instanceof Map) this.#carriers.delete(record.chunk);
    else this.#carriers = null;
    this.#stored++;
    if (written) this.#unjournalled = added(this.#unjournalled, record.chunk);
  }

  /** A chunk that came with a frame is stored, and not durable. */
  storedWith(frame: number): void {
    this.#undurable = added(this.#undurable, frame);
  }

  /** Takes out the frames with a stored chunk of this file that was not durable until now. */
  takeUndurable(): readonly number[] {
    const frames = this.#undurable;
    this.#undurable = NONE;
    return frames;
  }

  /** A chunk is the same in the standing file: it is copied only once another one differs. */
  defer(record: ChunkRecord): void {
    this.#deferred = added(this.#deferred, record);
  }

  /** Takes out what was kept back. */
  takeDeferred(): readonly ChunkRecord[] {
    const records = this.#deferred;
    this.#deferred = NONE;
    return records;
  }

  /** A chunk taken as standing is to be copied after all. */
  unstore(chunk: number, frame: number): void {
    this.#stored--;
    this.land(chunk, frame);
  }

  /** The file is whole: of its digests only those that await the journal are still needed. */
  shed(): void {
    if (this.#unjournalled.length === 0) this.#digests = NO_BYTES;
    this.#isWhole = true;
  }

  /** Takes out what is to be journalled, as runs of consecutive chunks. */
  takeRuns(): ChunkRun[] {
    const chunks = this.#unjournalled.toSorted((a, b) => a - b);
    this.#unjournalled = NONE;
    const runs: ChunkRun[] = [];
    for (let at = 0; at < chunks.length;) {
      let end = at + 1;
      while (end < chunks.length && chunks[end] === chunks[end - 1]! + 1) end++;
      const first = chunks[at]!;
      const last = chunks[end - 1]!;
      runs.push({
        first,
        digests: this.digests.slice(first * DIGEST_BYTES, (last + 1) * DIGEST_BYTES),
      });
      at = end;
    }
    if (this.#isWhole) this.shed();
    return runs;
  }

  #stateOf(chunk: number): number {
    return this.chunks === 1 ? this.#state : this.#states[chunk] ?? MISSING;
  }

  #turn(chunk: number, state: number): void {
    if (this.chunks === 1) {
      this.#state = state;
    } else {
      if (this.#digests === null) this.#make();
      this.#states[chunk] = state;
    }
  }

  /** Room for digests: as little as for one lies among V8's objects, while nothing is made a view of it. */
  #make(): Uint8Array {
    const { chunks } = this;
    if (chunks > 1) this.#states = new Uint8Array(chunks);
    return this.#digests = new Uint8Array(chunks * DIGEST_BYTES);
  }
}

/** With one more: the first makes a list of one, without room for those that mostly never come. */
function added<Item>(items: readonly Item[], item: Item): readonly Item[] {
  if (items.length === 0) return [item];
  (items as Item[]).push(item);
  return items;
}
