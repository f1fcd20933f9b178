// What the store's tests share: a temporary root, entries, and a receiver that writes parts the way
// the chunk workers do. Imported by tests only.

import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { tmpdir } from "node:os";
import type { Entry, OfferedSource, Stamp } from "../wire/messages.ts";
import { DiskStore, type DiskStoreOptions } from "./disk_store.ts";
import type { NameRules } from "./names.ts";
import { DEFAULT_POLICY } from "./policy.ts";
import type {
  HeldChunks,
  Placement,
  ReceiveTransfer,
  Store,
  WalkNotice,
  WholeFile,
} from "./store.ts";
import { walk } from "./walk.ts";

export const CHUNK_BYTES = 64 * 1024;
export const MTIME_NS = 1_700_000_000_123_000_000n;
export const PEER: Uint8Array = new Uint8Array(32).fill(5);
export const SENDER_NOW_NS = 1_700_000_100_000_000_000n;

/** Names as most file systems take them. */
export const NAMES: NameRules = {
  ignoresCase: false,
  ignoresForm: () => false,
  platform: "posix",
};

/** Runs `body` in a directory that is gone afterwards. */
export async function inDirectory(body: (path: string) => void | Promise<void>): Promise<void> {
  const path = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "sftpx-store-")));
  try {
    await body(path);
  } finally {
    fs.rmSync(path, { recursive: true, force: true });
  }
}

/** Runs `body` with a synchronous store on a root, closed afterwards. */
export function withStore<T>(
  root: string,
  body: (store: DiskStore) => T,
  options: Partial<DiskStoreOptions> = {},
): T {
  const store = new DiskStore({ root, keep: false, ...options });
  try {
    return body(store);
  } finally {
    store.close();
  }
}

/** The synchronous store behind the asynchronous interface, without a worker. */
export function asyncFace(store: DiskStore): Store {
  return {
    async *walk(sources, options) {
      yield* walk(sources, options);
    },
    begin: (...args) => promised(() => store.begin(...args)),
    plan: (...args) => promised(() => store.plan(...args)),
    prune: (...args) => promised(() => store.prune(...args)),
    register: (...args) => promised(() => store.register(...args)),
    journal: (...args) => promised(() => store.journal(...args)),
    forget: (...args) => promised(() => store.forget(...args)),
    placeDirectories: (...args) => promised(() => store.placeDirectories(...args)),
    commit: (...args) => promised(() => store.commit(...args)),
    finish: (...args) => promised(() => store.finish(...args)),
    abandon: (...args) => promised(() => store.abandon(...args)),
    resumable: () => promised(() => store.resumable()),
    clean: (...args) => promised(() => store.clean(...args)),
    close: () => promised(() => store.close()),
  };
}

export function fileEntry(path: string, sizeBytes: number, more: Partial<Entry> = {}): Entry {
  const base = { path, kind: "file", sizeBytes, mtimeNs: MTIME_NS, mode: 0o644 } as const;
  return { ...base, stamp: stampFor(sizeBytes), ...more };
}

export function directoryEntry(path: string, more: Partial<Entry> = {}): Entry {
  return { path, kind: "directory", sizeBytes: 0, mtimeNs: MTIME_NS, mode: 0o755, ...more };
}

export function linkEntry(path: string, target: string): Entry {
  return { path, kind: "link", sizeBytes: 0, mtimeNs: MTIME_NS, mode: 0o777, target };
}

export function stampFor(sizeBytes: number, inode = 7n): Stamp {
  return { device: 1n, inode, sizeBytes, mtimeNs: MTIME_NS, ctimeNs: MTIME_NS };
}

/** One source named `d`, a directory, into the root. */
export function transferOf(more: Partial<ReceiveTransfer> = {}): ReceiveTransfer {
  return {
    key: new Uint8Array(32).fill(1),
    destination: "",
    intoDirectory: false,
    sources: [directorySource("d")],
    chunkBytes: CHUNK_BYTES,
    checksum: false,
    policy: DEFAULT_POLICY,
    writeOnce: false,
    mayRead: true,
    senderNowNs: SENDER_NOW_NS,
    peer: PEER,
    given: ["d"],
    dryRun: false,
    ...more,
  };
}

