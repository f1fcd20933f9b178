// What each zstd level costs and saves on the data that is passing: measured where it was tried, scaled
// from the nearest level that was where not. A sample of every chunk, always at one level, tells how data
// change, so that figures of other levels need not be measured anew.

import type { PackWork } from "../pool/messages.ts";

/** A zstd level, or 0 for none. */
export type Way = number;

/** Time and size of a level against level 1: on prose and on sources, the mean of both. */
const PRIORS: readonly { readonly time: number; readonly size: number }[] = [
  { time: 0, size: 1 },
  { time: 1, size: 1 },
  { time: 0.9, size: 0.97 },
  { time: 1.5, size: 0.92 },
  { time: 1.9, size: 0.91 },
  { time: 2.6, size: 0.88 },
  { time: 3, size: 0.86 },
  { time: 3.6, size: 0.84 },
  { time: 4.2, size: 0.83 },
  { time: 5, size: 0.82 },
];

/** None, and the levels to choose from: above, a level costs twice the time for a hundredth. */
export const WAYS: readonly Way[] = PRIORS.map((_, way) => way);

/** Weight of the newest frame: a handful of them make the figure. */
const NEWEST = 0.25;

interface Tried {
  readonly msPerByte: number;
  /** Size against what the chunk's sample shrank to. */
  readonly size: number;
}

export class Economics {
  /** Chunk workers. */
  readonly workers: number;
  readonly #tried = new Map<Way, Tried>();
  #baseMsPerByte: number | null = null;
  #triedShare: number | null = null;
  #sampleRatio: number | null = null;

  constructor(workers: number) {
    this.workers = workers;
  }

  /** Takes in what one frame took. */
  add(way: Way, { rawBytes, work }: { rawBytes: number; work: PackWork }): void {
    const { busyMs, sampledBytes, triedBytes, keptBytes, sampleBytes, triedMs } = work;
    this.#baseMsPerByte = blend(this.#baseMsPerByte, (busyMs - triedMs) / rawBytes);
    if (sampledBytes > 0) this.#triedShare = blend(this.#triedShare, triedBytes / sampledBytes);
    if (triedBytes === 0 || sampleBytes === 0) return;
    this.#sampleRatio = blend(this.#sampleRatio, sampleBytes / triedBytes);
    const before = this.#tried.get(way);
    this.#tried.set(way, {
      msPerByte: blend(before?.msPerByte ?? null, triedMs / triedBytes),
      size: blend(before?.size ?? null, keptBytes / sampleBytes),
    });
  }

  /** Whether any level was tried: before, it is not known what one costs. */
  get hasTried(): boolean {
    return this.#tried.size > 0;
  }

  /** Time of one worker for a raw byte. */
  msPerByte(way: Way): number {
    const base = this.#baseMsPerByte ?? 0;
    if (way === 0) return base;
    const { tried, level } = this.#nearest(way);
    const scale = PRIORS[way]!.time / PRIORS[level]!.time;
    return base + (this.#triedShare ?? 0) * tried.msPerByte * scale;
  }

  /** Bytes on the wire for a raw byte. */
  wirePerByte(way: Way): number {
    if (way === 0) return 1;
    const { tried, level } = this.#nearest(way);
    const scale = PRIORS[way]!.size / PRIORS[level]!.size;
    const share = this.#triedShare ?? 0;
    return 1 - share + share * Math.min(1, tried.size * scale * (this.#sampleRatio ?? 1));
  }

  #nearest(way: Way): { readonly tried: Tried; readonly level: Way } {
    let found: { tried: Tried; level: Way } | null = null;
    for (const [level, tried] of this.#tried) {
      if (found === null || Math.abs(level - way) < Math.abs(found.level - way)) {
        found = { tried, level };
      }
    }
    return found ?? { tried: { msPerByte: 0, size: 1 }, level: 1 };
  }
}

function blend(before: number | null, now: number): number {
  return before === null ? now : before + NEWEST * (now - before);
}
