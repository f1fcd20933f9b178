// How long a try of more lanes, or fewer, needs before it tells anything: until connections are there and
// what is new has filled its windows, and then until more has passed than lanes hold. Pure.

import type { LaneGoal, Way } from "./lane_goal.ts";
import type { Move } from "./lane_moves.ts";
import { type Rate, type RateSample, RateWindow } from "./lane_rate.ts";

/** Time for what was opened to find its rate, and for measuring that, in round trips and at least. */
const SETTLE_ROUNDS = 8;
const SETTLE_MS = 400;
const MEASURE_ROUNDS = 8;
const MEASURE_MS = 600;
/** What a lane takes at once at most, before the path is felt: a window of Deno's QUIC. */
const WINDOW_BYTES = 1.25e6;
/** New lanes have filled their windows once so many times as much was taken: the path took some as well. */
const FILLING_TIMES = 2;
/** Longest that is waited for that, and for as much to be measured by. */
const MOST_FILLING_MS = 10_000;
/** A connection that is not there after so long will not come. */
const JOIN_MS = 3_000;

export interface Trial {
  readonly move: Move;
  readonly before: LaneGoal;
  /** Null where nothing was measured: what is opened at once on a long path. */
  readonly rate: Rate | null;
}

/** How far a trial is that wants this. */
export function stateOf(
  { before }: Trial,
  { goal, since, now, there, rttMs }: {
    readonly goal: LaneGoal;
    readonly since: RateSample;
    readonly now: RateSample;
    readonly there: Readonly<Record<Way, number>>;
    readonly rttMs: number;
  },
): "waits" | "settled" | "missing" {
  const tookMs = now.nowMs - since.nowMs;
  const roundsMs = SETTLE_ROUNDS * rttMs;
  if (there.quic < goal.quic || there.tcp < goal.tcp) {
    return tookMs >= JOIN_MS + roundsMs ? "missing" : "waits";
  }
  const isFull = tookMs >= MOST_FILLING_MS ||
    bytesOf(now) - bytesOf(since) >= fillingBytes(before, goal);
  return isFull && tookMs >= Math.max(SETTLE_MS, roundsMs) ? "settled" : "waits";
}

/** A new lane takes a window of bytes at once: that is no rate of the path's. */
function fillingBytes(before: LaneGoal, { quic, tcp, lanes }: LaneGoal): number {
  const kept = Math.min(before.quic, quic) + Math.min(before.tcp, tcp);
  const fresh = Math.max(lanes - before.lanes, lanes * (1 - kept / (quic + tcp)));
  return FILLING_TIMES * WINDOW_BYTES * fresh;
}

/** Measures rates, one after the other. */
export class RateMeter {
  #window: RateWindow | null = null;

  /** What was looked at says nothing. */
  reset(): void {
    this.#window = null;
  }

  /**
   * A rate once it tells; null before that. What lanes take comes in bursts of what they hold, which is
   * nothing to go by where a path is slow.
   */
  look(
    sample: RateSample,
    { lanes, rttMs }: { readonly lanes: number; readonly rttMs: number },
  ): Rate | null {
    if (this.#window === null) {
      this.#window = new RateWindow(sample);
      return null;
    }
    this.#window.add(sample);
    const { lastedMs, bytes, rate } = this.#window;
    if (lastedMs < Math.max(MEASURE_MS, MEASURE_ROUNDS * rttMs)) return null;
    if (bytes < WINDOW_BYTES * lanes && lastedMs < MOST_FILLING_MS) return null;
    this.#window = null;
    return rate;
  }
}

function bytesOf({ carried: { quic, tcp } }: RateSample): number {
  return quic + tcp;
}
