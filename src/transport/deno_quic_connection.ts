// One connection of Deno's QUIC, at either end: one control stream, lanes, and one answer to why it
// ended. Every stream's failure is told in terms of that answer; foreign errors stop here.

import { SftpxError } from "../base/errors.ts";
import { formatAddress } from "./addresses.ts";
import { closeCode, closeNumber, foreignText, isConnectionLost, lost } from "./quic_errors.ts";
import {
  type CloseInfo,
  type Congestion,
  type Connection,
  type ConnectionStats,
  type ControlStream,
  type Protocol,
  PROTOCOLS,
  type ReceiveStream,
  type SendStream,
} from "./transport.ts";
import { controlStream, WebReceiveStream, WebSendStream } from "./web_streams.ts";

/** A close packet carries the reason; a longer one would be cut by the stack anyway. */
const REASON_CHARS = 256;

/** Of lanes it is 0; what has more is sent first. */
const CONTROL_ORDER = 1;

export class QuicConnection implements Connection {
  readonly stack = "deno-quic";
  readonly remoteAddress: string;
  readonly closed: Promise<CloseInfo>;
  readonly #conn: Deno.QuicConn;
  readonly #congestion: Exclude<Congestion, "auto">;
  #lanes: ReadableStreamDefaultReader<ReadableStream<Uint8Array<ArrayBuffer>>> | null = null;
  #controlTaken = false;
  #closing: CloseInfo | null = null;
  #ended: CloseInfo | null = null;

  constructor(
    conn: Deno.QuicConn,
    { congestion, onEnded }: {
      /** What it was told to control its sending by. */
      readonly congestion: Exclude<Congestion, "auto">;
      readonly onEnded: () => void;
    },
  ) {
    this.#conn = conn;
    this.#congestion = congestion;
    this.remoteAddress = formatAddress(conn.remoteAddr.hostname, conn.remoteAddr.port);
    this.closed = conn.closed.then(
      // A close of our own is reported as code 0 without a reason.
      (info) => this.#closing ?? remoteClose(info),
      (thrown) => this.#closing ?? { code: null, reason: foreignText(thrown), remote: false },
    ).then((info) => {
      this.#ended = info;
      onEnded();
      return info;
    });
  }

  get ended(): boolean {
    return this.#ended !== null;
  }

  /** Known once the handshake is complete, and nobody is given the connection before that. */
  get protocol(): Protocol {
    const agreed = PROTOCOLS.find((protocol) => protocol === this.#conn.protocol);
    if (agreed === undefined) throw new TypeError("Cannot tell the protocol before the handshake");
    return agreed;
  }

  async openControl(): Promise<ControlStream> {
    this.#takeControl();
    try {
      return this.#control(await this.#conn.createBidirectionalStream());
    } catch (thrown) {
      throw await this.#explain(thrown);
    }
  }

  async acceptControl(): Promise<ControlStream> {
    this.#takeControl();
    const reader = this.#conn.incomingBidirectionalStreams.getReader();
    try {
      const { value, done } = await reader.read();
      if (!done) return this.#control(value);
    } catch {
      // The connection ended; `closed` says why.
    } finally {
      reader.releaseLock();
    }
    throw lost(this.remoteAddress, await this.closed);
  }

  async openLane(): Promise<SendStream> {
    try {
      const stream = await this.#conn.createUnidirectionalStream({ waitUntilAvailable: true });
      return new WebSendStream(stream, this.#explain);
    } catch (thrown) {
      throw await this.#explain(thrown);
    }
  }

  async acceptLane(): Promise<ReceiveStream | null> {
    this.#lanes ??= this.#conn.incomingUnidirectionalStreams.getReader();
    try {
      const { value, done } = await this.#lanes.read();
      return done ? null : new WebReceiveStream(value, this.#explain);
    } catch {
      return null;
    }
  }

  stats(): ConnectionStats {
    return { rttMs: null, lossRatio: null, windowBytes: null, congestion: this.#congestion };
  }

  close(code: CloseInfo["code"] & string, reason: string): void {
    if (this.#ended !== null || this.#closing !== null) return;
    this.#closing = { code, reason, remote: false };
    this.#conn.close({ closeCode: closeNumber(code), reason: reason.slice(0, REASON_CHARS) });
  }

  #takeControl(): void {
    if (this.#controlTaken) throw new TypeError("Cannot open the control stream twice");
    this.#controlTaken = true;
  }

  /** What control says goes before what the stack has of lanes: one word of it may be all that a peer needs. */
  #control(stream: Deno.QuicBidirectionalStream): ControlStream {
    stream.writable.sendOrder = CONTROL_ORDER;
    return controlStream(
      new WebSendStream(stream.writable, this.#explain),
      new WebReceiveStream(stream.readable, this.#explain),
    );
  }

  /** A stream fails a moment before its connection says why: wait for that where it is certain. */
  readonly #explain = async (thrown: unknown): Promise<Error> => {
    const ended = this.#ended ?? this.#closing ??
      (isConnectionLost(thrown) ? await this.closed : null);
    if (ended !== null) return lost(this.remoteAddress, ended, thrown);
    // A detached buffer, a write after close: the caller's mistake.
    if (thrown instanceof TypeError) return thrown;
    const found = `the stream is gone (${foreignText(thrown)})`;
    return new SftpxError("lost", `Cannot go on with "${this.remoteAddress}": ${found}`, {
      cause: thrown,
    });
  };
}

function remoteClose(info: Deno.QuicCloseInfo): CloseInfo {
  return { code: closeCode(info.closeCode), reason: info.reason, remote: true };
}
