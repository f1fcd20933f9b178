// The further connections of a client's session: dialled over one stack each, pinned anew, joined by a
// number of their own. So many as the user said, at once; else as many as are asked for while it runs.
// One that fails is done without.

import { toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { congestionOf } from "../engine/congestion_choice.ts";
import type { Way } from "../engine/lane_goal.ts";
import { untilAborted } from "../transport/addresses.ts";
import { type Connection, stackOf, type Transport, wantedOf } from "../transport/transport.ts";
import { anchorPem } from "../trust/certificate.ts";
import type { Welcome } from "../wire/messages.ts";
import { AGENT } from "./agent.ts";
import { ControlChannel } from "./control_channel.ts";
import { clientJoin } from "./handshake.ts";
import type { Hub } from "./hub.ts";
import { isLocalAddress, wayOf } from "./lane_control.ts";
import type { Remote, SessionOptions } from "./options.ts";
import { reachWithin } from "./reach.ts";

export class Joining {
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
  #nextNumber = 1;
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
  }

  /** Exactly so many that the session is to have; 0 for as many as help. */
  get connections(): number {
    const { connections } = this.#options;
    return connections === 0 ? 0 : Math.min(connections, this.mostConnections);
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
    const options = this.#options;
    const { identity, addresses } = this.#remote;
    const pin = { protocol: "sftpx/1", anchorPem: anchorPem(identity) } as const;
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const timeoutMs = Math.min(options.timeoutMs, LIMITS.handshakeMs);
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
