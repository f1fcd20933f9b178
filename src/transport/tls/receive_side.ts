// One stream's direction towards us: bytes go into the memory of whoever reads, else they are held, and
// never more of them than the peer was allowed (I8). What it is allowed grows while that holds it back
// and its reader keeps up, and not before it has proved who it is.

import { LIMITS } from "../../base/limits.ts";
import { takenOver } from "../reader_memory.ts";
import type { ReceiveStream } from "../transport.ts";
import { badFrame } from "./frames.ts";
import { Held } from "./held.ts";
import type { Windows } from "./window_budget.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What it needs of its connection. */
export interface ReceiveHost {
  readonly windows: Windows;
  /** Windows may grow: the peer has proved who it is. */
  readonly isProved: boolean;
  /** The most one stream may be allowed. */
  readonly mostWindowBytes: number;
  /** Whether the connection is over. */
  readonly over: boolean;
  /** Why nothing goes on: the connection's end, or else what befell this stream. */
  explain(found: string): Error;
  /** Something is to be said of it: credit, that it is given up, or that its reader is through. */
  say(side: ReceiveSide, what: "credit" | "stop" | "done"): void;
  /** Somebody reads. */
  readerCame(): void;
}

interface PendingRead {
  readonly view: Bytes;
  filled: number;
  readonly resolve: (bytes: Bytes | null) => void;
  readonly reject: (error: Error) => void;
}

/** Below it, bytes come with what follows them, and are copied. */
const DIRECT_BYTES = 16 * 1024;

export class ReceiveSide implements ReceiveStream {
  readonly stream: number;
  readonly #host: ReceiveHost;
  readonly #reads: PendingRead[] = [];
  readonly #held: Held;
  #windowBytes: number = LIMITS.firstMuxWindowBytes;
  /** Bytes from the beginning: what may come, what was announced, and what was taken. */
  #allowed: number = LIMITS.firstMuxWindowBytes;
  #announced = 0;
  /** What it was allowed from one word to the next, as far as the writer may not have spent it. */
  readonly #marks: number[] = [LIMITS.firstMuxWindowBytes];
  #taken = 0;
  /** The writer said its last word. */
  #isOver = false;
  /** What befell it; null while it is well. */
  #gone: string | null = null;
  #isDone = false;
  /** Nobody reads, and that was waited for once: no more of it until somebody does. */
  #wasWaitedFor = false;

  constructor(stream: number, host: ReceiveHost) {
    this.stream = stream;
    this.#host = host;
    this.#held = new Held(host.windows.spare);
  }

