// Whether a file that stands on this machine is the beginning of a part, byte for byte: under an
// append-only grant nothing else may replace it. Both are read to the end of the one that stands there
// wherever they differ, so that the time taken does not tell where.

import { closeSync, fstatSync } from "node:fs";
import { equalBytes } from "../base/bytes.ts";
import { readWhole } from "../runtime/whole_io.ts";
import { openToRead, sameStamp, stampOf } from "./files.ts";
import type { Compared, CompareJob } from "./messages.ts";

/** Bytes of each file in memory at once. */
const STEP_BYTES = 1024 * 1024;

/** Compares; what cannot be read, or is another file than was seen, is no beginning. */
export function compare(job: CompareJob): Compared {
  return { kind: "compared", job: job.job, begins: begins(job) };
}

function begins({ path, stamp, part }: CompareJob): boolean {
  const descriptors: number[] = [];
  try {
    const standing = openToRead(path);
    descriptors.push(standing);
    // A path may lead out of the root by now (I5), and its file change while it is read.
    const isAsSeen = () => fstatSync(standing).isFile() && sameStamp(stampOf(standing), stamp);
    if (!isAsSeen()) return false;
    const whole = openToRead(part);
    descriptors.push(whole);
    const isSame = areSame(standing, whole, stamp.sizeBytes);
    return isSame && isAsSeen();
  } catch {
    return false;
  } finally {
    for (const descriptor of descriptors) closeSync(descriptor);
  }
}

function areSame(standing: number, whole: number, sizeBytes: number): boolean {
  const buffers = [standing, whole].map(() => new Uint8Array(Math.min(STEP_BYTES, sizeBytes)));
  let isSame = true;
  for (let at = 0; at < sizeBytes; at += STEP_BYTES) {
    const [one, other] = buffers.map((buffer) => buffer.subarray(0, sizeBytes - at));
    const read = [readWhole(standing, one!, at), readWhole(whole, other!, at)];
    const isWhole = read.every((count) => count === one!.length);
    isSame = equalBytes(one!, other!) && isWhole && isSame;
  }
  return isSame;
}
