// What each way of compressing would bring, from what one brings now: the path as fast as it was seen to
// be, the workers as fast as they were. Hopeful where nothing is known, so that what might pay is tried.

import { type Economics, type Way, WAYS } from "./compression_costs.ts";

export type { Way } from "./compression_costs.ts";

/** What a way brought while it was in force. */
export interface Economy {
  readonly rawBytesPerMs: number;
  readonly wireBytesPerMs: number;
  /** Share of the workers' time that was spent. */
  readonly busyShare: number;
  /** Frames waited for workers, and not for the path: how fast that is, is not known. */
  readonly isStarved: boolean;
  /** Time of workers, as the costs of then have it, that was got out of each millisecond. */
  readonly workMsPerMs: number;
}

/** Workers are not counted on for more of their time: the transfer has other threads. */
const USABLE_SHARE = 0.8;
/** The path may gain from cores that workers leave alone, but a core that is busy is so with something. */
const LEAST_IDLE_SHARE = 0.25;
/** A path that waits is faster than what it is given, by how much is not known. */
const HOPED_TIMES = 4;
/** That the path gains by cores left alone is hoped for, that it loses by others not feared. */
const HOPED_COUPLING = 0.5;
/** A path that carries less than this does not wait for cores. */
const FELT_BYTES_PER_MS = 30_000;
/** More must be promised than by what costs less. */
const WORTH_COSTING = 1.02;

export interface Known {
  /** The way in force and what it brings. */
  readonly way: Way;
  readonly seen: Economy;
  /** What other ways brought not long ago. */
  readonly memory: ReadonlyMap<Way, Economy>;
  /**
   * From 0, the path does not feel how busy the cores are, to 1, it is as fast as they are free; null
   * while that is not known.
   */
  readonly coupling: number | null;
}

/** The way that promises most, and how much: the one that costs least among equals. */
export function bestOf(
  costs: Economics,
  known: Known,
): { readonly way: Way; readonly rawBytesPerMs: number } {
  let best = { way: known.way, rawBytesPerMs: 0 };
  for (const way of WAYS) {
    const rawBytesPerMs = promised(costs, { ...known, candidate: way });
    if (rawBytesPerMs > WORTH_COSTING * best.rawBytesPerMs) best = { way, rawBytesPerMs };
  }
  return best;
}

function promised(costs: Economics, known: Known & { readonly candidate: Way }): number {
  const { candidate, way, seen, memory } = known;
  if (candidate === way) return seen.rawBytesPerMs;
  const remembered = memory.get(candidate);
  const wirePerByte = costs.wirePerByte(candidate);
  const msPerByte = costs.msPerByte(candidate);
  if (remembered !== undefined) {
    return remembered.isStarved
      ? remembered.workMsPerMs / msPerByte
      : remembered.wireBytesPerMs / wirePerByte;
  }
  const workMsPerMs = seen.isStarved ? seen.workMsPerMs : USABLE_SHARE * costs.workers;
  return Math.min(pathOf(costs, known) / wirePerByte, workMsPerMs / msPerByte);
}

/** What the path may take: less work for the workers may leave it cores. */
function pathOf(
  costs: Economics,
  known: Known & { readonly candidate: Way },
): number {
  const { candidate, way, seen, memory } = known;
  if (seen.isStarved) {
    const felt = [...memory.values()].filter(({ isStarved }) => !isStarved);
    const most = Math.max(...felt.map(({ wireBytesPerMs }) => wireBytesPerMs));
    return felt.length === 0
      ? HOPED_TIMES * seen.wireBytesPerMs
      : Math.max(most, seen.wireBytesPerMs);
  }
  // So little takes next to nothing of a core: it is not for want of one that it is no more.
  if (seen.wireBytesPerMs < FELT_BYTES_PER_MS) return seen.wireBytesPerMs;
  const gain = freed(costs, { way, seen, candidate }) - 1;
  const coupling = known.coupling ?? (gain > 0 ? HOPED_COUPLING : 0);
  return seen.wireBytesPerMs * (1 + coupling * gain);
}

/** How many times the cores that workers leave alone another way leaves alone. */
export function freed(
  costs: Economics,
  { way, seen, candidate }: { way: Way; seen: Economy; candidate: Way },
): number {
  const next = Math.min(1, seen.busyShare * costs.msPerByte(candidate) / costs.msPerByte(way));
  return Math.max(LEAST_IDLE_SHARE, 1 - next) / Math.max(LEAST_IDLE_SHARE, 1 - seen.busyShare);
}
