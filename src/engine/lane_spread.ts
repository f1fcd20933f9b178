// Which connection carries how many lanes of a goal: alike, over those that are there, by number.

import type { LaneGoal, Way } from "./lane_goal.ts";

/** A connection that is there. */
export interface SpreadMember {
  readonly number: number;
  readonly way: Way;
}

/**
 * Lanes by connection. Where none of those that are wanted is there, the others carry them: a transfer
 * goes on as long as there is any.
 */
export function spreadLanes(
  goal: LaneGoal,
  members: readonly SpreadMember[],
): ReadonlyMap<number, number> {
  const sorted = members.toSorted((one, two) => one.number - two.number);
  const wanted = (["quic", "tcp"] as const).flatMap((way) =>
    sorted.filter((member) => member.way === way).slice(0, goal[way])
  );
  const chosen = (wanted.length > 0 ? wanted : sorted).slice(0, goal.lanes);
  const each = Math.floor(goal.lanes / chosen.length);
  const more = goal.lanes % chosen.length;
  return new Map(chosen.map(({ number }, index) => [number, each + (index < more ? 1 : 0)]));
}
