// IP addresses as text and as the bytes that socket calls take. Text is a literal, never a name; an
// IPv6 one may carry a zone, `fe80::1%eth0`; an IPv4-mapped one is shown as plain IPv4 (RFC 5952).

const V4_BYTES = 4;
const GROUPS = 8;
const MAPPED_PREFIX: readonly number[] = [0, 0, 0, 0, 0, 0xffff];

/** An address without its zone. */
export function unscoped(host: string): string {
  const at = host.indexOf("%");
  return at < 0 ? host : host.slice(0, at);
}

/** The zone of an address, empty where it has none. */
export function zoneOf(host: string): string {
  const at = host.indexOf("%");
  return at < 0 ? "" : host.slice(at + 1);
}

/** The four bytes of an IPv4 literal. */
export function v4Bytes(host: string): Uint8Array {
  const parts = host.split(".").map(Number);
  const isWhole = parts.length === V4_BYTES &&
    parts.every((part) => Number.isInteger(part) && part >= 0 && part <= 255);
  if (!isWhole) throw new TypeError(`not an IPv4 address: ${host}`);
  return new Uint8Array(parts);
}

/** The sixteen bytes of an IPv6 literal; of an IPv4 one, those of its mapped form. */
export function v6Bytes(host: string): Uint8Array {
  if (!host.includes(":")) return bytesOf([...MAPPED_PREFIX, ...groupsOfV4(host)]);
  const [head = "", tail, ...others] = host.split("::");
  const before = groupsOf(head);
  const after = tail === undefined ? [] : groupsOf(tail);
  const missing = GROUPS - before.length - after.length;
  const isWhole = others.length === 0 && (tail === undefined ? missing === 0 : missing > 0);
  if (!isWhole) throw new TypeError(`not an IPv6 address: ${host}`);
  return bytesOf([...before, ...new Array<number>(missing).fill(0), ...after]);
}

/** Sixteen bytes as text. */
export function showV6(bytes: Uint8Array): string {
  const groups = Array.from(
    { length: GROUPS },
    (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0),
  );
  if (MAPPED_PREFIX.every((group, i) => groups[i] === group)) {
    return bytes.subarray(12, 16).join(".");
  }
  const { at, length } = longestZeros(groups);
  const text = (some: readonly number[]) => some.map((group) => group.toString(16)).join(":");
  if (length < 2) return text(groups);
  return `${text(groups.slice(0, at))}::${text(groups.slice(at + length))}`;
}

/** The first of the longest runs of zeros. */
function longestZeros(groups: readonly number[]): { at: number; length: number } {
  let best = { at: 0, length: 0 };
  for (let at = 0; at < groups.length; at++) {
    let length = 0;
    while (groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  return best;
}

function groupsOf(text: string): readonly number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (group.includes(".")) return groupsOfV4(group);
    if (!/^[\da-f]{1,4}$/i.test(group)) throw new TypeError(`not an IPv6 address: ${text}`);
    return [parseInt(group, 16)];
  });
}

function groupsOfV4(host: string): readonly number[] {
  const [a = 0, b = 0, c = 0, d = 0] = v4Bytes(host);
  return [(a << 8) | b, (c << 8) | d];
}

function bytesOf(groups: readonly number[]): Uint8Array {
  return new Uint8Array(groups.flatMap((group) => [group >> 8, group & 0xff]));
}
