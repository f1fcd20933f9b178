// Large writes past the page cache (O_DIRECT): the bytes go from one buffer that is used again and
// again straight to the device. A cached write touches a fresh page for every 4 KiB instead, which
// cost up to thirty times the processor time where a virtual machine has to be given those pages
// first; and what is received is rarely read again at once. Only a way to write faster: where it is
// refused, the caller writes as usual.

import * as fs from "node:fs";
import { LIMITS } from "../base/limits.ts";
import { isSameOpen, systemCode } from "./files.ts";

/** What leaves it out, and direct reads. */
export const DIRECT_NAME = "direct-io";
/** What every file system with direct writes accepts as unit of offset and length. */
export const BLOCK_BYTES = 4096;
/** Memory must begin at a multiple of this; a device may ask for less. */
export const ALIGNMENT_BYTES = 512;
/** Memory allocators align to this at least. */
const STEP_BYTES = 16;
/** Large allocations are whole pages with a header of 16 bytes: the first guess. */
const LIKELY_START_BYTES = ALIGNMENT_BYTES - STEP_BYTES;
/** Chunks in a row that lay otherwise than is likely, before their own memory is not tried any more. */
const MOST_MISFITS = 8;

const { O_DIRECT = 0, O_NOFOLLOW = 0, O_WRONLY } = fs.constants;

/** What of the file system is used; a test brings its own. */
export interface DirectFiles {
  /** Opens an existing file for direct writes; never through a link. */
  open(path: string): number;
  /** Whether two descriptors are of one file. */
  isSame(one: number, other: number): boolean;
  write(fd: number, bytes: Uint8Array, offsetBytes: number): number;
  close(fd: number): void;
}

const SYSTEM: DirectFiles = {
  open: (path) => fs.openSync(path, O_WRONLY | O_NOFOLLOW | O_DIRECT),
  isSame: (one, other) => isSameOpen(one, fs.fstatSync(other, { bigint: true })),
  write: (fd, bytes, offsetBytes) => fs.writeSync(fd, bytes, 0, bytes.length, offsetBytes),
  close: (fd) => fs.closeSync(fd),
};

/** A file that is open, and where. */
export interface OpenPath {
  readonly path: string;
  readonly fd: number;
}

/** Writes directly while the system takes it, with one buffer of its own. */
export class DirectWriter {
  readonly #files: DirectFiles;
  #usable: boolean;
  #buffer = new Uint8Array(0);
  /** Where in the buffer aligned memory begins; null until a write was accepted. */
  #start: number | null = null;
  #misfits = 0;

  /** `without` may name it, to leave it out. */
  constructor(
    { files = SYSTEM, without = [] }: {
      readonly files?: DirectFiles;
      readonly without?: readonly string[];
    } = {},
  ) {
    this.#files = files;
    this.#usable = (O_DIRECT !== 0 || files !== SYSTEM) && !without.includes(DIRECT_NAME);
  }

  /** Whether such a chunk is worth it and can be written so. */
  suits(bytes: Uint8Array, offsetBytes: number): boolean {
    return this.#usable && bytes.length >= LIMITS.directWriteBytes &&
      bytes.length % BLOCK_BYTES === 0 && offsetBytes % BLOCK_BYTES === 0;
  }

  /**
   * Writes all of `bytes` to a file that is open already; false when the system refuses direct writes
   * here, or its path leads to another file by now (I5), and nothing was promised. Other failures are
   * thrown as they come.
   */
  write({ path, fd: known }: OpenPath, bytes: Uint8Array, offsetBytes: number): boolean {
    let fd: number;
    try {
      fd = this.#files.open(path);
    } catch (thrown) {
      return this.#refused(thrown);
    }
    try {
      if (!this.#files.isSame(fd, known)) return false;
      return this.#writeInPlace(fd, bytes, offsetBytes) ||
        this.#writeAligned(fd, bytes, offsetBytes);
    } finally {
      this.#files.close(fd);
    }
  }

  /** From the chunk's own memory, where that is likely to be aligned: a copy costs as much as its hash. */
  #writeInPlace(fd: number, bytes: Uint8Array, offsetBytes: number): boolean {
    const isLikely = bytes.byteOffset % ALIGNMENT_BYTES === LIKELY_START_BYTES;
    if (!isLikely || this.#misfits >= MOST_MISFITS) return false;
    try {
      this.#writeAll(fd, bytes, offsetBytes);
      this.#misfits = 0;
      return true;
    } catch (thrown) {
      if (systemCode(thrown) !== "EINVAL") throw thrown;
      this.#misfits++;
      return false;
    }
  }

  #writeAligned(fd: number, bytes: Uint8Array, offsetBytes: number): boolean {
    if (this.#buffer.length < bytes.length + ALIGNMENT_BYTES) {
      this.#buffer = new Uint8Array(bytes.length + ALIGNMENT_BYTES);
      this.#start = null;
    }
    for (const start of this.#start === null ? starts() : [this.#start]) {
      const aligned = this.#buffer.subarray(start, start + bytes.length);
      aligned.set(bytes);
      try {
        this.#writeAll(fd, aligned, offsetBytes);
        this.#start = start;
        return true;
      } catch (thrown) {
        if (systemCode(thrown) !== "EINVAL") throw thrown;
      }
    }
    this.#usable = false;
    return false;
  }

  #writeAll(fd: number, bytes: Uint8Array, offsetBytes: number): void {
    for (let done = 0; done < bytes.length;) {
      done += this.#files.write(fd, bytes.subarray(done), offsetBytes + done);
    }
  }

  /** Refusals are for good: a root's file system does not change its mind. */
  #refused(thrown: unknown): false {
    const code = systemCode(thrown);
    if (code !== "EINVAL" && code !== "EOPNOTSUPP") throw thrown;
    this.#usable = false;
    return false;
  }
}

/** Where to put what begins with `headBytes`, in a large buffer, so that the rest is likely to be aligned. */
export function offsetForDirect(headBytes: number): number {
  const past = (headBytes - LIKELY_START_BYTES) % ALIGNMENT_BYTES;
  return past > 0 ? ALIGNMENT_BYTES - past : -past;
}

/** Where aligned memory may begin in a buffer whose address is not known, likeliest first. */
export function* starts(): Generator<number> {
  yield LIKELY_START_BYTES;
  for (let start = 0; start < LIKELY_START_BYTES; start += STEP_BYTES) yield start;
}
