// Network addresses as bits: what is compared, counted and limited is never their text, which has
// many forms. An IPv4 address in an IPv6 dress is the IPv4 address (RFC 4291 mapped); one behind a
// translator (RFC 6052 NAT64) counts as the same, and is not to be let in as the same.

/** An address without its port and zone. */
export interface IpAddress {
  readonly family: 4 | 6;
  /** Four or sixteen bytes. */
  readonly bytes: Uint8Array;
}

/** `address:port`, `[address]:port` or a bare address; null for anything else. */
export function parseAddress(text: string): IpAddress | null {
  const address = parseTrueAddress(text);
  if (address === null || !startsWith(address.bytes, NAT64)) return address;
  return { family: 4, bytes: address.bytes.slice(12) };
}

/**
 * The same, but what comes from a translator is the IPv6 address that it is: a packet from there can be
 * made by whoever shares a network with this machine, which a mapped address never is on the wire.
 */
export function parseTrueAddress(text: string): IpAddress | null {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1];
  const bare = bracketed ?? (/^[^:]*:\d+$/.test(text) ? text.slice(0, text.indexOf(":")) : text);
  const plain = bare.replace(/%.*$/s, "");
  const four = parseIpv4(plain);
  if (four !== null) return bracketed === undefined ? { family: 4, bytes: four } : null;
  const six = parseIpv6(plain);
  return six === null ? null : unmapped(six);
}

/** The first `bits` of an address, as a key that is equal for equal ones. */
export function prefixKey({ family, bytes }: IpAddress, bits: number): string {
  const digits = [...bytes].map((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return (byte & (0xff00 >> kept) & 0xff).toString(16).padStart(2, "0");
  });
  return `${family}:${digits.join("")}`;
}

/**
 * Who counts as one: an IPv4 address, or the /64 that one IPv6 host commonly has to itself. Text that
 * is no address counts by itself.
 */
export function sourceOf(remoteAddress: string): string {
  const address = parseAddress(remoteAddress);
  if (address === null) return remoteAddress;
  return prefixKey(address, address.family === 4 ? 32 : 64);
}

/** The /48 that one IPv6 site has at most; null for IPv4, where one address is all that somebody has. */
export function siteOf(remoteAddress: string): string | null {
  const address = parseAddress(remoteAddress);
  return address?.family === 6 ? prefixKey(address, 48) : null;
}

function parseIpv4(text: string): Uint8Array | null {
  // With a leading zero it is octal to some and decimal to others.
  if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) return null;
  const parts = text.split(".").map(Number);
  return parts.every((part) => part <= 255) ? Uint8Array.from(parts) : null;
}

function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split("::");
  if (halves.length > 2) return null;
  // Only at the very end may an IPv4 address stand.
  const isCut = halves.length === 2;
  const [before, after] = [
    groupsOf(halves[0] ?? "", { isLast: !isCut }),
    groupsOf(halves[1] ?? "", { isLast: isCut }),
  ];
  if (before === null || after === null) return null;
  const missing = 8 - before.length - after.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  const groups = [...before, ...Array.from({ length: missing }, () => 0), ...after];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** 16-bit groups; an IPv4 address at the end is two of them. */
function groupsOf(text: string, { isLast }: { readonly isLast: boolean }): number[] | null {
  if (text === "") return [];
  const words = text.split(":");
  const four = isLast ? parseIpv4(words.at(-1) ?? "") : null;
  const hex = four === null ? words : words.slice(0, -1);
  if (!hex.every((word) => /^[0-9a-f]{1,4}$/i.test(word))) return null;
  const groups = hex.map((word) => parseInt(word, 16));
  if (four !== null) groups.push(four[0]! << 8 | four[1]!, four[2]! << 8 | four[3]!);
  return groups;
}

/** ::ffff:0:0/96 is IPv4: what a dual-stack socket makes of it. */
function unmapped(bytes: Uint8Array): IpAddress {
  if (!startsWith(bytes, MAPPED)) return { family: 6, bytes };
  return { family: 4, bytes: bytes.slice(12) };
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return bytes.length === 16 && prefix.every((byte, at) => byte === bytes[at]);
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
const NAT64 = [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0];
