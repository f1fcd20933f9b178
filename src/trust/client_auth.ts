// How a client proves its identity inside the channel: a signature over the server identity it
// pinned in TLS, its own identity and both hellos as they crossed the wire. The hellos carry both
// nonces, versions and capabilities, so neither a replay nor a downgrade signs the same bytes; the
// pinned identity keeps another server from passing the signature on. TLS exporters are not
// available in Deno, so a stolen leaf key is the residual risk (SECURITY).

import { encodeUtf8 } from "../base/bytes.ts";
import { KEY_BYTES } from "./ed25519.ts";
import { type Identity, verifyIdentity } from "./identity.ts";
import { sized, statementBytes } from "./statement.ts";

/** Application protocol of TLS: the wire protocol's name and major version. */
export const ALPN = "sftpx/1";

const CONTEXT = "sftpx client auth 1";

/** What both ends know when the client signs. */
export interface ClientAuthParts {
  /** The client: what it pinned. The server: its own, never one from a message. */
  readonly serverIdentity: Uint8Array;
  /** The identity the client claims, which must have signed. */
  readonly clientIdentity: Uint8Array;
  /** The hellos exactly as encoded on the wire. */
  readonly clientHello: Uint8Array;
  readonly serverHello: Uint8Array;
}

/** The bytes a client signs. */
export function clientAuthBytes(parts: ClientAuthParts): Uint8Array<ArrayBuffer> {
  return statementBytes(CONTEXT, [
    encodeUtf8(ALPN),
    sized(parts.serverIdentity, KEY_BYTES, "serverIdentity"),
    sized(parts.clientIdentity, KEY_BYTES, "clientIdentity"),
    parts.clientHello,
    parts.serverHello,
  ]);
}

/** The client's signature, 64 bytes. */
export function signClientAuth(
  identity: Identity,
  parts: Omit<ClientAuthParts, "clientIdentity">,
): Promise<Uint8Array<ArrayBuffer>> {
  return identity.sign(clientAuthBytes({ ...parts, clientIdentity: identity.publicKey }));
}

/** Whether `clientIdentity` signed these parts. */
export async function verifyClientAuth(
  parts: ClientAuthParts,
  signature: Uint8Array,
): Promise<boolean> {
  if (parts.clientIdentity.byteLength !== KEY_BYTES) return false;
  return await verifyIdentity(parts.clientIdentity, signature, clientAuthBytes(parts));
}
