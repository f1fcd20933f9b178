// One connection of the addon as its endpoint sees it: packets in, packets out, its next deadline, its
// connection ids and paths, and how it ended. Whatever the addon throws stops here: a packet that makes
// no sense is a packet lost.

import { randomBytes } from "node:crypto";
import { LIMITS } from "../../base/limits.ts";
import type { UdpPath } from "../../runtime/udp.ts";
import { unscoped } from "../../runtime/udp_address.ts";
import {
  type NativeAddress,
  type NativeConnection,
  type NativeError,
  type NativeReceived,
  nativeText,
} from "./binding.ts";

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
  retireId(id: Uint8Array): void;
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

/** Bytes that went to and came from an address the peer has moved to. */
interface Move {
  readonly firstBytes: number;
  receivedBytes: number;
  sentBytes: number;
}

/** Answers to an address that is not proved (RFC 9000, section 8.1). */
const MOVE_FACTOR = 3;
/** Below it nothing fits into a packet beside its header and seal. */
const LEAST_ROOM_BYTES = 64;
/** A timer that runs out so soon waits for an acknowledgement. */
const BUSY_WITHIN_MS = 3_000;
/** Ids that the peer has of this end at a time. */
const SPARE_IDS = 4;
/** A peer uses up ids when it moves, which is seldom. */
const TURNS_BETWEEN_IDS = 64;

export class Link {
  readonly native: NativeConnection;
  readonly #host: LinkHost;
  readonly #keepAliveMs: number | null;
  readonly #onWake: () => void;
  readonly #onEnded: (end: LinkEnd) => void;
  readonly #isServer: boolean;
  /** Where the peer is. */
  #path: UdpPath;
  /**
   * What the addon is told of every packet: it knows one path only. Of several it would never send again
   * what was lost on one that the peer has left (0.18: its probes repeat the same two packets).
   */
  readonly #way: NativeReceived;
  /** The peer has moved and not answered from there yet; null where it is known. */
  #move: Move | null = null;
  /** The last thing it said of this side's failure. */
  #failure: string | null = null;
  #established = false;
  #heardMs: number;
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
    this.#path = options.path;
    this.#isServer = options.isServer;
    this.#way = wayOf(options.path);
    this.#keepAliveMs = options.keepAliveMs;
    this.#onWake = options.onWake;
    this.#onEnded = options.onEnded;
    this.#heardMs = performance.now();
  }

  get path(): UdpPath {
    return this.#path;
  }

  get ended(): boolean {
    return this.#ended;
  }

  get established(): boolean {
    return this.#established;
  }

  get failure(): string | null {
    return this.#failure;
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

  receive(packet: Uint8Array, path: UdpPath): void {
    if (path !== this.#path) return this.#receiveFrom(packet, path);
    const move = this.#move;
    if (move === null) return this.#recv(packet);
    // Junk with a forged sender proves nothing.
    if (this.#isNews(packet)) move.receivedBytes += packet.byteLength;
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
    } catch (thrown) {
      // Malformed, forged or late; a failed handshake shows in `localError`.
      this.#failure = nativeText(thrown);
    }
  }

  /**
   * A packet from elsewhere. A client talks to no other address than the one it called; a server follows
   * a client that moved, once a packet it had not seen before proves to be that client's.
   */
  #receiveFrom(packet: Uint8Array, path: UdpPath): void {
    if (isSame(path.remote, this.#path.remote)) {
      this.#path = path;
      return this.#recv(packet);
    }
    if (!this.#isServer) return;
    if (!this.#isNews(packet) || !this.#established) return;
    this.#path = path;
    const firstBytes = packet.byteLength;
    this.#move = { firstBytes, receivedBytes: firstBytes, sentBytes: 0 };
    this.#elicit();
  }

  /** After packets came: ids and paths in order, whoever waits for bytes or room is told. */
  wake(nowMs: number): void {
    this.#heardMs = nowMs;
    this.#endMove();
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
    const room = this.#move === null ? into : this.#roomOf(this.#move, into);
    if (room.byteLength < LEAST_ROOM_BYTES) return 0;
    try {
      const bytes = this.native.send(room)?.[0] ?? 0;
      if (this.#move !== null) this.#move.sentBytes += bytes;
      return bytes;
    } catch (thrown) {
      this.#failure = nativeText(thrown);
      return 0;
    }
  }

  /** Whoever copies a packet and forges its sender must not point a flood at somebody else. */
  #roomOf({ receivedBytes, sentBytes }: Move, into: Uint8Array): Uint8Array {
    const creditBytes = MOVE_FACTOR * receivedBytes + LIMITS.moveBytes - sentBytes;
    return into.subarray(0, Math.max(0, creditBytes));
  }

  /** The peer has answered what went only to where it is now. */
  #endMove(): void {
    const { sentBytes = 0, receivedBytes = 0, firstBytes = 0 } = this.#move ?? {};
    if (sentBytes > 0 && receivedBytes > firstBytes) this.#move = null;
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
    return Math.min(LIMITS.minLingerMs + 3 * rttMs, LIMITS.lingerMs);
  }

  /** The peer needs spare ids of this end to move to another path, and gives old ones back. */
  #keepIds(): void {
    const { native } = this;
    this.#untilIds = TURNS_BETWEEN_IDS;
    try {
      for (let left = SPARE_IDS - native.activeSourceCids(); left > 0; left--) {
        if (native.sourceCidsLeft() <= 0) break;
        const token = BigInt(`0x${randomBytes(16).toString("hex")}`);
        native.newSourceCid(this.#host.issueId(this), token, false);
      }
      while (true) {
        const id = native.retiredScidNext() ?? null;
        if (id === null) break;
        this.#host.retireId(id);
      }
      while ((native.pathEventNext() ?? null) !== null) {
        // The addon knows one path only: none of them is news.
      }
    } catch (thrown) {
      this.#failure = nativeText(thrown);
    }
  }
}

/** The addon knows no zones of link-local addresses. */
function wayOf({ local, remote }: UdpPath): NativeReceived {
  return { from: plain(remote), to: plain(local) };
}

function isSame(a: NativeAddress, b: NativeAddress): boolean {
  return a.port === b.port && a.host === b.host;
}

export function plain({ host, port }: NativeAddress): NativeAddress {
  return { host: unscoped(host), port };
}
