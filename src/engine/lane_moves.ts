// What a lane plan tries next, and what a try has to bring to be kept. Pure.

import {
  boundedGoal,
  connectionBound,
  type LaneGoal,
  type LanePlanOptions,
  otherWay,
  sameGoal,
  SHORT_LANES,
  type Way,
} from "./lane_goal.ts";
import { GAIN, type Rate, surpasses } from "./lane_rate.ts";

/** Each may fail by itself; `instead` is of use only where both ways are there. */
export type Move = "connections" | "lanes" | "fewer" | "other" | "instead";

/** What a move is chosen by. */
export interface MoveSight {
  readonly goal: LaneGoal;
  /** Connections that are there, wanted or not: each keeps its place in the session. */
  readonly there: Readonly<Record<Way, number>>;
  readonly rate: Rate;
  readonly isLong: boolean;
  /** All was tried before: what there is may be more than is of use by now. */
  readonly isAgain: boolean;
  /** Of what TCP sent, what it sent again; null where that is not known. */
  readonly tcpLossRatio: number | null;
  /** What was tried from here and brought nothing. */
  readonly failed: ReadonlySet<Move>;
}

export interface Next {
  readonly move: Move;
  readonly goal: LaneGoal;
}

/**
 * On a short path one connection fills whatever loses nothing, and where it does lose, two carry twice as
 * much: less than this is the wavering of a busy machine.
 */
const SHORT_GAIN = 0.25;
/** Of its limit, a transfer that comes to so much is at it. */
const LIMIT_SHARE = 0.9;
/** Where one way stands between those two, in bytes a second, the other one is worth a try. */
const QUIC_CEILING = 150e6;
const TCP_FLOOR = 60e6;

/** TCP that sends less than this again is held back by no loss. */
const CLEAN = 0.0005;

const UP_FIRST = ["connections", "lanes", "fewer", "other"] as const;
const OTHER_FIRST = ["other", "connections", "lanes", "fewer", "instead"] as const;
const DOWN_FIRST = ["fewer", "connections", "lanes", "other"] as const;

/** The next thing worth a try that changes anything. */
export function nextMove(sight: MoveSight, options: LanePlanOptions): Next | null {
  for (const move of orderOf(sight, options)) {
    if (sight.failed.has(move)) continue;
    const goal = after(move, sight, options);
    if (goal !== null && !sameGoal(goal, sight.goal)) return { move, goal };
  }
  return null;
}

/** A long path that QUIC fills so fast is one where TCP may well carry twice as much. */
function orderOf({ isAgain, isLong }: MoveSight, { first }: LanePlanOptions) {
  if (isLong && first === "quic") return OTHER_FIRST;
  return isAgain ? DOWN_FIRST : UP_FIRST;
}

/** Whether what a move came to is worth keeping it. */
export function pays(
  move: Move,
  { before, after, isLong }: {
    readonly before: Rate;
    readonly after: Rate;
    readonly isLong: boolean;
  },
): boolean {
  const { bytesPerSecond } = before;
  switch (move) {
    case "fewer":
      return after.bytesPerSecond >= (1 - GAIN) * bytesPerSecond;
    case "instead":
      return after.bytesPerSecond >= bytesPerSecond;
    case "connections":
    case "lanes":
    case "other":
      return surpasses(after, before) &&
        (isLong || after.bytesPerSecond >= (1 + SHORT_GAIN) * bytesPerSecond);
  }
}

/**
 * Whether the way that was tried beside the first is worth trying alone: QUIC where it carries more by far,
 * TCP where it carries much while QUIC takes the processor's time from it.
 */
export function otherLeads({ quicShare }: Rate, { first }: LanePlanOptions): boolean {
  return first === "quic" ? 1 - quicShare >= 0.25 : quicShare >= 0.6;
}

/** The other way alone: what it shares the path with may be in its way. */
export function insteadOf(
  { goal: { quic, tcp, lanes }, there }: Pick<MoveSight, "goal" | "there">,
  options: LanePlanOptions,
): LaneGoal {
  const alone = options.first === "quic"
    ? { quic: 0, tcp: quic + tcp, lanes }
    : { quic: Math.max(quic, tcp), tcp: 0, lanes };
  return placed(alone, there, options);
}

