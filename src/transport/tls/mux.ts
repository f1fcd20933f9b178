// A control stream and lanes over one ordered stream of bytes, without I/O or a clock: it says where the
// next bytes go and what goes out next. What a peer makes it hold is bounded by windows and by the number
// of lanes (I8); whatever breaks the rules throws `protocol`, and the connection ends.

import { LIMITS } from "../../base/limits.ts";
import { badFrame, CONTROL } from "./frames.ts";
import { Inbox, type InboxHost } from "./inbox.ts";
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
  /** Somebody reads: see {@linkcode Mux.lacksReader}. */
  readerCame(): void;
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

export class Mux {
  readonly #host: MuxHost;
  readonly #isServer: boolean;
  readonly #receiveHost: ReceiveHost;
  readonly #sendHost: SendHost;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
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
    this.#inbox = new Inbox({
      frame: (frame) => this.#take(frame),
      receiveSide: (stream) => this.#receiveSide(stream),
      closed: (code, reason) => host.closed(code, reason),
    });
    this.#outbox = new Outbox({
      wake: () => host.wake(),
      saidDone: (stream) => this.#theirs.delete(stream),
      receiving: () => this.#receiving(),
    });
    const over = () => host.over;
    const isProved = () => this.#isProved;
    const explain = (found: string) => host.explain(found);
    this.#receiveHost = {
      windows,
      mostWindowBytes,
      explain,
      get isProved() {
        return isProved();
      },
      get over() {
        return over();
      },
      say: (side, what) => this.#say(side, what),
      readerCame: () => host.readerCame(),
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
    return this.#inbox.lacksReader;
  }

  /** The reader that is away was waited for: its stream's bytes are held until it comes. */
  waitedForReader(): void {
    this.#inbox.waitedForReader();
  }

  /** Where the next bytes received go; never empty. */
  room(): Bytes {
    return this.#inbox.room();
  }

  /** So many bytes were put into the room given last. Throws what the peer did wrong. */
  received(count: number): void {
    this.#inbox.received(count);
  }

  /** What goes out next; null for nothing. The one before is out: see {@linkcode sent}. */
  takeOutgoing(): Outgoing | null {
    return this.#inbox.isClosed ? null : this.#outbox.take();
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
    return [...this.#outbox.sides, ...this.#receiving()];
  }

  /** Streams towards us. */
  #receiving(): readonly ReceiveSide[] {
    return [...this.#control === null ? [] : [this.#control.receive], ...this.#theirs.values()];
  }

  #take(frame: Parameters<InboxHost["frame"]>[0]): void {
    switch (frame.kind) {
      case "open":
        return this.#opened(frame.stream);
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
