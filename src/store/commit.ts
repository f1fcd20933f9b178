// The moment a part becomes a file (I1): its bytes are durable, its mode and times are set, and then
// one rename puts it under its final name. What stood there is replaced whole or not at all.

import type * as fs from "node:fs";
import { toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { Stamp } from "../wire/messages.ts";
import { type Disk, sameModeAndTime, sameStamp, stampOf } from "./disk.ts";
import { osCode, osError } from "../base/os_error.ts";
import type { Door } from "./door.ts";
import { writtenOnce } from "./placement.ts";

/** A whole file to be put in place. */
export interface FileToCommit {
  /** Final relative path. */
  readonly path: string;
  /** Absolute path of its part. */
  readonly part: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly mtimeNs: bigint;
  readonly synced: boolean;
  readonly writeOnce: boolean;
  /** The last look before it replaces anything; throws where it must not. */
  readonly require?: () => void;
}

/** A file that stands there with the right bytes. */
export interface FileToKeep {
  readonly path: string;
  readonly mode: number;
  readonly mtimeNs: bigint;
  /** What it was when it was compared. */
  readonly standing: Stamp;
  /** Its mode and times stay as they are. */
  readonly writeOnce: boolean;
}

export interface Place {
  readonly disk: Disk;
  readonly door: Door;
}

/** Errors with which file systems say that they have no hard links, or not across these two. */
const NO_LINKS: ReadonlySet<string> = new Set([
  "EPERM",
  "ENOTSUP",
  "EOPNOTSUPP",
  "ENOSYS",
  "EMLINK",
]);

type Placed = fs.BigIntStats | undefined;

/** Puts a part under its final name; answers the stamp of what stands there then. */
export function commitFile(file: FileToCommit, { disk, door }: Place): Stamp {
  const { part, sizeBytes, mode, mtimeNs } = file;
  try {
    if (sizeBytes === 0 && disk.look(part) === null) disk.createEmpty(part);
    // A part of another size lost bytes after they were verified.
    // Under a write-once grant nothing mends a mode or time later that a power loss took back.
    const sync = !file.synced || file.writeOnce;
    if (!disk.finish(part, { mode, mtimeNs, sizeBytes, sync })) {
      throw new SftpxError("integrity", `Cannot ${placing(file)}: its part is not whole`);
    }
    const target = door.enter(file.path);
    const placed = moveIn(file, target, disk);
    return stampOf(placed ?? disk.look(target) ?? wentAway(placing(file)));
  } catch (thrown) {
    reopen(part, disk);
    throw osError(thrown, placing(file));
  }
}

/** What was attempted, where it is to be told. */
function placing({ path }: { readonly path: string }): string {
  return `place "${escapeText(path)}"`;
}

/** A part that stays behind may have a mode already that forbids the next attempt to use it. */
function reopen(part: string, disk: Disk): void {
  try {
    if (disk.look(part)?.isFile()) disk.setMode(part, 0o600);
  } catch {
    // The commit's own failure is the one to tell.
  }
}

/** A file that was kept, as it stands now. */
export interface KeptFile {
  readonly stamp: Stamp;
  /** It got another mode or time. */
  readonly changed: boolean;
}

/** Gives a file that is right already its mode and times, if it is still the one compared. */
export function keepFile(file: FileToKeep, { disk, door }: Place): KeptFile {
  const attempted = `keep "${escapeText(file.path)}"`;
  try {
    const stat = door.look(file.path);
    if (stat === null || !sameStamp(stampOf(stat), file.standing)) {
      throw new SftpxError("conflict", `Cannot ${attempted}: it changed during the transfer`);
    }
    const target = door.enter(file.path);
    if (file.writeOnce) {
      disk.syncFile(target);
      return { stamp: stampOf(statAt(target, { disk, attempted })), changed: false };
    }
    // Its bytes may be someone's unsynced write: I1 holds for them too.
    if (!disk.finish(target, { ...finishOf(file, true), sizeBytes: file.standing.sizeBytes })) {
      throw new SftpxError("conflict", `Cannot ${attempted}: it changed during the transfer`);
    }
    // Asked of the disk, not of the manifest: it may round a time, or keep no modes at all.
    const now = statAt(target, { disk, attempted });
    return { stamp: stampOf(now), changed: !sameModeAndTime(stat, now) };
  } catch (thrown) {
    throw osError(thrown, attempted);
  }
}

/** Answers what stands there then, if that is known already. */
function moveIn(file: FileToCommit, target: string, disk: Disk): Placed {
  try {
    return putInPlace(file.part, target, { file, disk });
  } catch (thrown) {
    if (osCode(thrown) !== "EXDEV") throw thrown;
    // A mount point below the root: the bytes go beside the target under a reserved name.
    const beside = besideOf(target);
    try {
      disk.copy(file.part, beside);
      disk.finish(beside, finishOf(file, true));
      const placed = putInPlace(beside, target, { file, disk });
      discard(file.part, disk);
      return placed;
    } catch (thrownBeside) {
      disk.remove(beside);
      throw thrownBeside;
    }
  }
}

function putInPlace(
  from: string,
  target: string,
  { file, disk }: { file: FileToCommit; disk: Disk },
): Placed {
  if (!file.writeOnce) {
    file.require?.();
    return disk.rename(from, target) ?? undefined;
  }
  // A second name, not a rename: the kernel refuses to replace whatever came in between.
  try {
    disk.link(from, target);
  } catch (thrown) {
    if (osCode(thrown) === "EEXIST") throw writtenOnce(file.path);
    if (!NO_LINKS.has(osCode(thrown))) throw thrown;
    if (disk.look(target) !== null) throw writtenOnce(file.path);
    return disk.rename(from, target) ?? undefined;
  }
  discard(from, disk);
  return undefined;
}

/** Removes a part whose file is in place: no failure of the commit, for it is swept in the end. */
function discard(part: string, disk: Disk): void {
  try {
    disk.remove(part);
  } catch {
    // Garbage: its row goes with the commit.
  }
}

/** A name beside a target that no walk, listing or peer ever sees. */
export function besideOf(target: string): string {
  const name = `.sftpx-${toHex(crypto.getRandomValues(new Uint8Array(8)))}`;
  return target.replace(/[^/]*$/, name);
}

function finishOf(file: { mode: number; mtimeNs: bigint; sizeBytes?: number }, sync: boolean) {
  const { mode, mtimeNs, sizeBytes } = file;
  return { mode, mtimeNs, sync, ...(sizeBytes === undefined ? {} : { sizeBytes }) };
}

function statAt(target: string, { disk, attempted }: LookedAt): fs.BigIntStats {
  return disk.look(target) ?? wentAway(attempted);
}

function wentAway(attempted: string): never {
  throw new SftpxError("io", `Cannot ${attempted}: it went away at once`);
}

interface LookedAt {
  readonly disk: Disk;
  readonly attempted: string;
}
