// Packets on their way out of one socket: laid one behind the other while they have one size and one
// path, and sent as one batch. What a full socket did not take waits here, and nothing passes it.

import type { UdpPath, UdpSocket } from "../../runtime/udp.ts";

/** Whoever has packets to send. */
export interface PacketSource {
  /** Where its last packet went. */
  readonly path: UdpPath;
  /** Writes one packet; answers its length, 0 where there is nothing to send now. */
  write(into: Uint8Array<ArrayBuffer>): number;
}

/** Packets one source sends in one turn: about a millisecond of work. */
const SENT_A_TURN = 64;
/** What the kernel cuts into packets by itself (UDP_SEGMENT): so many, and so many bytes. */
const MOST_SEGMENTS = 64;
const MOST_BATCH_BYTES = 65_507;
/** Room a packet may need: quiche writes no more than its own limit into it. */
const PACKET_ROOM_BYTES = 16_384;

interface Batch {
  readonly totalBytes: number;
  readonly packetBytes: number;
  readonly path: UdpPath;
  /** Where its bytes are; null where they lie in the socket's own memory. */
  readonly bytes: Uint8Array | null;
}

export class Outbox {
  readonly #socket: UdpSocket;
  readonly #views = new Map<number, Uint8Array<ArrayBuffer>>();
  /** What a full socket did not take. */
  readonly #held: Batch[] = [];

  constructor(socket: UdpSocket) {
    this.#socket = socket;
  }

  /** Whether something waits for room. */
  get isFull(): boolean {
    return this.#held.length > 0;
  }

  /** Sends what waited; false where the socket is still full. */
  resume(): boolean {
    for (let batch = this.#held[0]; batch !== undefined; batch = this.#held[0]) {
      if (batch.bytes !== null) this.#socket.outgoing.set(batch.bytes, 0);
      if (!this.#socket.send(batch.totalBytes, batch.packetBytes, batch.path)) return false;
      this.#held.shift();
    }
    return true;
  }

  /** Sends one packet if the socket takes it now: one that finds it full is a packet lost. */
  put(packet: Uint8Array, path: UdpPath): void {
    if (this.isFull) return;
    this.#socket.outgoing.set(packet, 0);
    this.#socket.send(packet.byteLength, packet.byteLength, path);
  }

  /** Lets a source write packets; true where it was stopped and may have more. */
  fill(source: PacketSource): boolean {
    let totalBytes = 0;
    let packetBytes = 0;
    let path = source.path;
    let count = 0;
    for (let sent = 0; sent < SENT_A_TURN; sent++) {
      const bytes = source.write(this.#view(totalBytes));
      if (bytes === 0) {
        this.#send({ totalBytes, packetBytes, path, bytes: null });
        return false;
      }
      if (count > 0 && (bytes > packetBytes || source.path !== path)) {
        // It does not go with those before it: they leave, and it begins the next batch.
        const odd = this.#socket.outgoing.slice(totalBytes, totalBytes + bytes);
        const isFull = !this.#send({ totalBytes, packetBytes, path, bytes: null });
        path = source.path;
        if (isFull) {
          this.#held.push({ totalBytes: bytes, packetBytes: bytes, path, bytes: odd });
          return true;
        }
        this.#socket.outgoing.set(odd, 0);
        count = 0;
        totalBytes = 0;
      }
      if (count === 0) {
        packetBytes = bytes;
        path = source.path;
      }
      count++;
      totalBytes += bytes;
      const isLast = bytes < packetBytes || count === MOST_SEGMENTS ||
        totalBytes + packetBytes > MOST_BATCH_BYTES ||
        totalBytes + PACKET_ROOM_BYTES > this.#socket.outgoing.byteLength;
      if (!isLast) continue;
      if (!this.#send({ totalBytes, packetBytes, path, bytes: null })) return true;
      count = 0;
      totalBytes = 0;
    }
    this.#send({ totalBytes, packetBytes, path, bytes: null });
    return true;
  }

  /** Sends what lies in front; false where it has to wait. */
  #send(batch: Batch): boolean {
    if (batch.totalBytes === 0) return true;
    if (this.#socket.send(batch.totalBytes, batch.packetBytes, batch.path)) return true;
    this.#held.push(batch);
    return false;
  }

  /** The socket's memory from some byte on, made once for each place. */
  #view(at: number): Uint8Array<ArrayBuffer> {
    const known = this.#views.get(at);
    if (known !== undefined) return known;
    // Odd lengths make odd places; the common ones are a few dozen.
    if (this.#views.size > 4 * MOST_SEGMENTS) this.#views.clear();
    const { outgoing } = this.#socket;
    const view = outgoing.subarray(at, Math.min(at + PACKET_ROOM_BYTES, outgoing.byteLength));
    this.#views.set(at, view);
    return view;
  }
}
