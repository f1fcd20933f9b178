// The store of a simulated run over the model disk: the same answers as `workers/store.ts` gives,
// with faults on request. Time is the caller's matter.

import assert from "node:assert/strict";
import { fileDigest } from "../../src/engine/root.ts";
import { sameStamp } from "../../src/engine/send_file.ts";
import { NEVER_NS } from "../../src/store/chunk_journal.ts";
import type {
  EntryChunks,
  HeldChunks,
  JournalRun,
  Outcome,
  Placement,
  Pruned,
  WholeFile,
} from "../../src/store/store.ts";
import { concatBytes } from "../../src/base/bytes.ts";
import { DIGEST_BYTES } from "../../src/wire/frame.ts";
import type { Entry, EntryFailure, Offer, PlanAction, PlanStep } from "../../src/wire/messages.ts";
import { chunkDigest, HASHING } from "../../src/engine/_fixture.ts";
import type { JournalRow, ModelDisk } from "./model_disk.ts";

/** A model file is known by its path alone. */
/** Extraneous things that one call removes. */
const REMOVED_A_CALL = 2;

const NO_INODE = { device: 0n, inode: 0n, mtimeNs: 0n, ctimeNs: 0n };

interface Registered {
  readonly entry: Entry;
  readonly part: string;
  /** The journal's row is of another state of the source: the next run makes it one of this. */
  isStale: boolean;
  /** It failed, or is in place: nothing of it is missing. */
  isOver: boolean;
}

export class ModelStore {
  readonly chunkBytes: number;
  readonly fresh: readonly boolean[];
  readonly from: string | null;
  /** Whether the manifest was closed: nothing may be placed before (I1). */
  isManifestClosed = false;
  /** Paths at which a commit finds something in its way. */
  readonly conflicts: ReadonlySet<string>;
  /** Paths put in place by this transfer. */
  readonly committed = new Set<string>();
  /** Paths this transfer made, replaced or gave another time. */
  readonly changed = new Set<string>();
  /** Paths it removed. */
  readonly deleted = new Set<string>();
  readonly #disk: ModelDisk;
  readonly #offer: Offer;
  readonly #attempt: number;
  readonly #entries: Registered[] = [];
  /** Of a dry run: directories that would stand. */
  readonly #plannedDirectories = new Set<string>();
  /** Extraneous things that a dry run was told of. */
  #foretold = 0;
  #isPlaced = false;

  constructor(
    disk: ModelDisk,
    { offer, attempt, conflicts }: {
      offer: Offer;
      attempt: number;
      conflicts: ReadonlySet<string>;
    },
  ) {
    this.#disk = disk;
    this.#offer = offer;
    this.#attempt = attempt;
    this.conflicts = conflicts;
    const [row] = disk.journal.values();
    this.chunkBytes = row?.chunkBytes ?? offer.chunkBytes;
    this.from = disk.frontier;
    const known = [...disk.finals.keys(), ...disk.journal.keys()];
    this.fresh = offer.sources.map(({ name, contents }) =>
      !known.some((path) => contents || path === name || path.startsWith(`${name}/`))
    );
  }

  /** Path of an entry, null while it is not registered. */
  pathOf(index: number): string | null {
    return this.#entries[index]?.entry.path ?? null;
  }

  /** Path of an entry's part; empty where it has none. */
  partOf(index: number): string {
    return this.#entries[index]?.part ?? "";
  }