/** As many of each way as find a place beside those of the other one. */
function placed(
  { quic, tcp, lanes }: LaneGoal,
  there: MoveSight["there"],
  { mostConnections }: LanePlanOptions,
): LaneGoal {
  return {
    quic: Math.min(quic, mostConnections - Math.max(there.tcp, tcp)),
    tcp: Math.min(tcp, mostConnections - Math.max(there.quic, quic)),
    lanes,
  };
}

function after(
  move: Move,
  sight: MoveSight,
  options: LanePlanOptions,
): LaneGoal | null {
  const { goal, rate, isLong } = sight;
  const { connections, lanes, mostBytesPerSecond } = options;
  const { quic, tcp } = goal;
  const isAtLimit = mostBytesPerSecond !== null &&
    rate.bytesPerSecond >= LIMIT_SHARE * mostBytesPerSecond;
  switch (move) {
    case "connections":
      if (connections !== 0 || isAtLimit) return null;
      return more(doubled(goal, options), sight, options);
    case "lanes":
      // Where a round trip is short no lane's window binds.
      if (lanes !== 0 || !isLong || isAtLimit) return null;
      return boundedGoal({ ...goal, lanes: 2 * goal.lanes }, options);
    case "fewer":
      // A burst may have passed for a gain; on a long path, finding out costs more than it saves.
      if (connections !== 0 || isLong || quic + tcp === 1) return null;
      return boundedGoal(
        { quic: Math.ceil(quic / 2), tcp: Math.ceil(tcp / 2), lanes: SHORT_LANES },
        options,
      );
    case "instead":
      return connections !== 0 || isAtLimit || quic === 0 || tcp === 0
        ? null
        : insteadOf(sight, options);
    case "other":
      return isAtLimit ? null : withOther(sight, options);
  }
}

/** Where TCP helps QUIC, it is TCP of which more is wanted: QUIC's places would be in its way. */
function doubled({ quic, tcp, lanes }: LaneGoal, { first }: LanePlanOptions): LaneGoal {
  return { quic: first === "quic" && tcp > 0 ? quic : 2 * quic, tcp: 2 * tcp, lanes };
}

/** Null where there is no place for any more. */
function more(
  wanted: LaneGoal,
  { goal, there }: MoveSight,
  options: LanePlanOptions,
): LaneGoal | null {
  const next = placed(wanted, there, options);
  if (next.quic + next.tcp > connectionBound(options)) return null;
  return next.quic + next.tcp > goal.quic + goal.tcp ? boundedGoal(next, options) : null;
}

/**
 * TCP on a short path that is slower than QUIC can be meets loss, unless it is known to meet none; QUIC
 * that is fast is bound by the processor, which TCP spares. Where it is slow, the path is, and TCP would
 * be slower.
 */
function withOther(
  { goal, there, rate: { bytesPerSecond }, isLong, tcpLossRatio }: MoveSight,
  options: LanePlanOptions,
): LaneGoal | null {
  const { first, hasOther, connections, mostConnections } = options;
  const other = otherWay(first);
  const wanted = goal.quic + goal.tcp;
  const room = Math.min(connectionBound(options) - wanted, mostConnections - there[first]);
  if (!hasOther || connections !== 0 || goal[other] > 0 || room < 1) return null;
  const isWorthIt = first === "tcp"
    ? bytesPerSecond < QUIC_CEILING && (tcpLossRatio === null || tcpLossRatio >= CLEAN)
    : bytesPerSecond > TCP_FLOOR;
  if (!isWorthIt) return null;
  // On a long path one of them says little of what as many as there are would carry.
  const many = isLong ? Math.min(wanted, room) : 1;
  const lanes = isLong
    ? Math.ceil(goal.lanes * (wanted + many) / wanted)
    : goal.lanes + SHORT_LANES;
  return boundedGoal({ ...goal, [other]: many, lanes: options.lanes || lanes }, options);
}
