// One UDP socket with all its QUIC connections: takes packets in batches, hands each to its connection,
// wakes whoever waits for bytes or room, and lets every connection that has something to say fill its
// outbox. One turn does a bounded amount of all that; between two turns the event loop runs. One timer
// serves all. Nothing a packet holds makes it throw.

import { clearImmediate, setImmediate } from "node:timers";
import { LIMITS } from "../../base/limits.ts";
import type { UdpOptions, UdpPath, UdpSocket } from "../../runtime/udp.ts";
import type { NativeAddress, NativeConfig, NativeConnection, Quiche } from "./binding.ts";
import { QuicheConnection } from "./connection.ts";
import { ConnectionIds, newId, textOf } from "./connection_ids.ts";
import { Farewells } from "./farewells.ts";
import { Link, type LinkEnd, type LinkHost, plain } from "./link.ts";
import { Outbox } from "./outbox.ts";

/** Opens a socket; what it throws comes out of the endpoint's opening. */
export type OpenSocket = (options: UdpOptions) => Promise<UdpSocket>;

export interface EndpointOptions {
  readonly quiche: Quiche;
  readonly openSocket: OpenSocket;
  readonly hostname: string;
  readonly port: number;
  /** A packet of no connection here; the packet is good until it returns. */
  readonly onStranger?: (packet: Uint8Array<ArrayBuffer>, path: UdpPath) => void;
  /** The socket closes with its last connection; else when it is told to. */
  readonly endsWithLast: boolean;
}

/** A connection that a client begins. */
export interface Dialing {
  readonly serverName: string;
  readonly config: NativeConfig;
  readonly remote: NativeAddress;
  readonly keepAliveMs: number;
}

/** A connection that a client began and the door let in. */
export interface Accepting {
  readonly ownId: Uint8Array;
  /** What the client began with, where it was sent a Retry. */
  readonly originalId: Uint8Array | null;
  /** What the client calls this end until it is told better; null where that is `ownId`. */
  readonly aliasId: Uint8Array | null;
  readonly config: NativeConfig;
  readonly path: UdpPath;
  readonly packet: Uint8Array;
}

/** Packets taken in one turn: about a millisecond of work. */
const RECEIVED_A_TURN = 64;
/** Packets are handed on after so many bytes or turns at the latest, while more are there already. */
const FED_BYTES = 512 * 1024;
const FED_TURNS = 4;
/** Wanted sizes of the kernel's buffers: a turn's packets of either size fit many times. */
const SOCKET_BUFFER_BYTES = 8 * 1024 * 1024;
/** A socket that was full tells when it takes more; it is asked again after so long all the same. */
const FULL_MS = 20;
/** Longest time a timer is set to. */
const MOST_TIMER_MS = 60_000;

interface Resident {
  readonly link: Link;
  readonly connection: QuicheConnection;
  /** By their text: those that the peer gives back are other views of the same bytes. */
  readonly ids: Map<string, Uint8Array>;
  foreignId: Uint8Array | null;
}

