// What one end of a transfer does beside moving bytes, each by itself on one thread: reading a source,
// hashing, writing a copy. With the bare pipe's cost they say how fast this machine's processors could
// carry a transfer at best: the CPU-sum bound.

import { spawnDeno } from "./process.ts";

/** What a stage costs: processor seconds a GB, and how fast one thread does it. */
export interface StageCost {
  readonly cpuSecondsPerGigabyte: number;
  readonly megabytesPerSecond: number;
}

export interface StageCosts {
  readonly read: StageCost;
  readonly hash: StageCost;
  readonly write: StageCost;
}

/** What the peer process is told, as its one argument. */
export interface StagesJob {
  readonly file: string;
  /** Written, and removed again. */
  readonly copy: string;
  readonly chunkBytes: number;
}

/** Measures the stages with a file that exists, in a process of its own. */
export async function measureStages(job: StagesJob): Promise<StageCosts> {
  const peer = new URL("./stages_peer.ts", import.meta.url);
  await using child = spawnDeno(peer, { args: [JSON.stringify(job)] });
  return JSON.parse(await child.line());
}

export interface PipeCost {
  readonly receiverCpuSecondsPerGigabyte: number;
  readonly senderCpuSecondsPerGigabyte: number;
}

/**
 * Megabytes a second at which both ends together would keep all cores busy, were there nothing else to
 * do and nothing to wait for: the pipe at both ends, a hash at both ends, a read and a write.
 */
export function cpuSumBound(
  pipe: PipeCost,
  { read, hash, write }: StageCosts,
  { cores }: { readonly cores: number },
): number {
  const perGigabyte = pipe.receiverCpuSecondsPerGigabyte + pipe.senderCpuSecondsPerGigabyte +
    read.cpuSecondsPerGigabyte + 2 * hash.cpuSecondsPerGigabyte + write.cpuSecondsPerGigabyte;
  return 1000 * cores / perGigabyte;
}
