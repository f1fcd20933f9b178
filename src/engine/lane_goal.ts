// How many connections and lanes there should be, and the bounds of that. Pure.

import { LIMITS } from "../base/limits.ts";

/** What carries a connection: two stacks of one way behave alike on a path. */
export type Way = "quic" | "tcp";

/** What there should be. Connections that are there and not wanted carry nothing. */
export interface LaneGoal {
  /** Connections of each way. */
  readonly quic: number;
  readonly tcp: number;
  /** Lanes over all of them; each has one at least. */
  readonly lanes: number;
}

export interface LanePlanOptions {
  /** What carries the session's first connection. */
  readonly first: Way;
  /** Whether connections of the other way can be opened as well. */
  readonly hasOther: boolean;
  /** Both ends are on one machine: nothing but its processor binds there, whatever is opened. */
  readonly isLocal: boolean;
  /** Exactly so many, or 0 for as many as help. */
  readonly connections: number;
  readonly lanes: number;
  /** The most that there may be, whatever would help. */
  readonly mostConnections: number;
  readonly mostLanes: number;
  /** What the transfer keeps to; null for no limit. */
  readonly mostBytesPerSecond: number | null;
  /** Connections besides the first one that were dialled before, because the path is long; some may be there. */
  readonly early?: number;
}

/** Lanes of a short path: more bring nothing there. */
export const SHORT_LANES = 4;

/** Where a long path begins: measured, four connections of BBR fill 0.7 of 400 Mbit/s at 50 ms. */
export const LONG_CONNECTIONS = 4;
export const LONG_LANES = 8;

/** What there is to be before anything is known. */
export function firstGoal(options: LanePlanOptions): LaneGoal {
  const connections = Math.max(1, options.connections);
  const lanes = options.lanes === 0 ? SHORT_LANES : options.lanes;
  return boundedGoal({ quic: 0, tcp: 0, [options.first]: connections, lanes }, options);
}

/**
 * What there is to be where connections came, or are on their way, that nobody asked for: what a long path
 * begins with. Null where there are none, or it is not to be decided so.
 */
export function earlyGoal(
  { there, goal }: { readonly there: Readonly<Record<Way, number>>; readonly goal: LaneGoal },
  options: LanePlanOptions,
): LaneGoal | null {
  const { first, connections, mostBytesPerSecond, lanes } = options;
  const early = Math.max(options.early ?? 0, there[first] - 1);
  if (early === 0 || connections !== 0 || mostBytesPerSecond !== null) return null;
  const many = Math.min(1 + early, connectionBound(options));
  const wanted = { ...goal, [first]: many, lanes: lanes === 0 ? LONG_LANES : lanes };
  return boundedGoal(wanted, options);
}

/** What a long path is to have at once; null where there is as much, or it is not to be decided so. */
export function jumpGoal(goal: LaneGoal, options: LanePlanOptions): LaneGoal | null {
  const { first, connections, mostBytesPerSecond } = options;
  // Whether one connection comes to the limit is measured first.
  if (connections !== 0 || mostBytesPerSecond !== null) return null;
  const many = Math.min(LONG_CONNECTIONS, connectionBound(options));
  const wanted = boundedGoal({ ...goal, [first]: many }, options);
  return wanted[first] === goal[first] ? null : wanted;
}

/** A lane for each connection at least, and no more of them than there may be. */
export function boundedGoal(goal: LaneGoal, { lanes, mostLanes }: LanePlanOptions): LaneGoal {
  const { quic, tcp } = goal;
  const connections = quic + tcp;
  if (lanes !== 0) return { quic, tcp, lanes: Math.max(lanes, 1) };
  const most = Math.min(mostLanes, connections * LIMITS.lanesPerConnection);
  return { quic, tcp, lanes: Math.max(connections, Math.min(goal.lanes, most)) };
}

/** Each has a lane, and there are only so many. */
export function connectionBound(options: LanePlanOptions): number {
  const { mostConnections, mostLanes, lanes } = options;
  return Math.min(mostConnections, lanes === 0 ? mostLanes : lanes);
}

export function otherWay(way: Way): Way {
  return way === "quic" ? "tcp" : "quic";
}

export function sameGoal(one: LaneGoal, two: LaneGoal): boolean {
  return one.quic === two.quic && one.tcp === two.tcp && one.lanes === two.lanes;
}
