// Reads whole parts again before they are committed (`--paranoid`): made durable first, then read past
// the page cache where the system lets us, so that what counts is what the device holds. One chunk in
// memory at a time. A file that cannot be read whole is answered with nothing; why is no peer's matter.

import { closeSync, fdatasyncSync, fstatSync } from "node:fs";
import { readWhole } from "../runtime/whole_io.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { Codecs } from "./codecs.ts";
import { DirectReader } from "./direct_read.ts";
import { openToRead } from "./files.ts";
import type { FileToReread, Reread, RereadJob } from "./messages.ts";

/** Reads files one after the other, with memory it keeps. */
export class Rereader {
  readonly #codecs: Codecs;
  readonly #direct: DirectReader;
  #chunk = new Uint8Array(0);

  constructor(codecs: Codecs, { direct = new DirectReader() }: { direct?: DirectReader } = {}) {
    this.#codecs = codecs;
    this.#direct = direct;
  }

  /** Reads every file of a job; each is answered as soon as it is read. */
  reread({ job, files, chunkBytes }: RereadJob, post: (reply: Reread) => void): void {
    for (const file of files) {
      const digests = this.#digestsOf(file, chunkBytes);
      post({ kind: "reread", job, entry: file.entry, digests });
    }
  }

  #digestsOf(file: FileToReread, chunkBytes: number): Uint8Array | null {
    try {
      this.#settle(file);
      using reading = this.#open(file.path, chunkBytes);
      const chunks = Math.ceil(file.sizeBytes / chunkBytes);
      const digests = new Uint8Array(chunks * DIGEST_BYTES);
      for (let chunk = 0; chunk < chunks; chunk++) {
        const at = chunk * chunkBytes;
        const length = Math.min(chunkBytes, file.sizeBytes - at);
        const bytes = reading.read(length, at);
        if (bytes.length < length) return null;
        digests.set(this.#codecs.hash.digest(bytes), chunk * DIGEST_BYTES);
      }
      return digests;
    } catch {
      return null; // Gone, swapped, or not to be read: it is not what was written.
    }
  }

  /** Throws unless it is a regular file of its size, whose bytes are on the device then. */
  #settle({ path, sizeBytes }: FileToReread): void {
    const fd = openToRead(path);
    try {
      const stat = fstatSync(fd);
      if (!stat.isFile() || stat.size !== sizeBytes) throw new RangeError("another file");
      fdatasyncSync(fd);
    } finally {
      closeSync(fd);
    }
  }

  #open(path: string, chunkBytes: number): Reading {
    const direct = this.#direct.open(path, chunkBytes);
    if (direct !== null) return direct;
    if (this.#chunk.length < chunkBytes) this.#chunk = new Uint8Array(chunkBytes);
    const fd = openToRead(path);
    return {
      read: (length, at) => {
        const bytes = this.#chunk.subarray(0, length);
        return bytes.subarray(0, readWhole(fd, bytes, at));
      },
      [Symbol.dispose]: () => closeSync(fd),
    };
  }
}

/** A file that is being read. What `read` answers is valid until its next call. */
export interface Reading extends Disposable {
  /** Fewer bytes than asked for only at the file's end. */
  read(length: number, offsetBytes: number): Uint8Array;
}
