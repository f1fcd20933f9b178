// How many connections and lanes a transfer uses, and over which of its ways: climbed by measuring. What
// does not pay is taken back, and a transfer that waits for its source opens nothing. No I/O and no clock:
// it is shown what lanes carried, and answers what there should be.

import {
  earlyGoal,
  firstGoal,
  jumpGoal,
  type LaneGoal,
  type LanePlanOptions,
  LONG_LANES,
  sameGoal,
} from "./lane_goal.ts";
import { insteadOf, type Move, nextMove, otherLeads, pays } from "./lane_moves.ts";
import { PathLength } from "./lane_path.ts";
import { faster, type Rate } from "./lane_rate.ts";
import { RateMeter, stateOf, type Trial } from "./lane_trial.ts";

/** What a look at the lanes shows. */
export interface LaneSight {
  readonly nowMs: number;
  /** Smallest round trip so far; null while it is not known. */
  readonly rttMs: number | null;
  /** Bytes that lanes took since the transfer began, by what carries them. */
  readonly carried: { readonly quic: number; readonly tcp: number };
  /** Of the bytes that TCP sent, those it sent again; null where nobody tells. */
  readonly tcpLossRatio?: number | null;
  /** Share of their time since the last look in which lanes waited for frames. */
  readonly idleShare: number;
  /** Connections that are there. */
  readonly there: { readonly quic: number; readonly tcp: number };
}

/** What carries as much at once is not held back by a long path, or is none. */
const JUMP_CEILING = 80e6;
/** Waiting so much of its time for frames, a transfer is bound by its source. */
const IDLE_SHARE = 0.25;
/** Pause before all is tried again; twice as long each time. */
const REST_MS = 10_000;
const MOST_REST_MS = 120_000;
/** Below this share of what it was when nothing more helped, the path has changed. */
const FALLEN = 0.6;

type Phase =
  | { readonly kind: "watch" }
  | { readonly kind: "settle"; readonly trial: Trial; readonly since: LaneSight }
  | { readonly kind: "measure"; readonly trial: Trial }
  | { readonly kind: "rest"; readonly untilMs: number; readonly rate: Rate };

export class LanePlan {
  readonly #options: LanePlanOptions;
  #goal: LaneGoal;
  #phase: Phase = { kind: "watch" };
  readonly #meter = new RateMeter();
  /** On a short path, what the window before this one came to. */
  #seen: Rate | null = null;
  readonly #path = new PathLength();
  readonly #failed = new Set<Move>();
  #restMs = REST_MS;
  #bytesPerSecond: number | null = null;
  #hasBegun = false;
  #hasJumped = false;
  #hasRested = false;
  #firstMs: number | null = null;
  #reason: string | null = null;

  constructor(options: LanePlanOptions) {
    this.#options = options;
    this.#goal = firstGoal(options);
  }

  get goal(): LaneGoal {
    return this.#goal;
  }

  /** What was measured last; null before that. */
  get bytesPerSecond(): number | null {
    return this.#bytesPerSecond;
  }

  /** Why the goal is another one than before, once; null where it is not. */
  pollReason(): string | null {
    const reason = this.#reason;
    this.#reason = null;
    return reason;
  }

