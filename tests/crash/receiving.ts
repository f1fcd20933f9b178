// Receives a tree through the store as engine, session and chunk workers do, in an order that a seed
// decides: registers, writes chunks, journals some, forgets before it overwrites, commits, prunes and
// finishes. What the store says is held it reads, and refuses what is not there bit by bit (I2).

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { isFromOn } from "../../src/base/path.ts";
import { mayTrustUnread } from "../../src/engine/send_file.ts";
import { heldIn } from "../../src/store/_fixture.ts";
import type { DiskStore } from "../../src/store/disk_store.ts";
import type { JournalRun, Placement, WholeFile } from "../../src/store/store.ts";
import { equalBytes } from "../../src/base/bytes.ts";
import type { Entry } from "../../src/wire/messages.ts";
import type { Random } from "../simulation/clock.ts";
import type { Ground } from "./landing.ts";
import { chunkOf, chunksOf, digestOf, type Tree } from "./tree.ts";

/** What is forgotten together. */
const WINDOW_CHUNKS = 2;

/** What hears when a name may show something new, and when all is said to be done. */
export interface Witness {
  /** Directories are about to be made. */
  readonly placing?: () => void;
  readonly committing?: (path: string, bytes: Uint8Array) => void;
  readonly pruning?: () => void;
  readonly finishing?: () => void;
  readonly finished?: () => void;
}

export interface ReceivingOptions {
  readonly ground: Ground;
  readonly random: Random;
  readonly witness?: Witness;
  /** Chunks written before it breaks off; all of them by default. */
  readonly chunks?: number;
  /** It breaks off when all is in place but what is placed last, and nothing is synced. */
  readonly isUnfinished?: boolean;
}

interface OpenFile {
  readonly entry: number;
  readonly part: string;
  readonly bytes: Uint8Array;
  /** Chunks still to be written. */
  readonly missing: number[];
  /** Chunks that are written and not journalled. */
  readonly dirty: number[];
  /** Chunks that the journal knows from before. */
  readonly claimed: Set<number>;
  readonly keep: boolean;
}

/** Receives a tree; answers how many chunks were written. Entries that fail are an error. */
export function receiveTree(store: DiskStore, tree: Tree, options: ReceivingOptions): number {
  return new Receiving(store, tree, options).run();
}

class Receiving {
  readonly #store: DiskStore;
  readonly #tree: Tree;
  readonly #options: ReceivingOptions;
  readonly #id: number;
  /** Who writes a file of one chunk syncs it. */
  readonly #syncsAlone: boolean;
  readonly #entries: readonly Entry[];
  readonly #open: OpenFile[] = [];
  readonly #whole: { readonly file: WholeFile; readonly path: string }[] = [];
  #chunksLeft: number;
  #written = 0;

