// The further connections of a client's session: dialled over one stack each, pinned anew, joined by a
// number of their own. So many as the user said, at once; else as many as are asked for while it runs.
// One that fails is done without.

import { toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { congestionOf } from "../engine/congestion_choice.ts";
import type { Way } from "../engine/lane_goal.ts";
import { mayUseNetwork } from "../runtime/runtime.ts";
import { formatAddress, hostOf, untilAborted } from "../transport/addresses.ts";
import { type Connection, stackOf, type Transport, wantedOf } from "../transport/transport.ts";
import { anchorPem } from "../trust/certificate.ts";
import type { Welcome } from "../wire/messages.ts";
import { AGENT } from "./agent.ts";
import { ControlChannel } from "./control_channel.ts";
import { clientJoin } from "./handshake.ts";
import type { Hub } from "./hub.ts";
import { isLocalAddress, wayOf } from "./lane_control.ts";
import { OwnThreads } from "./network_threads.ts";
import type { Remote, SessionOptions } from "./options.ts";
import { reachWithin } from "./reach.ts";

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
  #nextNumber = 1;
  /** Numbers that the server was told in a join: whatever came of it, it may have taken them. */
  readonly #told = new Set<number>();
  #begun: Promise<void> = Promise.resolve();

  constructor(
    options: SessionOptions,
    { welcome, hub, remote }: {
      readonly welcome: Welcome;
      readonly hub: Hub;
      readonly remote: Remote;
    },
  ) {
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

  get begun(): Promise<void> {
    return this.#begun;
  }

  /** Opens as many as are missing of each way, as far as there may be more. */
  widen(goal: Readonly<Record<Way, number>>): void {
    const there = { quic: 0, tcp: 0 };
    for (const { stack } of this.#hub.connections) there[wayOf(stack)]++;
    for (const way of ["quic", "tcp"] as const) {
      let missing = goal[way] - there[way] - this.#expected[way];
      for (; missing > 0 && this.#nextNumber < this.mostConnections; missing--) this.#join(way);
    }
  }

  /** Nothing is opened any more. */
  abort(): void {
    this.#closing.abort();
  }

  /** Ends the threads of its own, with the connections on them. */
  async [Symbol.asyncDispose](): Promise<void> {
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
    const options = this.#options;
    const { identity } = this.#remote;
    const transport = this.#threads.of(number, stack);
    const addresses = port === null ? this.#remote.addresses : [{ hostname: this.#host, port }];
    const pin = { protocol: "sftpx/1", anchorPem: anchorPem(identity) } as const;
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const mostMs = port === null ? LIMITS.handshakeMs : LIMITS.furtherPortMs;
    const timeoutMs = Math.min(options.timeoutMs, mostMs);
    const isLocal = isLocalAddress(this.#hub.connections[0]?.remoteAddress);
    const congestion = options.congestion === "auto"
      ? congestionOf({ way, first: wayOf(this.#stack), isLocal, rttMs: this.#hub.rttMs })
      : options.congestion;
    const to = { ...options, transport, addresses, congestion, timeoutMs, waitsForBusy: true };
    await reachWithin({ ...to, signal }, async (dial, signal) => {
      const connection = await dial(pin);
      await this.#add(connection, { number, signal });
      const { stack, remoteAddress: address } = connection;
      options.onEvent({ kind: "connected", transport: stack, address, connection: number });
    });
  }

  /** Joins a connection to the session; it ends if that fails. */
  async #add(
    connection: Connection,
    { number, signal }: { readonly number: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const welcome = this.#welcome;
    try {
      const control = new ControlChannel(await connection.openControl());
      this.#told.add(number);
      const serverIdentity = this.#remote.identity;
      await untilAborted(
        clientJoin(control, { welcome, serverIdentity, connection: number, agent: AGENT }),
        signal,
      );
      this.#hub.addConnection(connection, { number });
    } catch (error) {
      connection.close("none", "");
      throw error;
    }
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
