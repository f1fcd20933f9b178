// What measurements mean: which part bounds a transfer, and what to do about it. Figures in, words and
// commands out; nothing is measured or read here. The slowest part of a chain bounds it: disk and hash
// by themselves, and of the path what explains its rate (bench_path.ts).

import {
  AHEAD,
  type Around,
  boundOfPath,
  isQuic,
  NEAR_LIMIT,
  type PathBound,
} from "./bench_path.ts";
import { formatRate } from "./units.ts";

/** What bounds a transfer. */
export type Bound =
  | "limit"
  | "disk"
  | "cpu"
  | "window"
  | "kernel_buffer"
  | "loss"
  | "link";

/** One direction of one path, over one stack. */
export interface PathFacts {
  /** `up` is towards the peer. */
  readonly direction: "up" | "down";
  readonly stack: string;
  readonly bytesPerSecond: number;
  readonly rttMs: number;
  readonly connections: number;
  readonly lanes: number;
  /** Of packets; null where the stack does not tell. */
  readonly lossRatio: number | null;
  /** Of all processors, while it was measured; null where nobody tells. */
  readonly busyShare: number | null;
  /** Of all processors, what this program used. */
  readonly ownShare: number | null;
  /** Of datagrams, at this machine's sockets; null where nobody tells. */
  readonly dropRatio: number | null;
}

/** All that is known; null for what was not measured. */
export interface BenchFacts {
  readonly paths: readonly PathFacts[];
  /** Both ends of the paths are this machine's. */
  readonly isLoopback: boolean;
  /** Bytes a second that a sender's disk gives and a receiver's takes. */
  readonly diskRead: number | null;
  readonly diskWrite: number | null;
  /** Bytes a second of all workers. */
  readonly hash: number | null;
  /** Text, all workers: bytes a second taken in, and size of what comes out. */
  readonly zstd: { readonly bytesPerSecond: number; readonly ratio: number } | null;
  /** What a UDP socket of ours holds on this machine. */
  readonly socketBytes: number | null;
  /** What `--bwlimit` asked for. */
  readonly limit: number | null;
  /** What `--window` asked for, of one stream. */
  readonly windowBytes: number | null;
}

/** What bounds one direction. */
export interface Verdict {
  readonly direction: "send" | "receive";
  readonly bound: Bound;
  /** What a transfer can reach, as far as these measurements tell. */
  readonly bytesPerSecond: number;
  readonly message: string;
  readonly advice: readonly string[];
  /** To be run, where the machine is one's own. */
  readonly commands: readonly string[];
}

/** A verdict for each direction that was measured. */
export function verdictsOf(facts: BenchFacts): readonly Verdict[] {
  return (["up", "down"] as const).flatMap((direction) => {
    const paths = facts.paths.filter((path) => path.direction === direction);
    const best = fastest(paths);
    return best === null ? [] : [verdictOf(best, { paths, facts })];
  });
}

function verdictOf(best: PathFacts, around: Around): Verdict {
  const { facts } = around;
  const isUp = best.direction === "up";
  const direction = isUp ? "send" : "receive";
  const disk = isUp ? facts.diskRead : facts.diskWrite;
  const rate = best.bytesPerSecond;
  const isLimited = facts.limit !== null && rate >= NEAR_LIMIT * facts.limit;
  if (!isLimited && facts.hash !== null && facts.hash < Math.min(rate, disk ?? Infinity)) {
    return {
      direction,
      bound: "cpu",
      bytesPerSecond: facts.hash,
      message: `hashing takes ${formatRate(facts.hash)}, less than the path's ${formatRate(rate)}`,
      advice: ["let native code be used: --allow-ffi, or the binary"],
      commands: [],
    };
  }
  if (!isLimited && disk !== null && disk < rate) {
    return {
      direction,
      bound: "disk",
      bytesPerSecond: disk,
      message: `the disk ${isUp ? "gives" : "takes"} ${formatRate(disk)}, less than the path's ${
        formatRate(rate)
      }`,
      advice: [
        isUp
          ? "a faster disk; on a path this fast nothing else helps"
          : "a faster disk, or another --directory to compare; syncs are part of it",
      ],
      commands: [],
    };
  }
  const found = boundOfPath(best, around);
  const tips = [...found.advice, ...stackAdvice(best, around), ...zstdAdvice(best, found, facts)];
  return { direction, bytesPerSecond: rate, ...found, advice: tips };
}

function stackAdvice(best: PathFacts, { paths }: Around): readonly string[] {
  const other = fastest(paths.filter(({ stack }) => isQuic({ stack }) !== isQuic(best)));
  if (other === null || best.bytesPerSecond < AHEAD * other.bytesPerSecond) return [];
  const times = (best.bytesPerSecond / other.bytesPerSecond).toFixed(1);
  const way = best.direction === "up" ? "sending" : "receiving";
  return [`${way}, ${best.stack} carries ${times} times as much as ${other.stack}`];
}

function zstdAdvice(
  path: PathFacts,
  { bound }: PathBound,
  { zstd }: BenchFacts,
): readonly string[] {
  if (zstd === null || bound === "limit" || bound === "cpu") return [];
  const shrunk = Math.min(path.bytesPerSecond / zstd.ratio, zstd.bytesPerSecond);
  if (shrunk < AHEAD * path.bytesPerSecond) return [];
  return [`text can go at ${formatRate(shrunk)}, compressed on the way (--compress auto)`];
}

function fastest(paths: readonly PathFacts[]): PathFacts | null {
  let best: PathFacts | null = null;
  for (const path of paths) {
    if (best === null || path.bytesPerSecond > best.bytesPerSecond) best = path;
  }
  return best;
}
