// Whether a `.sftpx` is one that this user made and nobody else can change. Its rows and names decide
// what is written, resumed and removed, so a planted one is refused, never mended.

import type { BigIntStats } from "node:fs";
import { SftpxError } from "../base/errors.ts";
import { osCode } from "../base/os_error.ts";
import { besideOf } from "./commit.ts";
import type { Disk } from "./disk.ts";
import { namesIn, RUN_NAME, SHARD_NAME } from "./part_paths.ts";

/** What stands in a state and is used by name, and of which kind it must be. */
const CONTENTS: Readonly<Record<string, "directory" | "file">> = {
  "parts": "directory",
  "locks": "directory",
  "damaged": "file",
  "lock": "file",
  "lock-journal": "file",
  "lock-wal": "file",
  "lock-shm": "file",
  "state.db": "file",
  "state.db-wal": "file",
  "state.db-shm": "file",
  "state.db-journal": "file",
};

/** How often what is made beside a state may be gone at once. */
const PROBE_ATTEMPTS = 16;

/** Refuses a state that somebody else made or may change, and one whose contents lead elsewhere. */
export function refusePlanted(path: string, disk: Disk): void {
  const stat = disk.look(path);
  if (stat === null) return;
  const refuse = refusalOf(path);
  if (!stat.isDirectory()) refuse("it is not a directory");
  const ours = ownDirectory(path, disk);
  if (ours === null) return refuse("others remove what is made beside it");
  if (ours.uid !== stat.uid) refuse("it belongs to another user");
  if ((stat.mode & ~ours.mode & 0o022n) !== 0n) refuse("others may write to it");
  refuseContents(path, { refuse, disk });
}

/**
 * What a directory of ours looks like beside a path: the user needs no name (`--allow-sys`), and a file
 * system without modes shows the same for both. Whoever may write there can take it away, or put one of
 * theirs in its place: only one of this process's own user counts. Null where none is left to be seen.
 */
function ownDirectory(path: string, disk: Disk): BigIntStats | null {
  const { uid } = disk.probe(besideOf(path));
  for (let attempt = 0; attempt < PROBE_ATTEMPTS; attempt++) {
    const probe = besideOf(path);
    disk.makeDirectory(probe, { mode: 0o700 });
    const seen = disk.look(probe);
    if (seen === null || seen.uid !== uid || !seen.isDirectory()) continue;
    removeIfThere(probe, disk);
    return seen;
  }
  return null;
}

function removeIfThere(directory: string, disk: Disk): void {
  try {
    disk.removeDirectory(directory);
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT") throw thrown;
  }
}

/** What refuses a state: the user is to look at it, and remove it. */
export function refusalOf(path: string): (found: string) => void {
  return (found) => {
    throw new SftpxError("conflict", `Cannot use "${path}": ${found}; remove it and try again`);
  };
}

interface Refusing {
  readonly refuse: (found: string) => void;
  readonly disk: Disk;
}

/** Refuses a state with something in it that leads elsewhere. */
export function refuseContents(path: string, { refuse, disk }: Refusing): void {
  for (const [name, kind] of Object.entries(CONTENTS)) {
    const found = disk.look(`${path}/${name}`);
    if (found === null) continue;
    if (kind === "directory" ? !found.isDirectory() : !found.isFile()) {
      refuse(`"${name}" in it is not a ${kind}`);
    }
  }
  refuseLinkedParts(`${path}/parts`, { refuse, disk });
}

/** A part is written to, and removed, by its name: what stands above it must not lead elsewhere. */
function refuseLinkedParts(parts: string, refusing: Refusing): void {
  for (const run of namesLike(RUN_NAME, parts, refusing)) {
    namesLike(SHARD_NAME, `${parts}/${run}`, refusing);
  }
}

/** Names in a directory that parts may lie under; refused unless they are directories. */
function namesLike(
  pattern: RegExp,
  directory: string,
  { refuse, disk }: Refusing,
): readonly string[] {
  const names = namesIn(directory, disk).filter((name) => pattern.test(name));
  for (const name of names) {
    const stat = disk.look(`${directory}/${name}`);
    if (stat?.isDirectory() === false) refuse("a link or file stands among its parts");
  }
  return names;
}
