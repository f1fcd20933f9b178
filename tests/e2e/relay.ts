// A stretch of network that the tests own: UDP between clients and one server, on loopback. It drops
// everything or one direction, narrows to a rate, takes another port or address family towards the
// server (as a NAT does that forgot a client), loses a share, and counts what came through and what did
// not. It reorders nothing.

import type { Buffer } from "node:buffer";
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { Loss, Narrow } from "./stretch.ts";

/** Towards the server, or back. */
export type Direction = "up" | "down";

/** Where packets for the server go. */
export interface Aim {
  readonly port: number;
  /** IPv4 unless it says 6. */
  readonly family?: 4 | 6;
}

export interface RelayOptions {
  /** Payload of packets a second, each direction; unlimited by default. */
  readonly rateBytesPerSecond?: number;
  /** How long a packet is on its way, each direction; no time by default. */
  readonly delayMs?: number;
}

const LOOPBACK = { 4: "127.0.0.1", 6: "::1" } as const;

export class Relay implements AsyncDisposable {
  /** What clients connect to, on 127.0.0.1. */
  readonly port: number;
  readonly #front: Socket;
  readonly #rateBytesPerSecond: number;
  readonly #delayMs: number;
  readonly #underWay = new Set<ReturnType<typeof setTimeout>>();
  /** One socket towards the server for each place a client sends from. */
  readonly #flows = new Map<string, Flow>();
  /** Sockets that a rebinding left behind: what comes to them is lost, as behind a NAT. */
  readonly #left: Socket[] = [];
  readonly #swallowed = new Set<Direction>();
  #losses: Readonly<Record<Direction, Loss>> | null = null;
  readonly #passed = { up: 0, down: 0 };
  readonly #waiting = new Set<() => void>();
  readonly #narrows: Readonly<Record<Direction, Narrow>>;
  #nowBytesPerSecond: number;
  /** To how much it narrows by itself, once so much came through. */
  #later: { readonly passedBytes: number; readonly rateBytesPerSecond: number } | null = null;
  #aim: Aim = { port: 0 };

