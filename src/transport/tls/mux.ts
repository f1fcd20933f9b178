// A control stream and lanes over one ordered stream of bytes, without I/O or a clock: it says where the
// next bytes go and what goes out next. What a peer makes it hold is bounded by windows and by the number
// of lanes (I8); whatever breaks the rules throws `protocol`, and the connection ends.

import { LIMITS } from "../../base/limits.ts";
import { badFrame, CONTROL, decodeHeader, HEADER_BYTES, type MuxFrame } from "./frames.ts";
import { Outbox, type Outgoing } from "./outbox.ts";
import { type ReceiveHost, ReceiveSide } from "./receive_side.ts";
import { type SendHost, SendSide } from "./send_side.ts";
import type { Windows } from "./window_budget.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** Both directions of the control stream. */
export interface ControlSides {
  readonly send: SendSide;
  readonly receive: ReceiveSide;
}

/** Whom a mux tells what happens. */
export interface MuxHost {
  /** Whether the connection is over. */
  readonly over: boolean;
  /** Why nothing goes on: the connection's end, or else what befell a stream. */
  explain(found: string): Error;
  /** There is something to send. */
  wake(): void;
  /** The peer opened a lane. */
  lane(lane: ReceiveSide): void;
  /** The client opened the control stream. */
  control(sides: ControlSides): void;
  /** A lane of ours is over, and its place is free. */
  laneDone(): void;
  /** The peer closed the connection. */
  closed(code: number, reason: string): void;
}

export interface MuxOptions {
  readonly isServer: boolean;
  /** What windows grow by comes from there. */
  readonly windows: Windows;
  /** The most one stream may be allowed. */
  readonly mostWindowBytes: number;
}

/** Frame at hand, its payload being received. */
type Incoming =
  | { readonly kind: "data"; readonly side: ReceiveSide; readonly spends: boolean; left: number }
  | { readonly kind: "close"; readonly code: number; readonly reasonBytes: number };

