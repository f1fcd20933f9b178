// The key under which a receiver finds its journal again: who, which way, where to, what. Never an
// address, port, ticket, chunk size or number of lanes, so that "the same command" finds it. A counted
// use is held for a key as well: a push's own, and for a pull one of all that it asks for.

import { encodeUtf8 } from "../base/bytes.ts";
import type { Hashing } from "../engine/hashing.ts";
import type { Request } from "../wire/messages.ts";

const CONTEXT = "sftpx 1 resume key";
const REQUEST_CONTEXT = "sftpx 1 request key";

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

/** Names a pull at its server: 32 bytes, the same whenever the same is asked for. */
export function requestKey(
  hashing: Hashing,
  { sources, filters, files }: Pick<Request, "sources" | "filters" | "files">,
): Uint8Array {
  const hash = hashing.deriveKey(REQUEST_CONTEXT);
  const paths = sources.map(({ path }) => path);
  const rules = filters.map(({ include, pattern }) => [include, pattern]);
  // Never read again: any text will do of which no two requests have the same.
  hash.update(encodeUtf8(JSON.stringify([paths, rules, files ?? null])));
  return hash.digest();
}
