// Directories that are open to their owner for as long as what is in them is removed. Each is noted in the
// state before: what a kill leaves open is closed by whoever is alone in the state next. Of a note no more
// is believed than that the owner may do less in a directory of this path and inode.

import type { BigIntStats } from "node:fs";
import { encodeUtf8, toHex } from "../base/bytes.ts";
import type { Disk } from "./disk.ts";
import { Door } from "./door.ts";
import { linesOf } from "./part_names.ts";
import { OWNER_ALL } from "./tree.ts";

/** Notes of one transfer. */
const NOTES_NAME = /^opened-[0-9a-f]{16}$/;
const NAME_BYTES = 8;
const MODE_BITS = 0o7777n;

/** A directory that is about to be opened up. */
export interface Opening {
  /** Path below the root. */
  readonly final: string;
  /** As it stands, and is to be again. */
  readonly stat: BigIntStats;
}

export class OpenedUp {
  readonly #path: string;
  readonly #disk: Disk;
  #isBegun = false;

  /** `state` is the absolute path of `.sftpx`; nothing is made before the first note. */
  constructor(state: string, disk: Disk) {
    const name = toHex(crypto.getRandomValues(new Uint8Array(NAME_BYTES)));
    this.#path = `${state}/opened-${name}`;
    this.#disk = disk;
  }

  /** To be called before; those above it were noted before it. */
  note({ final, stat }: Opening): void {
    const values = [final, Number(stat.mode & MODE_BITS), `${stat.dev}`, `${stat.ino}`];
    this.#isBegun = true;
    try {
      // On a line of its own, also behind one that was cut off.
      this.#disk.append(this.#path, encodeUtf8(`\n${JSON.stringify(values)}\n`));
    } catch {
      // A full disk is no reason not to remove: it is missed after a kill only.
    }
  }

  /** All are closed again, or gone. */
  discard(): void {
    if (!this.#isBegun) return;
    this.#isBegun = false;
    try {
      this.#disk.remove(this.#path);
    } catch {
      // Nothing it says is so any more.
    }
  }
}

/** Closes what killed processes left open; only for one who is alone in the state of a root. */
export function closeLeftOpen(state: string, { root, disk }: {
  readonly root: string;
  readonly disk: Disk;
}): void {
  const door = new Door(root, { disk });
  for (const { name } of disk.list(state)) {
    const notes = `${state}/${name}`;
    if (!NOTES_NAME.test(name) || !disk.look(notes)?.isFile()) continue;
    for (const opened of openAtEnd(notes)) close(opened, { door, disk });
    disk.remove(notes);
  }
}

interface Noted {
  readonly final: string;
  readonly mode: number;
  readonly device: bigint;
  readonly inode: bigint;
}

/**
 * What can be open still, the deepest first: it was gone through from above, so whatever does not lie above
 * the last one was closed before. No more is held than a path is deep (I8).
 */
function openAtEnd(notes: string): Noted[] {
  const open: Noted[] = [];
  for (const line of linesOf(notes)) {
    const noted = notedOf(line);
    if (noted === null) continue;
    while (open.length > 0 && !noted.final.startsWith(`${open.at(-1)!.final}/`)) open.pop();
    open.push(noted);
  }
  return open.reverse();
}

function notedOf(line: string): Noted | null {
  const value = jsonOf(line);
  if (!Array.isArray(value) || value.length !== 4) return null;
  const [final, mode, device, inode] = value as unknown[];
  if (typeof final !== "string") return null;
  if (!Number.isSafeInteger(mode) || Number(mode) < 0 || Number(mode) > MODE_BITS) return null;
  if (!isNumber(device) || !isNumber(inode)) return null;
  return { final, mode: Number(mode), device: BigInt(device), inode: BigInt(inode) };
}

function isNumber(value: unknown): value is string {
  return typeof value === "string" && /^\d{1,20}$/.test(value);
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

function close(
  { final, mode, device, inode }: Noted,
  { door, disk }: { readonly door: Door; readonly disk: Disk },
): void {
  try {
    const stat = door.look(final);
    if (stat === null || !stat.isDirectory() || stat.dev !== device || stat.ino !== inode) return;
    // Somebody else gave it another mode since: that one holds.
    if (Number(stat.mode & MODE_BITS) === (mode | OWNER_ALL)) {
      disk.setMode(door.standing(final), mode);
    }
  } catch {
    // It stays as it is: nobody but its owner may do more there.
  }
}
