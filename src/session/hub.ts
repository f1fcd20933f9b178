// One session's traffic, sorted by transfer: control messages from the first connection, lanes from
// all of them. Answers pings, ends on bye, turns the loss of the first connection into an error for
// every transfer. A further connection may die alone; its lanes die with it.

import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Connection, ReceiveStream, SendStream } from "../transport/transport.ts";
import type { Message, TransferMessage } from "../wire/messages.ts";
import { FRAME_HEADER_BYTES } from "../wire/frame.ts";
import { type ControlChannel, refusal } from "./control_channel.ts";
import { Mailbox } from "./mailbox.ts";

/** A lane the peer opened, with the frame header that told whose it is. */
export interface IncomingLane {
  readonly stream: ReceiveStream;
  readonly opening: Uint8Array<ArrayBuffer>;
}

/** A lane this end opened. */
export interface OutgoingLane {
  readonly stream: SendStream;
  /** Settles when its connection has ended: what was written to it may not have arrived. */
  readonly lost: Promise<unknown>;
}

/** One transfer's share of a session. */
export interface TransferChannel {
  readonly transfer: number;
  readonly messages: Mailbox<TransferMessage>;
  readonly lanes: Mailbox<IncomingLane>;
  send(message: Message): void;
  /** Opens a lane on one of the session's connections, in turn. */
  openLane(): Promise<OutgoingLane>;
  /** Settles when what the peer has sent so far was put into `messages`, or it does not answer. */
  caughtUp(): Promise<void>;
  /** Forgets the transfer; what still arrives for it, or was not taken yet, is dropped. */
  close(): void;
}

/** A connection's first lane, where somebody waits for it already. */
export interface FirstLane {
  readonly firstLane?: Promise<ReceiveStream | null>;
}

/** How a session ended. */
export type HubEnd = { readonly kind: "bye" } | {
  readonly kind: "lost";
  readonly error: SftpxError;
};

