// What a crash at one moment may have left, and one choice of it. Names: any set that holds with each
// change all earlier ones of the directories it touches, and all that a sync made durable. Contents: of
// each page any of its unsynced versions. The database: as its own syncs allow.

import {
  applyNames,
  type Contents,
  type DatabaseFiles,
  type DataChange,
  type History,
  isSameFile,
  type NameChange,
  NO_DATABASE,
  touchedBy,
} from "./history.ts";

/** What a disk writes as a whole or not at all. */
export const PAGE_BYTES = 4096;

/** Changes to one node that no sync covers. */
export interface Pending {
  readonly durable: Contents;
  readonly changes: readonly DataChange[];
}

/** The database at one moment: what is durable of it, and what may be there. */
export interface PendingDatabase {
  /** Files of which the first is wholly durable; each later one came from those before it. */
  readonly files: readonly DatabaseFiles[];
  /** Bytes of the first one's log that are durable. */
  readonly durableLogBytes: number;
}

/** A moment of a history. */
export class Moment {
  readonly history: History;
  readonly at: number;
  /** Changes to names up to here, and which of them are durable. */
  readonly changes: readonly NameChange[];
  readonly durableNames: ReadonlySet<number>;
  readonly pending: ReadonlyMap<number, Pending>;
  readonly database: PendingDatabase;
  /** For each change to names, those before it that it cannot be without (directly). */
  readonly #needs: readonly (readonly number[])[];
  /** The last change of each directory. */
  readonly #lastOf: ReadonlyMap<number, number>;

