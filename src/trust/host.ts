// Host names and addresses as tickets and known hosts hold them: one canonical text for each, so
// that a look-up neither misses nor confuses. A zone (`fe80::1%eth0`) means nothing on another
// machine and is refused.

import { isIPv4, isIPv6 } from "node:net";

/** Longest host name in DNS's text form. */
const NAME_CHARS = 253;
const LABEL = /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** A host by kind; `bytes` is the address in network order. */
export type Host =
  | { readonly kind: "ipv4" | "ipv6"; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: "name"; readonly name: string };

/** Reads a host (IPv6 with or without brackets), or null when it is none. */
export function parseHost(text: string): Host | null {
  const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
  if (isIPv6(bare)) {
    const bytes = ipv6Bytes(bare);
    return bytes === null ? null : { kind: "ipv6", bytes };
  }
  if (bare !== text) return null;
  if (isIPv4(text)) {
    return { kind: "ipv4", bytes: Uint8Array.from(text.split("."), Number) };
  }
  const name = text.toLowerCase();
  const labels = (name.endsWith(".") ? name.slice(0, -1) : name).split(".");
  if (name.length > NAME_CHARS || !labels.every((label) => LABEL.test(label))) return null;
  // `1.2.3`, `0x7f.1` and the like are addresses to some resolvers and names to others.
  if (/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "")) return null;
  return { kind: "name", name };
}

/** The canonical text: lowercase name, dotted IPv4, IPv6 after RFC 5952 without brackets. */
export function formatHost(host: Host): string {
  switch (host.kind) {
    case "name":
      return host.name;
    case "ipv4":
      return host.bytes.join(".");
    case "ipv6":
      return formatIpv6(host.bytes);
  }
}

/** `HOST:PORT` with IPv6 in brackets. */
export function formatHostPort(host: Host, port: number): string {
  const text = formatHost(host);
  return host.kind === "ipv6" ? `[${text}]:${port}` : `${text}:${port}`;
}

function ipv6Bytes(text: string): Uint8Array<ArrayBuffer> | null {
  if (text.includes("%")) return null;
  // Not by the URL parser: Bun's refuses forms that its own `isIPv6` takes (`::0:0:0:0:0.0.0.0`).
  const [head = "", tail] = text.split("::");
  const before = wordBytes(head);
  const after = tail === undefined ? [] : wordBytes(tail);
  return Uint8Array.from([
    ...before,
    ...Array(16 - before.length - after.length).fill(0),
    ...after,
  ]);
}

/** The bytes of what stands on one side of `::`: words, and dotted numbers at the end. */
function wordBytes(half: string): number[] {
  return half.split(":").filter((word) => word !== "").flatMap((word) => {
    if (word.includes(".")) return word.split(".").map(Number);
    const value = parseInt(word, 16);
    return [value >> 8, value & 0xff];
  });
}

function formatIpv6(bytes: Uint8Array): string {
  const words: string[] = [];
  for (let at = 0; at < 16; at += 2) words.push((bytes[at]! << 8 | bytes[at + 1]!).toString(16));
  return new URL(`http://[${words.join(":")}]/`).hostname.slice(1, -1);
}
