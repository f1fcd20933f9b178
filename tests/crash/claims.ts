// What a database claims, read with the store's own code from a copy, and what of it a crash made a lie:
// chunks that are not in their part (I2), and records of files that are not what was recorded.

import * as fs from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { equalBytes } from "../../src/base/bytes.ts";
import { openState } from "../../src/store/schema.ts";
import { Journal } from "../../src/store/journal.ts";
import type { CommittedRow, PartRow } from "../../src/store/journal_rows.ts";
import { sameTime } from "../../src/store/disk.ts";
import { heldIn } from "../../src/store/_fixture.ts";
import type { HeldChunks } from "../../src/store/store.ts";
import type { CrashState } from "./crash_state.ts";
import type { DatabaseFiles } from "./history.ts";
import { chunkOf, chunksOf, digestOf, type Tree } from "./tree.ts";

/** What a database says. */
export interface Claims {
  readonly parts: readonly (PartRow & { readonly chunks: HeldChunks })[];
  readonly committed: readonly CommittedRow[];
}

/** Reads databases, each of them once. */
export class ClaimReader {
  readonly #directory: string;
  readonly #tree: Tree;
  readonly #known = new Map<string, Claims>();
  readonly #met = new WeakMap<DatabaseFiles, Claims>();

  constructor(directory: string, tree: Tree) {
    this.#directory = directory;
    this.#tree = tree;
  }

  read(files: DatabaseFiles): Claims {
    const met = this.#met.get(files);
    if (met !== undefined) return met;
    const id = idOf(files);
    let claims = this.#known.get(id);
    if (claims === undefined) this.#known.set(id, claims = this.#readNew(files));
    this.#met.set(files, claims);
    return claims;
  }

  #readNew({ main, log }: DatabaseFiles): Claims {
    if (main === null) return { parts: [], committed: [] };
    const path = join(this.#directory, "state.db");
    for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(path + suffix, { force: true });
    fs.writeFileSync(path, main);
    if (log !== null) fs.writeFileSync(`${path}-wal`, log);
    const journal = new Journal(openState(path));
    try {
      const { transfer: { key }, entries } = this.#tree;
      const all = { table: "parts", after: "", most: entries.length } as const;
      const held = journal.heldAfter(key, all);
      const rows = held.flatMap(({ path }) => journal.part(key, path) ?? []);
      const parts = rows.map((row) => {
        return { ...row, chunks: journal.held(row.id, chunksOf(row.sizeBytes)) };
      });
      const committed = entries.flatMap(({ path }) => journal.committed(path) ?? []);
      return { parts, committed };
    } finally {
      journal.close();
    }
  }
}

function idOf({ main, log }: DatabaseFiles): string {
  const hash = createHash("sha1");
  for (const bytes of [main, log]) {
    hash.update(bytes === null ? "-" : `+${bytes.length}:`).update(bytes ?? "");
  }
  return hash.digest("hex");
}

/** What is claimed and not so; null when all is well. */
export function lieOf(
  state: CrashState,
  { parts, committed }: Claims,
  root: string,
): string | null {
  for (const part of parts) {
    const lie = part.chunks.ranges.length === 0 ? null : lieOfPart(state, part, root);
    if (lie !== null) return lie;
  }
  for (const row of committed) {
    const lie = lieOfRecord(state, row, root);
    if (lie !== null) return lie;
  }
  return null;
}

function lieOfPart(
  state: CrashState,
  { name, chunks, path }: Claims["parts"][number],
  root: string,
): string | null {
  const node = state.find(`${root}/.sftpx/parts/${name}`);
  // A part that was moved away or removed was there: such a row is dropped when it is met.
  if (node === null) {
    return isGone(state, `${root}/.sftpx/parts/${name}`)
      ? null
      : `I2: the part of "${path}" is not there`;
  }
  const { bytes } = state.contentsOf(node);
  // Cut or extended for a source of another size, a part may have any of its sizes until it is synced.
  for (const [chunk, digest] of heldIn(chunks)) {
    if (!equalBytes(chunkDigest(bytes, chunk), digest)) {
      return `I2: chunk ${chunk} of "${path}" is not in its part`;
    }
  }
  return null;
}

/** Whether a path was given up by a change that is there, or before this history began. */
function isGone(state: CrashState, path: string): boolean {
  const { changes, history } = state.moment;
  if (history.nodes.every((node) => node.path !== path)) return true;
  return changes.some((change, i) =>
    change.kind !== "add" && state.appliedNames.has(i) &&
    `${history.node(change.at.directory).path}/${change.at.name}` === path
  );
}

/** A record counts when its stamp is that of what stands there, as far as a crash leaves a stamp be. */
function lieOfRecord(state: CrashState, row: CommittedRow, root: string): string | null {
  const node = state.find(`${root}/${row.path}`);
  if (node === null || !isTrusted(state, row, node)) return null;
  if (equalBytes(digestOf(state.contentsOf(node).bytes), row.digest)) return null;
  return `"${row.path}" is recorded with what is not in it`;
}

/** Whether the store would take the node for what it committed. */
export function isTrusted(state: CrashState, { stamp }: CommittedRow, node: number): boolean {
  const { inode } = state.moment.history.node(node);
  const { bytes, mtimeNs } = state.contentsOf(node);
  return stamp.inode === inode && stamp.sizeBytes === bytes.byteLength &&
    sameTime(stamp.mtimeNs, mtimeNs);
}

const CHUNK_DIGESTS = new WeakMap<Uint8Array, Map<number, Uint8Array>>();

/** The same contents are met in many states. */
function chunkDigest(bytes: Uint8Array, chunk: number): Uint8Array {
  let known = CHUNK_DIGESTS.get(bytes);
  if (known === undefined) CHUNK_DIGESTS.set(bytes, known = new Map());
  let digest = known.get(chunk);
  if (digest === undefined) known.set(chunk, digest = digestOf(chunkOf(bytes, chunk)));
  return digest;
}
