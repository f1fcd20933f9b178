// Chunk digests of files that stand on this machine: each read once, one chunk in memory, and thrown
// away when it is not the file that the store saw, or changed meanwhile.

import { closeSync, fstatSync } from "node:fs";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { readWhole } from "../runtime/whole_io.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { Codecs } from "./codecs.ts";
import { openToRead, readError, sameStamp, sourceChanged, stampIn, stampOf } from "./files.ts";
import type { Digested, DigestJob, FileDigests, FileToDigest } from "./messages.ts";

/** Hashes files one after the other, with memory it keeps. */
export class Digester {
  readonly #codecs: Codecs;
  #chunk = new Uint8Array(0);

  constructor(codecs: Codecs) {
    this.#codecs = codecs;
  }

  /** Hashes the files of a job; a failure is part of the reply, and the others go on. */
  digest({ job, files, chunkBytes }: DigestJob): Digested {
    return { kind: "digested", job, files: files.map((file) => this.#file(file, chunkBytes)) };
  }

  #file(file: FileToDigest, chunkBytes: number): FileDigests {
    try {
      return { digests: this.#read(file, chunkBytes), failure: null };
    } catch (thrown) {
      const { code, message } = readError(thrown, file.path);
      return { digests: null, failure: { code, message } };
    }
  }

  #read({ path, stamp, range }: FileToDigest, chunkBytes: number): Uint8Array {
    const fd = openToRead(path);
    try {
      // A path may lead out of the root by now: digests are told to the peer (I5).
      const found = fstatSync(fd, { bigint: true });
      if (!found.isFile() || !sameStamp(stampIn(found), stamp)) throw sourceChanged(path);
      const { sizeBytes } = stamp;
      const chunks = Math.ceil(sizeBytes / chunkBytes);
      if (chunks > LIMITS.chunksPerFile) {
        throw new SftpxError("limit", `Cannot read file: it has ${chunks} chunks`);
      }
      const [first, count] = range ?? [0, chunks];
      const digests = this.#hash(fd, { sizeBytes, chunkBytes, path, first, count });
      if (!sameStamp(stampOf(fd), stamp)) throw sourceChanged(path);
      return digests;
    } finally {
      closeSync(fd);
    }
  }

  #hash(
    fd: number,
    { sizeBytes, chunkBytes, path, first, count }: {
      readonly sizeBytes: number;
      readonly chunkBytes: number;
      readonly path: string;
      readonly first: number;
      readonly count: number;
    },
  ): Uint8Array {
    if (this.#chunk.length < chunkBytes) this.#chunk = new Uint8Array(chunkBytes);
    const digests = new Uint8Array(count * DIGEST_BYTES);
    for (let chunk = 0; chunk < count; chunk++) {
      const at = (first + chunk) * chunkBytes;
      const bytes = this.#chunk.subarray(0, Math.min(chunkBytes, sizeBytes - at));
      if (readWhole(fd, bytes, at) < bytes.length) throw sourceChanged(path);
      digests.set(this.#codecs.hash.digest(bytes), chunk * DIGEST_BYTES);
    }
    return digests;
  }
}
