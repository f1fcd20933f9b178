// Puts what a crash left into a directory, so that the real store opens it: names, contents, links, the
// database's files, and lock files whose holder is dead.

import * as fs from "node:fs";
import { join } from "node:path";
import { toHex } from "../../src/base/bytes.ts";
import { Journal } from "../../src/store/journal.ts";
import { openState } from "../../src/store/schema.ts";
import { lookAt, secondsOf, stampOf } from "../../src/store/disk.ts";
import { type Claims, isTrusted } from "./claims.ts";
import type { CrashState } from "./crash_state.ts";

export interface Placed {
  /** The root's path below the top. */
  readonly root: string;
  readonly claims: Claims;
  /** Whose lock was held. */
  readonly key: Uint8Array;
}

/** Fills an empty directory. */
export function materialise(state: CrashState, directory: string, placed: Placed): void {
  const made = new Map<number, string>();
  for (const [path, node] of state.paths()) {
    const absolute = join(directory, path);
    const other = made.get(node);
    if (other === undefined) makeNode(state, node, absolute);
    else fs.linkSync(other, absolute);
    made.set(node, absolute);
  }
  placeState(state, directory, placed);
  for (const [path, node] of state.paths()) close(state, node, join(directory, path));
}

/** Of every path below a directory what stands there, `.sftpx` and what is beside it left out. */
export function treeAt(directory: string, below = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const name of fs.readdirSync(join(directory, below)).sort()) {
    const path = below === "" ? name : `${below}/${name}`;
    if (name === ".sftpx" || name.startsWith(".sftpx-")) continue;
    const absolute = join(directory, path);
    const stat = lookAt(absolute);
    if (stat === null) continue;
    if (stat.isDirectory()) {
      found.set(path, "directory");
      for (const [more, what] of treeAt(directory, path)) found.set(more, what);
    } else if (stat.isSymbolicLink()) {
      found.set(path, `-> ${fs.readlinkSync(absolute)}`);
    } else {
      found.set(path, toHex(fs.readFileSync(absolute)));
    }
  }
  return found;
}

function placeState(state: CrashState, directory: string, placed: Placed): void {
  const own = join(directory, placed.root, ".sftpx");
  const home = state.find(`${placed.root}/.sftpx`);
  if (home === null) return;
  const { main, log } = state.databaseIn(home);
  if (main !== null) fs.writeFileSync(join(own, "state.db"), main);
  if (log !== null && main !== null) fs.writeFileSync(join(own, "state.db-wal"), log);
  fs.writeFileSync(join(own, "lock"), "");
  fs.mkdirSync(join(own, "locks"), { recursive: true, mode: 0o700 });
  fs.writeFileSync(join(own, "locks", toHex(placed.key)), "");
  if (placed.claims.committed.length > 0) restamp(state, directory, placed);
}

function makeNode(state: CrashState, node: number, path: string): void {
  const { kind, target } = state.moment.history.node(node);
  switch (kind) {
    case "directory":
      fs.mkdirSync(path, { recursive: true, mode: 0o700 });
      return;
    case "link":
      fs.symlinkSync(target ?? "", path);
      return;
    case "file": {
      const { bytes, mtimeNs } = state.contentsOf(node);
      fs.writeFileSync(path, bytes, { mode: 0o600 });
      fs.utimesSync(path, 1, secondsOf(mtimeNs));
    }
  }
}

/** Permissions last: a directory may forbid its owner to write. */
function close(state: CrashState, node: number, path: string): void {
  const { kind } = state.moment.history.node(node);
  if (kind !== "link") fs.chmodSync(path, state.contentsOf(node).mode);
}

/** Files that are still what was recorded get records with their new inode and time of change. */
function restamp(state: CrashState, directory: string, { root, claims }: Placed): void {
  const journal = new Journal(openState(join(directory, root, ".sftpx", "state.db")));
  try {
    for (const row of claims.committed) {
      const node = state.find(`${root}/${row.path}`);
      if (node === null || !isTrusted(state, row, node)) continue;
      const stat = lookAt(join(directory, root, row.path));
      if (stat !== null) journal.addCommitted({ ...row, stamp: stampOf(stat) });
    }
  } finally {
    journal.close();
  }
}
