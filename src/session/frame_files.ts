// How many small files a frame takes. On a long path few at first: the first bytes leave as soon as some
// are read, and there are frames for all connections, which begin alike slowly; then ever more, since a
// frame costs messages at both ends.

import { LIMITS } from "../base/limits.ts";

const FIRST_FILES = 32;
/** Frames of one size. */
const ALIKE = 8;

/** For the frame of this number. */
export function filesOfFrame(
  frame: number,
  { isLong = false }: { readonly isLong?: boolean },
): number {
  if (!isLong) return LIMITS.recordsPerFrame;
  const doublings = Math.min(16, Math.floor(frame / ALIKE));
  return Math.min(LIMITS.recordsPerFrame, FIRST_FILES * 2 ** doublings);
}
