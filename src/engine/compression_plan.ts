// Which zstd level the chunks of the next job are tried at, or none: whatever brings the most source
// bytes a second over this path with these cores. What was measured decides, a model only what is tried
// next: it believes the best of what it does not know, and remembers what came of it. No I/O, no clock.

import { LIMITS } from "../base/limits.ts";
import { keysWithin } from "../base/ranges.ts";
import type { PackWork } from "../pool/messages.ts";
import type { Range } from "../wire/messages.ts";
import { bestOf, type Economy, freed, type Way } from "./compression_model.ts";
import { Economics } from "./compression_costs.ts";
import { Opening } from "./compression_opening.ts";
import { Stretch } from "./compression_stretch.ts";

/** What a job does with its chunks. */
export type Decision =
  | { readonly kind: "zeros" }
  /** zstd where a sample of the chunk shrinks by so much of itself. */
  | { readonly kind: "auto"; readonly level: number; readonly leastSaving: number };

/** Something else must promise so much more. */
const WORTH_CHANGING = 1.05;
/** How long what another way came to is believed, at first and at most. */
const BELIEVED_MS = { first: 5_000, most: 60_000 } as const;
/** A path that so much came through has begun. */
const BEGUN_BYTES = 8 << 20;
/** With nothing compressed, a job is sampled so often, for data may change. */
const LOOK_MS = 2_000;
/** Within one machine the first look is so long after the first frame was stored: then a rate is known. */
const FIRST_LOOK_MS = 250;
/** For each worker, as fast as text is compressed at best: where plain chunks are, it hardly pays. */
const BEYOND_BYTES_PER_MS = 200_000;
/** The cheapest: it tells enough of all others. */
const LOOK_LEVEL = 1;
/** A saving that pays where cores idle, and one that pays where they do not. */
const LEAST_SAVING = { idle: 1 / 32, busy: 1 / 8 } as const;
/** Share of the workers' time from which cores are no longer idle. */
const BUSY_SHARE = 0.5;
/** A smaller change of free cores says nothing of that. */
const TELLING_GAIN = 0.15;
/** The path is another one when its rate left this band. */
const SAME_PATH = { least: 0.7, most: 1.4 } as const;

interface Frame {
  readonly way: Way;
  /** But for zeros, once it was packed: they are sent at no cost whatever the way, and tell nothing of any. */
  rawBytes: number;
  /** Bytes on the wire, once it was packed. */
  wire: number;
  isWritten: boolean;
}

interface Belief extends Economy {
  readonly untilMs: number;
}

export class CompressionPlan {
  readonly #costs: Economics;
  /** With fewer frames under way, on average, it was the source that had none. */
  readonly #fewestFrames: number;
  readonly #believed = new Map<Way, Belief>();
  readonly #patienceMs = new Map<Way, number>();
  /** Frames that are not stored. */
  readonly #frames = new Map<number, Frame>();
  /** Until a rate was felt. */
  #opening: Opening | null;
  #stretch: Stretch;
  #way: Way = LIMITS.defaultZstdLevel;
  #wireBytes = 0;
  #lookedMs = -Infinity;
  /** Whether the first look was taken, or put off: that happens once, for what shrinks to nothing pays. */
  #hasLooked: boolean;
  #isIdle = false;
  #lastWireBytesPerMs = 0;
  /** See `Known.coupling`. */
  #coupling: number | null = null;
  /** What the way before came to, and how many times more cores the change was to leave alone. */
  #left: { readonly wireBytesPerMs: number; readonly gain: number } | null = null;

