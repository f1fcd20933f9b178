// Packets that a server sends to somebody it keeps nothing of: version negotiation, Retry, and a close
// in place of a handshake. Each is far shorter than what it answers. The keys of an Initial follow from
// its connection id (RFC 9001, section 5): they keep nothing secret, and prove nothing.

import { createCipheriv, createHmac } from "node:crypto";
import { concatBytes, encodeUtf8, fromHex } from "../../base/bytes.ts";
import { QUIC_VERSION } from "./long_header.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Who asks, as a client's packet names both ends. */
export interface Asker {
  /** The id the client made up for us, and its own. */
  readonly destinationId: Uint8Array;
  readonly sourceId: Uint8Array;
}

/** Why a handshake does not go on: transport error codes of RFC 9000, section 20.1. */
export const REFUSALS = {
  /** What an application's close looks like before the handshake is over: see `turnedAway`. */
  busy: 0x0c,
  invalidToken: 0x0b,
} as const;

/** Versions nobody speaks are of this form: whoever cannot bear one is found out early. */
const GREASE = 0x1a2a3a4a;

/** RFC 9000, section 17.2.1. */
export function versionNegotiation({ destinationId, sourceId }: Asker): Bytes {
  return concatBytes([
    Uint8Array.of(0xc0),
    uint32(0),
    counted(sourceId),
    counted(destinationId),
    uint32(GREASE),
    uint32(QUIC_VERSION),
  ]);
}

/** RFC 9001, section 5.8. */
const RETRY_KEY = fromHex("be0c690b9f66575a1d766b54e368c84e");
const RETRY_NONCE = fromHex("461599d35d632bf2239825bb");

/** Asks a client to come again with `token`, to `ownId`: whoever made up its address never hears it. */
export function retry(
  { destinationId, sourceId }: Asker,
  { ownId, token }: { readonly ownId: Uint8Array; readonly token: Uint8Array },
): Bytes {
  const packet = concatBytes([
    Uint8Array.of(0xff),
    uint32(QUIC_VERSION),
    counted(sourceId),
    counted(ownId),
    token,
  ]);
  const cipher = createCipheriv("aes-128-gcm", RETRY_KEY, RETRY_NONCE);
  cipher.setAAD(concatBytes([counted(destinationId), packet]));
  cipher.final();
  return concatBytes([packet, cipher.getAuthTag()]);
}

/** Tells a client that its handshake does not go on: an Initial with a CONNECTION_CLOSE in it. */
export function refusal(
  { destinationId, sourceId }: Asker,
  error: (typeof REFUSALS)[keyof typeof REFUSALS],
): Bytes {
  // A padding frame, so that there are bytes enough to take the sample from.
  const frames = Uint8Array.of(0x1c, error, 0, 0, 0);
  const header = concatBytes([
    Uint8Array.of(0xc0),
    uint32(QUIC_VERSION),
    counted(sourceId),
    counted(destinationId),
    // No token; what follows: packet number, frames, tag.
    Uint8Array.of(0, 1 + frames.length + TAG_BYTES),
    Uint8Array.of(0),
  ]);
  const { key, iv, headerKey } = serverKeys(destinationId);
  // Packet number 0 leaves the nonce as it is.
  const cipher = createCipheriv("aes-128-gcm", key, iv);
  cipher.setAAD(header);
  const sealed = concatBytes([cipher.update(frames), cipher.final(), cipher.getAuthTag()]);
  // Section 5.4: the sample begins four bytes after the packet number does.
  const masker = createCipheriv("aes-128-ecb", headerKey, null).setAutoPadding(false);
  const mask = masker.update(sealed.subarray(3, 19));
  masker.final(); // or it stays in memory
  header[0]! ^= mask[0]! & 0x0f;
  header[header.length - 1]! ^= mask[1]!;
  return concatBytes([header, sealed]);
}

const TAG_BYTES = 16;
const INITIAL_SALT = fromHex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a");

/** RFC 9001, section 5.2. */
function serverKeys(clientMadeId: Uint8Array) {
  const common = createHmac("sha256", INITIAL_SALT).update(clientMadeId).digest();
  const secret = expand(common, "server in", 32);
  return {
    key: expand(secret, "quic key", 16),
    iv: expand(secret, "quic iv", 12),
    headerKey: expand(secret, "quic hp", 16),
  };
}

/** HKDF-Expand-Label of TLS 1.3 with an empty context, for at most one block. */
function expand(secret: Uint8Array, label: string, byteCount: number): Uint8Array {
  const name = encodeUtf8(`tls13 ${label}`);
  const info = concatBytes([Uint8Array.of(0, byteCount), counted(name), Uint8Array.of(0, 1)]);
  return createHmac("sha256", secret).update(info).digest().subarray(0, byteCount);
}

/** Behind its length in one byte, as ids and labels stand. */
function counted(bytes: Uint8Array): Bytes {
  return concatBytes([Uint8Array.of(bytes.length), bytes]);
}

function uint32(value: number): Bytes {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}
