// The paths a socket knows, so that the same pair of ends is the same object from packet to packet. Who
// sends from made-up addresses makes no more of them than are remembered at a time (I8): a path that was
// not seen for as long is forgotten, and is another object when it comes back.

import { LIMITS } from "../base/limits.ts";
import type { UdpAddress } from "./udp.ts";

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** An address as it is shown: an IPv4-mapped one is plain IPv4. */
export function plainHost(host: string): string {
  return MAPPED.exec(host)?.[1] ?? host;
}

/** Whether an address means every one of the machine. */
export function isWildcard(host: string): boolean {
  return host === "::" || host === "0.0.0.0" || host === "";
}

/** The local end that is shown where a socket of every address does not know which one it was. */
export function localEnd(bound: UdpAddress, remote: UdpAddress): UdpAddress {
  if (!isWildcard(bound.host)) return bound;
  return { host: remote.host.includes(":") ? "::" : "0.0.0.0", port: bound.port };
}

/** What is remembered by key, in two generations: the older one goes when the younger one is full. */
export class Recent<K, V> {
  readonly #most: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(most: number = LIMITS.udpPaths) {
    this.#most = most;
  }

  get(key: K): V | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  clear(): void {
    this.#young = new Map();
    this.#old = new Map();
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#most) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