  read(into: Bytes): Promise<Bytes | null> {
    if (into.byteLength === 0) {
      return Promise.reject(new TypeError("Cannot read into an empty view"));
    }
    const view = takenOver(into);
    if (this.#host.over || this.#gone !== null) {
      return Promise.reject(this.#host.explain(this.#gone ?? "the stream is gone"));
    }
    return new Promise((resolve, reject) => {
      this.#reads.push({ view, filled: 0, resolve, reject });
      this.#wasWaitedFor = false;
      this.#serve();
      this.#host.readerCame();
    });
  }

  cancel(): void {
    if (this.#gone !== null) return;
    this.fail("the stream was given up");
    if (this.#host.over) return;
    if (this.#isOver) this.#finish();
    else this.#host.say(this, "stop");
  }

  /** Whether nobody waits for bytes, who may be about to. */
  get lacksReader(): boolean {
    return this.#reads.length === 0 && this.#gone === null && !this.#wasWaitedFor;
  }

  /** Its reader was waited for: what comes is held until it reads again. */
  waitedForReader(): void {
    this.#wasWaitedFor = true;
  }

  /** A frame is announced. Throws where it is more than was allowed, or spends less than it says. */
  announce({ bytes, spends }: { readonly bytes: number; readonly spends: boolean }): void {
    if (this.#isOver) throw badFrame("its stream has ended");
    this.#announced += bytes;
    if (this.#announced > this.#allowed) throw badFrame("it goes beyond its stream's credit");
    while (this.#marks.length > 0 && this.#marks[0]! < this.#announced) this.#marks.shift();
    // What was allowed since may be under way to it.
    if (spends && this.#marks[0] !== this.#announced) {
      throw badFrame("it does not spend its credit");
    }
  }

  /**
   * Where bytes of the frame at hand go without a copy, `left` of which are to come; null where a copy
   * is cheaper, or nobody wants them.
   */
  room(left: number): Bytes | null {
    if (this.#gone !== null || left < DIRECT_BYTES) return null;
    const read = this.#reads[0];
    if (read === undefined) return this.#held.room(left);
    const { view, filled } = read;
    if (view.byteLength - filled < DIRECT_BYTES) return null;
    return view.subarray(filled, filled + left);
  }

  /** So many bytes came into `room`, before anybody else's; `left` are still to come. */
  landed(room: Bytes, { count, left }: { readonly count: number; readonly left: number }): void {
    if (this.#gone !== null) return;
    const read = this.#reads[0];
    // Whoever began to read meanwhile has other memory.
    if (read === undefined || read.view.buffer !== room.buffer) {
      this.#held.added(count);
      return this.#serve();
    }
    read.filled += count;
    this.#take(count);
    this.#settle(read, left);
  }

  /** Bytes of the frame at hand that came with others; `left` are still to come. */
  put(bytes: Uint8Array, left: number): void {
    for (let rest = bytes; rest.byteLength > 0 && this.#gone === null;) {
      const read = this.#reads[0];
      const room = read?.view.subarray(read.filled) ?? this.#held.room(rest.byteLength);
      const count = Math.min(room.byteLength, rest.byteLength);
      room.set(rest.subarray(0, count));
      rest = rest.subarray(count);
      if (read === undefined) this.#held.added(count);
      else {
        read.filled += count;
        this.#take(count);
        this.#settle(read, left + rest.byteLength);
      }
    }
  }

  /** The frame at hand is whole. It spends the credit: a larger window, if its reader keeps up. */
  whole({ spends }: { readonly spends: boolean }): void {
    const { windows, mostWindowBytes, isProved } = this.#host;
    if (!spends || !isProved || this.#gone !== null || this.#held.bytes > 0) return;
    const more = Math.min(this.#windowBytes, mostWindowBytes - this.#windowBytes);
    if (more <= 0 || !windows.take(more)) return;
    this.#windowBytes += more;
    this.#host.say(this, "credit");
  }

  /** The writer said its last word; the end of a stream is never success (I4), however it came. */
  ended(): void {
    if (this.#isOver) throw badFrame("its stream has ended");
    this.#isOver = true;
    if (this.#gone !== null) return this.#finish();
    this.#serve();
  }

  /** Whether there is credit that is worth saying beside something else: a quarter of the window. */
  get hasCredit(): boolean {
    return !this.#isOver && this.#gone === null && this.#free * 4 >= this.#windowBytes;
  }

  /** What more it may be sent from now on; 0 for nothing. */
  takeCredit(): number {
    if (this.#isOver || this.#gone !== null) return 0;
    const more = this.#free;
    this.#allowed += more;
    if (more > 0) this.#marks.push(this.#allowed);
    return more;
  }

  /** It is gone, and so is whoever waits. */
  fail(found: string): void {
    this.#gone ??= found;
    this.#held.drop();
    for (const { reject } of this.#reads.splice(0)) reject(this.#host.explain(this.#gone));
  }

  /** Gives its window back. */
  release(): void {
    this.#host.windows.give(this.#windowBytes - LIMITS.firstMuxWindowBytes);
    this.#windowBytes = LIMITS.firstMuxWindowBytes;
  }

  /** Whoever waits gets what is held, or the end. */
  #serve(): void {
    for (let read = this.#reads[0]; read !== undefined; read = this.#reads[0]) {
      const count = this.#held.take(read.view.subarray(read.filled));
      read.filled += count;
      this.#take(count);
      if (read.filled > 0) this.#settle(read, 0);
      else if (this.#isOver) {
        this.#reads.shift();
        read.resolve(null);
      } else return;
    }
    if (this.#isOver && this.#held.bytes === 0) this.#finish();
  }

  /** A read is over when its memory is full, or nothing is certain to come at once. */
  #settle(read: PendingRead, left: number): void {
    const { view, filled } = read;
    if (filled < view.byteLength && left > 0) return;
    this.#reads.shift();
    read.resolve(new Uint8Array(view.buffer, view.byteOffset, filled));
  }

  #take(count: number): void {
    this.#taken += count;
    if (this.#isOver) return;
    // Half a window at a time: the writer goes on meanwhile, and little is said.
    if (this.#free * 2 >= this.#windowBytes) this.#host.say(this, "credit");
  }

  /** What more it could be allowed. */
  get #free(): number {
    return this.#taken + this.#windowBytes - this.#allowed;
  }

  #finish(): void {
    if (this.#isDone) return;
    this.#isDone = true;
    this.release();
    this.#host.say(this, "done");
  }
}