  register(first: number, entries: readonly Entry[], sources: readonly number[]): Placement[] {
    assert.equal(first, this.#entries.length, "entries are registered in order");
    return entries.map((entry, offset) => {
      const row = this.#disk.journal.get(entry.path);
      const placement = this.#place(first + offset, entry, this.fresh[sources[offset]!] === true);
      const part = "part" in placement ? placement.part : "";
      const isStale = placement.kind === "held" && !sameStamp(row!.stamp, entry.stamp!);
      const isOver = ["unchanged", "later", "failed"].includes(placement.kind);
      this.#entries.push({ entry, part, isStale, isOver });
      if (placement.kind !== "held" && row !== undefined) this.#disk.journal.delete(entry.path);
      return placement;
    });
  }

  /** As `register` in a dry run: says what a real run would do, and does nothing. */
  plan(first: number, entries: readonly Entry[], sources: readonly number[]): PlanStep[] {
    assert.equal(first, this.#entries.length, "entries are planned in order");
    return entries.map((entry, offset) => {
      this.#entries.push({ entry, part: "", isStale: false, isOver: true });
      const isFresh = this.fresh[sources[offset]!] === true;
      const action = this.#planAction(first + offset, entry, isFresh);
      // Such a file is not put in place: nothing is in its way.
      if (entry.kind === "file" && action === "unchanged") return { action };
      const problem = this.#planProblem(entry);
      if (problem !== null) return { action: "fail", code: "conflict", message: problem };
      if (entry.kind === "directory") this.#plannedDirectories.add(entry.path);
      return { action };
    });
  }

  /** Data first, then the rows (I2), and with them where a resume is to begin. */
  journal(runs: readonly JournalRun[], leaveOut: readonly number[]): void {
    for (const run of runs) {
      const registered = this.#entries[run.entry]!;
      const part = this.#disk.partAt(registered.part);
      if (run.synced) assert.ok(part.isSynced, "a chunk that is called synced is synced");
      else part.sync();
    }
    for (const run of runs) this.#addRun(this.#entries[run.entry]!, run);
    this.#disk.checkJournal();
    this.#moveFrontier(leaveOut);
  }

  forget(chunks: readonly EntryChunks[]): void {
    for (const { entry, ranges } of chunks) {
      const row = this.#disk.journal.get(this.#entries[entry]!.entry.path);
      for (const [first, count] of ranges) {
        for (let chunk = first; chunk < first + count; chunk++) row?.chunks.delete(chunk);
      }
    }
  }

  placeDirectories(leaveOut: readonly number[]): Outcome {
    for (const index of leaveOut) this.#entries[index]!.isOver = true;
    assert.ok(this.isManifestClosed, "I1: a directory is placed before the manifest is closed");
    this.#isPlaced = true;
    return { committed: [], ...this.#eachOf("directory") };
  }

  commit(files: readonly WholeFile[], leaveOut: readonly number[]): Outcome {
    assert.ok(this.#isPlaced, "I1: a file is committed before directories are placed");
    const committed: number[] = [];
    const changed: number[] = [];
    const failures: EntryFailure[] = [];
    for (const file of files) {
      const { entry, part } = this.#entries[file.entry]!;
      this.#entries[file.entry]!.isOver = true;
      const problem = this.#inTheWay(entry);
      if (problem !== null) {
        failures.push({ entry: file.entry, code: "conflict", message: problem });
        continue;
      }
      if (!file.keep || this.#wantsTime(entry)) {
        changed.push(file.entry);
        this.changed.add(entry.path);
      }
      this.#commitOne(file, entry, part);
      committed.push(file.entry);
    }
    this.#moveFrontier(leaveOut);
    return { committed, changed, failures };
  }

  finish(): Outcome {
    const { changed, failures } = this.#eachOf("link");
    const failed = new Set(failures.map(({ entry }) => entry));
    const committed = this.#entries.flatMap(({ entry }, index) => {
      const stands = this.#disk.finals.get(entry.path)?.kind === entry.kind && !failed.has(index);
      return entry.kind !== "file" && stands ? [index] : [];
    });
    const open = new Set(this.#entries.map(({ entry }) => entry.path));
    for (const path of this.#disk.journal.keys()) {
      if (!open.has(path) || this.committed.has(path)) this.#disk.journal.delete(path);
    }
    if (this.#disk.journal.size === 0) this.#disk.frontier = null;
    this.#disk.sweep();
    return { committed, changed, failures };
  }

  /** What stands below a directory offered and is not in the manifest, deepest first, and few at a call. */
  prune({ isDry = false }: { readonly isDry?: boolean } = {}): Pruned {
    const isWanted = new Set(this.#entries.map(({ entry }) => entry.path));
    const isInside = (path: string) =>
      this.#offer.sources.some(({ name, kind, contents }) =>
        contents || kind === "directory" && path.startsWith(`${name}/`)
      );
    const all = [...this.#disk.finals].filter(([path]) => !isWanted.has(path) && isInside(path))
      .sort(([a], [b]) => b.length - a.length).slice(isDry ? this.#foretold : 0);
    const extra = all.slice(0, REMOVED_A_CALL);
    const more = extra.length < all.length;
    if (isDry) {
      this.#foretold += extra.length;
    } else {
      assert.ok(this.#isPlaced, "nothing is removed before directories are placed");
      for (const [path] of extra) {
        this.#disk.finals.delete(path);
        this.deleted.add(path);
      }
    }
    const deleted = extra.map(([path, { kind }]) => kind === "directory" ? `${path}/` : path);
    return { deleted, failures: [], more };
  }

  #moveFrontier(leaveOut: readonly number[]): void {
    for (const index of leaveOut) this.#entries[index]!.isOver = true;
    const missing = this.#entries.find((registered) => !this.#isDurable(registered));
    this.#disk.frontier = (missing ?? this.#entries.at(-1))?.entry.path ?? null;
  }

  /** Nothing of it would be missing after a crash. */
  #isDurable({ entry, isOver }: Registered): boolean {
    const chunks = Math.ceil(entry.sizeBytes / this.chunkBytes);
    const held = this.#disk.journal.get(entry.path)?.chunks.size ?? 0;
    return isOver || held === chunks;
  }

  #planAction(index: number, entry: Entry, isFresh: boolean): PlanAction {
    const stands = this.#disk.finals.get(entry.path);
    if (entry.kind !== "file") {
      if (stands === undefined) return "create";
      const isSame = stands.kind === entry.kind &&
        (stands.kind !== "link" || stands.target === entry.target);
      return isSame ? "unchanged" : "replace";
    }
    switch (this.#place(index, entry, isFresh).kind) {
      case "unchanged":
        return "unchanged";
      case "held":
        return "resume";
      case "stands":
        return stands?.kind === "file" && stands.bytes.byteLength === entry.sizeBytes
          ? "compare"
          : "replace";
      default:
        return stands === undefined ? "create" : "replace";
    }
  }

  #planProblem({ path, kind }: Entry): string | null {
    if (this.conflicts.has(path)) return "Something stands there";
    const slash = path.lastIndexOf("/");
    const above = path.slice(0, Math.max(slash, 0));
    const willStand = this.#plannedDirectories.has(above) ||
      this.#disk.finals.get(above)?.kind === "directory";
    if (slash >= 0 && !willStand) {
      return "Its directory could not be made";
    }
    const stands = this.#disk.finals.get(path);
    const clashes = stands !== undefined &&
      (stands.kind === "directory") !== (kind === "directory");
    return clashes ? `A ${stands.kind} stands there` : null;
  }

  #place(index: number, entry: Entry, isFresh: boolean): Placement {
    if (entry.kind !== "file") return { kind: "later" };
    const part = `part/${this.#attempt}/${index}`;
    if (isFresh) return { kind: "new", part };
    const stands = this.#disk.finals.get(entry.path);
    if (stands?.kind === "directory") {
      return { kind: "failed", code: "conflict", message: "A directory stands there" };
    }
    if (stands?.kind === "file" && stands.bytes.byteLength === entry.sizeBytes) {
      const { record } = stands;
      const isOurs = record !== null && record.mtimeNs === entry.mtimeNs &&
        record.chunkBytes === this.chunkBytes && !this.#offer.checksum;
      if (isOurs) return { kind: "unchanged", digest: record.digest };
    }
    const row = this.#disk.journal.get(entry.path);
    if (row !== undefined && row.stamp.sizeBytes === entry.sizeBytes && row.chunks.size > 0) {
      const { stamp, recordedNs } = row;
      return { kind: "held", part: row.part, chunks: heldIn(row), stamp, recordedNs };
    }
    if (stands?.kind === "file") {
      const sizeBytes = stands.bytes.byteLength;
      return { kind: "stands", part, path: entry.path, stamp: { ...NO_INODE, sizeBytes } };
    }
    return { kind: "new", part };
  }

  #addRun(registered: Registered, run: JournalRun): void {
    const { entry, part } = registered;
    let row = this.#disk.journal.get(entry.path);
    if (row === undefined || registered.isStale) {
      // What is held of another state of the source stays, and is never believed unread.
      const recordedNs = row === undefined ? this.#offer.nowNs : NEVER_NS;
      const begun = { part, chunkBytes: this.chunkBytes, chunks: new Map<number, Uint8Array>() };
      row = { ...begun, ...row, stamp: entry.stamp!, recordedNs };
      this.#disk.journal.set(entry.path, row);
      registered.isStale = false;
    }
    for (let at = 0; at < run.digests.byteLength; at += DIGEST_BYTES) {
      row.chunks.set(run.first + at / DIGEST_BYTES, run.digests.slice(at, at + DIGEST_BYTES));
    }
  }

  /** Only bytes that are what the digest says get a final name (I1). */
  #commitOne(file: WholeFile, entry: Entry, partPath: string): void {
    const standing = this.#disk.finals.get(entry.path);
    let bytes: Uint8Array;
    if (file.keep) {
      assert.ok(standing?.kind === "file", "a file that is kept stands there");
      bytes = standing.bytes;
    } else {
      const part = this.#disk.partAt(partPath);
      if (entry.sizeBytes > 0 && file.synced) assert.ok(part.isSynced, "I1: synced before commit");
      bytes = part.bytes.slice(0, entry.sizeBytes);
    }
    assert.equal(bytes.byteLength, entry.sizeBytes, "I1: a committed file has its size");
    const digest = digestOf(bytes, this.chunkBytes);
    assert.deepEqual(digest, file.digest, `I1: ${entry.path} is not what was sealed`);
    const record = { digest, mtimeNs: entry.mtimeNs, chunkBytes: this.chunkBytes };
    this.#disk.finals.set(entry.path, { kind: "file", bytes, record });
    this.#disk.journal.delete(entry.path);
    this.committed.add(entry.path);
  }