  private constructor(history: History, before: Moment | null) {
    this.history = history;
    this.at = before === null ? 0 : before.at + 1;
    this.changes = before?.changes ?? [];
    this.durableNames = before?.durableNames ?? new Set();
    this.pending = before?.pending ?? new Map();
    this.#needs = before === null ? [] : before.#needs;
    this.#lastOf = before === null ? new Map() : before.#lastOf;
    this.database = before?.database ?? startingWith(history.database);
    const event = before === null ? undefined : history.events[before.at];
    switch (event?.kind) {
      case "names": {
        const { change } = event;
        const touched = touchedBy(change);
        // Only an empty directory can be removed.
        const emptied = change.kind === "drop" ? [change.node] : [];
        const needs = [...touched, ...emptied].flatMap((node) => this.#lastOf.get(node) ?? []);
        this.#needs = [...this.#needs, needs];
        const last = touched.map((directory) => [directory, this.changes.length] as const);
        this.#lastOf = new Map([...this.#lastOf, ...last]);
        this.changes = [...this.changes, change];
        break;
      }
      case "data": {
        const { node, change } = event;
        const found = this.pending.get(node) ?? { durable: startOf(history, node), changes: [] };
        const changed = { ...found, changes: [...found.changes, change] };
        this.pending = new Map(this.pending).set(node, changed);
        break;
      }
      case "sync": {
        const last = this.#lastOf.get(event.node);
        if (last !== undefined) this.durableNames = this.closed([last]);
        const found = this.pending.get(event.node);
        if (found === undefined) break;
        this.pending = new Map(this.pending).set(event.node, synced(found, event.attributes));
        break;
      }
      case "database":
        this.database = databaseAfter(this.database, event);
    }
  }

  /** Every moment of a history, before the first event and after each. */
  static all(history: History): Moment[] {
    const moments = [new Moment(history, null)];
    for (let i = 0; i < history.length; i++) moments.push(new Moment(history, moments[i]!));
    return moments;
  }

  /** The smallest set that holds these changes and all that is durable. */
  closed(wanted: Iterable<number>): Set<number> {
    const set = new Set(this.durableNames);
    for (const change of wanted) require(change, this.#needs, set);
    return set;
  }
}

/** One choice of what a crash left. */
export interface Choice {
  /** Changes to names that are there; a closed set. */
  readonly names: ReadonlySet<number>;
  /** Contents of nodes with unsynced changes. */
  readonly contents: (node: number, pending: Pending) => Contents;
  readonly database: DatabaseFiles;
}

/** What is found after a crash. */
export class CrashState {
  readonly moment: Moment;
  readonly names: ReadonlyMap<number, ReadonlyMap<string, number>>;
  readonly appliedNames: ReadonlySet<number>;
  readonly #choice: Choice;
  readonly #contents = new Map<number, Contents>();

  constructor(moment: Moment, choice: Choice) {
    this.moment = moment;
    this.appliedNames = choice.names;
    this.#choice = choice;
    const names = new Map<number, Map<string, number>>();
    for (const [directory, below] of moment.history.names) names.set(directory, new Map(below));
    moment.changes.forEach((change, i) => {
      if (choice.names.has(i)) applyNames(names, change);
    });
    this.names = names;
  }

  /** The database in a directory: another one of its name, made since or before, has none yet or none left. */
  databaseIn(directory: number | null): DatabaseFiles {
    const { database } = this.#choice;
    return directory === database.home ? database : NO_DATABASE;
  }

  contentsOf(node: number): Contents {
    let contents = this.#contents.get(node);
    if (contents === undefined) {
      const pending = this.moment.pending.get(node);
      if (pending === undefined) contents = startOf(this.moment.history, node);
      else if (pending.changes.length === 0) contents = pending.durable;
      else contents = this.#choice.contents(node, pending);
      this.#contents.set(node, contents);
    }
    return contents;
  }

  /** The node at a path below the top; null for none. */
  find(path: string): number | null {
    let node = 0;
    for (const name of path.split("/")) {
      const below = this.names.get(node)?.get(name);
      if (below === undefined) return null;
      node = below;
    }
    return node;
  }

  /** Every path with its node, those above first. */
  *paths(directory = 0, above = ""): Generator<readonly [path: string, node: number]> {
    for (const [name, node] of this.names.get(directory) ?? []) {
      const path = above === "" ? name : `${above}/${name}`;
      yield [path, node];
      yield* this.paths(node, path);
    }
  }
}

/** Contents with every change made. */
export function withAll(pending: Pending): Contents {
  return versionOf(pending, { sizes: Infinity, pageVersion: () => Infinity });
}

/**
 * Contents of one choice: the first `sizes` changes of the size are there, and of each page the version
 * that so many of its writes made.
 */
export function versionOf(
  { durable, changes }: Pending,
  { sizes, pageVersion, attributes = Infinity }: {
    readonly sizes: number;
    readonly pageVersion: (page: number, versions: number) => number;
    readonly attributes?: number;
  },
): Contents {
  let { mode, mtimeNs } = durable;
  let sizeBytes = durable.bytes.byteLength;
  let reachedBytes = sizeBytes;
  let sizesLeft = sizes;
  let attributesLeft = attributes;
  const writes: { readonly atBytes: number; readonly bytes: Uint8Array }[] = [];
  for (const change of changes) {
    if (change.kind === "attributes") {
      if (attributesLeft-- <= 0) continue;
      mode = change.mode ?? mode;
      mtimeNs = change.mtimeNs ?? mtimeNs;
      continue;
    }
    const endBytes = change.kind === "size"
      ? change.sizeBytes
      : Math.max(reachedBytes, change.atBytes + change.bytes.byteLength);
    if (change.kind === "write") writes.push(change);
    // A cut writes zeros behind it, should the file grow again.
    else if (endBytes < reachedBytes) {
      writes.push({ atBytes: endBytes, bytes: new Uint8Array(reachedBytes - endBytes) });
    }
    if (endBytes !== reachedBytes && sizesLeft-- > 0) sizeBytes = endBytes;
    reachedBytes = endBytes;
  }
  const bytes = new Uint8Array(sizeBytes);
  bytes.set(durable.bytes.subarray(0, sizeBytes));
  for (let from = 0; from < sizeBytes; from += PAGE_BYTES) {
    const to = Math.min(from + PAGE_BYTES, sizeBytes);
    const touching = writes.filter(({ atBytes, bytes }) =>
      atBytes < to && atBytes + bytes.byteLength > from
    );
    if (touching.length === 0) continue;
    const version = pageVersion(from / PAGE_BYTES, touching.length);
    for (const write of touching.slice(0, version)) copyInto(bytes, write, { from, to });
  }
  return { bytes, mode, mtimeNs };
}

function copyInto(
  into: Uint8Array,
  { atBytes, bytes }: { readonly atBytes: number; readonly bytes: Uint8Array },
  { from, to }: { readonly from: number; readonly to: number },
): void {
  const first = Math.max(atBytes, from);
  const end = Math.min(atBytes + bytes.byteLength, to);
  into.set(bytes.subarray(first - atBytes, end - atBytes), first);
}

function require(
  change: number,
  needs: readonly (readonly number[])[],
  set: Set<number>,
): void {
  const open = [change];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (set.has(next)) continue;
    set.add(next);
    open.push(...needs[next] ?? []);
  }
}

/** `fdatasync` covers bytes and size, `fsync` attributes too. */
function synced(pending: Pending, attributes: boolean): Pending {
  const all = withAll(pending);
  if (attributes) return { durable: all, changes: [] };
  const { mode, mtimeNs } = pending.durable;
  return {
    durable: { bytes: all.bytes, mode, mtimeNs },
    changes: pending.changes.filter((change) => change.kind === "attributes"),
  };
}

function startOf(history: History, node: number): Contents {
  const contents = history.contents.get(node);
  if (contents === undefined) throw new RangeError(`Cannot find contents of node ${node}`);
  return contents;
}

function startingWith(files: DatabaseFiles): PendingDatabase {
  return { files: [files], durableLogBytes: files.log?.byteLength ?? 0 };
}

/**
 * With a write-ahead log a commit is an append; it is synced before the database itself is written, and
 * then that is synced before the log begins anew (sqlite.org/wal.html). So a database that changed
 * makes durable all that came before it.
 */
function databaseAfter(
  { files: before, durableLogBytes }: PendingDatabase,
  { files, isDurable }: { readonly files: DatabaseFiles; readonly isDurable: boolean },
): PendingDatabase {
  const last = before.at(-1);
  const isCheckpoint = files.main !== null && last !== undefined &&
    !isSameFile(files.main, last.main);
  const continues = isContinued(last?.log ?? null, files.log);
  if (isDurable || (isCheckpoint && continues)) return startingWith(files);
  if (!isCheckpoint && continues) return { files: [...before, files], durableLogBytes };
  return { files: [files], durableLogBytes: Math.min(LOG_HEADER_BYTES, files.log?.length ?? 0) };
}

/** Synced whenever a log begins anew. */
const LOG_HEADER_BYTES = 32;

/** Whether a log is the same one, perhaps longer. */
function isContinued(before: Uint8Array | null, after: Uint8Array | null): boolean {
  if (before === null || after === null) return true;
  const header = Math.min(LOG_HEADER_BYTES, before.byteLength);
  return before.subarray(0, header).every((byte, i) => byte === after[i]);
}