export function directorySource(name: string): OfferedSource {
  return { name, kind: "directory", contents: false };
}

export function fileSource(name: string): OfferedSource {
  return { name, kind: "file", contents: false };
}

export function digest(fill: number): Uint8Array {
  return new Uint8Array(32).fill(fill);
}

export function wholeFile(entry: number, more: Partial<WholeFile> = {}): WholeFile {
  return { entry, digest: digest(9), synced: false, keep: false, ...more };
}

/** All that a prune comes to. */
export function pruneAll(
  store: DiskStore,
  ...args: Parameters<DiskStore["prune"]>
): { readonly deleted: string[]; readonly failures: WalkNotice[]; readonly calls: number } {
  const all = { deleted: [] as string[], failures: [] as WalkNotice[], calls: 0 };
  for (let more = true; more;) {
    const some = store.prune(...args);
    all.deleted.push(...some.deleted);
    all.failures.push(...some.failures);
    all.calls++;
    more = some.more;
  }
  return all;
}

/** Writes a part as a chunk worker does; fails where no part may be written. */
export function fillPart(placement: Placement | undefined, bytes: string | Uint8Array): void {
  if (placement === undefined || !("part" in placement)) {
    throw new Error(`No part to write: ${JSON.stringify(placement)}`);
  }
  fs.writeFileSync(placement.part, bytes);
}

/** Receives entries of one source from `begin` to `finish`; file contents by path. */
export function receive(
  store: DiskStore,
  transfer: ReceiveTransfer,
  given: { readonly entries: readonly Entry[]; readonly contents?: Record<string, string> },
) {
  const { entries, contents = {} } = given;
  const { id } = store.begin(transfer);
  const placements = store.register(id, 0, entries, entries.map(() => 0));
  const whole: WholeFile[] = [];
  placements.forEach((placement, i) => {
    const path = entries[i]?.path ?? "";
    if (!("part" in placement)) return;
    if ((entries[i]?.sizeBytes ?? 0) > 0) fillPart(placement, contents[path] ?? "");
    whole.push(wholeFile(i));
  });
  const outcomes = [store.placeDirectories(id), store.commit(id, whole), store.finish(id)];
  return {
    placements,
    committed: outcomes.flatMap((outcome) => outcome.committed).sort((a, b) => a - b),
    changed: outcomes.flatMap((outcome) => outcome.changed).sort((a, b) => a - b),
    failures: outcomes.flatMap((outcome) => outcome.failures),
  };
}

/** Every chunk that is held, with its digest. */
export function* heldIn({ ranges, digests }: HeldChunks): Generator<[number, Uint8Array]> {
  let at = 0;
  for (const [first, count] of ranges) {
    for (let chunk = first; chunk < first + count; chunk++) {
      yield [chunk, digests.slice(at, at += 32)];
    }
  }
}

/** Makes a tree: paths with a trailing slash are directories, `->` makes a link. */
export function makeTree(root: string, paths: readonly string[]): void {
  for (const path of paths) {
    const [name = "", target] = path.split("->");
    const absolute = join(root, name);
    fs.mkdirSync(dirname(absolute), { recursive: true });
    if (target !== undefined) fs.symlinkSync(target, absolute);
    else if (name.endsWith("/")) fs.mkdirSync(absolute, { recursive: true });
    else fs.writeFileSync(absolute, name);
  }
}

/** Every path below a root but `.sftpx`, sorted, for comparing what appeared. */
export function listTree(root: string, below = ""): string[] {
  const names = fs.readdirSync(join(root, below), { withFileTypes: true });
  return names.flatMap((found) => {
    if (found.name === ".sftpx") return [];
    const path = below === "" ? found.name : `${below}/${found.name}`;
    return found.isDirectory() ? [`${path}/`, ...listTree(root, path)] : [path];
  }).sort();
}

// deno-lint-ignore require-await
async function promised<T>(call: () => T): Promise<T> {
  return call();
}
