// A stream of a connection on another thread: both ways, of which a lane uses one. What is read comes in
// the reader's own memory, which goes over and back. What is written is copied, for it stays the writer's,
// through few slabs that go over and back as well.

import { SftpxError } from "../../base/errors.ts";
import type { ControlStream } from "../transport.ts";
import type { Calls } from "./calls.ts";

/** What goes over at a time: a copy of what is in a processor's cache costs little. */
const SLAB_BYTES = 256 * 1024;
/** One is written while the next one is filled (I8). */
const SLABS = 2;
/** Less gets memory of its own size. */
const SMALL_BYTES = 16 * 1024;

type SendState = "open" | "ended" | "given_up";

export class ThreadStream implements ControlStream {
  readonly #calls: Calls;
  readonly #of: number;
  readonly #throwIfEnded: () => void;
  #send: SendState = "open";
  #receive: SendState = "open";
  /** Those that are not under way. */
  readonly #slabs: ArrayBuffer[] = [];
  /** Writes go out one after the other. */
  #turn: Promise<void> = Promise.resolve();

  /** `throwIfEnded` throws what a caller sees once its connection has ended. */
  constructor(calls: Calls, number: number, throwIfEnded: () => void) {
    this.#calls = calls;
    this.#of = number;
    this.#throwIfEnded = throwIfEnded;
  }

  // deno-lint-ignore require-await -- every failure is a rejection
  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    if (this.#send === "ended") throw new TypeError("the stream was closed before");
    const written = this.#turn.then(() => this.#write(bytes));
    this.#turn = written.catch(() => {});
    return written;
  }

  async close(): Promise<void> {
    if (this.#send !== "open") return;
    this.#send = "ended";
    await this.#turn;
    await this.#asked(() => this.#calls.ask<"end">({ kind: "end", of: this.#of }));
    this.#slabs.length = 0;
  }

  async #write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const underWay: Promise<void>[] = [];
    for (let at = 0; at < bytes.byteLength || at === 0; at += SLAB_BYTES) {
      if (underWay.length === SLABS) await underWay.shift();
      if (this.#send === "given_up") throw givenUp();
      this.#throwIfEnded();
      const sent = this.#post(bytes.subarray(at, at + SLAB_BYTES));
      // It is waited for below, perhaps after another one failed.
      sent.catch(() => {});
      underWay.push(sent);
    }
    await Promise.all(underWay);
  }

  async #post(piece: Uint8Array<ArrayBuffer>): Promise<void> {
    const bytes = this.#copyOf(piece);
    const what = { kind: "write", of: this.#of, bytes } as const;
    const back = await this.#asked(() =>
      this.#calls.ask<"write">(what, { transfer: [bytes.buffer] })
    );
    if (back.buffer.byteLength === SLAB_BYTES && this.#send === "open") {
      this.#slabs.push(back.buffer);
    }
  }

  #copyOf(piece: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (piece.byteLength < SMALL_BYTES) return piece.slice();
    const slab = this.#slabs.pop() ?? new ArrayBuffer(SLAB_BYTES);
    const copy = new Uint8Array(slab, 0, piece.byteLength);
    copy.set(piece);
    return copy;
  }

  abort(): void {
    if (this.#send !== "open") return;
    this.#send = "given_up";
    this.#calls.say({ kind: "abort", of: this.#of });
  }

  async read(
    into: Uint8Array<ArrayBuffer>,
    { leastBytes = 1 }: { readonly leastBytes?: number } = {},
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    if (into.byteLength === 0) throw new TypeError("nothing can be read into an empty view");
    if (this.#receive === "ended") return null;
    this.#throwIfEnded();
    if (this.#receive === "given_up") throw givenUp();
    const what = { kind: "read", of: this.#of, into, leastBytes } as const;
    const got = await this.#asked(() => this.#calls.ask<"read">(what, { transfer: [into.buffer] }));
    if (got === null) this.#receive = "ended";
    return got;
  }

  cancel(): void {
    if (this.#receive !== "open") return;
    this.#receive = "given_up";
    this.#calls.say({ kind: "cancel", of: this.#of });
  }

  /** What ended meanwhile is told as this side knows it. */
  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (thrown) {
      if (!(thrown instanceof TypeError)) this.#throwIfEnded();
      throw thrown;
    }
  }
}

function givenUp(): SftpxError {
  return new SftpxError("lost", "Cannot go on: this stream was given up here");
}
