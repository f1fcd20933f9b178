// One digest of bytes that are all there, for packages that hash in pieces only.

import type { Hasher } from "./hash.ts";

/** Uses a running hash up for the digest of all bytes at once. */
export function digestOf(hash: Hasher, bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  hash.update(bytes);
  return hash.digest();
}