  constructor(store: DiskStore, tree: Tree, options: ReceivingOptions) {
    this.#store = store;
    this.#tree = tree;
    this.#options = options;
    this.#chunksLeft = options.chunks ?? Infinity;
    const begun = store.begin(tree.transfer);
    this.#id = begun.id;
    this.#syncsAlone = begun.syncsTogether !== true;
    const { from } = begun;
    const { entries } = tree;
    // A hint: a sender may ignore it.
    this.#entries = from === null || options.random.chance(0.3) ? entries : [
      ...entries.filter(({ path }) => isFromOn(path, from)),
      ...entries.filter(({ path }) => !isFromOn(path, from)),
    ];
  }

  run(): number {
    try {
      if (!this.#receive()) this.#store.abandon(this.#id);
    } catch (thrown) {
      this.#abandon();
      throw thrown;
    }
    return this.#written;
  }

  /** False when it breaks off. */
  #receive(): boolean {
    const { random } = this.#options;
    for (let first = 0; first < this.#entries.length;) {
      const count = 1 + random.below(4);
      const entries = this.#entries.slice(first, first + count);
      const placements = this.#store.register(this.#id, first, entries, entries.map(() => 0));
      placements.forEach((placement, i) => this.#take(first + i, placement));
      first += entries.length;
      while (random.chance(0.6) && this.#hasWork) if (!this.#step()) return false;
    }
    while (this.#hasWork) if (!this.#step()) return false;
    return this.#settle();
  }

  #abandon(): void {
    try {
      this.#store.abandon(this.#id);
    } catch {
      // What made it break off is the error to tell; or `finish` ended it already.
    }
  }

  #take(number: number, placement: Placement): void {
    const entry = this.#entries[number]!;
    const bytes = this.#tree.contents.get(entry.path);
    if (placement.kind === "failed") throw new Error(`${entry.path}: ${placement.message}`);
    if (bytes === undefined) return assert.equal(placement.kind, "later");
    const all = Array.from({ length: chunksOf(bytes.byteLength) }, (_, i) => i);
    switch (placement.kind) {
      case "new":
        this.#push({ entry: number, part: placement.part, bytes, missing: all, dirty: [] });
        return;
      case "held":
        return this.#takeHeld(number, placement, bytes);
      case "stands": {
        const { part, path } = placement;
        const keep = equalBytes(fs.readFileSync(path), bytes);
        this.#push({ entry: number, part, bytes, missing: keep ? [] : all, dirty: [], keep });
        return;
      }
      case "unchanged":
        // Digests of this suite are of the whole file.
        return assert.deepEqual(placement.digest, digestOf(bytes), `${entry.path} is unchanged`);
      default:
        assert.fail(`${entry.path} is ${placement.kind}`);
    }
  }

  #takeHeld(
    number: number,
    { part, chunks, stamp, recordedNs }: Extract<Placement, { kind: "held" }>,
    bytes: Uint8Array,
  ): void {
    const standing = fs.readFileSync(part);
    assert.equal(standing.byteLength, bytes.byteLength, "a part held has its file's size");
    // What is trusted is not read: should it be of another version, the tree is not what was sent.
    const isTrusted = mayTrustUnread(this.#entries[number]!.stamp, stamp, recordedNs);
    const same = new Set<number>();
    const claimed = new Set<number>();
    for (const [chunk, digest] of heldIn(chunks)) {
      assert.deepEqual(digestOf(chunkOf(standing, chunk)), digest, `I2: chunk ${chunk}`);
      const isSame = equalBytes(chunkOf(standing, chunk), chunkOf(bytes, chunk));
      if (isTrusted || isSame) same.add(chunk);
      claimed.add(chunk);
    }
    const missing = Array.from({ length: chunksOf(bytes.byteLength) }, (_, i) => i)
      .filter((chunk) => !same.has(chunk));
    this.#push({ entry: number, part, bytes, missing, dirty: [], claimed });
  }

  /** The journal claims no chunk that is overwritten, nor others of its window; the rest it does (I2). */
  #forget({ entry, missing, dirty, claimed }: OpenFile, chunk: number): void {
    if (!claimed.has(chunk)) return;
    const first = chunk - chunk % WINDOW_CHUNKS;
    const chunks = [...claimed].filter((other) => first <= other && other < first + WINDOW_CHUNKS);
    const ranges = chunks.map((other) => [other, 1] as const);
    this.#store.forget(this.#id, [{ entry, ranges }]);
    for (const other of chunks) {
      claimed.delete(other);
      if (other !== chunk && !missing.includes(other)) dirty.push(other);
    }
  }

  #push(file: Omit<OpenFile, "keep" | "claimed"> & Partial<OpenFile>): void {
    this.#open.push({ keep: false, claimed: new Set(), ...file });
    this.#close(this.#open.length - 1);
  }

  get #hasWork(): boolean {
    return this.#open.length > 0;
  }

  /** Writes a chunk or journals; false when it is to break off. */
  #step(): boolean {
    const { random } = this.#options;
    if (random.chance(0.35)) {
      this.#journal();
      return true;
    }
    if (this.#chunksLeft-- <= 0) return false;
    const at = random.below(this.#open.length);
    const file = this.#open[at]!;
    const [chunk = 0] = file.missing.splice(random.below(file.missing.length), 1);
    const chunks = chunksOf(file.bytes.byteLength);
    this.#forget(file, chunk);
    this.#options.ground.land(file.part, {
      atBytes: chunk * this.#tree.transfer.chunkBytes,
      bytes: chunkOf(file.bytes, chunk),
      fileBytes: file.bytes.byteLength,
      sync: chunks === 1 && this.#syncsAlone,
    });
    this.#written++;
    file.dirty.push(chunk);
    this.#close(at);
    return true;
  }

  #journal(): void {
    const runs = this.#open.flatMap((file): JournalRun[] => {
      const synced = chunksOf(file.bytes.byteLength) === 1 && this.#syncsAlone;
      return file.dirty.splice(0).map((first) => ({
        entry: file.entry,
        first,
        digests: digestOf(chunkOf(file.bytes, first)),
        synced,
      }));
    });
    if (runs.length > 0) this.#store.journal(this.#id, runs);
  }

  /** A file without missing chunks is whole; at times it is journalled once more before. */
  #close(at: number): void {
    const { entry, bytes, missing, keep } = this.#open[at]!;
    if (missing.length > 0) return;
    if (this.#options.random.chance(0.5)) this.#journal();
    this.#open.splice(at, 1);
    const synced = chunksOf(bytes.byteLength) === 1 && !keep && this.#syncsAlone;
    const file = { entry, digest: digestOf(bytes), synced, keep };
    this.#whole.push({ file, path: this.#entries[entry]!.path });
  }

  /** False when it breaks off. */
  #settle(): boolean {
    const { random, witness = {}, isUnfinished = false } = this.#options;
    witness.placing?.();
    assert.deepEqual(this.#store.placeDirectories(this.#id).failures, []);
    while (this.#whole.length > 0) {
      const some = this.#whole.splice(0, 1 + random.below(3));
      for (const { path } of some) witness.committing?.(path, this.#tree.contents.get(path)!);
      const { failures } = this.#store.commit(this.#id, some.map(({ file }) => file));
      assert.deepEqual(failures, []);
    }
    if (this.#tree.prunes) {
      witness.pruning?.();
      while (this.#store.prune(this.#id, []).more);
    }
    if (isUnfinished) return false;
    witness.finishing?.();
    assert.deepEqual(this.#store.finish(this.#id).failures, []);
    witness.finished?.();
    return true;
  }
}
