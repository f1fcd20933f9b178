// One session's traffic, sorted by transfer: control messages from the first connection, lanes from
// all of them (see members.ts). Answers pings, ends on bye, turns the loss of the first connection
// into an error for every transfer. A further connection may die alone; its lanes die with it.

import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";
import type { Connection } from "../transport/transport.ts";
import type { Message, TransferMessage } from "../wire/messages.ts";
import { type ControlChannel, refusal } from "./control_channel.ts";
import { Mailbox } from "./mailbox.ts";
import { type ConnectionOptions, Members } from "./members.ts";
import { Outbox } from "./outbox.ts";
import { atMost } from "./patience.ts";
import { type PatienceOptions, Pulse, type WatchOptions } from "./pulse.ts";
import type { IncomingLane, TransferChannel } from "./transfer_channel.ts";

export type { IncomingLane, LanePath, OutgoingLane, TransferChannel } from "./transfer_channel.ts";

/** How a session ended. */
export type HubEnd = { readonly kind: "bye" } | {
  readonly kind: "lost";
  readonly error: SftpxError;
};

export class Hub {
  readonly #control: ControlChannel;
  readonly #outbox: Outbox;
  readonly #members: Members;
  readonly #transfers = new Map<number, TransferChannel>();
  readonly #ended = Promise.withResolvers<HubEnd>();
  #onOpen: ((channel: TransferChannel, first: TransferMessage) => void) | null = null;
  #onPorts: ((ports: readonly number[]) => void) | null = null;
  /** What a transfer learns that is under way when the session ends, or opened later. */
  #lost: SftpxError | null = null;
  readonly #pulse: Pulse;

