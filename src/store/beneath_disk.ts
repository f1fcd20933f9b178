// The disk of a root that is held open: every call is confined by the kernel (I5), so that neither a peer
// nor a user of this machine who swaps a directory for a link meanwhile leads it out. Where there is no
// such door, `checked_disk.ts` does what paths alone allow.

import type * as fs from "node:fs";
import { utf8Bytes } from "../base/bytes.ts";
import { osCode } from "../base/os_error.ts";
import type { Beneath } from "../runtime/beneath.ts";
import {
  type Disk,
  type Finish,
  type Listed,
  type MakeDirectory,
  timeToSet,
  type WholeSync,
} from "./disk.ts";
import { tellsOfFailures, tellsOfNames, wholeSyncOf } from "./whole_sync.ts";

const DIRECTORY_MODE = 0o777;
const PROBE_MODE = 0o600;
/** Bytes of a path that Linux takes, with the NUL at its end. */
const PATH_MAX = 4096;

export class BeneathDisk implements Disk {
  readonly #beneath: Beneath;
  readonly #root: string;
  /** What stands before what is below it. */
  readonly #prefix: string;

  /** `root` is the real path of what is held. */
  constructor(root: string, beneath: Beneath) {
    this.#root = root;
    this.#prefix = root.endsWith("/") ? root : `${root}/`;
    this.#beneath = beneath;
  }

  forget(): void {
    this.#beneath.forget();
  }

  look(path: string): fs.BigIntStats | null {
    return this.#beneath.look(this.#below(path));
  }

  list(path: string): readonly Listed[] {
    return this.#beneath.list(this.#below(path));
  }

  readLink(path: string): string {
    return this.#beneath.readLink(this.#below(path));
  }

  syncFile(path: string): void {
    this.#beneath.use(this.#below(path), "read", (file) => file.sync({ data: true }));
  }

  holdWhole(directory: string): WholeSync | null {
    if (!tellsOfFailures(directory)) return null;
    const held = this.#beneath.holdWhole(this.#below(directory));
    return wholeSyncOf(held, { namesOn: tellsOfNames() ? held.device : null });
  }

  syncDirectory(path: string): void {
    this.#beneath.use(this.#below(path), "directory", (file) => file.sync({ data: false }));
  }

  finish(path: string, finish: Finish): boolean {
    return this.#beneath.use(this.#below(path), "read", (file) => {
      if (finish.sizeBytes !== undefined && !file.isFileOf(finish.sizeBytes)) return false;
      file.setTime(timeToSet(finish.mtimeNs));
      file.setMode(finish.mode);
      if (finish.sync) file.sync({ data: false });
      return true;
    });
  }

  createEmpty(path: string): void {
    this.#beneath.use(this.#below(path), "create", () => {});
  }

  write(path: string, bytes: Uint8Array): void {
    this.#beneath.use(this.#below(path), "create", (file) => file.write(bytes));
  }

  append(path: string, bytes: Uint8Array): void {
    this.#beneath.use(this.#below(path), "append", (file) => file.write(bytes));
  }

  resize(path: string, sizeBytes: number): void {
    this.#beneath.use(this.#below(path), "write", (file) => file.resize(sizeBytes));
  }

  probe(path: string, mode = PROBE_MODE): fs.BigIntStats {
    const below = this.#below(path);
    try {
      return this.#beneath.use(below, { createMode: mode }, (file) => file.look());
    } finally {
      this.remove(path);
    }
  }

  copy(from: string, to: string): void {
    const target = this.#below(to);
    this.#beneath.use(this.#below(from), "read", (source) => {
      this.#beneath.use(target, "create", (file) => file.copyFrom(source));
    });
  }

  rename(from: string, to: string): void {
    this.#beneath.rename(this.#below(from), this.#below(to));
  }

  link(from: string, to: string): void {
    this.#beneath.link(this.#below(from), this.#below(to));
  }

  symlink(target: string, path: string): void {
    this.#beneath.symlink(target, this.#below(path));
  }

  makeDirectory(path: string, { mode = DIRECTORY_MODE, recursive }: MakeDirectory = {}): void {
    const below = this.#below(path);
    if (!recursive) return this.#beneath.makeDirectory(below, mode);
    for (let end = below.indexOf("/"); end >= 0; end = below.indexOf("/", end + 1)) {
      this.#makeUnlessThere(below.slice(0, end), mode);
    }
    this.#makeUnlessThere(below, mode);
  }

  setMode(path: string, mode: number): void {
    this.#beneath.setMode(this.#below(path), mode);
  }

  setTime(path: string, mtimeNs: bigint): void {
    this.#beneath.setTime(this.#below(path), timeToSet(mtimeNs));
  }

  remove(path: string): void {
    unlessAbsent(() => this.#beneath.remove(this.#below(path)));
  }

  removeDirectory(path: string): void {
    this.#beneath.removeDirectory(this.#below(path));
  }

  removeTree(path: string): void {
    unlessAbsent(() => this.#removeTree(this.#below(path)));
  }

  /** Down by the whole path each time: a directory that became a link meanwhile is removed itself. */
  #removeTree(below: string): void {
    if (this.#beneath.look(below)?.isDirectory() !== true) return this.#beneath.remove(below);
    for (const { name } of this.#beneath.list(below)) {
      unlessAbsent(() => this.#removeTree(`${below}/${name}`));
    }
    this.#beneath.removeDirectory(below);
  }

  #makeUnlessThere(below: string, mode: number): void {
    try {
      this.#beneath.makeDirectory(below, mode);
    } catch (thrown) {
      const isThere = osCode(thrown) === "EEXIST" && this.#beneath.look(below)?.isDirectory();
      if (isThere !== true) throw thrown;
    }
  }

  /** What of a path lies below the root; nothing else goes through this disk. */
  #below(path: string): string {
    if (path === this.#root) return "";
    // The kernel would take it, for it sees what is below; everybody else needs the whole path.
    if (path.length * 3 >= PATH_MAX && utf8Bytes(path) >= PATH_MAX) {
      throw Object.assign(new Error("ENAMETOOLONG: a path too long"), { code: "ENAMETOOLONG" });
    }
    if (path.startsWith(this.#prefix)) {
      const below = path.slice(this.#prefix.length);
      return below.startsWith("/") ? below.replace(/^\/+/, "") : below;
    }
    throw new RangeError(`Cannot use "${path}": it is not below the root`);
  }
}

function unlessAbsent(remove: () => void): void {
  try {
    remove();
  } catch (thrown) {
    if (osCode(thrown) !== "ENOENT") throw thrown;
  }
}
