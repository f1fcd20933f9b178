// What one end of a TLS connection says next: first what is about the streams, then the control stream's
// bytes, then lanes in turn. Headers and small pieces go out as one, large pieces as they are.

import { LIMITS } from "../../base/limits.ts";
import { CONTROL, encodeHeader, HEADER_BYTES, type MuxFrame, REASON_BYTES } from "./frames.ts";
import type { ReceiveSide } from "./receive_side.ts";
import type { SendSide } from "./send_side.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What goes out next: headers and small payloads as one, a large payload as it is. */
export interface Outgoing {
  readonly head: Bytes;
  readonly payload: Bytes | null;
  /** Nothing follows. */
  readonly isLast: boolean;
}

/** Whose words go out. */
export interface OutboxHost {
  /** There is something to send. */
  wake(): void;
  /** The peer can hear that one of its lanes is done. */
  saidDone(stream: number): void;
  /** Streams towards us. */
  receiving(): Iterable<ReceiveSide>;
}

/** Headers, and payloads that are cheaper copied than written by themselves: two TLS records. */
const HEAD_BYTES = 32 * 1024;
const SMALL_BYTES = 16 * 1024;

export class Outbox {
  readonly #host: OutboxHost;
  readonly #head = new Uint8Array(HEAD_BYTES);
  readonly #headView = new DataView(this.#head.buffer);
  #headBytes = 0;
  /** To be said before any data, in order; credit is counted when it is said. */
  readonly #notices: MuxFrame[] = [];
  readonly #credits = new Set<ReceiveSide>();
  #closing: { readonly code: number; readonly reason: string } | null = null;
  /** The last word was said, or heard. */
  #isClosed = false;
  #control: SendSide | null = null;
  /** Our lanes till we are told that they are done. */
  readonly #lanes = new Map<number, SendSide>();
  #frameBytes: number = LIMITS.firstMuxFrameBytes;
  #hadPayload = false;
  /** The lane that sent last. */
  #lastLane = 0;
  /** Whose pieces are on their way out. */
  readonly #sending: SendSide[] = [];

  constructor(host: OutboxHost) {
    this.#host = host;
  }

  /** Takes a stream's bytes from now on. */
  add(side: SendSide): void {
    if (side.stream === CONTROL) this.#control = side;
    else this.#lanes.set(side.stream, side);
  }

  /** A stream of ours, if it is open. */
  side(stream: number): SendSide | null {
    return stream === CONTROL ? this.#control : this.#lanes.get(stream) ?? null;
  }

