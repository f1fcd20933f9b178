// The file that `bench file` sends, and the proof that its copy is the same.

import { Buffer } from "node:buffer";
import { closeSync, openSync, readSync, writeSync } from "node:fs";

const BLOCK_BYTES = 4 << 20;
/** As much as `getRandomValues` fills at a time. */
const RANDOM_BYTES = 65_536;

export function writeFile(
  path: string,
  { bytes, zeros }: { readonly bytes: number; readonly zeros: boolean },
): void {
  const fd = openSync(path, "w");
  const block = new Uint8Array(BLOCK_BYTES);
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    if (!zeros) {
      for (let part = 0; part < BLOCK_BYTES; part += RANDOM_BYTES) {
        crypto.getRandomValues(block.subarray(part, part + RANDOM_BYTES));
      }
    }
    writeSync(fd, block, 0, Math.min(BLOCK_BYTES, bytes - at));
  }
  closeSync(fd);
}

/** What arrived must be what was sent, or the figure is worth nothing. */
export function checkSame(source: string, copy: string): void {
  const [a, b] = [openSync(source, "r"), openSync(copy, "r")];
  const [left, right] = [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)];
  try {
    for (;;) {
      const got = readSync(a, left);
      if (got !== readSync(b, right)) throw new Error("Cannot measure: the copy's size differs");
      if (got === 0) return;
      const same = Buffer.compare(left.subarray(0, got), right.subarray(0, got)) === 0;
      if (!same) throw new Error("Cannot measure: the copy's bytes differ");
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}