  constructor({ workers, nowMs, slots = Infinity, rttMs = 0, isFast = false }: {
    readonly workers: number;
    readonly nowMs: number;
    /** Frames there may be at once. */
    readonly slots?: number;
    /** Of the path, as far as it is known. */
    readonly rttMs?: number;
    /** Within one machine nothing is likely to pay: it begins with none, and looks what would. */
    readonly isFast?: boolean;
  }) {
    this.#costs = new Economics(workers);
    this.#fewestFrames = Math.min(workers, slots);
    // The first look waits for a rate: what no compressing could reach is over sooner without it.
    this.#hasLooked = !isFast;
    this.#opening = new Opening({ isFast, rttMs });
    if (isFast) [this.#way, this.#lookedMs] = [0, Infinity];
    this.#stretch = new Stretch(this.#way, { nowMs, before: null });
  }

  /** Level in force; 0 for none. */
  get level(): number {
    return this.#way;
  }

  /** What the next job does with its frames, which are these. */
  choose(
    frames: readonly { readonly frame: number; readonly rawBytes: number }[],
    nowMs: number,
  ): Decision {
    const rawBytes = Math.max(0, ...frames.map((frame) => frame.rawBytes));
    this.#way = this.#opening?.way(this.#costs, { rawBytes, nowMs }) ?? this.#way;
    const way = this.#next(nowMs);
    for (const { frame, rawBytes } of frames) {
      this.#frames.set(frame, { way, rawBytes, wire: 0, isWritten: false });
    }
    this.#stretch.toWorkers(frames.length, nowMs);
    if (way === 0) return { kind: "zeros" };
    const leastSaving = this.#isIdle ? LEAST_SAVING.idle : LEAST_SAVING.busy;
    return { kind: "auto", level: way, leastSaving };
  }

  /** A frame was packed; of no bytes it goes nowhere. */
  packed(
    frame: number,
    { work, frameBytes, nowMs }: { work: PackWork; frameBytes: number; nowMs: number },
  ): void {
    const known = this.#frames.get(frame);
    if (known === undefined) return;
    known.wire = frameBytes;
    const { way } = known;
    const rawBytes = known.rawBytes -= work.zeroBytes;
    this.#costs.add(way, { rawBytes, work });
    this.#opening?.packed(frameBytes, nowMs);
    this.#stretch.packed({ busyMs: work.busyMs, goesOn: frameBytes > 0 }, nowMs);
    if (frameBytes === 0) this.#frames.delete(frame);
  }

  /** The path took a frame: into its buffers, or further. */
  written(frame: number, nowMs: number): void {
    const known = this.#frames.get(frame);
    if (known === undefined || known.isWritten) return;
    known.isWritten = true;
    this.#stretch.left(nowMs);
  }

  /** The receiver has these frames. */
  stored(ranges: readonly Range[], nowMs: number): void {
    for (const frame of keysWithin(this.#frames, ranges)) {
      this.#stored(frame, { known: this.#frames.get(frame)!, nowMs });
    }
  }

  /** Frames were lost on their way; they come again under other numbers. */
  lost(frames: readonly number[], nowMs: number): void {
    for (const frame of frames) {
      const known = this.#frames.get(frame);
      if (known === undefined) continue;
      this.written(frame, nowMs);
      this.#frames.delete(frame);
      this.#opening?.lost(known.wire);
    }
  }

  #stored(frame: number, { known, nowMs }: { known: Frame; nowMs: number }): void {
    // The word of it may come before that of the lane.
    this.written(frame, nowMs);
    this.#frames.delete(frame);
    this.#wireBytes += known.wire;
    if (this.#lookedMs === Infinity) this.#lookedMs = nowMs - LOOK_MS + FIRST_LOOK_MS;
    this.#opening?.stored(known.wire, nowMs);
    if (known.rawBytes === 0) return;
    this.#stretch.stored(known, nowMs);
    if (this.#stretch.isOver(nowMs)) this.#decide(nowMs);
  }

  /** The way of the next job: now and then another one, to learn what it costs. */
  #next(nowMs: number): Way {
    if (this.#way !== 0) {
      this.#lookedMs = nowMs;
      return this.#way;
    }
    if (nowMs - this.#lookedMs < LOOK_MS) return 0;
    [this.#lookedMs, this.#hasLooked] = [nowMs, true];
    return LOOK_LEVEL;
  }

  /** A stretch is over: what it came to is known now, and something else may be worth a try. */
  #decide(nowMs: number): void {
    const seen = this.#stretch.economy(this.#costs);
    if (!this.#hasLooked && seen.rawBytesPerMs > BEYOND_BYTES_PER_MS * this.#costs.workers) {
      [this.#lookedMs, this.#hasLooked] = [nowMs, true];
    }
    if (!this.#tells(seen)) {
      this.#stretch = this.#stretch.next(nowMs);
      return;
    }
    this.#opening = null;
    this.#learnCoupling(seen);
    this.#forgetAnotherPath(seen);
    this.#believed.set(this.#way, { ...seen, untilMs: Infinity });
    this.#isIdle = seen.busyShare < BUSY_SHARE;
    const best = bestOf(this.#costs, {
      seen,
      way: this.#way,
      memory: this.#memory(nowMs),
      coupling: this.#coupling,
    });
    const current = seen.rawBytesPerMs;
    if (best.way === this.#way || best.rawBytesPerMs < WORTH_CHANGING * current) {
      this.#stretch = this.#stretch.next(nowMs, this.#way);
      return;
    }
    this.#leave(seen, nowMs);
    const gain = freed(this.#costs, { way: this.#way, seen, candidate: best.way });
    this.#left = seen.isStarved ? null : { wireBytesPerMs: seen.wireBytesPerMs, gain };
    this.#way = best.way;
    this.#stretch = this.#stretch.next(nowMs, best.way);
  }

  /** What the way in force came to is believed for a while, longer each time it is left. */
  #leave(seen: Economy, nowMs: number): void {
    const way = this.#way;
    const patienceMs = this.#patienceMs.get(way) ?? BELIEVED_MS.first;
    this.#patienceMs.set(way, Math.min(2 * patienceMs, BELIEVED_MS.most));
    this.#believed.set(way, { ...seen, untilMs: nowMs + patienceMs });
  }

  #memory(nowMs: number): ReadonlyMap<Way, Economy> {
    for (const [way, { untilMs }] of this.#believed) {
      if (way !== this.#way && untilMs < nowMs) this.#believed.delete(way);
    }
    return this.#believed;
  }

  /**
   * A path that begins is no measure: what is to be believed comes twice, or after some megabytes.
   */
  #tells(seen: Economy): boolean {
    const before = this.#lastWireBytesPerMs;
    this.#lastWireBytesPerMs = seen.wireBytesPerMs;
    if (!this.#stretch.isClear(this.#fewestFrames)) return false;
    if (this.#wireBytes >= BEGUN_BYTES) return true;
    return !seen.isStarved && isSameRate(seen.wireBytesPerMs, before);
  }

  /** The first stretch after a change tells whether the path felt it. */
  #learnCoupling(seen: Economy): void {
    const left = this.#left;
    this.#left = null;
    if (left === null || seen.isStarved || Math.abs(left.gain - 1) < TELLING_GAIN) return;
    const felt = (seen.wireBytesPerMs / left.wireBytesPerMs - 1) / (left.gain - 1);
    this.#coupling = Math.min(1, Math.max(0, felt));
  }

  /** The same way takes another rate now: what the others came to is of another path. */
  #forgetAnotherPath(seen: Economy): void {
    const before = this.#believed.get(this.#way);
    if (before === undefined || before.isStarved || seen.isStarved) return;
    if (isSameRate(seen.wireBytesPerMs, before.wireBytesPerMs)) return;
    this.#believed.clear();
    this.#patienceMs.clear();
  }
}

function isSameRate(rate: number, before: number): boolean {
  const change = rate / before;
  return change > SAME_PATH.least && change < SAME_PATH.most;
}
