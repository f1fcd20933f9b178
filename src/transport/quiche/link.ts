// One connection of the addon as its endpoint sees it: packets in, packets out, its next deadline, its
// connection ids and paths, and how it ended. Whatever the addon throws stops here: a packet that makes
// no sense is a packet lost.

import { LIMITS } from "../../base/limits.ts";
import type { UdpPath } from "../../runtime/udp.ts";
import { unscoped } from "../../runtime/udp_address.ts";
import {
  type NativeAddress,
  type NativeConnection,
  type NativeError,
  type NativeReceived,
} from "./binding.ts";
import { SpareIds } from "./spare_ids.ts";
import { Whereabouts } from "./whereabouts.ts";

/** How a link ended: by itself, by an error on this side, or by the peer's word. */
export type LinkEnd =
  | { readonly kind: "silent" }
  | {
    readonly kind: "here";
    readonly error: NativeError | null;
    /** What the peer proved itself with, if it got so far: DER, not to be trusted. */
    readonly certificate: Uint8Array | null;
  }
  | { readonly kind: "there"; readonly error: NativeError };

/** What a link needs of its endpoint. */
export interface LinkHost {
  /** It has something to send, or a deadline that changed. */
  touched(link: Link): void;
  /** One more id by which the peer may address it. */
  issueId(link: Link): Uint8Array;
  retireId(link: Link, id: Uint8Array): void;
}

/** What the peer is told of the end. */
export interface Goodbye {
  readonly code: number;
  readonly reason: Uint8Array;
}

interface LinkOptions {
  readonly path: UdpPath;
  readonly isServer: boolean;
  readonly host: LinkHost;
  /** Milliseconds of silence after which the peer is asked; null for never. */
  readonly keepAliveMs: number | null;
  /** Called once a turn when packets came or time passed. */
  readonly onWake: () => void;
  readonly onEnded: (end: LinkEnd) => void;
}

/** Below it nothing fits into a packet beside its header and seal. */
const LEAST_ROOM_BYTES = 64;
/** A timer that runs out so soon waits for an acknowledgement. */
const BUSY_WITHIN_MS = 3_000;
/** A peer uses up ids when it moves, which is seldom. */
const TURNS_BETWEEN_IDS = 64;

export class Link {
  readonly native: NativeConnection;
  readonly #host: LinkHost;
  readonly #keepAliveMs: number | null;
  readonly #onWake: () => void;
  readonly #onEnded: (end: LinkEnd) => void;
  readonly #whereabouts: Whereabouts;
  readonly #ids: SpareIds;
  /**
   * What the addon is told of every packet: it knows one path only. Of several it would never send again
   * what was lost on one that the peer has left (0.18: its probes repeat the same two packets).
   */
  readonly #way: NativeReceived;
  #established = false;
  #heardMs: number;
  /** The peer's packets that were understood, when they were counted last. */
  #heardPackets = 0;
  #ended = false;
  /** Turns until ids and paths are looked after again. */
  #untilIds = 0;
  #goodbye: Goodbye | null = null;
  /** What was to be sent before it has been. */
  #owed = false;
  #closing = false;
  #closeByMs = Infinity;
  #farewell: Uint8Array<ArrayBuffer> | null = null;
  /** How long its last word may have to be said again. */
  #lingerMs = 0;
  deadlineMs = Infinity;

