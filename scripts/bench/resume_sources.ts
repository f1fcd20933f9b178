// What `bench resume` transfers: one sparse file with bytes only where a resume begins, and a tree of
// very many very small files.

import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { StateKind } from "./resume_state.ts";
import { SMALL_CONTENT } from "./resume_state.ts";

/** Chunk size that the commands use by default. */
const CHUNK_BYTES = 2 << 20;
/** Chunks with bytes in them, from the first that is missing on. */
const FULL_CHUNKS = 8;

/** A sparse file; only some of the chunks that a state of this kind misses are more than zeros. */
export function makeSparseFile(
  path: string,
  { bytes, kind }: { readonly bytes: number; readonly kind: "first half" | "every other" },
): void {
  const chunks = Math.ceil(bytes / CHUNK_BYTES);
  const [first, step] = kind === "first half" ? [chunks >> 1, 1] : [1, 2];
  const fd = openSync(path, "wx");
  try {
    ftruncateSync(fd, bytes);
    const noise = new Uint8Array(CHUNK_BYTES);
    for (let i = 0; i < FULL_CHUNKS; i++) {
      for (let at = 0; at < CHUNK_BYTES; at += 65_536) {
        crypto.getRandomValues(noise.subarray(at, at + 65_536));
      }
      writeSync(fd, noise, 0, CHUNK_BYTES, (first + i * step) * CHUNK_BYTES);
    }
  } finally {
    closeSync(fd);
  }
}

/** A tree of equal files. */
export function makeTree(
  path: string,
  { files, perDirectory }: { readonly files: number; readonly perDirectory: number },
): void {
  for (let first = 0; first < files; first += perDirectory) {
    const directory = join(path, `d${String(first / perDirectory).padStart(5, "0")}`);
    mkdirSync(directory, { recursive: true });
    const count = Math.min(perDirectory, files - first);
    for (let i = 0; i < count; i++) {
      writeFileSync(join(directory, `f${String(i).padStart(6, "0")}`), SMALL_CONTENT);
    }
  }
}

/** One thing that is half done. */
export interface ResumeCase {
  readonly name: string;
  readonly direction: "push" | "pull";
  /** Null: nothing was ever done. */
  readonly kind: StateKind | null;
  /** Absolute path. */
  readonly source: string;
}
