// UDP a packet a call, for every system: what comes waits in a bounded queue and is dropped beyond it,
// what goes is copied and counted, both as a kernel would do it. A packet that cannot be sent is a
// packet lost.

import { LIMITS } from "../base/limits.ts";
import type { TakePacket, UdpAddress, UdpOptions, UdpPath, UdpSocket } from "./udp.ts";
import { type Datagrams, openDatagrams, type TakeDatagram } from "./udp_datagrams.ts";
import { localEnd, plainHost, Recent } from "./udp_paths.ts";
import { requireNet } from "./udp_permission.ts";
import { type Packet, PacketQueue } from "./udp_queue.ts";

/** Deno sends what is under way at once in the reverse order; with one at a time order is kept. */
const SENDS_AT_ONCE = typeof Deno === "undefined" ? Number.POSITIVE_INFINITY : 1;

/** So many that wait are taken at once: in Bun, packets that keep coming come before any turn. */
const EAGER_PACKETS = 256;

/** Binds one; throws with the system's `code` where it cannot. */
export async function openDgram(options: UdpOptions): Promise<UdpSocket> {
  // Nothing comes before the event loop has turned, and by then there is a socket.
  let take: TakeDatagram = () => {};
  const datagrams = await openDatagrams(options, (bytes, host, port) => take(bytes, host, port));
  const socket = new DgramSocket(datagrams, options.onReady);
  take = (bytes, host, port) => socket.came(bytes, host, port);
  return socket;
}

/** Exported for its test, which is its runtime. */
export class DgramSocket implements UdpSocket {
  readonly kind = "dgram";
  readonly local: UdpAddress;
  readonly outgoing: Uint8Array<ArrayBuffer> = new Uint8Array(LIMITS.udpBatchBytes);
  readonly #datagrams: Datagrams;
  readonly #isV6: boolean;
  readonly #onReady: () => void;
  readonly #paths = new Recent<string, UdpPath>();
  readonly #came = new PacketQueue();
  /** Packets that go, in order; of them and those that the runtime has, all bytes. */
  #queue: Packet[] = [];
  #sending = 0;
  #sendingBytes = 0;
  #isFull = false;
  #closing: Promise<void> | null = null;
  #onDrained: (() => void) | null = null;
  #turn: ReturnType<typeof setImmediate> | null = null;

  constructor(datagrams: Datagrams, onReady: () => void) {
    this.#datagrams = datagrams;
    this.#onReady = onReady;
    const { host, port } = datagrams.local;
    this.#isV6 = host.includes(":");
    this.local = { host: plainHost(host), port };
  }

  receive(take: TakePacket, mostPackets: number): number {
    let taken = 0;
    try {
      while (taken < mostPackets) {
        const packet = this.#came.shift();
        if (packet === null) break;
        taken++;
        take(packet.bytes, packet.path);
      }
      return taken;
    } finally {
      if (this.#came.waiting > 0) this.#wakeSoon();
    }
  }

  send(totalBytes: number, packetBytes: number, path: UdpPath): boolean {
    if (this.#closing !== null) return true;
    if (this.#sendingBytes > 0 && this.#sendingBytes + totalBytes > LIMITS.udpSendingBytes) {
      this.#isFull = true;
      return false;
    }
    // The runtime reads them later than this call, and the caller lays the next ones.
    const bytes = this.outgoing.slice(0, totalBytes);
    for (let at = 0; at < totalBytes; at += packetBytes) {
      this.#queue.push({ bytes: bytes.subarray(at, Math.min(at + packetBytes, totalBytes)), path });
    }
    this.#sendingBytes += totalBytes;
    this.#pump();
    return true;
  }

  pathTo(remote: UdpAddress): UdpPath {
    requireNet(remote.host, remote.port);
    return this.#path(plainHost(remote.host), remote.port);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
    this.#came.clear();
    // What was handed over still goes out: the last packet tells the peer of the end.
    if (this.#sendingBytes > 0) await new Promise<void>((resolve) => this.#onDrained = resolve);
    await this.#datagrams.close();
  }

  /** A packet came. */
  came(bytes: Uint8Array, host: string, port: number): void {
    if (this.#closing !== null || !this.#came.hasRoom(bytes.length)) return;
    this.#came.push({ bytes: new Uint8Array(bytes), path: this.#path(plainHost(host), port) });
    if (this.#came.waiting >= EAGER_PACKETS) this.#onReady();
    else this.#wakeSoon();
  }

  #pump(): void {
    while (this.#sending < SENDS_AT_ONCE) {
      const packet = this.#queue.shift();
      if (packet === undefined) return;
      this.#sending++;
      const { host, port } = packet.path.remote;
      const address = this.#isV6 && !host.includes(":") ? `::ffff:${host}` : host;
      const sent = () => this.#sent(packet.bytes.length);
      this.#datagrams.send(packet.bytes, { host: address, port }, sent);
    }
  }

  #sent(sentBytes: number): void {
    this.#sending--;
    this.#sendingBytes -= sentBytes;
    if (this.#sending === 0) this.#pump();
    if (this.#sendingBytes === 0) this.#onDrained?.();
    if (!this.#isFull || this.#sendingBytes > LIMITS.udpSendingBytes / 2) return;
    this.#isFull = false;
    this.#wakeSoon();
  }

  /** In a turn of its own: what comes meanwhile comes with it. */
  #wakeSoon(): void {
    if (this.#turn !== null || this.#closing !== null) return;
    this.#turn = setImmediate(() => {
      this.#turn = null;
      this.#onReady();
    });
  }

  #path(host: string, port: number): UdpPath {
    const key = `${host} ${port}`;
    const known = this.#paths.get(key);
    if (known !== undefined) return known;
    const remote = { host, port };
    const path = { local: localEnd(this.local, remote), remote };
    this.#paths.set(key, path);
    return path;
  }
}
