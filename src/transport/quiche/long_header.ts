// What can be read of a packet before any connection is known for it: the fields that no version of
// QUIC may change (RFC 8999), and of version 1 the token of an Initial (RFC 9000, section 17.2.2).
// Nothing is decrypted, nothing is copied; a packet that is cut short is null and never throws.

/** The only version spoken here: the one of RFC 9000. */
export const QUIC_VERSION = 1;
/** Longest connection id of version 1. */
export const MOST_ID_BYTES = 20;
/** Shortest id that a client may make up for its first packet (RFC 9000, section 7.2). */
export const LEAST_CLIENT_ID_BYTES = 8;
/** A client's first datagram is this long: shorter ones would be answered with more than they are. */
export const LEAST_INITIAL_BYTES = 1200;

/** Packet types of version 1, as their two bits say. */
export type LongType = "initial" | "zero-rtt" | "handshake" | "retry";

export interface LongHeader {
  readonly version: number;
  /** Of a version-1 packet; null for any other version. */
  readonly type: LongType | null;
  /** Views of the packet: whoever keeps them copies them. */
  readonly destinationId: Uint8Array;
  readonly sourceId: Uint8Array;
  /** Empty for whatever has none. */
  readonly token: Uint8Array;
}

const TYPES: readonly LongType[] = ["initial", "zero-rtt", "handshake", "retry"];
const LONG = 0x80;
const FIXED = 0x40;
const NOTHING = new Uint8Array(0);

export function isLong(packet: Uint8Array): boolean {
  return packet.length > 0 && (packet[0]! & LONG) !== 0;
}

/** Null for a short header, a packet that is cut short, and one that breaks the rules of its version. */
export function readLongHeader(packet: Uint8Array): LongHeader | null {
  if (!isLong(packet) || packet.length < 7) return null;
  const first = packet[0]!;
  const version = ((packet[1]! << 24) | (packet[2]! << 16) | (packet[3]! << 8) | packet[4]!) >>> 0;
  const destinationAt = 6;
  const sourceAt = destinationAt + packet[5]! + 1;
  if (sourceAt > packet.length) return null;
  const end = sourceAt + packet[sourceAt - 1]!;
  if (end > packet.length) return null;
  const destinationId = packet.subarray(destinationAt, sourceAt - 1);
  const sourceId = packet.subarray(sourceAt, end);
  const ids = { version, destinationId, sourceId };
  if (version !== QUIC_VERSION) return { ...ids, type: null, token: NOTHING };
  if ((first & FIXED) === 0) return null;
  if (destinationId.length > MOST_ID_BYTES || sourceId.length > MOST_ID_BYTES) return null;
  const type = TYPES[(first >> 4) & 3]!;
  if (type !== "initial") return { ...ids, type, token: NOTHING };
  const token = readCounted(packet, end);
  return token === null ? null : { ...ids, type, token };
}

/** Bytes after a length in one to eight bytes (RFC 9000, section 16). */
function readCounted(packet: Uint8Array, at: number): Uint8Array | null {
  if (at >= packet.length) return null;
  const lengthBytes = 1 << (packet[at]! >> 6);
  // No datagram holds what only the longer forms can say; a peer may write a small length so.
  let count = packet[at]! & 0x3f;
  const from = at + lengthBytes;
  if (from > packet.length) return null;
  for (let i = at + 1; i < from; i++) count = count * 256 + packet[i]!;
  return count > packet.length - from ? null : packet.subarray(from, from + count);
}
