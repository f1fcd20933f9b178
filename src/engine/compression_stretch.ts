// A stretch of a transfer with one way of compressing: how many bytes passed, how busy the workers were,
// and whether frames waited for workers or for the path. It begins once the first frame of its way is
// through, because what is packed already goes first.

import type { Economics, Way } from "./compression_costs.ts";
import type { Economy } from "./compression_model.ts";

/** Long enough to tell a rate from a burst. */
const LONG = { ms: 200, frames: 8 } as const;
/** Enough where frames are seldom. */
const SELDOM = { ms: 500, frames: 3 } as const;

/** Of a stretch: more, and the path waits for frames; less, and frames wait for the path. */
const DRY_SHARE = { starved: 0.7, fed: 0.2 } as const;

/** A frame that the path took to its end. */
export interface StoredFrame {
  readonly way: Way;
  readonly rawBytes: number;
  readonly wire: number;
}

export class Stretch {
  readonly way: Way;
  /** Frames there are, whatever their way. */
  #atWorkers: number;
  #atLanes: number;
  #hasBegun: boolean;
  #beganMs: number;
  #lookedMs: number;
  #frameMs = 0;
  /** Lanes had nothing to do, or next to nothing. */
  #dryMs = 0;
  #busyMs = 0;
  #frames = 0;
  #rawBytes = 0;
  #wireBytes = 0;

  constructor(way: Way, { nowMs, before }: { nowMs: number; before: Stretch | null }) {
    this.way = way;
    this.#atWorkers = before === null ? 0 : before.#atWorkers;
    this.#atLanes = before === null ? 0 : before.#atLanes;
    this.#hasBegun = before?.way === way;
    this.#beganMs = nowMs;
    this.#lookedMs = nowMs;
  }

  /** The stretch after this one. */
  next(nowMs: number, way: Way = this.way): Stretch {
    return new Stretch(way, { nowMs, before: this });
  }

  toWorkers(frames: number, nowMs: number): void {
    this.#look(nowMs);
    this.#atWorkers += frames;
  }

  packed({ busyMs, goesOn }: { busyMs: number; goesOn: boolean }, nowMs: number): void {
    this.#look(nowMs);
    this.#atWorkers--;
    if (goesOn) this.#atLanes++;
    this.#busyMs += busyMs;
  }

  /** A frame is with lanes no more: the path took it, or it was lost. */
  left(nowMs: number): void {
    this.#look(nowMs);
    this.#atLanes--;
  }

  stored({ way, rawBytes, wire }: StoredFrame, nowMs: number): void {
    this.#look(nowMs);
    if (this.#hasBegun) {
      this.#frames++;
      this.#rawBytes += rawBytes;
      this.#wireBytes += wire;
    } else if (way === this.way) {
      this.#hasBegun = true;
      this.#beganMs = nowMs;
      this.#frameMs = this.#dryMs = this.#busyMs = 0;
    }
  }

  /** Whether it tells enough. */
  isOver(nowMs: number): boolean {
    const ms = nowMs - this.#beganMs;
    return [LONG, SELDOM].some((least) => ms >= least.ms && this.#frames >= least.frames);
  }

  /**
   * Whether it tells anything: a slow walk is nothing to compress away, and one end waits for the other
   * now here, now there, where buffers fill or nothing is to be gained.
   */
  isClear(fewestFrames: number): boolean {
    const ms = this.#lookedMs - this.#beganMs;
    if (this.#frameMs < fewestFrames * ms) return false;
    return this.#dryMs > DRY_SHARE.starved * ms || this.#dryMs < DRY_SHARE.fed * ms;
  }

  /** What it came to. */
  economy(costs: Economics): Economy {
    const ms = this.#lookedMs - this.#beganMs;
    const rawBytesPerMs = this.#rawBytes / ms;
    return {
      rawBytesPerMs,
      wireBytesPerMs: this.#wireBytes / ms,
      busyShare: Math.min(1, this.#busyMs / (ms * costs.workers)),
      isStarved: this.#dryMs > DRY_SHARE.starved * ms,
      workMsPerMs: rawBytesPerMs * costs.msPerByte(this.way),
    };
  }

  #look(nowMs: number): void {
    const ms = nowMs - this.#lookedMs;
    this.#lookedMs = nowMs;
    this.#frameMs += ms * (this.#atWorkers + this.#atLanes);
    if (this.#atLanes < 2) this.#dryMs += ms;
  }
}
