// Writing a chunk of a sparse file: long zero runs are left out where the part reads as zeros there
// already. Comparing first, rather than knowing which range is fresh, is right for resumed parts and
// for other workers on the same part alike; reading a hole touches no disk.

import { LIMITS } from "../base/limits.ts";
import { readWhole, writeWhole } from "../runtime/whole_io.ts";
import { isZero } from "./zeros.ts";

/** Writes `bytes` to a part already extended over them, leaving holes where it can. */
export function writeAroundHoles(fd: number, bytes: Uint8Array, offsetBytes: number): void {
  const probe = new Uint8Array(LIMITS.holeBytes);
  let from = 0; // first byte not yet dealt with
  for (const block of blocksOf(bytes.length, offsetBytes)) {
    if (!isZero(bytes.subarray(block.start, block.end))) continue;
    const standing = probe.subarray(0, block.end - block.start);
    const got = readWhole(fd, standing, offsetBytes + block.start);
    if (got < standing.length || !isZero(standing)) continue;
    writeWhole(fd, bytes.subarray(from, block.start), offsetBytes + from);
    from = block.end;
  }
  writeWhole(fd, bytes.subarray(from), offsetBytes + from);
}

// Whole blocks of `holeBytes`, aligned in the file: only such can become holes on disk.
function* blocksOf(length: number, offsetBytes: number): Generator<{ start: number; end: number }> {
  const size = LIMITS.holeBytes;
  const first = (size - offsetBytes % size) % size;
  for (let start = first; start + size <= length; start += size) yield { start, end: start + size };
}
