// Reads past the page cache (O_DIRECT): what comes back is what the device holds, not what this
// machine's memory remembers of a write. Where it is refused the caller reads as usual.

import * as fs from "node:fs";
import { ALIGNMENT_BYTES, BLOCK_BYTES, DIRECT_NAME, starts } from "./direct.ts";
import { systemCode } from "./files.ts";
import type { Reading } from "./reread.ts";

const { O_DIRECT = 0, O_NOFOLLOW = 0, O_RDONLY } = fs.constants;

/** What of the file system is used; a test brings its own. */
export interface DirectSource {
  /** Opens a file for direct reads; never through a link. */
  open(path: string): number;
  read(fd: number, into: Uint8Array, offsetBytes: number): number;
  close(fd: number): void;
}

const SYSTEM: DirectSource = {
  open: (path) => fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_DIRECT),
  read: (fd, into, offsetBytes) => fs.readSync(fd, into, 0, into.length, offsetBytes),
  close: (fd) => fs.closeSync(fd),
};

/** Reads directly while the system lets it, with one buffer of its own. */
export class DirectReader {
  readonly #source: DirectSource;
  #usable: boolean;
  #buffer = new Uint8Array(0);
  /** Where in the buffer aligned memory begins. */
  #start = 0;

  /** `without` may name it, to leave it out. */
  constructor(
    { source = SYSTEM, without = [] }: {
      readonly source?: DirectSource;
      readonly without?: readonly string[];
    } = {},
  ) {
    this.#source = source;
    this.#usable = (O_DIRECT !== 0 || source !== SYSTEM) && !without.includes(DIRECT_NAME);
  }

  /**
   * Opens a file for reads of at most `chunkBytes`; null where it is to be read as usual. One file at a
   * time: they share the buffer.
   */
  open(path: string, chunkBytes: number): Reading | null {
    if (!this.#usable) return null;
    let fd: number | null = null;
    try {
      fd = this.#source.open(path);
      this.#align(fd, chunkBytes);
    } catch (thrown) {
      if (fd !== null) this.#source.close(fd);
      const code = systemCode(thrown);
      if (code !== "EINVAL" && code !== "EOPNOTSUPP") throw thrown;
      this.#usable = false;
      return null;
    }
    const open = fd;
    return {
      read: (length, offsetBytes) => this.#read(open, length, offsetBytes),
      [Symbol.dispose]: () => this.#source.close(open),
    };
  }

  /** Makes the buffer large enough, and finds out by trying where in it memory is aligned. */
  #align(fd: number, chunkBytes: number): void {
    const neededBytes = chunkBytes + ALIGNMENT_BYTES;
    if (this.#buffer.length >= neededBytes) return;
    const buffer = new Uint8Array(neededBytes);
    let refusal: unknown;
    for (const start of starts()) {
      try {
        this.#source.read(fd, buffer.subarray(start, start + BLOCK_BYTES), 0);
        this.#buffer = buffer;
        this.#start = start;
        return;
      } catch (thrown) {
        refusal = thrown;
        if (systemCode(thrown) !== "EINVAL") break;
      }
    }
    throw refusal;
  }

  /** The device is asked for whole blocks; what lies past `length` is cut off. */
  #read(fd: number, length: number, offsetBytes: number): Uint8Array {
    const wholeBytes = Math.ceil(length / BLOCK_BYTES) * BLOCK_BYTES;
    const into = this.#buffer.subarray(this.#start, this.#start + wholeBytes);
    let done = 0;
    while (done < wholeBytes) {
      const got = this.#source.read(fd, into.subarray(done), offsetBytes + done);
      done += got;
      // What is no whole number of blocks is the end of the file.
      if (got === 0 || done % BLOCK_BYTES !== 0) break;
    }
    return into.subarray(0, Math.min(done, length));
  }
}
