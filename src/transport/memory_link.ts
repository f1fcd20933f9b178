// One connection of the transport inside one process: both of its ends, the pipes between them, and what
// ended it.

import { SftpxError } from "../base/errors.ts";
import { formatAddress } from "./addresses.ts";
import type { MemoryOptions } from "./memory.ts";
import { MemoryPipe } from "./memory_pipe.ts";
import { lost } from "./quic_errors.ts";
import { Queue } from "./queue.ts";
import type {
  CloseInfo,
  Connection,
  ConnectionStats,
  ControlStream,
  Protocol,
  ReceiveStream,
  SendStream,
} from "./transport.ts";
import { controlStream } from "./web_streams.ts";

/** What a link's own bytes are told to. */
export type MemoryLinkOptions = Omit<MemoryOptions, "deliver"> & {
  readonly deliver: (bytes: number) => Promise<void> | void;
  readonly protocol: Protocol;
};

/** Both ends of one connection, and what ended it. */
export class MemoryLink {
  readonly client: MemoryConnection;
  readonly server: MemoryConnection;
  readonly closed: Promise<void>;
  #settleClosed: () => void = () => {};
  #carriedBytes = 0;
  #ended = false;
  readonly #options: MemoryLinkOptions;

  constructor(options: MemoryLinkOptions, clientPort: number, serverPort: number) {
    this.#options = options;
    const { host = "127.0.0.1" } = options;
    this.client = new MemoryConnection(this, formatAddress(host, serverPort));
    this.server = new MemoryConnection(this, formatAddress(host, clientPort));
    this.closed = new Promise((resolve) => this.#settleClosed = resolve);
  }

  get protocol(): Protocol {
    return this.#options.protocol;
  }

  peerOf(connection: MemoryConnection): MemoryConnection {
    return connection === this.client ? this.server : this.client;
  }

  pipe(onFirstBytes: () => void): MemoryPipe {
    const { inFlightBytes = 1 << 20, readBytes = Infinity, deliver } = this.#options;
    return new MemoryPipe({
      inFlightBytes,
      readBytes,
      onFirstBytes,
      deliver: async (bytes) => {
        await deliver(bytes);
        this.#carry(bytes);
      },
    });
  }

  /** `by` is the end that closed; null for a cut. */
  end(by: { end: MemoryConnection; info: CloseInfo } | null): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const end of [this.client, this.server]) {
      if (by === null) end.finish({ code: null, reason: "cut", remote: false });
      else end.finish({ ...by.info, remote: end !== by.end });
    }
    this.#settleClosed();
  }

  #carry(bytes: number): void {
    this.#carriedBytes += bytes;
    const limit = this.#options.cutAfterBytes ?? null;
    if (limit !== null && this.#carriedBytes > limit) this.end(null);
  }
}

export class MemoryConnection implements Connection {
  readonly stack = "memory";
  readonly remoteAddress: string;
  readonly protocol: Protocol;
  readonly closed: Promise<CloseInfo>;
  readonly #link: MemoryLink;
  readonly #lanes = new Queue<ReceiveStream>();
  readonly #controls = new Queue<ControlStream>();
  readonly #pipes = new Set<MemoryPipe>();
  #settleClosed: (info: CloseInfo) => void = () => {};
  #ended: CloseInfo | null = null;
  #controlTaken = false;

  constructor(link: MemoryLink, remoteAddress: string) {
    this.#link = link;
    this.remoteAddress = remoteAddress;
    this.protocol = link.protocol;
    this.closed = new Promise((resolve) => this.#settleClosed = resolve);
  }

  // deno-lint-ignore require-await -- every failure is a rejection
  async openControl(): Promise<ControlStream> {
    this.#takeControl();
    this.#throwIfEnded();
    const peer = this.#link.peerOf(this);
    const toPeer = this.#pipe(() =>
      peer.#controls.push(controlStream(peer.#end(toUs), peer.#end(toPeer)))
    );
    const toUs = this.#pipe(() => {});
    return controlStream(this.#end(toPeer), this.#end(toUs));
  }

  async acceptControl(): Promise<ControlStream> {
    this.#takeControl();
    const control = await this.#controls.take();
    if (control === null) throw lost(this.remoteAddress, await this.closed);
    return control;
  }

  // deno-lint-ignore require-await -- every failure is a rejection
  async openLane(): Promise<SendStream> {
    this.#throwIfEnded();
    const peer = this.#link.peerOf(this);
    const pipe = this.#pipe(() => peer.#lanes.push(peer.#end(pipe)));
    return this.#end(pipe);
  }

  acceptLane(): Promise<ReceiveStream | null> {
    return this.#lanes.take();
  }

  stats(): ConnectionStats {
    return { rttMs: null, lossRatio: null, windowBytes: null };
  }

  close(code: CloseInfo["code"] & string, reason: string): void {
    this.#link.end({ end: this, info: { code, reason, remote: false } });
  }

  /** The link's word that it is over. */
  finish(info: CloseInfo): void {
    this.#ended = info;
    for (const pipe of this.#pipes) pipe.fail();
    this.#pipes.clear();
    this.#lanes.end();
    this.#controls.end();
    this.#settleClosed(info);
  }

  #takeControl(): void {
    if (this.#controlTaken) throw new TypeError("Cannot open the control stream twice");
    this.#controlTaken = true;
  }

  #throwIfEnded(): void {
    if (this.#ended !== null) throw lost(this.remoteAddress, this.#ended);
  }

  #pipe(onFirstBytes: () => void): MemoryPipe {
    const pipe = this.#link.pipe(onFirstBytes);
    this.#pipes.add(pipe);
    return pipe;
  }

  /** One end of a pipe as this connection's owner sees it: its failures name this connection. */
  #end(pipe: MemoryPipe): SendStream & ReceiveStream {
    const explain = (thrown: unknown): unknown => {
      if (thrown instanceof TypeError) return thrown;
      const info = this.#ended;
      if (info !== null) return lost(this.remoteAddress, info);
      const text = `Cannot go on with "${this.remoteAddress}": the stream is gone`;
      return new SftpxError("lost", text);
    };
    const rethrow = (thrown: unknown): never => {
      throw explain(thrown);
    };
    return {
      write: (bytes) => pipe.write(bytes).catch(rethrow),
      close: () => pipe.close().catch(rethrow),
      abort: () => void pipe.close().catch(() => {}),
      read: (into) => pipe.read(into).catch(rethrow),
      cancel: () => pipe.fail(),
    };
  }
}
