// Where parts lie: `.sftpx/parts/RUN/SHARD/ENTRY`, hexadecimal. A run is one `begin`; its random
// name keeps the parts of two runs apart whatever either forgot, so a journal row can never come
// to mean another run's bytes.

import * as fs from "node:fs";
import { toHex } from "../base/bytes.ts";
import { lookAt } from "./disk.ts";
import { osCode } from "../base/os_error.ts";

/** Entries a directory of parts holds, as a power of two: lookups stay cheap, few directories. */
const SHARD_BITS = 10;
const RUN_BYTES = 8;
/** Some fifty pages of the journal: more than one transaction of it takes. */
const ROOM_BYTES = 256 * 1024;
const PART_NAME = /^[0-9a-f]{16}\/[0-9a-f]{1,8}\/[0-9a-f]{1,8}$/;

/**
 * Whether a name is one that `nameOf` makes. A state somebody planted may name anything, and a
 * name is written to, resumed from and removed.
 */
export function isPartName(name: string): boolean {
  return PART_NAME.test(name);
}

export class PartsRun {
  /** Absolute path of `.sftpx/parts`. */
  readonly #parts: string;
  readonly #run: string;
  readonly #shards = new Set<number>();
  #hasRoom = false;

  constructor(partsDirectory: string) {
    this.#parts = partsDirectory;
    this.#run = toHex(crypto.getRandomValues(new Uint8Array(RUN_BYTES)));
    fs.mkdirSync(`${partsDirectory}/${this.#run}`, { recursive: true, mode: 0o700 });
  }

  /** Name of an entry's part below `.sftpx/parts`; its directory is made. */
  nameOf(entry: number): string {
    const shard = entry >>> SHARD_BITS;
    const name = `${this.#run}/${shard.toString(16)}`;
    if (!this.#shards.has(shard)) {
      fs.mkdirSync(`${this.#parts}/${name}`, { recursive: true, mode: 0o700 });
      this.#shards.add(shard);
    }
    return `${name}/${entry.toString(16)}`;
  }

  /** Absolute path of a part, of this run or an earlier one. */
  pathOf(name: string): string {
    return `${this.#parts}/${name}`;
  }

  /** Absolute path for something short-lived of this run: a link before its rename. */
  get scratch(): string {
    return `${this.#parts}/${this.#run}/scratch`;
  }

  /**
   * Puts some room by, once: when parts have filled the disk, the journal can still say which of their
   * chunks are good. It goes when the run is swept.
   */
  keepRoom(): void {
    if (this.#hasRoom) return;
    this.#hasRoom = true;
    try {
      // Noise: a file system that compresses would keep no room for zeros.
      fs.writeFileSync(this.#room, noise(ROOM_BYTES), { flag: "wx", mode: 0o600 });
    } catch {
      this.giveRoom(); // The disk is full already: the transfer will say so.
    }
  }

  /** Gives back the room that was put by; false when there is none. */
  giveRoom(): boolean {
    if (!this.#hasRoom) return false;
    this.#hasRoom = false;
    fs.rmSync(this.#room, { force: true });
    return true;
  }

  get #room(): string {
    return `${this.#parts}/${this.#run}/room`;
  }

  /** Absolute directories whose names must be durable before a row about this part. */
  directoriesOf(name: string): [shard: string, run: string, parts: string] {
    const [run, shard] = name.split("/");
    return [`${this.#parts}/${run}/${shard}`, `${this.#parts}/${run}`, this.#parts];
  }

  /** Removes this run's parts, but those named in `keep`. */
  sweep(keep: ReadonlySet<string>): void {
    sweepRun(this.#parts, this.#run, keep);
  }

  /** Removes parts of any run by name, and directories that became empty. */
  remove(names: readonly string[]): void {
    for (const name of names) {
      fs.rmSync(this.pathOf(name), { force: true });
      for (const directory of this.directoriesOf(name).slice(0, 2)) {
        if (!removeIfEmpty(directory)) break;
      }
    }
  }
}

/** Removes every part that `keep` does not name. Only for a process that is alone in the state. */
export function sweepParts(partsDirectory: string, keep: ReadonlySet<string>): void {
  for (const run of directoriesIn(partsDirectory)) sweepRun(partsDirectory, run, keep);
}

function sweepRun(partsDirectory: string, run: string, keep: ReadonlySet<string>): void {
  for (const shard of directoriesIn(`${partsDirectory}/${run}`)) {
    const directory = `${partsDirectory}/${run}/${shard}`;
    for (const name of fs.readdirSync(directory)) {
      if (!keep.has(`${run}/${shard}/${name}`)) {
        fs.rmSync(`${directory}/${name}`, { recursive: true, force: true });
      }
    }
    removeIfEmpty(directory);
  }
  removeIfEmpty(`${partsDirectory}/${run}`);
}

/**
 * Real directories in a directory; anything else is removed. A link left by a crash must never be
 * entered: it may lead to a user's files.
 */
function directoriesIn(directory: string): string[] {
  if (!(lookAt(directory)?.isDirectory() ?? false)) return [];
  const names: string[] = [];
  for (const found of fs.readdirSync(directory, { withFileTypes: true })) {
    if (found.isDirectory()) names.push(found.name);
    else fs.rmSync(`${directory}/${found.name}`, { force: true });
  }
  return names;
}

function noise(lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  const most = 64 * 1024; // What one call may ask for.
  for (let at = 0; at < lengthBytes; at += most) {
    crypto.getRandomValues(bytes.subarray(at, at + most));
  }
  return bytes;
}

function removeIfEmpty(directory: string): boolean {
  try {
    fs.rmdirSync(directory);
    return true;
  } catch (thrown) {
    if (["ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR"].includes(osCode(thrown))) return false;
    throw thrown;
  }
}
