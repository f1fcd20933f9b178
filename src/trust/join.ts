// How a further connection proves that it belongs to a session: an HMAC under the session key, which
// only an authenticated client was told, over both nonces of the new connection, the server identity
// pinned on it and the connection's number. A session number alone joins nothing.

import { KEY_BYTES } from "./ed25519.ts";
import { sized, statementBytes, u32 } from "./statement.ts";

const CONTEXT = "sftpx join 1";
const HMAC = { name: "HMAC", hash: "SHA-256" } as const;

/** Bytes of a session key, a hello's nonce and a MAC. */
const SECRET_BYTES = 32;

/** What both ends know of a join. */
export interface JoinParts {
  /** Session key from the welcome, 32 bytes. A secret (I9). */
  readonly key: Uint8Array;
  /** Nonces of this connection's hellos, 32 bytes each. */
  readonly clientNonce: Uint8Array;
  readonly serverNonce: Uint8Array;
  /** The client: what it pinned on this connection. The server: its own. */
  readonly serverIdentity: Uint8Array;
  /** 1-based number of the connection in its session. */
  readonly connection: number;
}

/** The MAC a client sends, 32 bytes. */
export async function joinMac(parts: JoinParts): Promise<Uint8Array<ArrayBuffer>> {
  const key = await importKey(parts.key, "sign");
  return new Uint8Array(await crypto.subtle.sign("HMAC", key, joinBytes(parts)));
}

/** Whether the MAC holds, compared in constant time. */
export async function verifyJoin(parts: JoinParts, mac: Uint8Array): Promise<boolean> {
  if (mac.byteLength !== SECRET_BYTES) return false;
  const key = await importKey(parts.key, "verify");
  return await crypto.subtle.verify("HMAC", key, mac.slice(), joinBytes(parts));
}

function joinBytes(parts: JoinParts): Uint8Array<ArrayBuffer> {
  return statementBytes(CONTEXT, [
    sized(parts.clientNonce, SECRET_BYTES, "clientNonce"),
    sized(parts.serverNonce, SECRET_BYTES, "serverNonce"),
    sized(parts.serverIdentity, KEY_BYTES, "serverIdentity"),
    u32(parts.connection),
  ]);
}

function importKey(key: Uint8Array, usage: "sign" | "verify"): Promise<CryptoKey> {
  const bytes = sized(key, SECRET_BYTES, "key").slice();
  return crypto.subtle.importKey("raw", bytes, HMAC, false, [usage]);
}
