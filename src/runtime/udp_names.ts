// Addresses with ports as socket calls take and give them: `struct sockaddr_in` and `sockaddr_in6`.

import type { UdpAddress } from "./udp.ts";
import { showV6, unscoped, v4Bytes, v6Bytes } from "./udp_address.ts";

export const AF_INET = 2;
export const AF_INET6 = 10;
const V4_NAME_BYTES = 16;
const V6_NAME_BYTES = 28;

type View = DataView<ArrayBuffer>;

interface Named {
  readonly address: UdpAddress;
  /** Number of the interface; 0 where it does not matter. */
  readonly scope: number;
  /** Of the socket: an IPv4 address is then laid in its mapped form. */
  readonly isV6: boolean;
}

/** Lays one; answers how long it is. */
export function layName(view: View, at: number, { address, scope, isV6 }: Named): number {
  const plain = unscoped(address.host);
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, V6_NAME_BYTES);
  view.setUint16(at, isV6 ? AF_INET6 : AF_INET, true);
  view.setUint16(at + 2, address.port);
  if (!isV6) {
    bytes.set(v4Bytes(plain), 4);
    bytes.fill(0, 8, V4_NAME_BYTES);
    return V4_NAME_BYTES;
  }
  view.setUint32(at + 4, 0, true);
  bytes.set(v6Bytes(plain), 8);
  view.setUint32(at + 24, scope, true);
  return V6_NAME_BYTES;
}

export function readName(view: View, at: number): UdpAddress {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + at, V6_NAME_BYTES);
  const port = view.getUint16(at + 2);
  if (view.getUint16(at, true) === AF_INET) return { host: bytes.subarray(4, 8).join("."), port };
  const host = showV6(bytes.subarray(8, 24));
  const scope = view.getUint32(at + 24, true);
  return { host: scope === 0 ? host : `${host}%${scope}`, port };
}