  private constructor(front: Socket, options: RelayOptions) {
    this.#front = front;
    this.#rateBytesPerSecond = options.rateBytesPerSecond ?? Infinity;
    this.#nowBytesPerSecond = this.#rateBytesPerSecond;
    this.#delayMs = options.delayMs ?? 0;
    this.port = front.address().port;
    const rate = this.#rateBytesPerSecond;
    this.#narrows = { up: new Narrow(rate), down: new Narrow(rate) };
    front.on("message", (packet, from) => this.#up(packet, from));
  }

  /** Where it leads is said by {@linkcode aim}: a server may want to know this port before. */
  static async open(options: RelayOptions = {}): Promise<Relay> {
    return new Relay(await bound(4), options);
  }

  /** Payload that came through since it was opened, both directions. */
  get passedBytes(): number {
    return this.#passed.up + this.#passed.down;
  }

  /** Waits until so much more came through. */
  async passes(bytes: number): Promise<void> {
    const wanted = this.passedBytes + bytes;
    while (this.passedBytes < wanted) {
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
  }

  /** Leads to another place from now on, over new sockets. */
  async aim(at: Aim): Promise<void> {
    this.#aim = at;
    await this.rebind();
  }

  /** Takes another port towards the server for every client; answers to the old ones are lost. */
  async rebind(): Promise<void> {
    for (const flow of this.#flows.values()) {
      const old = flow.socket;
      flow.socket = await this.#back(flow.client);
      old.removeAllListeners("message");
      this.#left.push(old);
    }
  }

  /** Lets less through from now on, or as much as when it was opened. */
  narrow(rateBytesPerSecond: number | null): void {
    const rate = rateBytesPerSecond ?? this.#rateBytesPerSecond;
    this.#nowBytesPerSecond = rate;
    this.#later = null;
    for (const narrow of Object.values(this.#narrows)) narrow.change(rate);
  }

  /**
   * Narrows once so much more came through, however late whoever waits for it is told on a busy machine.
   * Answers what is let through until then.
   */
  narrowAfter(bytes: number, rateBytesPerSecond: number): number {
    this.#later = { passedBytes: this.passedBytes + bytes, rateBytesPerSecond };
    return this.#nowBytesPerSecond;
  }

  /** Lets nothing through in these directions. */
  swallow(...directions: readonly Direction[]): void {
    for (const direction of directions) this.#swallowed.add(direction);
  }

  /** Lets everything through again. */
  restore(): void {
    this.#swallowed.clear();
  }

  /** Loses one packet of so many from now on, at a place in each lot that the seed says; null for none. */
  lose(packets: number | null, seed = 1): void {
    if (packets === null) this.#losses = null;
    else this.#losses = { up: new Loss(packets, seed), down: new Loss(packets, seed + 1) };
  }

  /** Packets that were lost so since `lose`. */
  get lostPackets(): number {
    return (this.#losses?.up.lost ?? 0) + (this.#losses?.down.lost ?? 0);
  }

  /** Lets nothing through for a time, which is what is tested. */
  async pause(durationMs: number): Promise<void> {
    this.swallow("up", "down");
    await new Promise((resolve) => setTimeout(resolve, durationMs));
    this.restore();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const narrow of Object.values(this.#narrows)) narrow.close();
    for (const timer of this.#underWay) clearTimeout(timer);
    const sockets = [this.#front, ...this.#left];
    for (const { socket } of this.#flows.values()) sockets.push(socket);
    for (const resolve of this.#waiting) resolve();
    await Promise.all(sockets.map((socket) => {
      const closed = once(socket, "close");
      socket.close();
      return closed;
    }));
  }

  async #up(packet: Buffer, from: RemoteInfo): Promise<void> {
    const name = `${from.address}:${from.port}`;
    let flow = this.#flows.get(name);
    if (flow === undefined) {
      const client = { address: from.address, port: from.port };
      const socket = await this.#back(client);
      // Another packet of the same client may have come first meanwhile.
      flow = this.#flows.get(name) ?? { client, socket };
      if (flow.socket !== socket) socket.close();
      this.#flows.set(name, flow);
    }
    const { socket } = flow;
    const { port, family = 4 } = this.#aim;
    this.#pass("up", packet, () => socket.send(packet, port, LOOPBACK[family], ignored));
  }

  async #back(client: Place): Promise<Socket> {
    const socket = await bound(this.#aim.family ?? 4);
    socket.on("message", (packet) => {
      const send = () => this.#front.send(packet, client.port, client.address, ignored);
      this.#pass("down", packet, send);
    });
    return socket;
  }

  #pass(direction: Direction, packet: Buffer, send: () => void): void {
    if (this.#swallowed.has(direction) || this.#losses?.[direction].takes()) return;
    const deliver = () => {
      // What waited in the queue when the stretch was cut is lost with it.
      if (this.#swallowed.has(direction)) return;
      this.#passed[direction] += packet.length;
      send();
      const later = this.#later;
      if (later !== null && this.passedBytes >= later.passedBytes) {
        this.narrow(later.rateBytesPerSecond);
      }
      for (const resolve of [...this.#waiting]) {
        this.#waiting.delete(resolve);
        resolve();
      }
    };
    this.#narrows[direction].take(packet.length, () => this.#late(deliver));
  }

  #late(deliver: () => void): void {
    if (this.#delayMs === 0) return deliver();
    const timer = setTimeout(() => {
      this.#underWay.delete(timer);
      deliver();
    }, this.#delayMs);
    this.#underWay.add(timer);
  }
}

interface Place {
  readonly address: string;
  readonly port: number;
}

interface Flow {
  readonly client: Place;
  socket: Socket;
}

async function bound(family: 4 | 6): Promise<Socket> {
  const socket = createSocket(family === 6 ? "udp6" : "udp4");
  // A port that closed answers by ICMP: to a network that is a lost packet.
  socket.on("error", ignored);
  await new Promise<void>((resolve) => socket.bind(0, LOOPBACK[family], resolve));
  return socket;
}

/** UDP promises nothing. */
function ignored(): void {}
