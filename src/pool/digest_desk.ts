// Hashing many standing files by all workers at once: a large file is cut into ranges of chunks that
// several workers take, small ones go many a job, since a job costs a message each way. Promises that
// a file's answer is whole or null, and that it holds no more than a few jobs a worker ahead, however
// large the file is (I8).

import { LIMITS } from "../base/limits.ts";
import { DIGEST_BYTES } from "../wire/frame.ts";
import type { FileDigests, FileToDigest, StandingFile } from "./messages.ts";
import type { ChunkPool } from "./pool.ts";

/** What one job reads, where that is a chunk or more: work beside which its messages cost little. */
const JOB_BYTES = { least: 16 << 20, most: 64 << 20 };
/** Files of one job at most. */
const JOB_FILES = 64;
/** Ranges of one file that are at the pool at once, for each worker. */
const RANGES_PER_WORKER = 2;

export interface DigestDeskOptions {
  readonly pool: Pick<ChunkPool, "run" | "count">;
  readonly chunkBytes: number;
  readonly signal?: AbortSignal;
}

/** A file that waits for others to share a job with. */
interface Waiting {
  readonly file: StandingFile;
  readonly resolve: (digests: FileDigests) => void;
  readonly reject: (reason: unknown) => void;
}

export class DigestDesk {
  readonly #options: DigestDeskOptions;
  #waiting: Waiting[] = [];

  constructor(options: DigestDeskOptions) {
    this.#options = options;
  }

  /** Digests of one file. Rejects with the signal's reason, or with what became of the pool. */
  digest(file: StandingFile): Promise<FileDigests> {
    const { chunkBytes } = this.#options;
    if (file.stamp.sizeBytes > Math.max(JOB_BYTES.least, chunkBytes)) return this.#large(file);
    return new Promise((resolve, reject) => {
      // Whoever asks, asks for many in one go: they leave together.
      if (this.#waiting.length === 0) queueMicrotask(() => this.#flush());
      this.#waiting.push({ file, resolve, reject });
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    const share = Math.ceil(waiting.length / (RANGES_PER_WORKER * this.#options.pool.count));
    for (const some of jobsOf(waiting, Math.min(JOB_FILES, share))) {
      this.#run(some.map(({ file }) => file)).then(
        (digests) => some.forEach(({ resolve }, index) => resolve(digests[index] ?? NOTHING)),
        (reason) => some.forEach(({ reject }) => reject(reason)),
      );
    }
  }

  async #large(file: StandingFile): Promise<FileDigests> {
    const { chunkBytes, pool } = this.#options;
    const chunks = Math.ceil(file.stamp.sizeBytes / chunkBytes);
    // One job, which refuses it unread.
    if (chunks > LIMITS.chunksPerFile) return (await this.#run([file]))[0] ?? NOTHING;
    // Small enough that all workers have some of it.
    const share = Math.ceil(file.stamp.sizeBytes / (RANGES_PER_WORKER * pool.count));
    const jobBytes = Math.min(Math.max(share, JOB_BYTES.least), JOB_BYTES.most);
    const step = Math.max(1, Math.floor(jobBytes / chunkBytes));
    const digests = new Uint8Array(chunks * DIGEST_BYTES);
    let next = 0;
    let failed: FileDigests | null = null;
    const takeRanges = async () => {
      while (next < chunks && failed === null) {
        const first = next;
        const count = Math.min(step, chunks - first);
        next += count;
        const [part = NOTHING] = await this.#run([{ ...file, range: [first, count] }]);
        if (part.digests?.byteLength === count * DIGEST_BYTES) {
          digests.set(part.digests, first * DIGEST_BYTES);
        } else failed ??= { digests: null, failure: part.failure };
      }
    };
    await Promise.all(Array.from({ length: RANGES_PER_WORKER * pool.count }, takeRanges));
    return failed ?? { digests, failure: null };
  }

  async #run(files: readonly FileToDigest[]): Promise<readonly FileDigests[]> {
    const { pool, chunkBytes, signal } = this.#options;
    let found: readonly FileDigests[] = [];
    await pool.run({ kind: "digest", files, chunkBytes }, {
      onReply: (reply) => {
        if (reply.kind === "digested") found = reply.files;
      },
      ...(signal === undefined ? {} : { signal }),
    });
    return found;
  }
}

const NOTHING: FileDigests = { digests: null, failure: null };

/** In order, by count and by bytes. */
function* jobsOf(waiting: readonly Waiting[], mostFiles: number): Generator<readonly Waiting[]> {
  let some: Waiting[] = [];
  let bytes = 0;
  for (const each of waiting) {
    const { sizeBytes } = each.file.stamp;
    if (some.length >= mostFiles || (some.length > 0 && bytes + sizeBytes > JOB_BYTES.most)) {
      yield some;
      [some, bytes] = [[], 0];
    }
    some.push(each);
    bytes += sizeBytes;
  }
  if (some.length > 0) yield some;
}
