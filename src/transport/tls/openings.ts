// Who opens streams of one TLS connection, and who waits for those that its peer opens. All of them hear
// when it ends.

import { Queue } from "../queue.ts";
import type { ControlStream, ReceiveStream, SendStream } from "../transport.ts";
import { controlStream } from "../web_streams.ts";
import type { ControlSides } from "./mux.ts";

/** What it needs of its connection. */
export interface OpeningsHost {
  /** Why nothing is opened any more; null while the connection is well. */
  over(): Error | null;
  openControl(): ControlSides;
  /** One more lane, or null while the peer allows none. */
  openLane(): SendStream | null;
}

type Taker<T> = { readonly resolve: (value: T) => void; readonly reject: (error: Error) => void };

export class Openings {
  readonly #host: OpeningsHost;
  #controlTaken = false;
  #controlHere: ControlStream | null = null;
  #controlTaker: Taker<ControlStream> | null = null;
  /** Lanes the peer opened. */
  readonly #lanes = new Queue<ReceiveStream>();
  /** Those who wait until the peer allows one more lane. */
  readonly #openers: Taker<SendStream>[] = [];

  constructor(host: OpeningsHost) {
    this.#host = host;
  }

  // deno-lint-ignore require-await -- every failure is a rejection
  async openControl(): Promise<ControlStream> {
    this.#takeControl();
    const { send, receive } = this.#host.openControl();
    return controlStream(send, receive);
  }

  // deno-lint-ignore require-await -- every failure is a rejection
  async acceptControl(): Promise<ControlStream> {
    this.#takeControl();
    if (this.#controlHere !== null) return this.#controlHere;
    return new Promise((resolve, reject) => this.#controlTaker = { resolve, reject });
  }

  // deno-lint-ignore require-await -- every failure is a rejection
  async openLane(): Promise<SendStream> {
    this.#throwIfOver();
    return new Promise((resolve, reject) => {
      this.#openers.push({ resolve, reject });
      this.laneDone();
    });
  }

  acceptLane(): Promise<ReceiveStream | null> {
    if (this.#host.over() !== null) return Promise.resolve(null);
    return this.#lanes.take();
  }

  /** The client opened the control stream. */
  controlCame({ send, receive }: ControlSides): void {
    this.#controlHere = controlStream(send, receive);
    this.#controlTaker?.resolve(this.#controlHere);
    this.#controlTaker = null;
  }

  /** The peer opened a lane. */
  laneCame(lane: ReceiveStream): void {
    this.#lanes.push(lane);
  }

  /** A lane's place may be free. */
  laneDone(): void {
    while (this.#openers.length > 0) {
      const lane = this.#host.openLane();
      if (lane === null) return;
      this.#openers.shift()?.resolve(lane);
    }
  }

  /** The connection has ended of this. */
  fail(error: Error): void {
    for (const { reject } of this.#openers.splice(0)) reject(error);
    this.#controlTaker?.reject(error);
    this.#controlTaker = null;
    this.#lanes.end();
  }

  #takeControl(): void {
    if (this.#controlTaken) throw new TypeError("Cannot open the control stream twice");
    this.#controlTaken = true;
    this.#throwIfOver();
  }

  #throwIfOver(): void {
    const error = this.#host.over();
    if (error !== null) throw error;
  }
}
