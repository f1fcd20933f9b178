// What a server holds while it runs, taken down from outside (Linux: /proc), and the verdict on it:
// nothing grows once it is warm, and nothing is left in the end.

import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { descriptorsOf, residentBytes, threadsOf } from "../../scripts/bench/resident.ts";

/** One look at a server. */
export interface Sample {
  readonly atMs: number;
  readonly residentBytes: number;
  readonly descriptors: number;
  /** Workers have threads of their own: none of them can be left unseen. */
  readonly threads: number;
  /** Files below `.sftpx`, and their bytes. */
  readonly stateFiles: number;
  readonly stateBytes: number;
}

export async function sampleOf(
  { pid, root, startMs }: {
    readonly pid: number;
    readonly root: string;
    readonly startMs: number;
  },
): Promise<Sample> {
  const { files, bytes } = await sizeOf(join(root, ".sftpx"));
  return {
    atMs: Date.now() - startMs,
    residentBytes: residentBytes(pid),
    descriptors: descriptorsOf(pid),
    threads: threadsOf(pid),
    stateFiles: files,
    stateBytes: bytes,
  };
}

/** Files below a directory; what goes while it is looked at is not counted. */
async function sizeOf(directory: string): Promise<{ files: number; bytes: number }> {
  let files = 0;
  let bytes = 0;
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  for (const name of names) {
    const found = await stat(join(directory, name)).catch(() => null);
    if (found?.isFile() !== true) continue;
    files++;
    bytes += found.size;
  }
  return { files, bytes };
}

/** How much more the last third may hold than the first: a factor, and an amount that is noise. */
interface Allowance {
  readonly factor: number;
  readonly amount: number;
}

export type Measured = Exclude<keyof Sample, "atMs">;

const MiB = 2 ** 20;

/**
 * What is held varies with what happens to be under way. A leak of a kilobyte a visit shows within
 * minutes; memory also grows for a while because the runtime is in no hurry to give it back.
 */
const ALLOWED: Readonly<Record<Measured, Allowance>> = {
  residentBytes: { factor: 1.2, amount: 24 * MiB },
  descriptors: { factor: 1, amount: 24 },
  threads: { factor: 1, amount: 3 },
  stateFiles: { factor: 1.25, amount: 24 },
  stateBytes: { factor: 1.25, amount: 32 * MiB },
};

/** Of all samples, those taken before the server was warm. */
const WARM_UP_SHARE = 0.15;

/** First and last third of one figure, in the middle of each. */
export interface Growth {
  readonly figure: Measured;
  readonly first: number;
  readonly last: number;
  readonly most: number;
  readonly isBounded: boolean;
}

/** Compares the last third with the first, once warm; `slack` multiplies what is allowed. */
export function growthOf(
  samples: readonly Sample[],
  { slack = 1 }: { readonly slack?: number } = {},
): readonly Growth[] {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
  const third = Math.floor(warm.length / 3);
  if (third === 0) throw new RangeError("Cannot judge growth: there are too few samples");
  return (Object.keys(ALLOWED) as Measured[]).map((figure) => {
    const values = warm.map((sample) => sample[figure]);
    const [first, last] = [middle(values.slice(0, third)), middle(values.slice(-third))];
    const { factor, amount } = ALLOWED[figure];
    const most = first * (1 + (factor - 1) * slack) + amount * slack;
    return { figure, first, last, most: Math.max(...values), isBounded: last <= most };
  });
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}
