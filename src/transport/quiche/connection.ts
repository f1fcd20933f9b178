// One QUIC connection over quiche, at either end: one control stream, lanes, and one answer to why it
// ended. It moves bytes between its streams and the addon; packets are its endpoint's business.

import { formatAddress } from "../addresses.ts";
import { closeNumber, lost, streamGone } from "../quic_errors.ts";
import { Queue } from "../queue.ts";
import {
  type CloseInfo,
  type Connection,
  type ConnectionStats,
  type ControlStream,
  type Protocol,
  PROTOCOLS,
  type ReceiveStream,
  type SendStream,
} from "../transport.ts";
import { controlStream } from "../web_streams.ts";
import { closeInfo, reasonBytes } from "./ends.ts";
import type { Link, LinkEnd } from "./link.ts";
import { QuicheReceive, QuicheSend, type StreamHost } from "./streams.ts";

/** Stream ids (RFC 9000, section 2.1): the lowest two bits tell who opened it and its directions. */
const CONTROL_ID = 0;
const LANE_BIT = 2;
const SERVER_BIT = 1;
const ID_STEP = 4;
/** Of 0 (first) to 255: the control stream goes before all lanes. */
const CONTROL_URGENCY = 0;
const NOTHING = new Uint8Array(0);

type Taker<T> = { readonly resolve: (value: T) => void; readonly reject: (error: Error) => void };

export class QuicheConnection implements Connection {
  readonly stack = "quiche";
  readonly remoteAddress: string;
  readonly closed: Promise<CloseInfo>;
  /** Settles when its handshake is complete, or when it ended before that. */
  readonly handshaken: Promise<void>;
  readonly #isServer: boolean;
  readonly #link: Link;
  readonly #host: StreamHost;
  readonly #sends = new Map<number, QuicheSend>();
  readonly #receives = new Map<number, QuicheReceive>();
  /** Whose turn it is to be pumped first. */
  #firstSend = 0;
  #nextLane: number;
  /** Lanes of the peer below this id were all seen; of those beyond it, these. */
  #unseenLane: number;
  readonly #seenLanes = new Set<number>();
  /** Lanes the peer opened. */
  readonly #lanes = new Queue<ReceiveStream>();
  /** Those who wait until the peer allows one more lane. */
  readonly #openers: Taker<SendStream>[] = [];
  #controlTaken = false;
  #controlHere: ControlStream | null = null;
  #controlTaker: Taker<ControlStream> | null = null;
  #closing: CloseInfo | null = null;
  #ended: CloseInfo | null = null;
  #linkEnd: LinkEnd | null = null;
  readonly #settleClosed: (info: CloseInfo) => void;
  readonly #settleHandshaken: () => void;

