// A connection that lives on another thread, seen from this one. What has ended is known here and answered
// here; everything else is asked there.

import { lost } from "../quic_errors.ts";
import type {
  CloseInfo,
  Connection,
  ConnectionStats,
  ControlStream,
  Protocol,
  ReceiveStream,
  SendStream,
} from "../transport.ts";
import type { AskOf, Calls } from "./calls.ts";
import type { OpenedConnection, StreamOpening } from "./messages.ts";
import { ThreadStream } from "./streams.ts";

export class ThreadConnection implements Connection {
  readonly stack: string;
  readonly remoteAddress: string;
  readonly protocol: Protocol;
  readonly closed: Promise<CloseInfo>;
  readonly #calls: Calls;
  readonly #number: number;
  /** Asked for when somebody looks at them, and at hand the next time. */
  #stats: ConnectionStats;
  #ended: CloseInfo | null = null;

  constructor(calls: Calls, number: number, opened: OpenedConnection) {
    this.#calls = calls;
    this.#number = number;
    this.stack = opened.stack;
    this.remoteAddress = opened.remoteAddress;
    this.protocol = opened.protocol;
    this.#stats = opened.stats;
    this.closed = new Promise((resolve) =>
      calls.whenClosed(number, (info) => {
        this.#ended = info;
        resolve(info);
      })
    );
  }

  async openControl(): Promise<ControlStream> {
    return await this.#opened("open_control");
  }

  async acceptControl(): Promise<ControlStream> {
    return await this.#opened("accept_control");
  }

  async openLane(): Promise<SendStream> {
    return await this.#opened("open_lane");
  }

  async acceptLane(): Promise<ReceiveStream | null> {
    if (this.#ended !== null) return null;
    const as = this.#calls.number();
    const what = { kind: "accept_lane", of: this.#number, as } as const;
    try {
      const answer = await this.#calls.ask<"accept_lane">(what);
      return answer === null ? null : this.#stream(as);
    } catch (thrown) {
      if (this.#ended !== null) return null;
      throw thrown;
    }
  }

  stats(): ConnectionStats {
    if (this.#ended === null) {
      this.#calls.ask<"stats">({ kind: "stats", of: this.#number }).then(
        (stats) => this.#stats = stats,
        () => {}, // It has ended: what was known stays.
      );
    }
    return this.#stats;
  }

  close(code: Parameters<Connection["close"]>[0], reason: string): void {
    this.#calls.say({ kind: "close", of: this.#number, code, reason });
  }

  async #opened(kind: Exclude<StreamOpening, "accept_lane">): Promise<ThreadStream> {
    this.#throwIfEnded();
    const as = this.#calls.number();
    try {
      await this.#calls.ask<typeof kind>({ kind, of: this.#number, as } as AskOf<typeof kind>);
    } catch (thrown) {
      this.#throwIfEnded();
      throw thrown;
    }
    return this.#stream(as);
  }

  #stream(number: number): ThreadStream {
    return new ThreadStream(this.#calls, number, () => this.#throwIfEnded());
  }

  #throwIfEnded(): void {
    if (this.#ended !== null) throw lost(this.remoteAddress, this.#ended);
  }
}
