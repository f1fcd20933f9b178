// One TLS connection, at either end: one control stream, lanes, and one answer to why it ended. Two loops
// move bytes between its channel and its mux. A TCP connection that ends without a word of the peer's is
// a silent loss (I4).

import { sourceOf } from "../../base/address.ts";
import { toSftpxError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";
import { formatAddress } from "../addresses.ts";
import { closeCode, closeNumber, lost, streamGone } from "../quic_errors.ts";
import {
  type CloseInfo,
  type Connection,
  type ConnectionStats,
  type ControlStream,
  type Protocol,
  PROTOCOLS,
  type ReceiveStream,
  type SendStream,
} from "../transport.ts";
import type { ByteChannel } from "./channel.ts";
import { Mux } from "./mux.ts";
import { Openings } from "./openings.ts";
import { ENDED, endText, isSocketOver } from "./tls_errors.ts";
import type { WindowBudget } from "./window_budget.ts";

/** What its stack is called. */
export const STACK = "tls";

export interface TlsConnectionOptions {
  readonly isServer: boolean;
  readonly budget: WindowBudget;
  /** The most one stream may be allowed. */
  readonly mostWindowBytes: number;
}

/** A reader that got its bytes asks for the next within so many turns of the microtask queue. */
const READER_TURNS = 16;
/** And one that needs memory first within so long, most often: what is held for it would be copied. */
const READER_MS = 2;
const GONE = "the connection ended";

export class TlsConnection implements Connection {
  readonly stack = STACK;
  readonly remoteAddress: string;
  readonly closed: Promise<CloseInfo>;
  readonly #channel: ByteChannel;
  readonly #mux: Mux;
  #protocol: Protocol | null = null;
  readonly #openings: Openings;
  /** The loops; null while there is nothing for them. The one that sends failed where it stays. */
  #receiving: Promise<void> | null = null;
  #sending: Promise<void> | null = null;
  /** Why it ends, once that is certain. */
  #ending: CloseInfo | null = null;
  #linger: ReturnType<typeof setTimeout> | null = null;
  /** The peer said all it had to say, or broke off: there is nothing to end. */
  #isAtEnd = false;
  /** Ends the wait for a reader that is away. */
  #readerCame: (() => void) | null = null;
  readonly #settleClosed: (info: CloseInfo) => void;

  constructor(channel: ByteChannel, options: TlsConnectionOptions) {
    this.#channel = channel;
    this.remoteAddress = formatAddress(channel.remote.hostname, channel.remote.port);
    const { promise, resolve } = Promise.withResolvers<CloseInfo>();
    this.closed = promise;
    this.#settleClosed = resolve;
    // A client's server is the one it chose; a server's peers share what there is.
    const { isServer, budget } = options;
    const windows = isServer ? budget.shareOf(sourceOf(this.remoteAddress)) : budget;
    // deno-lint-ignore no-this-alias -- an object literal's getters have a `this` of their own
    const self = this;
    this.#mux = new Mux({
      get over() {
        return self.#ending !== null;
      },
      explain: (found) => this.#explain(found),
      wake: () => this.#wake(),
      lane: (lane) => this.#openings.laneCame(lane),
      control: (sides) => this.#openings.controlCame(sides),
      readerCame: () => {
        if (!this.#mux.lacksReader) this.#readerCame?.(); // It may be another's.
      },
      laneDone: () => this.#openings.laneDone(),
      closed: (code, reason) => this.#end({ code: closeCode(code), reason, remote: true }),
    }, { ...options, windows });
    this.#openings = new Openings({
      over: () => this.ended ? this.#explain(GONE) : null,
      openControl: () => this.#mux.openControl(),
      openLane: () => this.#mux.openLane(),
    });
  }

  get ended(): boolean {
    return this.#ending !== null;
  }

  /** Known once the handshake is complete, and nobody is given the connection before that. */
  get protocol(): Protocol {
    if (this.#protocol === null) {
      throw new TypeError("Cannot tell the protocol before the handshake");
    }
    return this.#protocol;
  }

  /**
   * Completes the handshake; false where no protocol was agreed on. Rejects with the stack's own error.
   * The connection has ended then.
   */
  async shake(): Promise<boolean> {
    try {
      const agreed = await this.#channel.handshake();
      if (this.#ending !== null) throw this.#explain(GONE);
      this.#protocol = PROTOCOLS.find((protocol) => protocol === agreed) ?? null;
    } catch (thrown) {
      this.#isAtEnd ||= isSocketOver(thrown);
      this.#breakOff(silent(endText(thrown)));
      throw thrown;
    }
    if (this.#protocol === null) this.#breakOff(silent("no protocol was agreed on"));
    else this.#receiving = this.#receive();
    return this.#protocol !== null;
  }

  openControl(): Promise<ControlStream> {
    return this.#openings.openControl();
  }

  acceptControl(): Promise<ControlStream> {
    return this.#openings.acceptControl();
  }

  openLane(): Promise<SendStream> {
    return this.#openings.openLane();
  }

  acceptLane(): Promise<ReceiveStream | null> {
    return this.#openings.acceptLane();
  }

  /** The system's TCP tells nothing more to a program of its kind. */
  stats(): ConnectionStats {
    const { rttMs = null, lossRatio = null } = this.#channel.path?.() ?? {};
    return { rttMs: rttMs ?? this.#channel.rttMs, lossRatio, windowBytes: null };
  }

  close(code: CloseInfo["code"] & string, reason: string): void {
    if (this.#ending !== null) return;
    const info: CloseInfo = { code, reason, remote: false };
    // Without a handshake there is nobody to tell.
    if (this.#receiving === null) return this.#breakOff(info);
    this.#end(info);
    this.#mux.close(closeNumber(code), reason);
    this.#lingers();
  }

  proved(): void {
    this.#mux.proved();
  }

  /** Reads for as long as there is a connection: a peer that is told goodbye is heard till it leaves. */
  async #receive(): Promise<void> {
    let found = ENDED;
    try {
      // One loop, and nothing of ours to wait for in it: Deno's TLS hands out single records.
      for (;;) {
        if (this.#mux.lacksReader) await this.#awaitReader();
        const count = await this.#channel.read(this.#mux.room());
        this.#isAtEnd = count === null;
        // Or it would be asked again at once, for ever, and no timer would run any more.
        if (count === 0) throw new TypeError("the runtime read nothing");
        if (count === null || !this.#received(count)) break;
      }
    } catch (thrown) {
      this.#isAtEnd ||= isSocketOver(thrown);
      found = endText(thrown);
    }
    if (this.#ending === null) this.#end(silent(found));
    else if (!this.#ending.remote) await this.#sending;
    this.#destroyChannel();
    await this.#sending;
    this.#over();
  }

  /** Waits for a reader once, until it comes or is late: other streams' bytes are behind its own. */
  async #awaitReader(): Promise<void> {
    for (let turns = READER_TURNS; turns > 0; turns--) {
      await null;
      if (!this.#mux.lacksReader) return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, READER_MS);
      this.#readerCame = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#readerCame = null;
    this.#mux.waitedForReader();
  }

  /** False once nothing more comes. */
  #received(count: number): boolean {
    if (this.#ending !== null) return true;
    try {
      this.#mux.received(count);
    } catch (thrown) {
      const { code, message } = toSftpxError(thrown);
      this.close(code, message);
    }
    return !this.#isRemote();
  }

  #isRemote(): boolean {
    return this.#ending?.remote === true;
  }

  #wake(): void {
    this.#sending ??= this.#send();
  }

  async #send(): Promise<void> {
    try {
      // What is said in one turn goes out together.
      await null;
      for (let next = this.#mux.takeOutgoing(); next !== null; next = this.#mux.takeOutgoing()) {
        const beganMs = performance.now();
        await this.#channel.write(next.head);
        if (next.payload !== null) await this.#channel.write(next.payload);
        this.#mux.sent({ tookMs: performance.now() - beganMs });
        if (next.isLast) await this.#channel.end();
      }
      this.#sending = null;
    } catch {
      // The peer's last word may have come all the same: the other loop tells how it ended.
      this.#lingers();
    }
  }

  /** The connection lasts no longer than so, whatever its peer does. */
  #lingers(): void {
    this.#linger ??= setTimeout(() => this.#destroyChannel(), LIMITS.lingerMs);
  }

  #explain(found: string): Error {
    if (this.#ending !== null) return lost(this.remoteAddress, this.#ending);
    return streamGone(this.remoteAddress, found);
  }

  #destroyChannel(): void {
    this.#channel.destroy({ isAtEnd: this.#isAtEnd });
  }

  /** It ended before anything could be said. */
  #breakOff(info: CloseInfo): void {
    if (this.#ending === null) this.#end(info);
    this.#destroyChannel();
    this.#over();
  }

  /** Why it ends is certain, and whoever waits is told. */
  #end(info: CloseInfo): void {
    this.#ending = info;
    this.#mux.fail(GONE);
    this.#openings.fail(this.#explain(GONE));
    this.#readerCame?.();
  }

  /** Nothing is left of it. */
  #over(): void {
    if (this.#linger !== null) clearTimeout(this.#linger);
    if (this.#ending !== null) this.#settleClosed(this.#ending);
  }
}

function silent(reason: string): CloseInfo {
  return { code: null, reason, remote: false };
}
