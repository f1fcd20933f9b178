// Files that are whole and not committed: nothing is until the manifest is closed (I1), so there may be
// as many as it names. Keeps a byte for each, beside the root log's record, and the file itself only
// while something of it awaits the journal (I8).

import { RangeSet } from "../base/ranges.ts";
import type { WholeFile } from "../store/store.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { ReceiveFile } from "./receive_file.ts";
import type { RootLog } from "./root.ts";

const WHOLE = 1;
const SYNCED = 2;
const KEEP = 4;

const FIRST_ENTRIES = 1024;

export class WholeEntries {
  readonly #log: RootLog;
  /** By entry; grows by doubling. */
  #flags = new Uint8Array(FIRST_ENTRIES);
  /** Entries that may be committed; and of the run that is being taken, what is left. */
  readonly #queued = new RangeSet();
  #run = { next: 0, end: 0 };
  #queuedCount = 0;
  readonly #files = new Map<number, ReceiveFile>();

  /** `log` knows the digest that each was sealed with. */
  constructor(log: RootLog) {
    this.#log = log;
  }

  /** How many are held in full. */
  get held(): number {
    return this.#files.size;
  }

  /** How many may be committed. */
  get queued(): number {
    return this.#queuedCount;
  }

  has(index: number): boolean {
    return (this.#flags[index] ?? 0) !== 0;
  }

  /** The file itself, while it is held. */
  file(index: number): ReceiveFile | null {
    return this.#files.get(index) ?? null;
  }

  /** A file is whole; answers what a commit is told of it. */
  add(file: ReceiveFile, { awaitsJournal }: { readonly awaitsJournal: boolean }): () => WholeFile {
    const { index, keepsStanding, syncsAlone } = file;
    if (index >= this.#flags.length) {
      const flags = new Uint8Array(Math.max(index + 1, 2 * this.#flags.length));
      flags.set(this.#flags);
      this.#flags = flags;
    }
    this.#flags[index] = WHOLE | (syncsAlone && !keepsStanding ? SYNCED : 0) |
      (keepsStanding ? KEEP : 0);
    if (awaitsJournal) this.#files.set(index, file);
    return () => this.#wholeFile(index, this.#log.digest(index));
  }

  /** The file itself is needed no more. */
  shed(index: number): void {
    this.#files.delete(index);
  }

  /** It was committed, or failed. */
  delete(index: number): void {
    if (index < this.#flags.length) this.#flags[index] = 0;
    this.#files.delete(index);
  }

  /** It may be committed. */
  queue(index: number): void {
    this.#queued.add(index);
    this.#queuedCount++;
  }

  /**
   * The next ones to commit, at most `most`, the lowest first; what failed since is left to the store to
   * leave out.
   */
  takeQueued(most: number): WholeFile[] {
    const indexes: number[] = [];
    while (indexes.length < most) {
      const index = this.#nextQueued();
      if (index === null) break;
      indexes.push(index);
    }
    this.#queuedCount -= indexes.length;
    // One buffer for all of them: each would be one to make and to collect.
    const digests = new Uint8Array(indexes.length * DIGEST_BYTES);
    return indexes.map((index, at) => {
      const digest = digests.subarray(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES);
      return this.#wholeFile(index, this.#log.digest(index, digest));
    });
  }

  #nextQueued(): number | null {
    if (this.#run.next === this.#run.end) {
      const [[first, count] = [0, 0]] = this.#queued.drain(1);
      this.#run = { next: first, end: first + count };
    }
    return this.#run.next < this.#run.end ? this.#run.next++ : null;
  }

  #wholeFile(index: number, digest: Uint8Array): WholeFile {
    const flags = this.#flags[index] ?? 0;
    return {
      entry: index,
      digest,
      synced: (flags & SYNCED) !== 0,
      keep: (flags & KEEP) !== 0,
    };
  }
}
