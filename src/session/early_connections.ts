// Connections of a session that is still to come: on a long path they are dialled, pinned and greeted while
// the first one proves who this is, and join once there is something to move. Nothing of the client's is
// said on them before that but a hello; one that fails is done without, as is one that a crowded door
// gives to somebody else.

import { LIMITS } from "../base/limits.ts";
import { LONG_CONNECTIONS } from "../engine/lane_goal.ts";
import { untilAborted } from "../transport/addresses.ts";
import { type Connection, stackOf } from "../transport/transport.ts";
import { AGENT } from "./agent.ts";
import { ControlChannel } from "./control_channel.ts";
import { dialFurther } from "./further_dial.ts";
import { clientGreeting, type Greeting } from "./handshake.ts";
import { wayOf } from "./lane_control.ts";
import type { Remote, SessionOptions } from "./options.ts";

/** Less than this one connection carries in its first round trips, before others could join. */
const LEAST_BYTES = 256 * 1024;
/** What takes so long that a few round trips are nothing: it is found out then how many are of use. */
const MOST_BYTES = 64 * 1024 * 1024;

/** One that can join. */
export interface Greeted {
  readonly connection: Connection;
  readonly control: ControlChannel;
  readonly greeting: Greeting;
}

/** Makes it one of the session's. */
type Join = (greeted: Greeted, signal: AbortSignal) => Promise<void>;

/** Its window doubles from its first packet on: five of five runs took longer with more of them. */
const ALONE = "quiche";

/** Whether several carry so many bytes sooner than one; null where they are not all found. */
export function areForSeveral(wholeBytes: number | null): boolean {
  return wholeBytes !== null && wholeBytes >= LEAST_BYTES && wholeBytes <= MOST_BYTES;
}

/** How many to dial besides the first one, which this stack carries. */
export function earlyCount(
  { connections, rateBytesPerSecond }: Pick<SessionOptions, "connections" | "rateBytesPerSecond">,
  stack: string,
): number {
  if (stack === ALONE) return 0;
  // What a user said is opened as it was said; whether one comes to a limit is measured first.
  return connections === 0 && rateBytesPerSecond === undefined ? LONG_CONNECTIONS - 1 : 0;
}

export class EarlyConnections implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #remote: Remote;
  readonly #stack: string;
  readonly #rttMs: number;
  readonly #closing = new AbortController();
  readonly #join = Promise.withResolvers<Join>();
  /** None of them rejects. */
  readonly #running: readonly Promise<void>[];
  #left: number;
  #onSettled: () => void = () => {};

  /** Dials so many by what carries the first one. */
  constructor(
    options: SessionOptions,
    { remote, first, rttMs, count }: {
      readonly remote: Remote;
      readonly first: Connection;
      readonly rttMs: number;
      readonly count: number;
    },
  ) {
    this.#options = options;
    this.#remote = remote;
    this.#stack = first.stack;
    this.#rttMs = rttMs;
    this.#left = count;
    this.#running = Array.from({ length: count }, () =>
      this.#dial().catch(() => {}).finally(() => {
        this.#left--;
        this.#onSettled();
      }));
  }

  /** How many are still on their way. */
  get left(): number {
    return this.#left;
  }

  /** Called whenever one is not on its way any more: it has joined, or is done without. */
  set onSettled(listener: () => void) {
    this.#onSettled = listener;
  }

  /** There is a session with something to move, which each of them joins by this; the first time counts. */
  joinBy(join: Join): void {
    this.#join.resolve(join);
  }

  /** Ends those that have not joined. */
  abort(): void {
    this.#closing.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.abort();
    await Promise.all(this.#running);
  }

  async #dial(): Promise<void> {
    const way = wayOf(this.#stack);
    const { identity, addresses } = this.#remote;
    await dialFurther(this.#options, {
      transport: stackOf(this.#options.transport, this.#stack),
      addresses,
      identity,
      path: { way, first: way, isLocal: false, rttMs: this.#rttMs },
      mostMs: LIMITS.handshakeMs,
      waitsForBusy: false,
      signal: this.#closing.signal,
      use: async (connection, signal) => {
        const control = new ControlChannel(await connection.openControl());
        const greeting = await untilAborted(clientGreeting(control, AGENT), signal);
        const join = await untilAborted(this.#join.promise, signal);
        await join({ connection, control, greeting }, signal);
      },
    });
  }
}