  constructor(control: ControlChannel, connection: Connection, options: ConnectionOptions = {}) {
    this.#control = control;
    this.#outbox = new Outbox(control, { onUnread: (error) => this.#endAll(error, "limit") });
    this.#pulse = new Pulse({
      ping: (token) => this.#outbox.send({ type: "ping", token }),
      // Its control stream may take nothing any more: that is no answer either.
      ask: (token) => this.#outbox.ask({ type: "ping", token }),
      onSilence: (error) => this.#endAll(error, "none"),
    });
    this.#members = new Members({
      onLane: (transfer, lane) => this.#takeLane(transfer, lane),
      onHeard: () => this.#pulse.heard(),
    });
    this.#members.add(connection, options);
    connection.closed.then((info) =>
      this.#end({
        kind: "lost",
        error: new SftpxError(
          "lost",
          `Lost the peer${info.reason === "" ? "" : `: ${escapeText(info.reason)}`}`,
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
    return this.#members.connections;
  }

  /** Server: called for a message that opens a transfer, a listing or a measurement. */
  set onOpen(handler: (channel: TransferChannel, first: TransferMessage) => void) {
    this.#onOpen = handler;
  }

  /** Called for what the peer says of further ports: a client asks with none. */
  set onPorts(handler: (ports: readonly number[]) => void) {
    this.#onPorts = handler;
  }

  /** Server: the further ports that are open to this session. */
  tellPorts(ports: readonly number[]): void {
    if (this.#lost === null) this.#outbox.answer({ type: "ports", ports });
  }

  /** Client: asks for the server's further ports; none where it does not answer in time. */
  async askPorts(withinMs: number): Promise<readonly number[]> {
    let told: readonly number[] = [];
    if (this.#lost !== null) return told;
    const answered = new Promise<void>((resolve) => {
      this.onPorts = (ports) => {
        told = ports;
        resolve();
      };
    });
    this.#outbox.send({ type: "ports", ports: [] });
    await atMost(Promise.race([answered, this.#ended.promise]), withinMs);
    return told;
  }

  /** Starts taking messages; to be called once the handshake is over. */
  start(): void {
    this.#readControl().catch((error) => this.#end({ kind: "lost", error }));
  }

  /** Takes in a connection; one that comes too late is closed. */
  addConnection(connection: Connection, options: ConnectionOptions = {}): void {
    if (this.#lost !== null) return connection.close("none", "");
    this.#members.add(connection, options);
  }

  /** Further connections are on their way: lanes wait for them. */
  expect(joining: Promise<void>): void {
    this.#members.expect(joining);
  }

  /** `sent` is a message of it that went out with the proof: it does not go again. */
  open(
    transfer: number,
    { sent = null }: { readonly sent?: Message | null } = {},
  ): TransferChannel {
    const [pulse, members] = [this.#pulse, this.#members];
    const channel: TransferChannel = {
      transfer,
      get rttMs() {
        return pulse.rttMs;
      },
      messages: new Mailbox(),
      lanes: new Mailbox(),
      send: (message) => {
        if (message !== sent) this.#outbox.send(message);
      },
      openLane: (connection) => this.#members.openLane(connection),
      get connections() {
        return members.list;
      },
      flushed: () => this.#control.flushed(),
      caughtUp: async () => {
        // The pong comes behind all that was sent before it.
        await this.#pulse.answers(LIMITS.takeoverMs);
      },
      close: () => {
        if (this.#transfers.get(transfer) === channel) this.#transfers.delete(transfer);
        channel.messages.drain();
        for (const { stream } of channel.lanes.drain()) stream.cancel();
      },
    };
    // One that comes too late learns why at once, and does not wait for ever.
    if (this.#lost !== null) fail(channel, this.#lost);
    else this.#transfers.set(transfer, channel);
    return channel;
  }

  /** From now on the peer's silence ends the session. */
  watch(options: WatchOptions): void {
    this.#pulse.watch(options);
  }

  /** When the peer last gave a sign of life, by the monotonic clock. */
  get heardMs(): number {
    return this.#pulse.heardMs;
  }

  /** Smallest round trip so far, milliseconds; null before the first answer. */
  get rttMs(): number | null {
    return this.#pulse.rttMs;
  }

  /** Round trip that was last felt, milliseconds; 0 before the first answer. */
  get lastRttMs(): number {
    return this.#pulse.lastRttMs;
  }

  /** Asks for one answer that nobody waits for: how long it takes is known from then on. */
  feelPulse(): void {
    this.#pulse.answers(LIMITS.takeoverMs);
  }

  /** Whether the peer is there, by its answer or by what else comes; false once the session is over. */
  isThere(options: PatienceOptions): Promise<boolean> {
    return this.#pulse.isThere(options);
  }

  /** Smallest round trip of so many pings, milliseconds; null when the peer does not answer. */
  roundTripMs(options: { pings: number; timeoutMs: number }): Promise<number | null> {
    return this.#pulse.roundTripMs(options);
  }

  /** Says bye, waits for the transport to take it, and ends. */
  async bye(): Promise<void> {
    if (this.#lost !== null) return;
    this.#outbox.send({ type: "bye" });
    await this.#control.flushed();
  }

  close(code: ErrorCode | "none", reason: string): void {
    this.#end({ kind: "lost", error: new SftpxError("lost", "Lost the peer: closed here") });
    for (const connection of this.connections) connection.close(code, reason);
  }

  /** Ends the session for this reason, with all its connections. */
  #endAll(error: SftpxError, code: ErrorCode | "none"): void {
    this.#end({ kind: "lost", error });
    this.close(code, error.message);
  }

  async #readControl(): Promise<void> {
    for (;;) {
      const message = await this.#control.receive();
      this.#pulse.said();
      if (message === null) {
        throw new SftpxError("lost", "Lost the peer: it left without a word", { remote: true });
      }
      switch (message.type) {
        case "ping":
          this.#outbox.answer({ type: "pong", token: message.token });
          break;
        case "pong":
          this.#pulse.pong(message.token);
          break;
        case "ports":
          this.#onPorts?.(message.ports);
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
        case "compressed":
          throw new SftpxError("protocol", `Cannot go on: "${message.type}" is out of place`, {
            remote: true,
          });
        default:
          this.#dispatch(message);
      }
    }
  }

  #dispatch(message: TransferMessage): void {
    const known = this.#transfers.get(message.transfer);
    if (known !== undefined) return this.#deliver(known, message);
    if (!OPENERS.has(message.type) || this.#onOpen === null) return;
    if (this.#transfers.size >= LIMITS.transfersPerSession) {
      this.#outbox.answer({
        type: "abort",
        transfer: message.transfer,
        code: "limit",
        message: `Cannot start: ${LIMITS.transfersPerSession} transfers are open in this session`,
      });
      return;
    }
    this.#onOpen(this.open(message.transfer), message);
  }

  /** A transfer that has not begun takes nothing yet: what comes for it must not pile up (I8). */
  #deliver({ messages }: TransferChannel, message: TransferMessage): void {
    const bytes = this.#control.lastBytes;
    if (messages.heldBytes + bytes > LIMITS.untakenControlBytes) {
      const found = "the peer sends on where it has to wait";
      throw new SftpxError("limit", `Cannot go on: ${found}`, { remote: true });
    }
    messages.put(message, bytes);
  }

  #takeLane(transfer: number, lane: IncomingLane): boolean {
    const channel = this.#transfers.get(transfer);
    if (channel === undefined || this.#lost !== null) return false;
    channel.lanes.put(lane);
    return true;
  }

  #end(end: HubEnd): void {
    if (this.#lost !== null) return;
    this.#lost = end.kind === "lost"
      ? end.error
      : new SftpxError("lost", "Lost the peer: it said bye in mid-transfer", { remote: true });
    this.#pulse.end();
    for (const channel of this.#transfers.values()) fail(channel, this.#lost);
    this.#ended.resolve(end);
  }
}

function fail({ messages, lanes }: TransferChannel, error: SftpxError): void {
  messages.fail(error);
  lanes.close();
}

/** Messages that open what a client asks for. */
const OPENERS: ReadonlySet<Message["type"]> = new Set(["request", "offer", "list", "measure"]);
