// A bare thread of `bench hash`: hashes what is in memory, or reads files, or both, and nothing else.
// What several of them reach together is what this machine gives several threads, whatever feeds them.

import { closeSync, openSync, readSync } from "node:fs";
import { loadHash } from "../../src/codec/hash.ts";

/** What a thread does until it is told enough, or its files are done. */
export type HashJob =
  | { readonly kind: "memory"; readonly bytes: number; readonly passBytes: number }
  | {
    readonly kind: "files";
    readonly files: readonly string[];
    readonly chunkBytes: number;
    readonly hashes: boolean;
  };

const scope = self as unknown as {
  onmessage: ((event: { readonly data: HashJob | "go" }) => void) | null;
  postMessage(message: "ready" | "done"): void;
};

type Take = (bytes: Uint8Array<ArrayBuffer>) => void;

/** Told what to do, it makes ready; told to go, it does that. */
scope.onmessage = async ({ data: job }) => {
  if (job === "go") return;
  const hash = await loadHash({ without: [] });
  const digest: Take = (bytes) => {
    hash.digest(bytes);
  };
  const work = job.kind === "memory"
    ? memoryWork(job, digest)
    : () => readFiles(job, job.hashes ? digest : () => {});
  scope.onmessage = () => {
    work();
    scope.postMessage("done");
  };
  scope.postMessage("ready");
};

/** `bytes` of them, in passes over a buffer of `passBytes`; a small one stays in a cache. */
function memoryWork(
  { bytes, passBytes }: HashJob & { readonly kind: "memory" },
  take: Take,
): () => void {
  const step = Math.min(passBytes, 2 << 20);
  const buffer = new Uint8Array(passBytes).fill(1);
  return () => {
    for (let done = 0; done < bytes; done += step) {
      const at = done % passBytes;
      take(buffer.subarray(at, at + step));
    }
  };
}

function readFiles({ files, chunkBytes }: HashJob & { readonly kind: "files" }, take: Take): void {
  const buffer = new Uint8Array(chunkBytes);
  for (const file of files) {
    const fd = openSync(file, "r");
    for (let got = readSync(fd, buffer); got > 0; got = readSync(fd, buffer)) {
      take(buffer.subarray(0, got));
    }
    closeSync(fd);
  }
}
