// Chunk digests of a file that stands on this machine: read once, one chunk in memory, and thrown
// away when it is not the file that the store saw, or changed meanwhile.

import { closeSync, fstatSync } from "node:fs";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { Codecs } from "./codecs.ts";
import { openToRead, readError, readWhole, sameStamp, sourceChanged, stampOf } from "./files.ts";
import type { Digested, DigestJob } from "./messages.ts";

/** Hashes files one after the other, with memory it keeps. */
export class Digester {
  readonly #codecs: Codecs;
  #chunk = new Uint8Array(0);

  constructor(codecs: Codecs) {
    this.#codecs = codecs;
  }

  /** Hashes one file; a failure is part of the reply. */
  digest(job: DigestJob): Digested {
    try {
      return { kind: "digested", job: job.job, failure: null, ...this.#read(job) };
    } catch (thrown) {
      const { code, message } = readError(thrown, job.path);
      const failure = { code, message };
      return { kind: "digested", job: job.job, digests: null, sizeBytes: 0, failure };
    }
  }

  #read({ path, stamp, chunkBytes }: DigestJob): { digests: Uint8Array; sizeBytes: number } {
    const fd = openToRead(path);
    try {
      // A path may lead out of the root by now: digests are told to the peer (I5).
      if (!fstatSync(fd).isFile() || !sameStamp(stampOf(fd), stamp)) throw sourceChanged(path);
      const { sizeBytes } = stamp;
      const digests = this.#hash(fd, { sizeBytes, chunkBytes, path });
      if (!sameStamp(stampOf(fd), stamp)) throw sourceChanged(path);
      return { digests, sizeBytes };
    } finally {
      closeSync(fd);
    }
  }

  #hash(fd: number, file: { sizeBytes: number; chunkBytes: number; path: string }): Uint8Array {
    const { sizeBytes, chunkBytes, path } = file;
    const chunks = Math.ceil(sizeBytes / chunkBytes);
    if (chunks > LIMITS.chunksPerFile) {
      throw new SftpxError("limit", `Cannot read file: it has ${chunks} chunks`);
    }
    if (this.#chunk.length < chunkBytes) this.#chunk = new Uint8Array(chunkBytes);
    const digests = new Uint8Array(chunks * DIGEST_BYTES);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const at = chunk * chunkBytes;
      const bytes = this.#chunk.subarray(0, Math.min(chunkBytes, sizeBytes - at));
      if (readWhole(fd, bytes, at) < bytes.length) throw sourceChanged(path);
      digests.set(this.#codecs.hash.digest(bytes), chunk * DIGEST_BYTES);
    }
    return digests;
  }
}
