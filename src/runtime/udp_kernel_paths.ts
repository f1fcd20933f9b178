// The paths of a socket of the kernel's calls: from the numbers that a message came with to the object
// that stands for them, the one that came last first.

import type { Kernel } from "./kernel.ts";
import type { UdpAddress, UdpPath } from "./udp.ts";
import { unscoped, zoneOf } from "./udp_address.ts";
import type { RawPath, UdpMemory } from "./udp_memory.ts";
import { localEnd, Recent } from "./udp_paths.ts";

const SIOCGIFINDEX = 0x8933;

/** A path, and how packets are sent on it. */
export interface KernelPath extends UdpPath {
  /** The address they leave from; null leaves it to the system. */
  readonly fromHost: string | null;
  readonly scope: number;
  /** False where the kernel would not divide packets on this way. */
  isDivided: boolean;
}

/** What is asked for an interface's number. */
interface Asked {
  readonly kernel: Kernel;
  readonly memory: UdpMemory;
  readonly socket: number;
}

export class KernelPaths {
  readonly #asked: Asked;
  readonly #local: UdpAddress;
  readonly #paths = new Recent<string, KernelPath>();
  /** Those that packets are to be sent on first, by their far end. */
  readonly #sought = new Recent<string, KernelPath>();
  /** The path of the message that came last, and its bytes. */
  #last: KernelPath | null = null;
  #lastRaw: RawPath | null = null;

  constructor({ local, ...asked }: Asked & { readonly local: UdpAddress }) {
    this.#asked = asked;
    this.#local = local;
  }

  /** A path as it was handed out, or what stands for somebody else's. */
  of(path: UdpPath): KernelPath {
    return "isDivided" in path ? path as KernelPath : this.to(path.remote);
  }

  /** The path of a slot's packets. */
  ofSlot(slot: number): KernelPath {
    const { memory } = this.#asked;
    if (
      this.#last !== null && this.#lastRaw !== null && memory.isSamePath(slot, this.#lastRaw)
    ) return this.#last;
    const key = memory.pathKey(slot);
    let path = this.#paths.get(key);
    if (path === undefined) {
      path = this.#new(slot);
      this.#paths.set(key, path);
    }
    this.#last = path;
    this.#lastRaw = memory.rawPath(slot);
    return path;
  }

  to(remote: UdpAddress): KernelPath {
    const scope = scopeOf(remote.host, this.#asked);
    const zone = scope === 0 ? "" : `%${scope}`;
    const host = `${unscoped(remote.host)}${zone}`;
    const key = `${host} ${remote.port}`;
    const known = this.#sought.get(key);
    if (known !== undefined) return known;
    const end = { host, port: remote.port };
    const local = localEnd(this.#local, end);
    const path: KernelPath = { local, remote: end, fromHost: null, scope, isDivided: true };
    this.#sought.set(key, path);
    // A packet from there may have come before on a path of its own.
    this.#paths.clear();
    this.#last = null;
    return path;
  }

  #new(slot: number): KernelPath {
    const { memory } = this.#asked;
    const remote = memory.remote(slot);
    const sought = this.#sought.get(`${remote.host} ${remote.port}`);
    if (sought !== undefined) return sought;
    const fromHost = memory.localHost(slot);
    const local = fromHost === null
      ? localEnd(this.#local, remote)
      : { host: fromHost, port: this.#local.port };
    const scope = scopeOf(remote.host, this.#asked);
    return { local, remote, fromHost, scope, isDivided: true };
  }
}

/** Number of the interface that an address names. */
export function scopeOf(host: string, { kernel, memory, socket }: Asked): number {
  const zone = zoneOf(host);
  if (zone === "") return 0;
  if (/^\d+$/.test(zone)) return Number(zone);
  kernel.call("ioctl", socket, SIOCGIFINDEX, memory.interfaceRequest(zone));
  return memory.interfaceIndex;
}
