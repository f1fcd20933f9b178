// Packets that came and wait to be taken, in order and within bounds: what is beyond them is dropped, as
// a kernel would do it, and what was taken is let go also where the queue never runs empty (I8).

import { LIMITS } from "../base/limits.ts";
import type { UdpPath } from "./udp.ts";

/** A packet that came or that goes. */
export interface Packet {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly path: UdpPath;
}

export class PacketQueue {
  #packets: (Packet | null)[] = [];
  /** First of them that was not taken yet. */
  #next = 0;
  #bytes = 0;

  get waiting(): number {
    return this.#packets.length - this.#next;
  }

  /** Places in use, those of packets already taken among them. */
  get places(): number {
    return this.#packets.length;
  }

  hasRoom(bytes: number): boolean {
    return this.waiting < LIMITS.udpWaitingPackets && this.#bytes + bytes <= LIMITS.udpWaitingBytes;
  }

  push(packet: Packet): void {
    this.#bytes += packet.bytes.length;
    this.#packets.push(packet);
  }

  shift(): Packet | null {
    const packet = this.#packets[this.#next] ?? null;
    if (packet === null) return null;
    this.#packets[this.#next] = null;
    this.#next++;
    this.#bytes -= packet.bytes.length;
    if (this.#next === this.#packets.length) this.clear();
    else if (this.#next >= LIMITS.udpWaitingPackets) {
      this.#packets.splice(0, this.#next);
      this.#next = 0;
    }
    return packet;
  }

  clear(): void {
    this.#packets = [];
    this.#next = 0;
    this.#bytes = 0;
  }
}
