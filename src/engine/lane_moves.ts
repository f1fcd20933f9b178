// What a lane plan tries next, and what a try has to bring to be kept. Pure.

import {
  boundedGoal,
  connectionBound,
  type LaneGoal,
  type LanePlanOptions,
  otherWay,
  sameGoal,
  SHORT_LANES,
} from "./lane_goal.ts";
import { GAIN, type Rate, surpasses } from "./lane_rate.ts";

/** Each may fail by itself; `instead` follows upon `other` only. */
export type Move = "connections" | "lanes" | "fewer" | "other" | "instead";

/** What a move is chosen by. */
export interface MoveSight {
  readonly goal: LaneGoal;
  readonly rate: Rate;
  readonly isLong: boolean;
  /** All was tried before: what there is may be more than is of use by now. */
  readonly isAgain: boolean;
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

const UP_FIRST = ["connections", "lanes", "fewer", "other"] as const;
const DOWN_FIRST = ["fewer", "connections", "lanes", "other"] as const;

/** The next thing worth a try that changes anything. */
export function nextMove(sight: MoveSight, options: LanePlanOptions): Next | null {
  for (const move of sight.isAgain ? DOWN_FIRST : UP_FIRST) {
    if (sight.failed.has(move)) continue;
    const goal = after(move, sight, options);
    if (goal !== null && !sameGoal(goal, sight.goal)) return { move, goal };
  }
  return null;
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

/** Whether the way that was tried beside the first carries more of it by far. */
export function otherLeads({ quicShare }: Rate, { first }: LanePlanOptions): boolean {
  return (first === "quic" ? 1 - quicShare : quicShare) >= 0.6;
}

/** The other way alone: what it shares the path with may be in its way. */
export function insteadOf({ quic, tcp, lanes }: LaneGoal, { first }: LanePlanOptions): LaneGoal {
  const most = Math.max(quic, tcp);
  return first === "quic" ? { quic: 0, tcp: most, lanes } : { quic: most, tcp: 0, lanes };
}

function after(
  move: Exclude<Move, "instead">,
  { goal, rate, isLong }: MoveSight,
  options: LanePlanOptions,
): LaneGoal | null {
  const { connections, lanes, mostBytesPerSecond } = options;
  const { quic, tcp } = goal;
  const isAtLimit = mostBytesPerSecond !== null &&
    rate.bytesPerSecond >= LIMIT_SHARE * mostBytesPerSecond;
  switch (move) {
    case "connections":
      if (connections !== 0 || isAtLimit) return null;
      if (2 * (quic + tcp) > connectionBound(options)) return null;
      return boundedGoal({ quic: 2 * quic, tcp: 2 * tcp, lanes: goal.lanes }, options);
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
    case "other":
      return isAtLimit ? null : withOther({ goal, rate }, options);
  }
}

/**
 * TCP on a short path that is slower than QUIC can be meets loss; QUIC that is fast is bound by the
 * processor, which TCP spares. Where it is slow, the path is, and TCP would be slower.
 */
function withOther(
  { goal, rate: { bytesPerSecond } }: Pick<MoveSight, "goal" | "rate">,
  options: LanePlanOptions,
): LaneGoal | null {
  const { first, hasOther, connections } = options;
  if (!hasOther || connections !== 0 || goal[otherWay(first)] > 0) return null;
  if (goal.quic + goal.tcp + 1 > connectionBound(options)) return null;
  const isWorthIt = first === "tcp" ? bytesPerSecond < QUIC_CEILING : bytesPerSecond > TCP_FLOOR;
  if (!isWorthIt) return null;
  const lanes = options.lanes === 0 ? goal.lanes + SHORT_LANES : goal.lanes;
  return boundedGoal({ ...goal, [otherWay(first)]: 1, lanes }, options);
}
