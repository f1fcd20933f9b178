// A spill file that is memory, for tests.

import type { SpillFile } from "./spill.ts";

/** Takes at most so many bytes. */
export function memoryFile({ mostBytes = Infinity }: { mostBytes?: number } = {}): SpillFile {
  let content = new Uint8Array(1024);
  let length = 0;
  return {
    write: (bytes, at) => {
      const end = at + bytes.byteLength;
      if (end > mostBytes) return false;
      if (end > content.byteLength) {
        const wider = new Uint8Array(2 * end);
        wider.set(content);
        content = wider;
      }
      content.set(bytes, at);
      length = Math.max(length, end);
      return true;
    },
    read: (into, at) => {
      const there = content.subarray(at, Math.max(at, Math.min(length, at + into.byteLength)));
      into.set(there);
      return there.byteLength;
    },
  };
}
