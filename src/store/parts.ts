// Where parts lie: `.sftpx/parts/RUN/SHARD/ENTRY`, hexadecimal. A run is one `begin`; its random
// name keeps the parts of two runs apart whatever either forgot, so a journal row can never come
// to mean another run's bytes.

import { dirname } from "node:path";
import { toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { DISK, type Disk } from "./disk.ts";
import { partNameOf, PartPaths, shardOf } from "./part_paths.ts";
import { type KeptParts, sweepRun } from "./part_runs.ts";
import { allOf, type Steps } from "./steps.ts";

const RUN_BYTES = 8;
/** Some fifty pages of the journal: more than one transaction of it takes. */
const ROOM_BYTES = 256 * 1024;

export class PartsRun {
  /** Absolute path of `.sftpx/parts`. */
  readonly #parts: string;
  readonly #run: string;
  readonly #disk: Disk;
  readonly #paths: PartPaths;
  /** Directories made, by what they are called below `.sftpx/parts`. */
  readonly #made = new Set<string>();
  /** Shards of earlier runs whose parts were asked for: they may be empty in the end. */
  readonly #earlier = new Set<string>();
  #hasRoom = false;

  /** Makes nothing yet: a transfer that ends before its first part leaves nothing behind. */
  constructor(partsDirectory: string, disk: Disk = DISK) {
    this.#parts = partsDirectory;
    this.#disk = disk;
    this.#paths = new PartPaths(partsDirectory, disk);
    this.#run = toHex(crypto.getRandomValues(new Uint8Array(RUN_BYTES)));
  }

  /** Drops what was seen of parts' directories: for the start of each call. */
  forget(): void {
    this.#paths.forget();
  }

  /** Name of an entry's part below `.sftpx/parts`; its directory is made. */
  nameOf(entry: number): string {
    this.#make(shardOf(this.#run, entry));
    return this.nameFor(entry);
  }

  /** The same, and nothing is made. */
  nameFor(entry: number): string {
    return partNameOf(this.#run, entry);
  }

  /** Absolute path of a part, of this run or an earlier one. */
  pathOf(name: string): string {
    const path = this.find(name);
    if (path !== null) return path;
    throw new SftpxError("conflict", `Cannot use part "${name}": what it lies in is no directory`);
  }

  /** As `pathOf`; null where what is said of the part is not to be believed. */
  find(name: string): string | null {
    if (!name.startsWith(this.#run)) this.#earlier.add(name.slice(0, name.lastIndexOf("/")));
    return this.#paths.find(name);
  }

  /** Gives a part another size. */
  resize(name: string, sizeBytes: number): void {
    this.#disk.resize(this.pathOf(name), sizeBytes);
  }

  /** Absolute directory of this run. */
  get directory(): string {
    return `${this.#parts}/${this.#run}`;
  }

  /** Absolute path for something short-lived of this run: a link before its rename. */
  get scratch(): string {
    this.#make(this.#run);
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
      this.#make(this.#run);
      // Noise: a file system that compresses would keep no room for zeros.
      this.#disk.write(this.#room, noise(ROOM_BYTES));
    } catch {
      this.giveRoom(); // The disk is full already: the transfer will say so.
    }
  }

  /** Gives back the room that was put by; false when there is none. */
  giveRoom(): boolean {
    if (!this.#hasRoom) return false;
    this.#hasRoom = false;
    this.#disk.remove(this.#room);
    return true;
  }

  get #room(): string {
    return `${this.#parts}/${this.#run}/room`;
  }

  /** Absolute directories whose names must be durable before a row about this part. */
  directoriesOf(name: string): [shard: string, run: string, parts: string, state: string] {
    const [run, shard] = name.split("/");
    const path = `${this.#parts}/${run}`;
    // The state's own name need not be: without it there is no journal either.
    return [`${path}/${shard}`, path, this.#parts, dirname(this.#parts)];
  }

  /** Removes this run's parts, but those that `keep` has by name, and what earlier ones left empty. */
  sweep(keep: KeptParts): void {
    allOf(this.sweeping(keep));
  }

  /** The same in steps: a peer decides how many there are. */
  *sweeping(keep: KeptParts): Steps<void> {
    yield* sweepRun(this.#run, { partsDirectory: this.#parts, keep, disk: this.#disk });
    this.#made.clear();
    this.#paths.forget();
    for (const shard of this.#earlier) {
      this.#paths.removeEmpty(shard);
      if (yield) this.#paths.forget();
    }
    this.#earlier.clear();
  }

  /** Removes parts of any run by name, and directories that became empty. */
  remove(names: readonly string[]): void {
    for (const name of names) this.#paths.remove(name);
    const shards = new Set(names.map((name) => name.slice(0, name.lastIndexOf("/"))));
    for (const shard of shards) this.#paths.removeEmpty(shard);
    this.#made.clear();
  }

  /** Makes a run or shard, and `parts` itself, where they are not made yet. */
  #make(directory: string): void {
    if (this.#made.has(directory)) return;
    this.#disk.makeDirectory(`${this.#parts}/${directory}`, { recursive: true, mode: 0o700 });
    this.#made.add(directory);
    this.#paths.forget();
  }
}

function noise(lengthBytes: number): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  const most = 64 * 1024; // What one call may ask for.
  for (let at = 0; at < lengthBytes; at += most) {
    crypto.getRandomValues(bytes.subarray(at, at + most));
  }
  return bytes;
}