  /** The file that is kept was of another time. */
  #wantsTime({ path, mtimeNs }: Entry): boolean {
    const stands = this.#disk.finals.get(path);
    return stands?.kind === "file" && stands.record?.mtimeNs !== mtimeNs;
  }

  #eachOf(kind: "directory" | "link"): Omit<Outcome, "committed"> {
    const changed: number[] = [];
    const failures: EntryFailure[] = [];
    this.#entries.forEach((registered, index) => {
      const { entry } = registered;
      if (entry.kind !== kind) return;
      const problem = this.#inTheWay(entry);
      if (problem !== null) {
        failures.push({ entry: index, code: "conflict", message: problem });
        return;
      }
      const stands = this.#disk.finals.get(entry.path);
      const isSame = stands?.kind === kind &&
        (stands.kind === "directory" || stands.target === entry.target);
      if (!isSame) {
        changed.push(index);
        this.changed.add(entry.path);
      }
      this.#put(entry);
    });
    return { changed, failures };
  }

  #put(entry: Entry): void {
    const target = entry.target ?? "";
    this.#disk.finals.set(
      entry.path,
      entry.kind === "link" ? { kind: "link", target } : { kind: "directory" },
    );
    this.committed.add(entry.path);
  }

  #inTheWay({ path, kind }: Entry): string | null {
    if (this.conflicts.has(path)) return "Something stands there";
    const slash = path.lastIndexOf("/");
    if (slash >= 0 && this.#disk.finals.get(path.slice(0, slash))?.kind !== "directory") {
      return "Its directory could not be made";
    }
    const stands = this.#disk.finals.get(path);
    if (stands === undefined) return null;
    const clashes = (stands.kind === "directory") !== (kind === "directory");
    return clashes ? `A ${stands.kind} stands there` : null;
  }
}

/** File digest by the plain definition, over bytes that are all there. */
export function digestOf(bytes: Uint8Array, chunkBytes: number): Uint8Array {
  const digests: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
    digests.push(chunkDigest(bytes.subarray(at, at + chunkBytes)));
  }
  const all = concatBytes(digests);
  return fileDigest(HASHING, { sizeBytes: bytes.byteLength, chunkBytes, digests: all });
}

function heldIn({ chunks }: JournalRow): HeldChunks {
  const sorted = [...chunks].sort(([a], [b]) => a - b);
  const digests = concatBytes(sorted.map(([, digest]) => digest));
  return { ranges: sorted.map(([chunk]) => [chunk, 1]), digests };
}
