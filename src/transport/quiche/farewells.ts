// What was said last on connections that are over. The packet that closes a connection may be lost, and
// the peer would wait for nothing until its patience ends: a peer that still speaks is told again
// (RFC 9000, section 10.2.1). Bounded in number and time; nothing runs on its account.

import type { UdpPath } from "../../runtime/udp.ts";
import { ConnectionIds } from "./connection_ids.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** The last packet of a connection, and where it went. */
export interface Farewell {
  readonly packet: Bytes;
  readonly path: UdpPath;
}

interface Kept extends Farewell {
  readonly ids: readonly Uint8Array[];
  readonly untilMs: number;
  /** Packets that came since. */
  heard: number;
}

export interface FarewellLimits {
  readonly most: number;
  readonly keepMs: number;
}

export class Farewells {
  readonly #limits: FarewellLimits;
  readonly #ids = new ConnectionIds<Kept>();
  /** Oldest first. */
  readonly #kept = new Set<Kept>();

  constructor(limits: FarewellLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#kept.size;
  }

  keep(ids: readonly Uint8Array[], farewell: Farewell, nowMs: number): void {
    const kept = { ...farewell, ids, untilMs: nowMs + this.#limits.keepMs, heard: 0 };
    for (const id of ids) this.#ids.add(id, kept);
    this.#kept.add(kept);
    for (const old of this.#kept) {
      if (old.untilMs > nowMs && this.#kept.size <= this.#limits.most) break;
      this.#forget(old);
    }
  }

  /**
   * What to send to whoever still speaks; null for a stranger. Each time it takes twice as many packets,
   * and the answer goes where the connection was: nobody is flooded by it.
   */
  answerTo(packet: Uint8Array, nowMs: number): Farewell | null {
    const kept = this.#kept.size === 0 ? undefined : this.#ids.find(packet);
    if (kept === undefined || kept.untilMs <= nowMs) return null;
    kept.heard++;
    return (kept.heard & (kept.heard - 1)) === 0 ? kept : null;
  }

  #forget(kept: Kept): void {
    this.#kept.delete(kept);
    for (const id of kept.ids) this.#ids.remove(id);
  }
}
