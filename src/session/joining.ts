// The further connections of a client's session: dialled over one stack each, pinned anew, joined by a
// number of their own. So many as the user said, at once; else as many as are asked for while it runs.
// One that fails is done without.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Way } from "../engine/lane_goal.ts";
import { mayUseNetwork } from "../runtime/runtime.ts";
import { formatAddress, hostOf, untilAborted } from "../transport/addresses.ts";
import { type Connection, stackOf, type Transport, wantedOf } from "../transport/transport.ts";
import type { Welcome } from "../wire/messages.ts";
import { AGENT } from "./agent.ts";
import { ControlChannel } from "./control_channel.ts";
import type { EarlyConnections, Greeted } from "./early_connections.ts";
import { dialFurther } from "./further_dial.ts";
import { clientJoin } from "./handshake.ts";
import type { Hub } from "./hub.ts";
import { isLocalAddress, wayOf } from "./lane_control.ts";
import { OwnThreads } from "./network_threads.ts";
import type { Remote, SessionOptions } from "./options.ts";

const TOO_MANY = "Cannot join: the server takes no more connections";

export class Joining implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #welcome: Welcome;
  readonly #hub: Hub;
  readonly #remote: Remote;
  readonly #closing = new AbortController();
  readonly #running = new Set<Promise<void>>();
  /** On their way, by what is to carry them. */
  readonly #expected = { quic: 0, tcp: 0 };
  /** What carries the first one. */
  readonly #stack: string;
  readonly #threads: OwnThreads;
  /** The server's further ports, asked for once. */
  #ports: Promise<readonly number[]> | null = null;
  /** Those that could not be reached: not tried again. */
  readonly #unreachable = new Set<number>();
  /** Those that were dialled before there was a session. */
  readonly #early: EarlyConnections | null;
  #onChange: () => void = () => {};
  #nextNumber = 1;
  /** Numbers that the server was told in a join: whatever came of it, it may have taken them. */
  readonly #told = new Set<number>();
  #begun: Promise<void> = Promise.resolve();

  constructor(
    options: SessionOptions,
    { welcome, hub, remote, early = null }: {
      readonly welcome: Welcome;
      readonly hub: Hub;
      readonly remote: Remote;
      readonly early?: EarlyConnections | null;
    },
  ) {
    this.#early = early;
    this.#options = options;
    this.#welcome = welcome;
    this.#hub = hub;
    this.#remote = remote;
    this.#stack = hub.connections[0]?.stack ?? options.transport.name;
    this.#threads = new OwnThreads(options.networkThreads);
  }

  /** Exactly so many that the session is to have; 0 for as many as help. */
  get connections(): number {
    const { connections } = this.#options;
    return connections === 0 ? 0 : Math.min(connections, this.mostConnections);
  }

  /** Where the server was reached; empty once the session is over. */
  get #host(): string {
    return hostOf(this.#hub.connections[0]?.remoteAddress ?? "");
  }

  get mostConnections(): number {
    return Math.min(LIMITS.connections, this.#welcome.maxConnections);
  }

  /** Whether another stack leads there by the other way. */
  get hasOther(): boolean {
    return this.#stackOf(wayOf(this.#stack) === "quic" ? "tcp" : "quic") !== null;
  }

  /** Opens those that the user asked for; settles when all are there, or have failed. */
  begin(): Promise<void> {
    const way = wayOf(this.#stack);
    const joins: Promise<void>[] = [];
    for (let more = 1; more < this.connections; more++) joins.push(this.#join(way));
    this.#begun = Promise.all(joins).then(() => {});
    return this.#begun;
  }

  /** There is something to move: those that were dialled early join. */
  joinEarly(): void {
    if (this.#early === null) return;
    this.#early.onSettled = () => this.#onChange();
    this.#early.joinBy((greeted, signal) => this.#addEarly(greeted, signal));
  }

  get begun(): Promise<void> {
    return this.#begun;
  }

  /** Those dialled early that are still on their way. */
  get earlyLeft(): number {
    return this.#early?.left ?? 0;
  }

  /** Called whenever a connection has joined, or one that was dialled early will not. */
  set onChange(listener: () => void) {
    this.#onChange = listener;
  }

  /** Opens as many as are missing of each way, as far as there may be more. */
  widen(goal: Readonly<Record<Way, number>>): void {
    const there = { quic: 0, tcp: 0 };
    for (const { stack } of this.#hub.connections) there[wayOf(stack)]++;
    for (const way of ["quic", "tcp"] as const) {
      const early = way === wayOf(this.#stack) ? this.earlyLeft : 0;
      let missing = goal[way] - there[way] - this.#expected[way] - early;
      for (; missing > 0 && this.#nextNumber < this.mostConnections; missing--) this.#join(way);
    }
  }

  /** Nothing is opened any more. */
  abort(): void {
    this.#closing.abort();
    this.#early?.abort();
  }

  /** Ends the threads of its own, with the connections on them. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#early?.[Symbol.asyncDispose]();
    await this.#threads[Symbol.asyncDispose]();
  }

  /** Settles when nothing is on its way any more. */
  get settled(): Promise<void> {
    return Promise.all(this.#running).then(() => {});
  }

  /** Never rejects. */
  #join(way: Way): Promise<void> {
    const transport = this.#stackOf(way);
    if (transport === null || this.#closing.signal.aborted) return Promise.resolve();
    this.#expected[way]++;
    const joining = this.#dial(transport, { way, number: this.#nextNumber++ })
      .catch((thrown) => this.#failed(thrown))
      .finally(() => {
        this.#expected[way]--;
        this.#running.delete(joining);
      });
    this.#running.add(joining);
    return joining;
  }

  async #dial(
    transport: Transport,
    { way, number }: { readonly way: Way; readonly number: number },
  ): Promise<void> {
    const port = await this.#furtherPort(transport, number);
    if (port !== null) {
      try {
        return await this.#reach(transport, { way, number, port });
      } catch {
        // A firewall, most often: the port that the session came by is there.
        this.#unreachable.add(port);
      }
    }
    await this.#reach(transport, { way, number: this.#untold(number), port: null });
  }

  /** A number to try again with, as far as there are more. */
  #untold(number: number): number {
    const isNext = this.#told.has(number) && this.#nextNumber < this.mostConnections;
    return isNext ? this.#nextNumber++ : number;
  }

  /** The server's further port for a connection of this number; null for the one it is known by. */
  async #furtherPort(transport: Transport, number: number): Promise<number | null> {
    const { ports: count = 0 } = this.#welcome;
    if (count === 0 || wayOf(transport.name) !== "quic") return null;
    const ports = await (this.#ports ??= this.#hub.askPorts(LIMITS.furtherPortMs));
    const port = ports[(number - 1) % ports.length];
    if (port === undefined || this.#unreachable.has(port)) return null;
    return mayUseNetwork(formatAddress(this.#host, port)) ? port : null;
  }

  async #reach(
    stack: Transport,
    { way, number, port }: {
      readonly way: Way;
      readonly number: number;
      readonly port: number | null;
    },
  ): Promise<void> {
    const { identity, addresses } = this.#remote;
    const isLocal = isLocalAddress(this.#hub.connections[0]?.remoteAddress);
    await dialFurther(this.#options, {
      transport: this.#threads.of(number, stack),
      addresses: port === null ? addresses : [{ hostname: this.#host, port }],
      identity,
      path: { way, first: wayOf(this.#stack), isLocal, rttMs: this.#hub.rttMs },
      mostMs: port === null ? LIMITS.handshakeMs : LIMITS.furtherPortMs,
      waitsForBusy: true,
      signal: this.#closing.signal,
      use: (connection, signal) => this.#add(connection, { number, signal }),
    });
  }

  async #addEarly({ connection, ...greeted }: Greeted, signal: AbortSignal): Promise<void> {
    if (this.#nextNumber >= this.mostConnections) throw new SftpxError("limit", TOO_MANY);
    const number = this.#nextNumber++;
    await this.#add(connection, { number, signal, greeted });
  }

  /** Joins a connection to the session; whoever dialled it closes it if that fails. */
  async #add(
    connection: Connection,
    { number, signal, greeted }: {
      readonly number: number;
      readonly signal: AbortSignal;
      /** Where both ends said hello before. */
      readonly greeted?: Omit<Greeted, "connection">;
    },
  ): Promise<void> {
    const welcome = this.#welcome;
    const control = greeted?.control ?? new ControlChannel(await connection.openControl());
    this.#told.add(number);
    const serverIdentity = this.#remote.identity;
    const said = { agent: AGENT, greeting: greeted?.greeting ?? null };
    await untilAborted(
      clientJoin(control, { welcome, serverIdentity, connection: number, ...said }),
      signal,
    );
    this.#hub.addConnection(connection, { number });
    const { stack, remoteAddress: address } = connection;
    this.#options.onEvent({ kind: "connected", transport: stack, address, connection: number });
    // One that was dialled early is still on its way here: it tells when it is not.
    if (greeted === undefined) this.#onChange();
  }

  /** What the user asked for and did not get is told; what was only tried is not. */
  #failed(thrown: unknown): void {
    const { signal, onEvent, connections } = this.#options;
    if (signal.aborted || this.#closing.signal.aborted || connections === 0) return;
    const { message } = toSftpxError(thrown);
    onEvent({ kind: "notice", message: `a further connection failed: ${message}` });
  }

  /** One stack alone: a further connection is no choice between several. */
  #stackOf(way: Way): Transport | null {
    const { transport } = this.#options;
    if (way === wayOf(this.#stack)) return stackOf(transport, this.#stack);
    const wanted = wantedOf(this.#options);
    return transport.stacks?.find((stack) =>
      wayOf(stack.name) === way && stack.unavailable(wanted) === null
    ) ?? null;
  }
}
