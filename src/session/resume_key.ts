// The key under which a receiver finds its journal again: who, which way, where to, what. Never an
// address, port, ticket, chunk size or number of lanes, so that "the same command" finds it.

import { encodeUtf8 } from "../base/bytes.ts";
import type { Hashing } from "../engine/hashing.ts";

const CONTEXT = "sftpx 1 resume key";

/** The resume key of a transfer, 32 bytes. */
export function resumeKey(
  hashing: Hashing,
  { peer, direction, destination, given }: {
    /** The other end's identity. */
    peer: Uint8Array;
    direction: "push" | "pull";
    /** Path under the receiving root. */
    destination: string;
    /** Source names exactly as the user gave them. */
    given: readonly string[];
  },
): Uint8Array {
  const hash = hashing.deriveKey(CONTEXT);
  hash.update(peer);
  for (const text of [direction, destination, ...given]) {
    const bytes = encodeUtf8(text);
    const length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.byteLength);
    hash.update(length);
    hash.update(bytes);
  }
  return hash.digest();
}
