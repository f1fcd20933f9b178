// One stream's direction away from us: what is written waits here with its writer until the peer's credit
// and the connection take it; nothing is copied or queued beyond that.

import { LIMITS } from "../../base/limits.ts";
import { type PendingWrite, PendingWrites, type WritesHost } from "../pending_writes.ts";
import type { SendStream } from "../transport.ts";
import { badFrame } from "./frames.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What it needs of its connection. */
export interface SendHost extends WritesHost {
  /** It has something to send. */
  wake(): void;
  /** It was given up, and its peer is to hear of it. */
  reset(side: SendSide): void;
}

/** Bytes that go out as one frame. */
export interface Piece {
  readonly bytes: Bytes;
  /** They spend the credit. */
  readonly spends: boolean;
}

export class SendSide implements SendStream {
  readonly stream: number;
  readonly #host: SendHost;
  readonly #writes: PendingWrites;
  /** What is on its way out and settles when it is taken. */
  #sending: PendingWrite | null = null;
  #credit: number = LIMITS.firstMuxWindowBytes;
  /** The end was said: in order, or that it is given up. */
  #isOver = false;

  constructor(stream: number, host: SendHost) {
    this.stream = stream;
    this.#host = host;
    this.#writes = new PendingWrites(host, () => host.wake());
  }

  write(bytes: Bytes): Promise<void> {
    return this.#writes.write(bytes);
  }

  close(): Promise<void> {
    return this.#writes.close();
  }

  abort(): void {
    this.#writes.shut();
    this.#giveUp("the stream was given up");
  }

  /** Whether it has bytes, and credit for some of them. */
  get hasPiece(): boolean {
    const write = this.#writes.first;
    return write !== undefined && !write.end && this.#credit > 0 && this.#sending === null;
  }

  /** The next bytes to go out, so many at most; only where it has a piece. */
  nextPiece(most: number): Piece {
    const write = this.#writes.first!;
    const rest = write.bytes.byteLength - write.at;
    const count = Math.min(rest, this.#credit, most);
    const bytes = write.bytes.subarray(write.at, write.at + count);
    write.at += count;
    this.#credit -= count;
    if (count === rest) this.#sending = this.#writes.shift();
    return { bytes, spends: this.#credit === 0 };
  }

  /** Whether all is sent and its end is to be said; it counts as said then. */
  takeEnd(): boolean {
    const write = this.#writes.first;
    if (write?.end !== true || this.#sending !== null) return false;
    this.#sending = this.#writes.shift();
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
    const sending = this.#sending;
    this.#sending = null;
    this.#writes.fail(found, sending);
  }

  #giveUp(found: string): void {
    if (this.#writes.gone !== null) return;
    this.fail(found);
    if (this.#isOver || this.#host.over) return;
    this.#isOver = true;
    this.#host.reset(this);
  }
}
