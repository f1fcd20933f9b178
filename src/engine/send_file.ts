// One file on its way out: which chunks are planned, known (hashed) and stored, and what the
// receiver said it holds.

import { equalBytes } from "../base/bytes.ts";
import type { HeldChunks } from "../store/store.ts";
import type { Entry, Stamp } from "../wire/messages.ts";
import { type ChunkRecord, DIGEST_BYTES } from "../wire/frame.ts";
import { chunkLengthBytes } from "./geometry.ts";

/**
 * git's racily-clean rule: a stamp says nothing about writes in the tick it was recorded in. Two
 * seconds cover the coarsest clock here, whole-second change times (FACTS section 3).
 */
const SETTLED_NS = 2_000_000_000n;

const KNOWN = 1;
const STORED = 2;
const HELD = 4;

const NO_BYTES = new Uint8Array(0);

/** Where a file is read from; one object for each file. */
export interface Origin {
  /** Absolute path. */
  readonly path: string;
  readonly stamp: Stamp;
}

export class SendFile {
  readonly index: number;
  readonly origin: Origin;
  readonly sizeBytes: number;
  readonly chunks: number;
  /** The receiver needs no further answer about it. */
  decided = false;
  /** Its digest is settled; and said to the receiver. */
  sealed: "no" | "yes" | "sent" = "no";
  /** Of chunks, with their flags, once there is something to be said of one: most files are unchanged. */
  #digests: Uint8Array | null = null;
  #flags = NO_BYTES;
  /** Flags of the one chunk that most files are: these have no memory of their own for it. */
  #only = 0;
  #held: Held | null = null;
  #next = 0;
  #known = 0;
  #stored = 0;

  constructor(
    index: number,
    { origin, entry: { sizeBytes }, chunks }: { origin: Origin; entry: Entry; chunks: number },
  ) {
    this.index = index;
    this.origin = origin;
    this.sizeBytes = sizeBytes;
    this.chunks = chunks;
  }

  /** Digests of known chunks, in place. */
  get digests(): Uint8Array {
    return this.#digests ?? this.#make();
  }

  /** What the receiver holds need not be read again. */
  get trusted(): boolean {
    return this.#held?.isTrusted ?? false;
  }

  set trusted(isTrusted: boolean) {
    this.#makeHeld().isTrusted = isTrusted;
  }

  /**
   * What the receiver misses is sent before what it holds is compared. Only where it has a part: of a
   * file that stands it learns with the first chunk that differs that it needs one.
   */
  get heldLast(): boolean {
    return this.#held?.isLast ?? false;
  }

  set heldLast(isLast: boolean) {
    this.#makeHeld().isLast = isLast;
  }

  /** One past the last chunk that the receiver said it holds. */
  get heldEnd(): number {
    return this.#held?.end ?? 0;
  }

  /** Held chunks were taken over unread. */
  get kept(): boolean {
    return this.#held?.isKept ?? false;
  }

  get isKnown(): boolean {
    return this.#known === this.chunks;
  }

  get isAllStored(): boolean {
    return this.#stored === this.chunks;
  }