  constructor(native: NativeConnection, options: LinkOptions) {
    this.native = native;
    this.#host = options.host;
    this.#whereabouts = new Whereabouts(options.path, options);
    this.#ids = new SpareIds(native, {
      issue: () => this.#host.issueId(this),
      retire: (id) => this.#host.retireId(this, id),
    });
    this.#way = wayOf(options.path);
    this.#keepAliveMs = options.keepAliveMs;
    this.#onWake = options.onWake;
    this.#onEnded = options.onEnded;
    this.#heardMs = performance.now();
  }

  get path(): UdpPath {
    return this.#whereabouts.path;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get established(): boolean {
    return this.#established;
  }

  /** The packet that told the peer of the end; null where nothing was said. */
  get farewell(): Uint8Array<ArrayBuffer> | null {
    return this.#farewell;
  }

  /**
   * How long the peer may still need to be told: not at all where nothing was under way, else what was
   * sent before may have drowned the last packet.
   */
  get lingerMs(): number {
    return this.#lingerMs;
  }

  /** Something to send; the endpoint comes back for it. */
  touch(): void {
    if (!this.#ended) this.#host.touched(this);
  }

  /** Junk with a forged sender proves nothing and leads nowhere: only the peer's own news do. */
  receive(packet: Uint8Array, path: UdpPath): void {
    const whereabouts = this.#whereabouts;
    const isPlain = !whereabouts.isDoubtful && !this.#ids.isUnsure;
    if (isPlain && path === whereabouts.path) return this.#recv(packet);
    if (!whereabouts.mayBe(path)) return;
    if (!this.#isNews(packet) || !this.#established) return;
    this.#ids.heard(packet);
    if (whereabouts.seen(packet, path)) this.#elicit();
  }

  /** Takes a packet and tells whether it was the peer's, and not seen before. */
  #isNews(packet: Uint8Array): boolean {
    const before = this.native.stats().recv;
    this.#recv(packet);
    return this.native.stats().recv > before;
  }

  #recv(packet: Uint8Array): void {
    try {
      this.native.recv(packet, this.#way);
    } catch {
      // Malformed, forged or late; a failed handshake shows in `localError`.
    }
  }

  /** After packets came: ids and paths in order, whoever waits for bytes or room is told. */
  wake(nowMs: number): void {
    const heard = this.native.stats().recv;
    if (heard > this.#heardPackets) this.#heardMs = nowMs;
    this.#heardPackets = heard;
    if (this.#whereabouts.isDoubtful) this.#askForProof();
    if (!this.#established && this.native.isEstablished()) this.#established = true;
    if (this.#established && --this.#untilIds <= 0) this.#keepIds();
    this.#onWake();
  }

  /** Writes one packet; answers its length, 0 where there is nothing to send now. */
  write(into: Uint8Array<ArrayBuffer>): number {
    if (this.#goodbye === null || this.#farewell !== null) return this.#send(into);
    // What is owed goes first: with an acknowledgement of the handshake still to be sent, quiche keeps
    // the close of an application back for good.
    if (!this.#owed) {
      this.#owed = true;
      const bytes = this.#send(into);
      if (bytes > 0) return bytes;
    }
    if (!this.#closing) this.#sayGoodbye(this.#goodbye);
    const bytes = this.#send(into);
    if (bytes > 0) this.#farewell = into.slice(0, bytes);
    return bytes;
  }

  #send(into: Uint8Array): number {
    const room = this.#whereabouts.roomOf(into);
    if (room.byteLength < LEAST_ROOM_BYTES) return 0;
    try {
      const bytes = this.native.send(room)?.[0] ?? 0;
      this.#whereabouts.sent(bytes);
      return bytes;
    } catch {
      return 0; // it is over, or its path is
    }
  }

  /** New ids, told only where the peer seems to be: it shows that it hears by using one. */
  #askForProof(): void {
    try {
      this.#whereabouts.told(this.#ids.renew(this.#whereabouts.freshIds));
    } catch {
      // The peer holds as many as it may: asked again with its next packets.
    }
  }

  /** What the peer acknowledges of this tells what was lost before it. */
  #elicit(): void {
    try {
      this.native.sendAckEliciting();
    } catch {
      // It is closing.
    }
  }

  /** After its packets were written: what comes next, and whether that was all. */
  settle(nowMs: number): void {
    const { native } = this;
    if (native.isClosed() || native.isDraining() || nowMs >= this.#closeByMs) return this.#end();
    const dueMs = native.timeout();
    this.deadlineMs = Math.min(dueMs === null ? Infinity : nowMs + dueMs, this.#closeByMs);
    if (this.#keepAliveMs !== null && this.#established) {
      this.deadlineMs = Math.min(this.deadlineMs, this.#heardMs + this.#keepAliveMs);
    }
  }

  /** Its deadline has come. */
  expire(nowMs: number): void {
    const { native } = this;
    this.#whereabouts.allowOne();
    if (native.timeout() === 0) native.onTimeout();
    if (this.#keepAliveMs !== null && nowMs - this.#heardMs >= this.#keepAliveMs) {
      // Asked again after as long, should there be no answer.
      this.#heardMs = nowMs;
      if (this.#established) this.#elicit();
    }
    this.#onWake();
  }

  /** Tells the peer that it is over, in the packets that are written next. */
  close(goodbye: Goodbye): void {
    this.#goodbye ??= goodbye;
    this.touch();
  }

  #sayGoodbye({ code, reason }: Goodbye): void {
    this.#closing = true;
    // With a full path the last word has to wait its turn; it does not wait for ever.
    this.#closeByMs = performance.now() + LIMITS.lingerMs;
    if (this.#established) this.#lingerMs = this.#patience();
    try {
      this.native.close(true, code, reason);
    } catch {
      // It is over already.
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.deadlineMs = Infinity;
    const peers = this.native.peerError();
    if (peers !== null) return this.#onEnded({ kind: "there", error: peers });
    const own = this.native.localError();
    if (own === null && this.native.isTimedOut()) return this.#onEnded({ kind: "silent" });
    const certificate = own === null ? null : this.native.peerCertChain()?.[0] ?? null;
    this.#onEnded({ kind: "here", error: own, certificate });
  }

  /** With nothing under way only the patience with a silent peer is left to wait for. */
  #patience(): number {
    const dueMs = this.native.timeout();
    if (dueMs === null || dueMs > BUSY_WITHIN_MS) return 0;
    const rttMs = this.native.pathStats().find(({ active }) => active)?.rtt ?? 0;
    return Math.min(LIMITS.minLingerMs + 6 * rttMs, LIMITS.lingerMs);
  }

  /** The peer needs spare ids of this end to move to another path, and gives old ones back. */
  #keepIds(): void {
    const { native } = this;
    this.#untilIds = TURNS_BETWEEN_IDS;
    try {
      this.#ids.keep();
      while ((native.pathEventNext() ?? null) !== null) {
        // The addon knows one path only: none of them is news.
      }
    } catch {
      // The peer holds as many as it may, or it is over.
    }
  }
}

/** The addon knows no zones of link-local addresses. */
function wayOf({ local, remote }: UdpPath): NativeReceived {
  return { from: plain(remote), to: plain(local) };
}

export function plain({ host, port }: NativeAddress): NativeAddress {
  return { host: unscoped(host), port };
}