/** Bytes received at once that are not somebody's own: several TLS records. */
const SCRATCH_BYTES = 64 * 1024;
export class Mux {
  readonly #host: MuxHost;
  readonly #isServer: boolean;
  readonly #receiveHost: ReceiveHost;
  readonly #sendHost: SendHost;
  readonly #outbox: Outbox;
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);
  readonly #scratchView = new DataView(this.#scratch.buffer);
  #from = 0;
  #to = 0;
  #incoming: Incoming | null = null;
  /** Where the bytes go that are being received, unless that is the scratch. */
  #room: Bytes | null = null;
  /** The peer's last word came. */
  #isClosed = false;
  /** The peer has proved who it is: a client's has in TLS. */
  #isProved: boolean;
  #control: ControlSides | null = null;
  /** The peer's lanes till it is told that they are done. */
  readonly #theirs = new Map<number, ReceiveSide>();
  #nextTheirs: number;
  #nextOurs: number;
  constructor(host: MuxHost, { isServer, windows, mostWindowBytes }: MuxOptions) {
    this.#host = host;
    this.#isServer = isServer;
    this.#isProved = !isServer;
    this.#nextTheirs = isServer ? 1 : 2;
    this.#nextOurs = isServer ? 2 : 1;
    this.#outbox = new Outbox({
      wake: () => host.wake(),
      saidDone: (stream) => this.#theirs.delete(stream),
    });
    const over = () => host.over;
    const isProved = () => this.#isProved;
    const explain = (found: string) => host.explain(found);
    this.#receiveHost = {
      windows,
      spare: [],
      mostWindowBytes,
      explain,
      get isProved() {
        return isProved();
      },
      get over() {
        return over();
      },
      say: (side, what) => this.#say(side, what),
    };
    this.#sendHost = {
      explain,
      get over() {
        return over();
      },
      wake: () => host.wake(),
      reset: ({ stream }) => this.#outbox.notice({ kind: "reset", stream }),
    };
  }

  /** The client's end opens the control stream; once. */
  openControl(): ControlSides {
    this.#outbox.notice({ kind: "open", stream: CONTROL });
    return this.#makeControl();
  }

  /** The peer has proved who it is: its windows may grow from now on. */
  proved(): void {
    this.#isProved = true;
  }

  /** One more lane, or null while the peer allows none. */
  openLane(): SendSide | null {
    if (this.#outbox.lanes >= LIMITS.lanesPerConnection) return null;
    const stream = this.#nextOurs;
    this.#nextOurs += 2;
    const lane = new SendSide(stream, this.#sendHost);
    this.#outbox.add(lane);
    this.#outbox.notice({ kind: "open", stream });
    return lane;
  }

  /** The connection ends: that goes out next, and nothing after it. */
  close(code: number, reason: string): void {
    this.#outbox.close(code, reason);
  }

  /** Every stream is gone. */
  fail(found: string): void {
    for (const side of this.#sides()) side.fail(found);
    for (const side of [...this.#theirs.values()]) side.release();
    this.#control?.receive.release();
    this.#theirs.clear();
    this.#outbox.clear();
  }

  /** Whether bytes are to come for a stream whose reader may be about to ask for them. */
  get lacksReader(): boolean {
    return this.#incoming?.kind === "data" && !this.#incoming.side.isAwaited;
  }

  /** Where the next bytes received go; never empty. */
  room(): Bytes {
    this.#room = null;
    if (this.#from === this.#to) {
      this.#from = this.#to = 0;
      if (this.#incoming?.kind === "data") {
        this.#room = this.#incoming.side.room(this.#incoming.left);
      }
    } else if (this.#from > 0) {
      // Less than a header, or a reason.
      this.#scratch.copyWithin(0, this.#from, this.#to);
      this.#to -= this.#from;
      this.#from = 0;
    }
    return this.#room ?? this.#scratch.subarray(this.#to);
  }

  /** So many bytes were put into the room given last. Throws what the peer did wrong. */
  received(count: number): void {
    const room = this.#room;
    const incoming = this.#incoming;
    if (room !== null && incoming?.kind === "data") {
      incoming.left -= count;
      incoming.side.landed(room, { count, left: incoming.left });
      if (incoming.left === 0) this.#whole(incoming);
      return;
    }
    this.#to += count;
    try {
      while (!this.#isClosed && this.#parse());
    } catch (thrown) {
      this.#dropScratch();
      throw thrown;
    }
    if (this.#isClosed) this.#dropScratch();
  }

  /** What follows the last word, or what is no frame, is nothing that can be read. */
  #dropScratch(): void {
    this.#incoming = null;
    this.#from = this.#to = 0;
  }

  /** What goes out next; null for nothing. The one before is out: see {@linkcode sent}. */
  takeOutgoing(): Outgoing | null {
    return this.#isClosed ? null : this.#outbox.take();
  }

  /** What was taken last is out, and how long that took. */
  sent(took: { readonly tookMs: number }): void {
    this.#outbox.sent(took);
  }

  #say(side: ReceiveSide, what: "credit" | "stop" | "done"): void {
    if (what === "credit") {
      this.#outbox.credit(side);
    } else if (what === "stop" || side.stream !== CONTROL) {
      this.#outbox.notice({ kind: what, stream: side.stream });
    }
  }

  #makeControl(): ControlSides {
    const send = new SendSide(CONTROL, this.#sendHost);
    this.#outbox.add(send);
    this.#control = { send, receive: new ReceiveSide(CONTROL, this.#receiveHost) };
    return this.#control;
  }

  #sides(): readonly (SendSide | ReceiveSide)[] {
    const receive = this.#control === null ? [] : [this.#control.receive];
    return [...this.#outbox.sides, ...receive, ...this.#theirs.values()];
  }

  /** Takes what stands in the scratch, a frame's header or bytes of its payload; false to wait for more. */
  #parse(): boolean {
    const there = this.#to - this.#from;
    const incoming = this.#incoming;
    if (incoming === null) {
      if (there < HEADER_BYTES) return false;
      const frame = decodeHeader(this.#scratchView, this.#from);
      this.#from += HEADER_BYTES;
      this.#take(frame);
      return true;
    }
    if (incoming.kind === "close") {
      if (there < incoming.reasonBytes) return false;
      const reason = this.#scratch.subarray(this.#from, this.#from + incoming.reasonBytes);
      this.#isClosed = true;
      this.#host.closed(incoming.code, new TextDecoder().decode(reason));
      return false;
    }
    if (there === 0) return false;
    const count = Math.min(there, incoming.left);
    const bytes = this.#scratch.subarray(this.#from, this.#from + count);
    this.#from += count;
    incoming.left -= count;
    incoming.side.put(bytes, incoming.left);
    if (incoming.left === 0) this.#whole(incoming);
    return true;
  }

  #whole({ side, spends }: Extract<Incoming, { kind: "data" }>): void {
    this.#incoming = null;
    side.whole({ spends });
  }

  #take(frame: MuxFrame): void {
    switch (frame.kind) {
      case "open":
        return this.#opened(frame.stream);
      case "data": {
        const side = this.#receiveSide(frame.stream);
        side.announce(frame);
        this.#incoming = { kind: "data", side, spends: frame.spends, left: frame.bytes };
        return;
      }
      case "end":
      case "reset":
        return this.#receiveSide(frame.stream).ended();
      case "stop":
        return this.#sendSide(frame.stream).stopped();
      case "credit":
        return this.#sendSide(frame.stream).addCredit(frame.bytes);
      case "done":
        if (frame.stream === CONTROL || !this.#sendSide(frame.stream).isOver) {
          throw badFrame("a stream that goes on cannot be done");
        }
        this.#outbox.remove(frame.stream);
        return this.#host.laneDone();
      case "close":
        this.#incoming = { kind: "close", code: frame.code, reasonBytes: frame.reasonBytes };
    }
  }

  #opened(stream: number): void {
    if (stream === CONTROL) {
      if (!this.#isServer || this.#control !== null) {
        throw badFrame("it opens a second control stream");
      }
      return this.#host.control(this.#makeControl());
    }
    if (stream !== this.#nextTheirs) throw badFrame(`it opens stream ${stream} out of turn`);
    if (this.#theirs.size >= LIMITS.lanesPerConnection) throw badFrame("it opens too many lanes");
    this.#nextTheirs += 2;
    const lane = new ReceiveSide(stream, this.#receiveHost);
    this.#theirs.set(stream, lane);
    this.#host.lane(lane);
  }

  #receiveSide(stream: number): ReceiveSide {
    const side = stream === CONTROL ? this.#control?.receive : this.#theirs.get(stream);
    if (side === undefined) throw badFrame(`stream ${stream} was never opened, or is done`);
    return side;
  }

  #sendSide(stream: number): SendSide {
    const side = this.#outbox.side(stream);
    if (side === null) throw badFrame(`stream ${stream} was never opened, or is done`);
    return side;
  }
}