  /** Takes in what is seen. Answers what there should be from now on. */
  look(sight: LaneSight): LaneGoal {
    this.#firstMs ??= sight.nowMs;
    this.#path.look(sight.rttMs);
    if (this.#isFixed) return this.#goal;
    if (!this.#beginEarly(sight)) this.#begin();
    this.#climb(sight);
    return this.#goal;
  }

  /** The user said all of it, or nothing that could be opened would help. */
  get #isFixed(): boolean {
    const { connections, lanes, isLocal } = this.#options;
    return isLocal || connections !== 0 && lanes !== 0;
  }

  /** Connections that are there already, or on their way, are what a jump would ask for. */
  #beginEarly(sight: LaneSight): boolean {
    if (this.#hasBegun) return false;
    const goal = earlyGoal({ there: sight.there, goal: this.#goal }, this.#options);
    if (goal === null) return false;
    this.#hasBegun = true;
    this.#hasJumped = true;
    this.#path.takeForLong();
    const trial: Trial = { move: "connections", before: this.#goal, rate: null };
    this.#try(trial, { goal, sight, reason: "the path is long" });
    return true;
  }

  /** Lanes of a long path cost nothing: they are there from the start. */
  #begin(): void {
    if (this.#hasBegun && this.#path.pollShort()) return this.#shorten();
    if (this.#hasBegun || this.#path.rttMs === null) return;
    this.#hasBegun = true;
    if (!this.#path.isLong || this.#options.lanes !== 0) return;
    this.#aim({ ...this.#goal, lanes: LONG_LANES }, "the path is long");
  }

  /** A round trip came that is shorter than a long path's: the machine was busy before. */
  #shorten(): void {
    this.#failed.clear();
    this.#aim(firstGoal(this.#options), "the path is short");
    this.#toWatch();
  }

  #climb(sight: LaneSight): void {
    const phase = this.#phase;
    switch (phase.kind) {
      case "watch":
        return this.#watch(sight);
      case "settle":
        return this.#settle(phase, sight);
      case "measure":
        return this.#measure(phase.trial, sight);
      case "rest":
        return this.#rest(phase, sight);
    }
  }

  #watch(sight: LaneSight): void {
    if (this.#waitsForSource(sight)) return;
    if (this.#jump(sight)) return;
    const rate = this.#rate(sight);
    if (rate === null) return;
    const before = this.#seen;
    if (!this.#path.isLong && before === null) {
      this.#seen = rate;
      return;
    }
    this.#tryNext(faster(rate, before), sight);
  }

  /** A long path begins with several connections, as soon as there is more to send than one takes. */
  #jump(sight: LaneSight): boolean {
    if (this.#hasJumped || !this.#path.isSurelyLong) return false;
    this.#hasJumped = true;
    const seconds = (sight.nowMs - (this.#firstMs ?? sight.nowMs)) / 1000;
    const { quic, tcp } = sight.carried;
    if (quic + tcp > JUMP_CEILING * seconds && seconds > 0) return false;
    const goal = jumpGoal(this.#goal, this.#options);
    if (goal === null) return false;
    const trial: Trial = { move: "connections", before: this.#goal, rate: null };
    this.#try(trial, { goal, sight, reason: "the path is long" });
    return true;
  }

  /** What was opened is on its way, and then finds its rate. */
  #settle({ trial, since }: Extract<Phase, { kind: "settle" }>, sight: LaneSight): void {
    const goal = this.#goal;
    const { there } = sight;
    const rttMs = this.#path.rttMs ?? 0;
    const state = stateOf(trial, { goal, since, now: sight, there, rttMs });
    switch (state) {
      case "waits":
        return;
      case "missing":
        return this.#fail(trial, "a connection did not come");
      case "settled":
        this.#meter.reset();
        this.#phase = { kind: "measure", trial };
        return this.#measure(trial, sight);
    }
  }

  #measure(trial: Trial, sight: LaneSight): void {
    // Idle lanes say nothing of the path: what helps is found out when there is enough to send again.
    if (this.#waitsForSource(sight)) return;
    const after = this.#rate(sight);
    if (after === null) return;
    const { move, rate: before } = trial;
    if (before === null) return this.#tryNext(after, sight);
    if (!pays(move, { before, after, isLong: this.#path.isLong })) {
      return this.#fail(trial, move === "fewer" ? "fewer carry less" : "more brings nothing");
    }
    // Where a round trip is short it has to come twice.
    if (!this.#path.isLong && this.#seen === null) {
      this.#seen = after;
      return;
    }
    this.#keep(trial, { rate: after, sight });
  }

  #keep(
    { move }: Trial,
    { rate, sight }: { readonly rate: Rate; readonly sight: LaneSight },
  ): void {
    this.#restMs = REST_MS;
    // What the other way brings is the path's to say, however many there are of this one.
    const otherFailed = this.#failed.has("other");
    this.#failed.clear();
    if (otherFailed) this.#failed.add("other");
    if (move === "fewer") this.#failed.add("connections");
    if (move === "other" && otherLeads(rate, this.#options)) {
      const goal = insteadOf({ goal: this.#goal, there: sight.there }, this.#options);
      const trial: Trial = { move: "instead", before: this.#goal, rate };
      return this.#try(trial, { goal, sight, reason: "the other way carries more" });
    }
    this.#tryNext(rate, sight);
  }

  #fail(trial: Trial, reason: string): void {
    this.#failed.add(trial.move);
    // A jump was never shown to help, nor that it does not: what came of it stays.
    if (trial.rate !== null) this.#aim(trial.before, reason);
    this.#toWatch();
  }

  #toWatch(): void {
    this.#meter.reset();
    this.#seen = null;
    this.#phase = { kind: "watch" };
  }

  #tryNext(rate: Rate, sight: LaneSight): void {
    const { there, tcpLossRatio = null } = sight;
    const known = { goal: this.#goal, isLong: this.#path.isLong, isAgain: this.#hasRested };
    const seen = { rate, there, tcpLossRatio, failed: this.#failed };
    const next = nextMove({ ...known, ...seen }, this.#options);
    if (next !== null) {
      const trial: Trial = { move: next.move, before: this.#goal, rate };
      const reason = next.move === "fewer" ? "trying fewer" : "trying more";
      return this.#try(trial, { goal: next.goal, sight, reason });
    }
    this.#meter.reset();
    this.#phase = { kind: "rest", untilMs: sight.nowMs + this.#restMs, rate };
    this.#restMs = Math.min(MOST_REST_MS, 2 * this.#restMs);
  }

  #try(
    trial: Trial,
    { goal, sight, reason }: {
      readonly goal: LaneGoal;
      readonly sight: LaneSight;
      readonly reason: string;
    },
  ): void {
    this.#meter.reset();
    this.#seen = null;
    this.#aim(goal, reason);
    this.#phase = { kind: "settle", trial, since: sight };
  }

  /** Nothing more helped: until the path changes, or for so long. */
  #rest({ untilMs, rate }: Extract<Phase, { kind: "rest" }>, sight: LaneSight): void {
    if (this.#waitsForSource(sight)) return;
    const now = this.#rate(sight);
    const hasFallen = now !== null && now.bytesPerSecond < FALLEN * rate.bytesPerSecond;
    if (sight.nowMs < untilMs && !hasFallen) return;
    this.#hasRested = true;
    this.#failed.clear();
    this.#toWatch();
  }

  #waitsForSource({ idleShare }: LaneSight): boolean {
    if (idleShare < IDLE_SHARE) return false;
    this.#meter.reset();
    return true;
  }

  #rate(sight: LaneSight): Rate | null {
    const rate = this.#meter.look(sight, { lanes: this.#goal.lanes, rttMs: this.#path.rttMs ?? 0 });
    if (rate !== null) this.#bytesPerSecond = Math.round(rate.bytesPerSecond);
    return rate;
  }

  #aim(goal: LaneGoal, reason: string): void {
    if (sameGoal(goal, this.#goal)) return;
    this.#goal = goal;
    this.#reason = reason;
  }
}
