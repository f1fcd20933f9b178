// A model of the path between two peers, for lane plans: what connections and lanes carry on it, by round
// trip, rate, loss, windows and congestion control. Deterministic; figures are averages, with a wobble.

import { LIMITS } from "../../src/base/limits.ts";
import type { LaneGoal, Way } from "../../src/engine/lane_goal.ts";
import { spreadLanes } from "../../src/engine/lane_spread.ts";

export interface PathModel {
  readonly rttMs: number;
  /** Of packets. */
  readonly lossRatio: number;
  /** Of the bottleneck. */
  readonly bytesPerSecond: number;
  /** What the processor carries by each way, however many connections there are. */
  readonly quicBytesPerSecond?: number;
  readonly tcpBytesPerSecond?: number;
  /** Both ways take turns on it: what one carries, the other one cannot. */
  readonly hasSharedProcessor?: boolean;
  readonly quicCongestion?: "bbr" | "cubic";
  readonly tcpCongestion?: "bbr" | "cubic";
  /** What the source gives; no bound where absent. */
  readonly sourceBytesPerSecond?: number;
  /** Share by which each look's figure is off, at most. */
  readonly wobble?: number;
}

const PACKET_BYTES = 1350;
/** FACTS: bytes under way of one stream and of one connection of Deno's QUIC. */
const STREAM_WINDOW_BYTES = 1.25e6;
const CONNECTION_WINDOW_BYTES = 10e6;
/** What a kernel lets one TCP connection have under way without being tuned. */
const TCP_WINDOW_BYTES = 4e6;

/** Bytes a second that connections of a goal carry together, if the source gives enough. */
export function carriedBy(
  path: PathModel,
  lanes: ReadonlyMap<number, number>,
  wayOf: (connection: number) => Way,
): Readonly<Record<Way, number>> {
  const wanted = { quic: 0, tcp: 0 };
  for (const [connection, count] of lanes) {
    const way = wayOf(connection);
    wanted[way] += connectionRate(path, { way, lanes: count });
  }
  const [quicMost, tcpMost] = [path.quicBytesPerSecond ?? 250e6, path.tcpBytesPerSecond ?? 900e6];
  const busy = path.hasSharedProcessor ? wanted.quic / quicMost + wanted.tcp / tcpMost : 0;
  const quic = Math.min(wanted.quic / Math.max(1, busy), quicMost);
  const tcp = Math.min(wanted.tcp / Math.max(1, busy), tcpMost);
  const bound = Math.min(path.bytesPerSecond, path.sourceBytesPerSecond ?? Infinity);
  const share = Math.min(1, bound / Math.max(1, quic + tcp));
  return { quic: quic * share, tcp: tcp * share };
}

function connectionRate(
  path: PathModel,
  { way, lanes }: { readonly way: Way; readonly lanes: number },
): number {
  const seconds = path.rttMs / 1000;
  const windowBytes = way === "quic"
    ? Math.min(lanes * STREAM_WINDOW_BYTES, CONNECTION_WINDOW_BYTES)
    : TCP_WINDOW_BYTES;
  const bound = windowBytes / seconds;
  const congestion = way === "quic" ? path.quicCongestion ?? "bbr" : path.tcpCongestion ?? "cubic";
  if (congestion === "bbr" || path.lossRatio === 0) return bound;
  // Mathis: packets of a round trip over the root of the loss.
  return Math.min(bound, 1.22 * PACKET_BYTES / (seconds * Math.sqrt(path.lossRatio)));
}

/** A session on a path: connections come a while after they are asked for, and find their rate. */
export class ModelSession {
  readonly #path: PathModel;
  readonly #ways: Way[];
  /** When each connection is there. */
  readonly #thereMs: number[] = [0];
  readonly #carried = { quic: 0, tcp: 0 };
  readonly #mayJoin: (way: Way) => boolean;
  #nowMs = 0;
  #seed = 7;
  #lanes: ReadonlyMap<number, number> = new Map();
  /** Bytes a second of the last step. */
  rate = 0;
  /** The most connections that were ever there. */
  get opened(): number {
    return this.#ways.length;
  }

  constructor(
    path: PathModel,
    { first, mayJoin = () => true }: {
      readonly first: Way;
      readonly mayJoin?: (way: Way) => boolean;
    },
  ) {
    this.#path = path;
    this.#ways = [first];
    this.#mayJoin = mayJoin;
  }

  get carried(): Readonly<Record<Way, number>> {
    return this.#carried;
  }

  get there(): Readonly<Record<Way, number>> {
    const there = { quic: 0, tcp: 0 };
    for (const number of this.#numbersThere()) there[this.#ways[number]!]++;
    return there;
  }

  /** Asks for what is missing and moves lanes, as a session does. */
  obey(goal: LaneGoal): void {
    for (const way of ["quic", "tcp"] as const) {
      const known = this.#ways.filter((item) => item === way).length;
      for (let missing = goal[way] - known; missing > 0 && this.#mayJoin(way); missing--) {
        // One that carries nothing keeps its place in the session.
        if (this.#ways.length === LIMITS.connections) break;
        this.#thereMs.push(this.#nowMs + 3 * this.#path.rttMs);
        this.#ways.push(way);
      }
    }
    const members = this.#numbersThere().map((number) => ({ number, way: this.#ways[number]! }));
    this.#lanes = spreadLanes(goal, members);
  }

  /** Moves bytes for so long; the share of time in which lanes waited for frames. */
  pass(ms: number): number {
    this.#nowMs += ms;
    const path = this.#path;
    const wayOf = (number: number) => this.#ways[number]!;
    const free = carriedBy({ ...path, sourceBytesPerSecond: Infinity }, this.#lanes, wayOf);
    const now = carriedBy(path, this.#lanes, wayOf);
    this.rate = now.quic + now.tcp;
    const off = 1 + (path.wobble ?? 0) * this.#random();
    this.#carried.quic += now.quic * off * ms / 1000;
    this.#carried.tcp += now.tcp * off * ms / 1000;
    return 1 - this.rate / (free.quic + free.tcp);
  }

  #numbersThere(): readonly number[] {
    return this.#ways.flatMap((_, number) => this.#nowMs >= this.#thereMs[number]! ? [number] : []);
  }

  /** From -1 to 1, the same in every run. */
  #random(): number {
    this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return this.#seed / 2 ** 30 - 1;
  }
}