export class Hub {
  readonly #control: ControlChannel;
  readonly #connections: Connection[] = [];
  readonly #transfers = new Map<number, TransferChannel>();
  readonly #ended = Promise.withResolvers<HubEnd>();
  #onOpen: ((channel: TransferChannel, first: TransferMessage) => void) | null = null;
  readonly #pongs = new Map<number, () => void>();
  #nextPing = 1;
  #nextConnection = 0;
  #isEnded = false;
  /** Whether the peer said anything since {@linkcode watch} last looked. */
  #heard = false;
  #watchTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(control: ControlChannel, connection: Connection, options: FirstLane = {}) {
    this.#control = control;
    this.addConnection(connection, options);
    connection.closed.then((info) =>
      this.#end({
        kind: "lost",
        error: new SftpxError(
          "lost",
          `Lost the peer${info.reason === "" ? "" : `: ${info.reason}`}`,
          { remote: info.remote },
        ),
      })
    );
  }

  /** Settles (never rejects) when the session is over. */
  get ended(): Promise<HubEnd> {
    return this.#ended.promise;
  }

  get connections(): readonly Connection[] {
    return this.#connections;
  }

  /** Server: called for a request or offer that opens a transfer. */
  set onOpen(handler: (channel: TransferChannel, first: TransferMessage) => void) {
    this.#onOpen = handler;
  }

  /** Starts taking messages; to be called once the handshake is over. */
  start(): void {
    this.#readControl().catch((error) => this.#end({ kind: "lost", error }));
  }

  /**
   * Until the peer's first word on a transfer: ends the session as lost when it says nothing for
   * `timeoutMs`, although asked. Its program may hang while its transport still answers; a busy one
   * (walking, hashing) answers its pings.
   */
  watch(timeoutMs: number): void {
    let asked = false;
    const look = () => {
      if (!this.#heard && asked) {
        const seconds = timeoutMs / 1000;
        const text = `Lost the peer: it has not answered for ${seconds} s`;
        return this.#endAll(new SftpxError("lost", text), "none");
      }
      asked = !this.#heard;
      this.#heard = false;
      try {
        if (asked) this.#answer({ type: "ping", token: this.#nextPing++ });
      } catch {
        // Its control stream takes nothing any more: that is no answer either.
      }
      this.#watchTimer = setTimeout(look, timeoutMs / 2);
    };
    this.#watchTimer = setTimeout(look, timeoutMs / 2);
    this.#ended.promise.then(() => clearTimeout(this.#watchTimer));
  }

  /** Takes in a connection; one that comes too late is closed. */
  addConnection(connection: Connection, options: FirstLane = {}): void {
    if (this.#isEnded) return connection.close("none", "");
    this.#connections.push(connection);
    connection.closed.then(() => {
      const at = this.#connections.indexOf(connection);
      if (at >= 0) this.#connections.splice(at, 1);
    });
    this.#acceptLanes(connection, options.firstLane ?? connection.acceptLane());
  }

  open(transfer: number): TransferChannel {
    const channel: TransferChannel = {
      transfer,
      messages: new Mailbox(),
      lanes: new Mailbox(),
      send: (message) => this.#send(message),
      openLane: () => this.#openLane(),
      caughtUp: async () => {
        // The pong comes behind all that was sent before it.
        await this.answers(LIMITS.takeoverMs);
      },
      close: () => {
        if (this.#transfers.get(transfer) === channel) this.#transfers.delete(transfer);
        channel.messages.drain();
        for (const { stream } of channel.lanes.drain()) stream.cancel();
      },
    };
    this.#transfers.set(transfer, channel);
    return channel;
  }

  /** Whether the peer answers a ping in time; false once the session is over. */
  async answers(withinMs: number): Promise<boolean> {
    if (this.#isEnded) return false;
    const token = this.#nextPing++;
    const pong = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => pong.resolve(false), withinMs);
    this.#pongs.set(token, () => pong.resolve(true));
    this.#ended.promise.then(() => pong.resolve(false));
    try {
      this.#send({ type: "ping", token });
      return await pong.promise;
    } catch {
      return false; // Its control stream takes nothing any more.
    } finally {
      clearTimeout(timer);
      this.#pongs.delete(token);
    }
  }

  /** Says bye, waits for the transport to take it, and ends. */
  async bye(): Promise<void> {
    if (this.#isEnded) return;
    this.#send({ type: "bye" });
    await this.#control.flushed();
  }

  close(code: ErrorCode | "none", reason: string): void {
    this.#end({ kind: "lost", error: new SftpxError("lost", "Lost the peer: closed here") });
    for (const connection of [...this.#connections]) connection.close(code, reason);
  }

  /** Ends the session for this reason, with all its connections. */
  #endAll(error: SftpxError, code: ErrorCode | "none"): void {
    this.#end({ kind: "lost", error });
    this.close(code, error.message);
  }

  async #openLane(): Promise<OutgoingLane> {
    const connection = this.#connections[this.#nextConnection++ % this.#connections.length];
    if (connection === undefined) throw new SftpxError("lost", "Lost the peer: no connection left");
    return { stream: await connection.openLane(), lost: connection.closed };
  }

  async #readControl(): Promise<void> {
    for (;;) {
      const message = await this.#control.receive();
      this.#heard = true;
      if (message === null) {
        throw new SftpxError("lost", "Lost the peer: it left without a word", { remote: true });
      }
      switch (message.type) {
        case "ping":
          this.#answer({ type: "pong", token: message.token });
          break;
        case "pong":
          this.#pongs.get(message.token)?.();
          break;
        case "bye":
          return this.#end({ kind: "bye" });
        case "refuse":
          throw refusal(message);
        case "hello":
        case "auth":
        case "welcome":
        case "join":
        case "joined":
          throw new SftpxError("protocol", `Cannot go on: "${message.type}" is out of place`, {
            remote: true,
          });
        default:
          this.#dispatch(message);
      }
    }
  }

  #dispatch(message: TransferMessage): void {
    clearTimeout(this.#watchTimer);
    const known = this.#transfers.get(message.transfer);
    if (known !== undefined) return known.messages.put(message);
    const opens = message.type === "request" || message.type === "offer";
    if (!opens || this.#onOpen === null) return;
    if (this.#transfers.size >= LIMITS.transfersPerSession) {
      return this.#answer({
        type: "abort",
        transfer: message.transfer,
        code: "limit",
        message: `Cannot start: ${LIMITS.transfersPerSession} transfers are open in this session`,
      });
    }
    this.#onOpen(this.open(message.transfer), message);
  }

  /** The one way out: a peer that reads nothing must not make this end hold ever more (I8). */
  #send(message: Message): void {
    if (this.#control.unsentBytes > LIMITS.unsentControlBytes) {
      const found = "the peer does not read what it is sent";
      const error = new SftpxError("limit", `Cannot go on: ${found}`, { remote: true });
      this.#endAll(error, "limit");
      throw error;
    }
    this.#control.send(message);
  }

  /** Answers at once, unless the peer reads none of our answers: they must not pile up (I8). */
  #answer(message: Message): void {
    if (this.#control.unsentBytes < LIMITS.controlMessageBytes) this.#send(message);
  }

  async #acceptLanes(
    connection: Connection,
    firstLane: Promise<ReceiveStream | null>,
  ): Promise<void> {
    for (let next = firstLane;; next = connection.acceptLane()) {
      const stream = await next.catch(() => null);
      if (stream === null) return;
      this.#sortLane(stream).catch(() => stream.cancel());
    }
  }

  async #sortLane(stream: ReceiveStream): Promise<void> {
    const opening = await readExactly(stream, new ArrayBuffer(FRAME_HEADER_BYTES), {
      bytes: FRAME_HEADER_BYTES,
    });
    if (opening === null) return stream.cancel();
    const transfer = new DataView(opening.buffer).getUint32(4);
    const channel = this.#transfers.get(transfer);
    if (channel === undefined || this.#isEnded) return stream.cancel();
    channel.lanes.put({ stream, opening });
  }

  #end(end: HubEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const error = end.kind === "lost"
      ? end.error
      : new SftpxError("lost", "Lost the peer: it said bye in mid-transfer", { remote: true });
    for (const channel of this.#transfers.values()) {
      channel.messages.fail(error);
      channel.lanes.close();
    }
    this.#ended.resolve(end);
  }
}

/**
 * Reads `bytes` bytes into the front of `buffer` (which is detached); null when the stream ended
 * before the first of them. An end in between throws `lost` (I4).
 */
export async function readExactly(
  stream: ReceiveStream,
  buffer: ArrayBuffer,
  { bytes }: { bytes: number },
): Promise<Uint8Array<ArrayBuffer> | null> {
  let held = buffer;
  for (let filled = 0; filled < bytes;) {
    const read = await stream.read(new Uint8Array(held, filled, bytes - filled));
    if (read === null) {
      if (filled === 0) return null;
      throw new SftpxError("lost", "Lost the peer: a lane ended within a frame");
    }
    filled += read.byteLength;
    held = read.buffer;
  }
  return new Uint8Array(held, 0, bytes);
}