  /** Its link calls {@linkcode wake} and {@linkcode linkEnded}. */
  constructor(link: Link, { isServer }: { readonly isServer: boolean }) {
    this.#link = link;
    this.#isServer = isServer;
    this.#nextLane = LANE_BIT | (isServer ? SERVER_BIT : 0);
    this.#unseenLane = LANE_BIT | (isServer ? 0 : SERVER_BIT);
    const { host, port } = link.path.remote;
    this.remoteAddress = formatAddress(host, port);
    const closed = Promise.withResolvers<CloseInfo>();
    this.closed = closed.promise;
    this.#settleClosed = closed.resolve;
    const handshaken = Promise.withResolvers<void>();
    this.handshaken = handshaken.promise;
    this.#settleHandshaken = handshaken.resolve;
    // deno-lint-ignore no-this-alias -- an object literal's getters have a `this` of their own
    const self = this;
    this.#host = {
      native: link.native,
      touch: () => link.touch(),
      explain: (found) => this.#explain(found),
      get over() {
        return self.#ended !== null || self.#closing !== null;
      },
      finished: (id, direction) => {
        if (direction === "send") this.#sends.delete(id);
        else this.#receives.delete(id);
      },
    };
  }

  get ended(): boolean {
    return this.#ended !== null;
  }

  /** How its link ended, and what the addon last complained of; null before. */
  get linkEnd(): LinkEnd | null {
    return this.#linkEnd;
  }

  /** Known once the handshake is complete, and nobody is given the connection before that. */
  get protocol(): Protocol {
    const spoken = new TextDecoder().decode(this.#link.native.applicationProto());
    const agreed = PROTOCOLS.find((protocol) => protocol === spoken);
    if (agreed === undefined) throw new TypeError("Cannot tell the protocol before the handshake");
    return agreed;
  }

  // deno-lint-ignore require-await -- every failure is a rejection
  async openControl(): Promise<ControlStream> {
    this.#takeControl();
    this.#throwIfOver();
    this.#link.native.streamSend(CONTROL_ID, NOTHING, false);
    return this.#control();
  }

  // deno-lint-ignore require-await -- every failure is a rejection
  async acceptControl(): Promise<ControlStream> {
    this.#takeControl();
    this.#throwIfOver();
    if (this.#controlHere !== null) return this.#controlHere;
    return new Promise((resolve, reject) => this.#controlTaker = { resolve, reject });
  }

  // deno-lint-ignore require-await -- every failure is a rejection
  async openLane(): Promise<SendStream> {
    this.#throwIfOver();
    return new Promise((resolve, reject) => {
      this.#openers.push({ resolve, reject });
      this.#openLanes();
    });
  }

  acceptLane(): Promise<ReceiveStream | null> {
    if (this.#ended !== null || this.#closing !== null) return Promise.resolve(null);
    return this.#lanes.take();
  }

  stats(): ConnectionStats {
    const path = this.#link.native.pathStats().find((item) => item.active);
    if (path === undefined) return { rttMs: null, lossRatio: null, windowBytes: null };
    return {
      rttMs: path.rtt,
      lossRatio: path.sent === 0 ? 0 : path.lost / path.sent,
      windowBytes: path.cwnd,
    };
  }

  close(code: CloseInfo["code"] & string, reason: string): void {
    if (this.#ended !== null || this.#closing !== null) return;
    this.#closing = { code, reason, remote: false };
    this.#link.close({ code: closeNumber(code), reason: reasonBytes(reason) });
    this.#failAll();
  }

  /** Packets came or time passed: streams go on. */
  wake(): void {
    if (this.#link.established) this.#settleHandshaken();
    if (this.#closing !== null || this.#ended !== null || !this.#link.established) return;
    for (const id of this.#link.native.readable()) this.#readable(id);
    if (this.#openers.length > 0) this.#openLanes();
    this.#pumpSends();
  }

  /** Called once, when nothing more is sent or received. */
  linkEnded(end: LinkEnd): void {
    this.#linkEnd = end;
    this.#ended = this.#closing ?? closeInfo(end);
    this.#failAll();
    this.#settleHandshaken();
  }

  /** The last word: nothing is left of it. */
  settle(): void {
    if (this.#ended !== null) this.#settleClosed(this.#ended);
  }

  #readable(id: number): void {
    const known = this.#receives.get(id);
    if (known !== undefined) return known.pump();
    if (id === CONTROL_ID) {
      if (this.#isServer && this.#controlHere === null) this.#controlArrives();
      return;
    }
    if (!this.#isNewLane(id)) return; // it was given up here
    this.#lanes.push(this.#receive(id));
  }

  /** Lanes come in any order, and each is handed over once; the addon forgets those that are done. */
  #isNewLane(id: number): boolean {
    if (id < this.#unseenLane || this.#seenLanes.has(id)) return false;
    this.#seenLanes.add(id);
    while (this.#seenLanes.delete(this.#unseenLane)) this.#unseenLane += ID_STEP;
    return true;
  }

  #controlArrives(): void {
    this.#controlHere = this.#control();
    this.#controlTaker?.resolve(this.#controlHere);
    this.#controlTaker = null;
  }

  #control(): ControlStream {
    this.#link.native.streamPriority(CONTROL_ID, CONTROL_URGENCY, true);
    const send = new QuicheSend(CONTROL_ID, this.#host);
    this.#sends.set(CONTROL_ID, send);
    return controlStream(send, this.#receive(CONTROL_ID));
  }

  #receive(id: number): QuicheReceive {
    const receive = new QuicheReceive(id, this.#host);
    this.#receives.set(id, receive);
    return receive;
  }

  #openLanes(): void {
    const { native } = this.#link;
    while (this.#openers.length > 0 && native.peerStreamsLeftUni() > 0) {
      const id = this.#nextLane;
      try {
        native.streamSend(id, NOTHING, false);
      } catch {
        return; // none is left after all; the peer's next word on it wakes this again
      }
      this.#nextLane += ID_STEP;
      const lane = new QuicheSend(id, this.#host);
      this.#sends.set(id, lane);
      this.#openers.shift()?.resolve(lane);
    }
  }

  /** In turn, so that no lane takes all the room; the control stream always goes first. */
  #pumpSends(): void {
    this.#sends.get(CONTROL_ID)?.pump();
    const waiting = [...this.#sends.values()].filter((send) => send.waits);
    if (waiting.length === 0) return;
    this.#firstSend = (this.#firstSend + 1) % waiting.length;
    for (let i = 0; i < waiting.length; i++) {
      waiting[(this.#firstSend + i) % waiting.length]?.pump();
    }
  }

  #takeControl(): void {
    if (this.#controlTaken) throw new TypeError("Cannot open the control stream twice");
    this.#controlTaken = true;
  }

  #throwIfOver(): void {
    if (this.#ended !== null || this.#closing !== null) throw this.#explain("");
  }

  #explain(found: string): Error {
    const ended = this.#ended ?? this.#closing;
    if (ended !== null) return lost(this.remoteAddress, ended);
    return streamGone(this.remoteAddress, found);
  }

  #failAll(): void {
    const found = "the connection ended";
    for (const stream of [...this.#sends.values(), ...this.#receives.values()]) stream.fail(found);
    for (const { reject } of this.#openers.splice(0)) reject(this.#explain(found));
    this.#controlTaker?.reject(this.#explain(found));
    this.#controlTaker = null;
    this.#lanes.end();
  }
}
