// A packet a call by what the runtime offers: `node:dgram` everywhere, in Deno its own datagrams where
// they are (`--unstable-net`). `node:dgram` makes a block of 64 KiB for each packet there: 200 µs of
// CPU, where one buffer for all packets takes 4.

import dgram from "node:dgram";
import type { Socket } from "node:dgram";
import process from "node:process";
import type { UdpAddress, UdpOptions } from "./udp.ts";
import { plainHost } from "./udp_paths.ts";

/** Takes a packet and where it came from; its bytes are good until it returns. */
export type TakeDatagram = (bytes: Uint8Array, host: string, port: number) => void;

/** A socket, a packet a call. */
export interface Datagrams {
  readonly local: UdpAddress;
  /** Calls `sent` when the bytes may be used again, whether they were sent or could not be. */
  send(bytes: Uint8Array<ArrayBuffer>, remote: UdpAddress, sent: () => void): void;
  close(): Promise<void>;
}

type Bound = Pick<UdpOptions, "hostname" | "port" | "receiveBufferBytes" | "sendBufferBytes">;

/** Longest packet there is. */
const PACKET_BYTES = 65_536;
/** Errors in a row after which reading pauses, and for how long. */
const FAILURES_AT_ONCE = 16;
const PAUSE_MS = 10;

/** Binds one; throws with the system's `code` where it cannot. */
export function openDatagrams(bound: Bound, take: TakeDatagram): Promise<Datagrams> {
  return hasOwnDatagrams(bound.hostname)
    ? DenoDatagrams.open(bound, take)
    : NodeDatagrams.open(bound, take);
}

/** Windows gives both families to a socket that asks for it, and Deno's own do not ask. */
function hasOwnDatagrams(hostname: string): boolean {
  return typeof Deno !== "undefined" && typeof Deno.listenDatagram === "function" &&
    !hostname.includes("%") && !(hostname === "::" && process.platform === "win32");
}

class DenoDatagrams implements Datagrams {
  readonly local: UdpAddress;
  readonly #conn: Deno.DatagramConn;
  readonly #reading: Promise<void>;

  private constructor(conn: Deno.DatagramConn, take: TakeDatagram) {
    this.#conn = conn;
    const { hostname: host, port } = conn.addr as Deno.NetAddr;
    this.local = { host, port };
    this.#reading = this.#read(take);
  }

  static open({ hostname, port }: Bound, take: TakeDatagram): Promise<Datagrams> {
    try {
      const conn = Deno.listenDatagram({ transport: "udp", hostname, port });
      return Promise.resolve(new DenoDatagrams(conn, take));
    } catch (thrown) {
      return Promise.reject(thrown);
    }
  }

  send(bytes: Uint8Array<ArrayBuffer>, { host, port }: UdpAddress, sent: () => void): void {
    const to = { transport: "udp", hostname: host, port } as const;
    this.#conn.send(bytes, to).then(sent, sent);
  }

  async close(): Promise<void> {
    this.#conn.close();
    await this.#reading;
  }

  async #read(take: TakeDatagram): Promise<void> {
    const buffer = new Uint8Array(PACKET_BYTES);
    for (let failures = 0;;) {
      const came = await this.#conn.receive(buffer).catch((thrown: unknown) => {
        // A system may tell here that somebody did not get a packet: that is no news of this socket.
        return isClosed(thrown) ? null : undefined;
      });
      if (came === null) return;
      if (came === undefined) {
        if (++failures % FAILURES_AT_ONCE === 0) await pause();
        continue;
      }
      failures = 0;
      const { hostname, port } = came[1] as Deno.NetAddr;
      take(came[0], hostname, port);
    }
  }
}

/** Whatever it is that goes on failing, other work goes on as well. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
}

function isClosed(thrown: unknown): boolean {
  return thrown instanceof Deno.errors.BadResource || thrown instanceof Deno.errors.Interrupted;
}

class NodeDatagrams implements Datagrams {
  readonly local: UdpAddress;
  readonly #socket: Socket;

  private constructor(socket: Socket, bound: Bound) {
    this.#socket = socket;
    const { address: host, port } = socket.address();
    this.local = { host, port };
    // A packet lost on the way is nobody's failure; what the socket has to say besides is not for us.
    socket.on("error", () => {});
    try {
      const { receiveBufferBytes, sendBufferBytes } = bound;
      if (receiveBufferBytes !== undefined) socket.setRecvBufferSize(receiveBufferBytes);
      if (sendBufferBytes !== undefined) socket.setSendBufferSize(sendBufferBytes);
    } catch {
      // The system gives what it gives.
    }
  }

  static async open(bound: Bound, take: TakeDatagram): Promise<Datagrams> {
    const { hostname: address, port } = bound;
    const type = address.includes(":") ? "udp6" : "udp4";
    const socket = dgram.createSocket({ type, ipv6Only: false });
    socket.on("message", (bytes, from) => take(bytes, plainHost(from.address), from.port));
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once("error", reject);
        socket.bind({ address, port, exclusive: true }, () => {
          socket.off("error", reject);
          resolve();
        });
      });
    } catch (thrown) {
      await closed(socket);
      throw thrown;
    }
    return new NodeDatagrams(socket, bound);
  }

  send(bytes: Uint8Array<ArrayBuffer>, { host, port }: UdpAddress, sent: () => void): void {
    try {
      this.#socket.send(bytes, port, host, sent);
    } catch {
      sent();
    }
  }

  close(): Promise<void> {
    return closed(this.#socket);
  }
}

function closed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    try {
      socket.close(() => resolve());
    } catch {
      resolve(); // It never opened.
    }
  });
}
