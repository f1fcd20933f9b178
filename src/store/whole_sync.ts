// Whether a file system may be synced as a whole, so that a thousand small files are durable after one
// call. It must tell when something was not written (I2): Linux does since 5.8, for file systems that
// write through the page cache of a device of their own. Everywhere else each file is synced by itself.

import * as fs from "node:fs";
import { release } from "node:os";
import type { HeldWhole } from "../runtime/beneath.ts";
import type { WholeSync } from "./disk.ts";

type Version = readonly [major: number, minor: number];

/** `statfs` types: ext2 to ext4, XFS, Btrfs, and memory, where there is nothing to lose. */
const TELLING: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e, 0x01021994]);
/** The first Linux whose `syncfs` tells of failed writes. */
const FIRST_TELLING: Version = [5, 8];
/**
 * The first that hands on, too, what a file system's own sync says of its journal, and so of names. One
 * that was set read-only by then says nothing: see name_sync.ts.
 */
const FIRST_TELLING_OF_NAMES: Version = [5, 17];
/** Fewer files are synced by themselves: others' unwritten bytes are written with theirs. */
const FEWEST = 8;
/** After a call that took so long, others write much here: then it has to be worth more. */
const SLOW_MS = 1000;
const FEWEST_WHERE_SLOW = 256;

/** Whether failures of a directory's file system are told; false where nobody may ask. */
export function tellsOfFailures(directory: string, { kernel = release() } = {}): boolean {
  if (!isFrom(kernel, FIRST_TELLING)) return false;
  try {
    return TELLING.has(fs.statfsSync(directory).type >>> 0);
  } catch {
    return false;
  }
}

/** Whether it is told, too, when names were not written. */
export function tellsOfNames({ kernel = release() } = {}): boolean {
  return isFrom(kernel, FIRST_TELLING_OF_NAMES);
}

function isFrom(kernel: string, [firstMajor, firstMinor]: Version): boolean {
  const [major = 0, minor = 0] = kernel.split(".", 2).map(Number);
  return major > firstMajor || (major === firstMajor && minor >= firstMinor);
}

/** What is held, as a store uses it. */
export function wholeSyncOf(
  held: HeldWhole,
  { namesOn, nowMs = () => performance.now() }: {
    /** Device of which it is told when names were not written; null for none. */
    readonly namesOn: bigint | null;
    readonly nowMs?: () => number;
  },
) {
  let fewest = FEWEST;
  return {
    namesOn,
    get fewest() {
      return fewest;
    },
    sync() {
      const startMs = nowMs();
      held.sync();
      fewest = nowMs() - startMs < SLOW_MS ? FEWEST : FEWEST_WHERE_SLOW;
    },
    [Symbol.dispose]: () => held[Symbol.dispose](),
  } satisfies WholeSync;
}
