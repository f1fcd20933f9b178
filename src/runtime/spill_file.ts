// Files without a name, for what does not fit into memory: gone with the process, whatever becomes of it. Only
// where the runtime may write there, in the directory that TMPDIR names or in one of the system's; what cannot
// be written is said, and costs memory only.

import * as fs from "node:fs";
import { join } from "node:path";
import { toHex } from "../base/bytes.ts";
import type { SpillFile } from "../base/spill.ts";
import { mayReadBelow, mayWriteBelow } from "./place_permission.ts";
import { env } from "./runtime.ts";

/** One that somebody else could have made before is not used. */
const FLAGS = fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL;
const OWNER_ONLY = 0o600;
/** The first one is on a disk. */
const DIRECTORIES = ["/var/tmp", "/tmp"];

/** The files of one transfer; they go with it. */
export class SpillFiles implements Disposable {
  readonly #directories: readonly string[];
  readonly #open: number[] = [];
  #isEnded = false;

  /** They are made in the first of `directories` that takes them. */
  constructor(directories: readonly string[] = usualDirectories()) {
    this.#directories = directories;
  }

  /** A new one; null where none can be made. */
  readonly make = (): SpillFile | null => {
    if (this.#isEnded) return null;
    for (const directory of this.#directories) {
      const fd = openIn(directory);
      if (fd === null) continue;
      this.#open.push(fd);
      return spillFile(fd);
    }
    return null;
  };

  [Symbol.dispose](): void {
    this.#isEnded = true;
    for (const fd of this.#open.splice(0)) fs.closeSync(fd);
  }
}

function usualDirectories(): readonly string[] {
  const chosen = env("TMPDIR") ?? "";
  return chosen === "" ? DIRECTORIES : [chosen];
}

function openIn(directory: string): number | null {
  if (!mayReadBelow(directory) || !mayWriteBelow(directory)) return null;
  const name = `sftpx-${toHex(crypto.getRandomValues(new Uint8Array(16)))}`;
  const path = join(directory, name);
  let fd: number;
  try {
    fd = fs.openSync(path, FLAGS, OWNER_ONLY);
  } catch {
    return null;
  }
  try {
    fs.unlinkSync(path);
    return fd;
  } catch {
    fs.closeSync(fd);
    return null;
  }
}

function spillFile(fd: number): SpillFile {
  return {
    write: (bytes, at) => {
      try {
        for (let done = 0; done < bytes.byteLength;) {
          done += fs.writeSync(fd, bytes, done, bytes.byteLength - done, at + done);
        }
        return true;
      } catch {
        return false;
      }
    },
    read: (into, at) => {
      let done = 0;
      while (done < into.byteLength) {
        const got = fs.readSync(fd, into, done, into.byteLength - done, at + done);
        if (got === 0) break;
        done += got;
      }
      return done;
    },
  };
}
