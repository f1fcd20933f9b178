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

/** A frame of so many bytes leaves so much of what was known before: a handful of them make the figure. */
const FADES = { bytes: 2 << 20, left: 0.75 } as const;

interface Tried {
  readonly msPerByte: Ratio;
  /** Size against what the chunk's sample shrank to. */
  readonly size: Ratio;
}

export class Economics {
  /** Chunk workers. */
  readonly workers: number;
  readonly #tried = new Map<Way, Tried>();
  readonly #baseMsPerByte = new Ratio();
  readonly #triedShare = new Ratio();
  readonly #sampleRatio = new Ratio();

  constructor(workers: number) {
    this.workers = workers;
  }

  /**
   * Takes in what one frame took: by its bytes, for a small one tells little of a large one. Zeros do not
   * count: what there is beside them is `rawBytes`.
   */
  add(way: Way, { rawBytes, work }: { rawBytes: number; work: PackWork }): void {
    if (rawBytes === 0) return;
    const { busyMs, sampledBytes, triedBytes, keptBytes, sampleBytes, triedMs } = work;
    this.#baseMsPerByte.add(busyMs - triedMs, { of: rawBytes, bytes: rawBytes });
    this.#triedShare.add(triedBytes, { of: sampledBytes, bytes: sampledBytes });
    if (triedBytes === 0 || sampleBytes === 0) return;
    this.#sampleRatio.add(sampleBytes, { of: triedBytes, bytes: triedBytes });
    const tried = this.#tried.get(way) ?? { msPerByte: new Ratio(), size: new Ratio() };
    this.#tried.set(way, tried);
    tried.msPerByte.add(triedMs, { of: triedBytes, bytes: triedBytes });
    tried.size.add(keptBytes, { of: sampleBytes, bytes: triedBytes });
  }

  /** Whether any level was tried: before, it is not known what one costs. */
  get hasTried(): boolean {
    return this.#tried.size > 0;
  }

  /** Time of one worker for a raw byte. */
  msPerByte(way: Way): number {
    const base = this.#baseMsPerByte.value ?? 0;
    const near = this.#nearest(way);
    if (way === 0 || near === null) return base;
    const scale = PRIORS[way]!.time / PRIORS[near.level]!.time;
    return base + (this.#triedShare.value ?? 0) * (near.tried.msPerByte.value ?? 0) * scale;
  }

  /** Bytes on the wire for a raw byte. */
  wirePerByte(way: Way): number {
    const near = this.#nearest(way);
    if (way === 0 || near === null) return 1;
    const scale = PRIORS[way]!.size / PRIORS[near.level]!.size;
    const share = this.#triedShare.value ?? 0;
    const size = (near.tried.size.value ?? 1) * (this.#sampleRatio.value ?? 1);
    return 1 - share + share * Math.min(1, size * scale);
  }

  #nearest(way: Way): { readonly tried: Tried; readonly level: Way } | null {
    let found: { tried: Tried; level: Way } | null = null;
    for (const [level, tried] of this.#tried) {
      if (found === null || Math.abs(level - way) < Math.abs(found.level - way)) {
        found = { tried, level };
      }
    }
    return found;
  }
}

/** An amount for each of something, of late. */
class Ratio {
  #amount = 0;
  #of = 0;

  /** So much of so many, in so many raw bytes: what was before counts the less the more these are. */
  add(amount: number, { of, bytes }: { readonly of: number; readonly bytes: number }): void {
    const left = FADES.left ** (bytes / FADES.bytes);
    this.#amount = left * this.#amount + amount;
    this.#of = left * this.#of + of;
  }

  /** Null while there was none. */
  get value(): number | null {
    return this.#of === 0 ? null : this.#amount / this.#of;
  }
}