  /** The receiver has every chunk, for all that is known. */
  get isAllHeld(): boolean {
    for (let chunk = 0; chunk < this.chunks; chunk++) {
      if ((this.#flagsOf(chunk) & HELD) === 0) return false;
    }
    return true;
  }

  isStored(chunk: number): boolean {
    return (this.#flagsOf(chunk) & STORED) !== 0;
  }

  /** Next chunk to plan, or null. */
  nextChunk(): number | null {
    while (this.#next < this.chunks && !this.#isTurnOf(this.#next)) this.#next++;
    if (this.#next < this.chunks) return this.#next;
    if (this.#held === null || !this.#held.isLast || this.#held.isAtIt) return null;
    this.#held.isAtIt = true;
    this.#next = 0;
    return this.nextChunk();
  }

  advance(): void {
    this.#next++;
  }

  /** Records the digest of a chunk, which stays as it is; a chunk read twice must be the same twice. */
  know(chunk: number, digest: Uint8Array): "new" | "same" | "differs" {
    const at = chunk * DIGEST_BYTES;
    if ((this.#flagsOf(chunk) & KNOWN) !== 0) {
      return equalBytes(this.digests.subarray(at, at + DIGEST_BYTES), digest) ? "same" : "differs";
    }
    if (this.chunks === 1) this.#digests = digest;
    else this.digests.set(digest, at);
    this.#mark(chunk, KNOWN);
    this.#known++;
    return "new";
  }

  /** Marks a chunk as stored; false when it was. */
  store(chunk: number): boolean {
    if (this.isStored(chunk)) return false;
    this.#mark(chunk, STORED);
    this.#stored++;
    return true;
  }

  /** Marks every chunk as stored, and answers those that were not. */
  storeRest(chunkBytes: number): Pick<ChunkRecord, "rawBytes" | "encoding">[] {
    const rest: Pick<ChunkRecord, "rawBytes" | "encoding">[] = [];
    for (let chunk = 0; chunk < this.chunks; chunk++) {
      if (!this.store(chunk)) continue;
      const held = this.heldDigest(chunk);
      const at = chunk * DIGEST_BYTES;
      const isHeld = held !== null &&
        equalBytes(held, this.digests.subarray(at, at + DIGEST_BYTES));
      const rawBytes = chunkLengthBytes(this.sizeBytes, chunkBytes, chunk);
      rest.push({ rawBytes, encoding: isHeld ? "same" : "raw" });
    }
    return rest;
  }

  /** The receiver holds these chunks, by digest. */
  hold({ ranges, digests }: HeldChunks): void {
    const held = this.#makeHeld();
    let heldBytes = 0;
    for (const [first, count] of ranges) {
      const bytes = digests.subarray(heldBytes, heldBytes += count * DIGEST_BYTES);
      held.digests.set(bytes, first * DIGEST_BYTES);
      for (let chunk = first; chunk < first + count; chunk++) this.#mark(chunk, HELD);
      held.end = first + count;
    }
  }

  forgetHeld(): void {
    this.#held = null;
    this.#only &= ~HELD;
    for (let chunk = 0; chunk < this.#flags.length; chunk++) this.#flags[chunk]! &= ~HELD;
  }

  /** Digest the receiver holds for a chunk, or null. */
  heldDigest(chunk: number): Uint8Array | null {
    if (this.#held === null || (this.#flagsOf(chunk) & HELD) === 0) return null;
    // A copy: a view would take its whole buffer along to a worker.
    return this.#held.digests.slice(chunk * DIGEST_BYTES, (chunk + 1) * DIGEST_BYTES);
  }

  /** Bytes of the chunks of a part that the receiver holds, and that are still to be compared. */
  heldBytes(chunkBytes: number): number {
    if (!this.heldLast || !this.decided || this.kept) return 0;
    let bytes = 0;
    for (let chunk = 0; chunk < this.chunks; chunk++) {
      if ((this.#flagsOf(chunk) & (HELD | STORED)) !== HELD) continue;
      bytes += chunkLengthBytes(this.sizeBytes, chunkBytes, chunk);
    }
    return bytes;
  }

  /** Takes all held chunks over unread; answers their bytes. */
  keepHeld(chunkBytes: number): number {
    let bytes = 0;
    for (let chunk = 0; chunk < this.chunks; chunk++) {
      const digest = this.heldDigest(chunk);
      if (digest === null) continue;
      this.know(chunk, digest);
      this.store(chunk);
      bytes += chunkLengthBytes(this.sizeBytes, chunkBytes, chunk);
    }
    this.#makeHeld().isKept = true;
    return bytes;
  }

  #isTurnOf(chunk: number): boolean {
    if (this.isStored(chunk)) return false;
    if (this.#held === null || !this.#held.isLast) return true;
    return ((this.#flagsOf(chunk) & HELD) !== 0) === this.#held.isAtIt;
  }

  #flagsOf(chunk: number): number {
    return this.chunks === 1 ? this.#only : this.#flags[chunk] ?? 0;
  }

  #mark(chunk: number, flag: number): void {
    if (this.chunks === 1) {
      this.#only |= flag;
      return;
    }
    if (this.#digests === null) this.#make();
    this.#flags[chunk]! |= flag;
  }

  #makeHeld(): Held {
    return this.#held ??= new Held(this.chunks);
  }

  #make(): Uint8Array {
    if (this.chunks === 1) return this.#digests = new Uint8Array(DIGEST_BYTES);
    // One buffer: of small files there are many, and a buffer outweighs what is in it.
    const state = new Uint8Array(this.chunks * (DIGEST_BYTES + 1));
    this.#flags = state.subarray(this.chunks * DIGEST_BYTES);
    return this.#digests = state.subarray(0, this.chunks * DIGEST_BYTES);
  }
}

/** What the receiver said it holds of a file: of most files, nothing. */
class Held {
  readonly digests: Uint8Array;
  end = 0;
  isTrusted = false;
  isLast = false;
  /** What is missing was planned: what is held follows. */
  isAtIt = false;
  isKept = false;

  constructor(chunks: number) {
    this.digests = new Uint8Array(chunks * DIGEST_BYTES);
  }
}

/** Whether a source with stamp `now` may be taken unread as what was recorded with stamp `then`. */
export function mayTrustUnread(
  now: Stamp | undefined,
  then: Stamp,
  recordedNs: bigint,
): boolean {
  if (now === undefined) return false;
  const newest = then.mtimeNs > then.ctimeNs ? then.mtimeNs : then.ctimeNs;
  return sameStamp(now, then) && newest + SETTLED_NS <= recordedNs;
}

export function sameStamp(a: Stamp, b: Stamp): boolean {
  return a.device === b.device && a.inode === b.inode && a.sizeBytes === b.sizeBytes &&
    a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;
}