export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #ids = new ConnectionIds<Link>();
  readonly #residents = new Map<Link, Resident>();
  readonly #farewells = new Farewells({ most: LIMITS.farewells, keepMs: LIMITS.farewellMs });
  /** Connections with something to send, or whose deadline may have changed. */
  readonly #touched = new Set<Link>();
  /** Those that packets came for in this turn. */
  readonly #fed = new Set<Link>();
  #socket: UdpSocket | null = null;
  #outbox: Outbox | null = null;
  #turn: ReturnType<typeof setImmediate> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #timerAtMs = Infinity;
  #lastFed: Link | undefined;
  /** What came since they were woken last, and in how many turns. */
  #fedBytes = 0;
  #fedTurns = 0;
  #endsWithLast: boolean;
  #closing: Promise<void> | null = null;
  readonly #host: LinkHost;

  /** Binds; throws what the socket's opener throws. */
  static async open(options: EndpointOptions): Promise<Endpoint> {
    const endpoint = new Endpoint(options);
    const { hostname, port } = options;
    const socket = await options.openSocket({
      hostname,
      port,
      receiveBufferBytes: SOCKET_BUFFER_BYTES,
      sendBufferBytes: SOCKET_BUFFER_BYTES,
      onReady: () => endpoint.#pass(),
    });
    endpoint.#socket = socket;
    endpoint.#outbox = new Outbox(socket);
    return endpoint;
  }

  private constructor(options: EndpointOptions) {
    this.#options = options;
    this.#endsWithLast = options.endsWithLast;
    this.#host = {
      touched: (link) => {
        this.#touched.add(link);
        this.#schedule();
      },
      issueId: (link) => {
        const id = this.#ids.issue(link);
        this.#residents.get(link)?.ids.set(textOf(id), id);
        return id;
      },
      retireId: (link, id) => this.#retireId(link, id),
    };
  }

  /** Where it is bound. */
  get local(): NativeAddress {
    return this.#bound.local;
  }

  connect({ serverName, config, remote, keepAliveMs }: Dialing): QuicheConnection {
    const path = this.#bound.pathTo(remote);
    const ownId = newId();
    const { Connection } = this.#options.quiche;
    const native = Connection.connect(
      serverName,
      ownId,
      plain(path.local),
      plain(path.remote),
      config,
    );
    const resident = this.#settle(native, { path, keepAliveMs, isServer: false });
    this.#ids.add(ownId, resident.link);
    resident.ids.set(textOf(ownId), ownId);
    return resident.connection;
  }

  /** Null where the addon does not take it, or one of its ids is taken. */
  accept({ ownId, originalId, aliasId, config, path, packet }: Accepting): QuicheConnection | null {
    let native;
    try {
      const { Connection } = this.#options.quiche;
      const [local, remote] = [plain(path.local), plain(path.remote)];
      native = Connection.accept(ownId, originalId, local, remote, config);
    } catch {
      return null;
    }
    const resident = this.#settle(native, { path, keepAliveMs: null, isServer: true });
    const { link } = resident;
    if (!this.#ids.add(ownId, link)) {
      this.#residents.delete(link);
      return null;
    }
    resident.ids.set(textOf(ownId), ownId);
    if (aliasId !== null) {
      resident.foreignId = aliasId.slice();
      this.#ids.addForeign(resident.foreignId, link);
    }
    link.receive(packet, path);
    this.#fed.add(link);
    this.#schedule();
    return resident.connection;
  }

  /** Sends one packet that belongs to no connection, if the socket takes it now. */
  answer(packet: Uint8Array, path: UdpPath): void {
    if (this.#closing === null) this.#outbox?.put(packet, path);
  }

  /** Closes the socket once its last connection has ended. */
  closeAfterLast(): void {
    this.#endsWithLast = true;
    if (this.#residents.size === 0) this.#close();
  }

  /** Settles when nothing is left of it. */
  get closed(): Promise<void> {
    return this.#closing ?? Promise.resolve();
  }

  get #bound(): UdpSocket {
    if (this.#socket === null) throw new TypeError("Cannot use an endpoint before it is bound");
    return this.#socket;
  }

  #settle(
    native: NativeConnection,
    { path, keepAliveMs, isServer }: {
      readonly path: UdpPath;
      readonly keepAliveMs: number | null;
      readonly isServer: boolean;
    },
  ): Resident {
    const link: Link = new Link(native, {
      path,
      isServer,
      host: this.#host,
      keepAliveMs,
      onWake: () => connection.wake(),
      onEnded: (end) => this.#ended(link, end),
    });
    const connection = new QuicheConnection(link, { isServer });
    const resident: Resident = { link, connection, ids: new Map(), foreignId: null };
    this.#residents.set(link, resident);
    this.#host.touched(link);
    return resident;
  }

  #schedule(): void {
    if (this.#turn !== null || this.#closing !== null) return;
    this.#turn = setImmediate(() => {
      this.#turn = null;
      this.#pass();
    });
  }

  /** One turn. What the program did since the last one goes out first. */
  #pass(): void {
    if (this.#closing !== null || this.#outbox === null) return;
    const nowMs = performance.now();
    if (nowMs >= this.#timerAtMs) this.#expire(nowMs);
    const isMoving = this.#flush(this.#outbox, nowMs);
    if (this.#closing !== null) return;
    const count = this.#bound.receive(this.#take, RECEIVED_A_TURN);
    this.#wake(nowMs, count < RECEIVED_A_TURN);
    if (count > 0 || (isMoving && this.#touched.size > 0)) this.#schedule();
  }

  readonly #take = (packet: Uint8Array<ArrayBuffer>, path: UdpPath): void => {
    const link = this.#ids.find(packet);
    if (link === undefined) return this.#takeStranger(packet, path);
    this.#fedBytes += packet.byteLength;
    link.receive(packet, path);
    if (link === this.#lastFed) return;
    this.#lastFed = link;
    this.#fed.add(link);
  };

  #takeStranger(packet: Uint8Array<ArrayBuffer>, path: UdpPath): void {
    const farewell = this.#farewells.answerTo(packet, performance.now());
    if (farewell !== null) return this.answer(farewell.packet, farewell.path);
    this.#options.onStranger?.(packet, path);
  }

  /**
   * Those that packets came for go on once nothing more is there, or enough has come: fewer and larger
   * reads cost less. What acknowledges the packets goes out meanwhile.
   */
  #wake(nowMs: number, isDrained: boolean): void {
    this.#lastFed = undefined;
    if (this.#fed.size === 0) return;
    this.#schedule();
    const isEnough = this.#fedBytes >= FED_BYTES || ++this.#fedTurns >= FED_TURNS;
    if (!isDrained && !isEnough) {
      for (const link of this.#fed) this.#touched.add(link);
      return;
    }
    this.#fedBytes = 0;
    this.#fedTurns = 0;
    const fed = [...this.#fed];
    this.#fed.clear();
    for (const link of fed) {
      if (link.ended) continue;
      link.wake(nowMs);
      if (link.established) this.#forgetForeignId(link);
      this.#touched.add(link);
    }
  }

  #retireId(link: Link, id: Uint8Array): void {
    this.#residents.get(link)?.ids.delete(textOf(id));
    this.#ids.remove(id);
  }

  /** The client knows our id by now. */
  #forgetForeignId(link: Link): void {
    const resident = this.#residents.get(link);
    if (resident === undefined || resident.foreignId === null) return;
    this.#ids.removeForeign(resident.foreignId);
    resident.foreignId = null;
  }

  /** False where the socket is full: its `onReady` goes on. */
  #flush(outbox: Outbox, nowMs: number): boolean {
    if (!outbox.resume()) {
      this.#wakeAt(nowMs + FULL_MS, nowMs);
      return false;
    }
    const touched = [...this.#touched];
    this.#touched.clear();
    for (const [index, link] of touched.entries()) {
      if (link.ended) continue;
      const hasMore = outbox.fill(link);
      if (outbox.isFull) {
        for (const left of touched.slice(index)) this.#touched.add(left);
        this.#wakeAt(nowMs + FULL_MS, nowMs);
        return false;
      }
      if (hasMore) this.#touched.add(link);
      link.settle(nowMs);
      this.#wakeAt(link.deadlineMs, nowMs);
    }
    return true;
  }

  /** The one timer, set anew only where it would come too late. */
  #wakeAt(deadlineMs: number, nowMs: number): void {
    if (deadlineMs >= this.#timerAtMs || this.#closing !== null) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    const waitMs = Math.min(Math.max(1, deadlineMs - nowMs), MOST_TIMER_MS);
    this.#timerAtMs = nowMs + waitMs;
    this.#timer = setTimeout(() => {
      // A timer may come a little early: it is not set again for what it was set for.
      this.#timerAtMs = 0;
      this.#pass();
    }, Math.ceil(waitMs));
  }

  #expire(nowMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#timerAtMs = Infinity;
    for (const link of this.#residents.keys()) {
      if (link.deadlineMs <= nowMs) {
        link.expire(nowMs);
        this.#touched.add(link);
      } else this.#wakeAt(link.deadlineMs, nowMs);
    }
  }

  #ended(link: Link, end: LinkEnd): void {
    const resident = this.#residents.get(link);
    if (resident === undefined) return;
    this.#residents.delete(link);
    for (const id of resident.ids.values()) this.#ids.remove(id);
    if (resident.foreignId !== null) this.#ids.removeForeign(resident.foreignId);
    this.#touched.delete(link);
    this.#sayFarewell(resident);
    resident.connection.linkEnded(end);
    const isLast = this.#endsWithLast && this.#residents.size === 0;
    if (isLast) this.#leave(link.lingerMs).then(() => resident.connection.settle());
    else resident.connection.settle();
  }

  /** The last word is said twice at once, and again to whoever still speaks. */
  #sayFarewell({ link, ids }: Resident): void {
    const { farewell: packet, path } = link;
    if (packet === null) return;
    this.answer(packet, path);
    this.#farewells.keep([...ids.values()], { packet, path }, performance.now());
  }

  async #leave(lingerMs: number): Promise<void> {
    if (lingerMs > 0) await new Promise((resolve) => setTimeout(resolve, lingerMs));
    if (this.#residents.size === 0) await this.#close();
  }

  #close(): Promise<void> {
    if (this.#closing !== null) return this.#closing;
    if (this.#turn !== null) clearImmediate(this.#turn);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#turn = null;
    this.#timer = null;
    this.#closing = this.#bound.close();
    return this.#closing;
  }
}
