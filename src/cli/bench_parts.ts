// The parts that a transfer goes through one way, each with what it can do alone: so that a verdict can
// be seen, and not only believed. Pure.

import type { BenchFacts, Verdict } from "./bench_verdict.ts";

/** One of them. */
export interface BoundPart {
  readonly name: string;
  readonly rate: number;
  /** What the verdict is about. */
  readonly isSlowest: boolean;
}

/** What was measured, and what was not. The path is there over its fastest stack. */
export function boundParts(
  { direction }: Pick<Verdict, "direction">,
  { paths, diskRead, diskWrite, hash, isLoopback }: BenchFacts,
): { readonly parts: readonly BoundPart[]; readonly missing: readonly string[] } {
  const isSend = direction === "send";
  const disk = isSend ? diskRead : diskWrite;
  const ways = paths.filter((path) => path.direction === (isSend ? "up" : "down"))
    .toSorted((one, other) => other.bytesPerSecond - one.bytesPerSecond);
  const where = isLoopback ? "this machine's loopback" : "the path";
  const parts = [
    { name: `the disk, ${isSend ? "reading" : "writing and syncing"}`, rate: disk },
    { name: "hashing, all workers", rate: hash },
    ...ways.slice(0, 1).map(({ stack, bytesPerSecond }) => ({
      name: `${where}, over ${stack}`,
      rate: bytesPerSecond,
    })),
  ].flatMap(({ name, rate }) => rate === null ? [] : [{ name, rate }]);
  const least = Math.min(...parts.map(({ rate }) => rate));
  return {
    parts: parts.map((part) => ({ ...part, isSlowest: part.rate === least })),
    missing: [...(disk === null ? ["disk"] : []), ...(hash === null ? ["hash"] : [])],
  };
}
