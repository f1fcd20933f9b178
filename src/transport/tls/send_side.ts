// One stream's direction away from us: what is written waits here with its writer until the peer's credit
// and the connection take it; nothing is copied or queued beyond that.

import { LIMITS } from "../../base/limits.ts";
import type { SendStream } from "../transport.ts";
import { badFrame } from "./frames.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What it needs of its connection. */
export interface SendHost {
  /** Whether the connection is over. */
  readonly over: boolean;
  /** Why nothing goes on: the connection's end, or else what befell this stream. */
  explain(found: string): Error;
  /** It has something to send. */
  wake(): void;
  /** It was given up, and its peer is to hear of it. */
  reset(side: SendSide): void;
}

interface PendingWrite {
  readonly bytes: Bytes;
  /** The stream ends with it. */
  readonly end: boolean;
  at: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Bytes that go out as one frame. */
export interface Piece {
  readonly bytes: Bytes;
  /** They spend the credit. */
  readonly spends: boolean;
}

const NOTHING = new Uint8Array(0);

export class SendSide implements SendStream {
  readonly stream: number;
  readonly #host: SendHost;
  readonly #writes: PendingWrite[] = [];
  /** What is on its way out and settles when it is taken. */
  #sending: PendingWrite | null = null;
  #credit: number = LIMITS.firstMuxWindowBytes;
  #isClosed = false;
  /** The end was said: in order, or that it is given up. */
  #isOver = false;
  /** What befell it; null while it is well. */
  #gone: string | null = null;

  constructor(stream: number, host: SendHost) {
    this.stream = stream;
    this.#host = host;
  }

  write(bytes: Bytes): Promise<void> {
    if (this.#isClosed) return Promise.reject(new TypeError("Cannot write: the stream is closed"));
    if (bytes.buffer.detached) {
      return Promise.reject(new TypeError("Cannot write: the buffer is detached"));
    }
    return this.#put(bytes, false);
  }

  close(): Promise<void> {
    if (this.#isClosed) return Promise.reject(new TypeError("Cannot close: the stream is closed"));
    this.#isClosed = true;
    return this.#put(NOTHING, true);
  }

  abort(): void {
    this.#isClosed = true;
    this.#giveUp("the stream was given up");
  }

  /** Whether it has bytes, and credit for some of them. */
  get hasPiece(): boolean {
    const write = this.#writes[0];
    return write !== undefined && !write.end && this.#credit > 0 && this.#sending === null;
  }

  /** The next bytes to go out, so many at most; only where it has a piece. */
  nextPiece(most: number): Piece {
    const write = this.#writes[0]!;
    const rest = write.bytes.byteLength - write.at;
    const count = Math.min(rest, this.#credit, most);
    const bytes = write.bytes.subarray(write.at, write.at + count);
    write.at += count;
    this.#credit -= count;
    if (count === rest) this.#sending = this.#writes.shift()!;
    return { bytes, spends: this.#credit === 0 };
  }

  /** Whether all is sent and its end is to be said; it counts as said then. */
  takeEnd(): boolean {
    const write = this.#writes[0];
    if (write?.end !== true || this.#sending !== null) return false;
    this.#sending = this.#writes.shift()!;
    this.#isOver = true;
    return true;
  }

  /** The piece or end taken last is out. */
  sent(): void {
    this.#sending?.resolve();
    this.#sending = null;
  }

  /** Whether the peer may be through with it. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The peer takes so many bytes more. */
  addCredit(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit > LIMITS.mostWindowBytes) throw badFrame("it allows too many bytes");
    if (this.hasPiece) this.#host.wake();
  }

  /** The peer reads no more of it. */
  stopped(): void {
    this.#giveUp("the peer gave the stream up");
  }

  /** It is gone, and so is whoever waits. */
  fail(found: string): void {
    this.#gone ??= found;
    const writes = [...this.#sending === null ? [] : [this.#sending], ...this.#writes.splice(0)];
    this.#sending = null;
    for (const { reject } of writes) reject(this.#host.explain(this.#gone));
  }

  #giveUp(found: string): void {
    if (this.#gone !== null) return;
    this.fail(found);
    if (this.#isOver || this.#host.over) return;
    this.#isOver = true;
    this.#host.reset(this);
  }

  #put(bytes: Bytes, end: boolean): Promise<void> {
    if (this.#host.over || this.#gone !== null) {
      return Promise.reject(this.#host.explain(this.#gone ?? "the stream is gone"));
    }
    if (bytes.byteLength === 0 && !end) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#writes.push({ bytes, end, at: 0, resolve, reject });
      if (this.#writes.length === 1) this.#host.wake();
    });
  }
}