  get sides(): readonly SendSide[] {
    return [...this.#control === null ? [] : [this.#control], ...this.#lanes.values()];
  }

  get lanes(): number {
    return this.#lanes.size;
  }

  /** A lane is over at both ends. */
  remove(stream: number): void {
    this.#lanes.delete(stream);
  }

  /** To be said before any data, in order. */
  notice(frame: MuxFrame): void {
    this.#notices.push(frame);
    this.#host.wake();
  }

  /** A stream has credit to give; how much is counted when it is said. */
  credit(side: ReceiveSide): void {
    this.#credits.add(side);
    this.#host.wake();
  }

  /** The connection ends: that goes out next, and nothing after it. */
  close(code: number, reason: string): void {
    this.#closing = { code, reason };
    this.#host.wake();
  }

  /** Nothing of the streams is said any more. */
  clear(): void {
    this.#lanes.clear();
    this.#credits.clear();
    this.#notices.length = 0;
  }

  /** What goes out next; null for nothing. The one before is out: see {@linkcode sent}. */
  take(): Outgoing | null {
    if (this.#isClosed) return null;
    this.#headBytes = 0;
    if (this.#closing !== null) return this.#lastWord(this.#closing);
    this.#putNotices();
    if (this.#headBytes > 0 || this.#control?.hasPiece === true) this.#putCredits();
    const payload = this.#putStreams();
    this.#hadPayload = payload !== null;
    if (this.#headBytes === 0) return null;
    return { head: this.#head.subarray(0, this.#headBytes), payload, isLast: false };
  }

  /**
   * What was taken last is out: its memory is free, and its writers go on. How long it took tells how
   * long frames may be: on a fast path few of them, on a slow one short ones.
   */
  sent({ tookMs }: { readonly tookMs: number }): void {
    // What is small says nothing of the path.
    if (this.#hadPayload) this.#sizeFrames(tookMs);
    for (const side of this.#sending.splice(0)) side.sent();
  }

  #sizeFrames(tookMs: number): void {
    if (tookMs > 2 * LIMITS.muxFrameMs) {
      this.#frameBytes = Math.max(this.#frameBytes / 2, LIMITS.firstMuxFrameBytes);
    } else if (tookMs < LIMITS.muxFrameMs / 2) {
      this.#frameBytes = Math.min(this.#frameBytes * 2, LIMITS.muxFrameBytes);
    }
  }

  #lastWord({ code, reason }: { readonly code: number; readonly reason: string }): Outgoing {
    const text = new Uint8Array(REASON_BYTES);
    const reasonBytes = new TextEncoder().encodeInto(reason, text).written;
    this.#put({ kind: "close", code, reasonBytes });
    this.#head.set(text.subarray(0, reasonBytes), this.#headBytes);
    this.#isClosed = true;
    const head = this.#head.subarray(0, this.#headBytes + reasonBytes);
    return { head, payload: null, isLast: true };
  }

  #putNotices(): void {
    while (this.#notices.length > 0 && this.#hasRoomFor(HEADER_BYTES)) {
      const frame = this.#notices.shift()!;
      // Its place is taken until the peer can hear that it is free.
      if (frame.kind === "done") this.#host.saidDone(frame.stream);
      this.#put(frame);
    }
    for (const side of this.#credits) {
      if (!this.#hasRoomFor(HEADER_BYTES)) return;
      this.#putCredit(side);
    }
  }

  /** Credit of other streams goes along with what is said anyway: each write wakes both ends. */
  #putCredits(): void {
    for (const side of this.#host.receiving()) {
      if (side.hasCredit && this.#hasRoomFor(HEADER_BYTES)) this.#putCredit(side);
    }
  }

  #putCredit(side: ReceiveSide): void {
    this.#credits.delete(side);
    const bytes = side.takeCredit();
    if (bytes > 0) this.#put({ kind: "credit", stream: side.stream, bytes });
  }

  /** Ends, small pieces, and at most one large one, which is returned. */
  #putStreams(): Bytes | null {
    for (const side of this.#inTurn()) {
      while (this.#hasRoomFor(HEADER_BYTES) && (side.hasPiece || this.#putEnd(side))) {
        if (!side.hasPiece) break;
        const { bytes, spends } = side.nextPiece(this.#frameBytes);
        this.#sending.push(side);
        this.#lastLane = side.stream === CONTROL ? this.#lastLane : side.stream;
        this.#put({ kind: "data", stream: side.stream, bytes: bytes.byteLength, spends });
        if (bytes.byteLength > SMALL_BYTES || !this.#hasRoomFor(bytes.byteLength)) return bytes;
        this.#head.set(bytes, this.#headBytes);
        this.#headBytes += bytes.byteLength;
      }
    }
    return null;
  }

  #putEnd(side: SendSide): boolean {
    if (!side.takeEnd()) return false;
    this.#sending.push(side);
    this.#put({ kind: "end", stream: side.stream });
    return true;
  }

  /** The control stream goes first, and no lane twice before another that has something. */
  *#inTurn(): Iterable<SendSide> {
    if (this.#control !== null) yield this.#control;
    const lanes = [...this.#lanes.values()];
    const next = lanes.findIndex(({ stream }) => stream > this.#lastLane);
    const first = next < 0 ? 0 : next;
    for (let i = 0; i < lanes.length; i++) yield lanes[(first + i) % lanes.length]!;
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#headBytes + bytes <= HEAD_BYTES;
  }

  #put(frame: MuxFrame): void {
    encodeHeader(frame, this.#headView, this.#headBytes);
    this.#headBytes += HEADER_BYTES;
  }
}
