// A network on which one stream of a client's session ends early: the control stream as if its writer
// had closed it, a lane as if it had been reset or its connection had gone. Knows what was carried whole, and lets nobody connect
// again once it is cut.

import { SftpxError } from "../../src/base/errors.ts";
import type {
  Connection,
  ControlStream,
  ReceiveStream,
  SendStream,
  Transport,
} from "../../src/transport/transport.ts";
import { ControlDecoder } from "../../src/wire/control.ts";
import type { Message } from "../../src/wire/messages.ts";

export type StreamName =
  | "control stream to the server"
  | "control stream to the client"
  | "lane to the server"
  | "lane to the client";

/** Where a stream ends: behind so many of its bytes. */
export interface CutPoint {
  readonly stream: StreamName;
  readonly at: number;
}

export class CutNetwork {
  readonly transport: Transport;
  /** Bytes that each stream brought; of lanes the first one's. */
  readonly carried = new Map<StreamName, number>();
  readonly #cut: CutPoint | null;
  readonly #decoders = new Map<StreamName, ControlDecoder>();
  readonly #delivered = new Set<Message["type"]>();
  #isCut = false;

  constructor(inner: Transport, cut: CutPoint | null) {
    this.#cut = cut;
    this.transport = {
      ...inner,
      connect: async (options) => {
        // A client looks for what it lost: here the search is to be short.
        if (this.#isCut) throw new SftpxError("refused", "Cannot connect: the line stays cut");
        return this.#wrapped(await inner.connect(options));
      },
    };
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Whether a control message arrived whole, at whichever end. */
  delivered(type: Message["type"]): boolean {
    return this.#delivered.has(type);
  }

  #wrapped(inner: Connection): Connection {
    let lanes = 0;
    const isFirst = () => lanes++ === 0;
    return {
      stack: inner.stack,
      remoteAddress: inner.remoteAddress,
      protocol: inner.protocol,
      closed: inner.closed,
      openControl: async () => this.#control(await inner.openControl()),
      acceptControl: () => inner.acceptControl(),
      openLane: async () => {
        const lane = await inner.openLane();
        return isFirst() ? this.#outgoing(lane) : lane;
      },
      acceptLane: async () => {
        const lane = await inner.acceptLane();
        return lane !== null && isFirst() ? this.#incoming(lane, inner) : lane;
      },
      stats: () => inner.stats(),
      close: (code, reason) => inner.close(code, reason),
    };
  }

  #control(inner: ControlStream): ControlStream {
    let isClosed = false;
    return {
      ...inner,
      write: async (bytes) => {
        const whole = this.#take("control stream to the server", bytes);
        if (isClosed) return;
        if (whole.byteLength > 0) await inner.write(whole);
        isClosed = this.#cut?.stream === "control stream to the server" && this.#isCut;
        if (isClosed) await inner.close();
      },
      read: (into) => this.#read("control stream to the client", inner, into),
      close: async () => {
        if (!isClosed) await inner.close();
      },
      abort: () => inner.abort(),
      cancel: () => inner.cancel(),
    };
  }

  #outgoing(inner: SendStream): SendStream {
    const name = "lane to the server";
    return {
      ...inner,
      write: async (bytes) => {
        const whole = this.#take(name, bytes);
        if (whole.byteLength > 0) await inner.write(whole);
        if (this.#cut?.stream !== name || !this.#isCut) return;
        inner.abort();
        throw new SftpxError("lost", "Cannot go on: the lane is gone");
      },
      close: () => inner.close(),
      abort: () => inner.abort(),
    };
  }

  #incoming(inner: ReceiveStream, connection: Connection): ReceiveStream {
    const name = "lane to the client";
    return {
      read: async (into) => {
        const got = await this.#read(name, inner, into);
        // Its sender wrote it all, and does not miss it: only with its connection a lane ends so.
        if (this.#cut?.stream === name && this.#isCut) connection.close("none", "");
        return got;
      },
      cancel: () => inner.cancel(),
    };
  }

  async #read(
    name: StreamName,
    inner: ReceiveStream,
    into: Uint8Array<ArrayBuffer>,
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    const isOver = () => this.#cut?.stream === name && this.#isCut;
    if (isOver()) return null;
    const got = await inner.read(into);
    if (got === null) return null;
    const whole = this.#take(name, got);
    if (isOver()) inner.cancel();
    return whole.byteLength === 0 ? null : got.subarray(0, whole.byteLength);
  }

  /** What of these bytes still passes. */
  #take(name: StreamName, bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const before = this.carried.get(name) ?? 0;
    const room = this.#cut?.stream === name ? Math.max(0, this.#cut.at - before) : Infinity;
    if (room < bytes.byteLength) this.#isCut = true;
    const whole = bytes.slice(0, room);
    this.carried.set(name, before + whole.byteLength);
    if (name.startsWith("control")) this.#hear(name, whole);
    return whole;
  }

  #hear(name: StreamName, bytes: Uint8Array): void {
    const decoder = this.#decoders.get(name) ?? new ControlDecoder();
    decoder.lift();
    this.#decoders.set(name, decoder);
    decoder.push(bytes);
    for (let message = decoder.next(); message !== null; message = decoder.next()) {
      this.#delivered.add(message.type);
    }
  }
}
