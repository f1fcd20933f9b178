// A model of a sending pipeline in steps of a millisecond: workers that pack frames at given costs, lanes
// that feed a path of a given rate, and cores that both may have to share. For the plan of compression,
// with no files, no threads and no clock but its own.

import { CompressionPlan, type Decision } from "../../src/engine/compression_plan.ts";
import type { PackWork } from "../../src/pool/messages.ts";

/** What a kind of data costs at each level, from 1: measured on one core, MB/s and share. */
export interface Material {
  readonly rates: readonly number[];
  readonly sizes: readonly number[];
  /** What a sample shrinks to. */
  readonly sample: number;
}

export interface Path {
  /** Bytes a millisecond; several rates follow one another, `[from ms, rate]`. */
  readonly rates: readonly (readonly [fromMs: number, bytesPerMs: number])[];
  /** Bytes that are taken at once, before the rate is felt. */
  readonly buffered?: number;
  /** Time of cores that a byte on the wire costs, both ends together; 0 where they have their own. */
  readonly wireNs?: number;
  /** Time of cores that a raw byte costs at the receiver. */
  readonly landNs?: number;
}

export interface Pipe {
  readonly material: (rawAt: number) => Material;
  readonly path: Path;
  readonly cores: number;
  readonly workers: number;
  readonly bytes: number;
  /** A fixed level, 0 for none; null for the plan. */
  readonly level: number | null;
  /** What the plan is told to begin with. */
  readonly isFast?: boolean;
}

const CHUNK = 2 << 20;
const SLOTS = 16;
const JOB_FRAMES = 4;
/** Reading and hashing. */
const BASE_NS = 0.5;

interface Frame {
  readonly frame: number;
  readonly rawBytes: number;
  readonly decision: Decision;
  readonly material: Material;
  costMs: number;
  spentMs: number;
  tookMs: number;
  wire: number;
}

/** How long the bytes take, and which levels they went at. */
export function runPipe(pipe: Pipe): { readonly ms: number; readonly levels: readonly number[] } {
  const { path, cores, workers, bytes, isFast = false } = pipe;
  const plan = pipe.level === null ? new CompressionPlan({ workers, nowMs: 0, isFast }) : null;
  const jobs: Frame[][] = [];
  const busy: (Frame[] | null)[] = Array.from({ length: workers }, () => null);
  const lanes: Frame[] = [];
  const levels: number[] = [];
  let [planned, done, slots, next, credit] = [0, 0, SLOTS, 0, path.buffered ?? 0];
  for (let nowMs = 0;; nowMs++) {
    while (slots >= JOB_FRAMES && planned < bytes) {
      const frames = Array.from({ length: JOB_FRAMES }, () => ({ frame: next++, rawBytes: CHUNK }));
      const decision = plan?.choose(frames, nowMs) ?? fixed(pipe.level!);
      jobs.push(
        frames.map((frame) => begun(frame, { decision, material: pipe.material(planned) })),
      );
      levels.push(decision.kind === "none" ? 0 : decision.level);
      planned += JOB_FRAMES * CHUNK;
      slots -= JOB_FRAMES;
    }
    for (let worker = 0; worker < workers; worker++) busy[worker] ??= jobs.shift() ?? null;
    const rate = path.rates.findLast(([fromMs]) => fromMs <= nowMs)![1];
    const share = shareOf({ busy, lanes, path, rate, cores });
    for (const [worker, job] of busy.entries()) {
      const frame = job?.[0];
      if (job == null || frame === undefined) continue;
      frame.spentMs += share;
      frame.tookMs += 1;
      if (frame.spentMs < frame.costMs) continue;
      job.shift();
      if (job.length === 0) busy[worker] = null;
      lanes.push(frame);
      plan?.packed(frame.frame, { work: workOf(frame), frameBytes: frame.wire, nowMs });
    }
    credit = lanes.length === 0 ? Math.max(credit, 0) : credit + rate * pathShare(share, path);
    while (lanes[0] !== undefined && lanes[0].wire <= credit) {
      const frame = lanes.shift()!;
      credit -= frame.wire;
      slots++;
      done += frame.rawBytes;
      plan?.written(frame.frame, nowMs);
    }
    if (done >= bytes) return { ms: nowMs, levels };
  }
}

function fixed(level: number): Decision {
  return level === 0 ? { kind: "none" } : { kind: "auto", level, leastSaving: 1 / 8 };
}

function begun(
  { frame, rawBytes }: { frame: number; rawBytes: number },
  { decision, material }: { decision: Decision; material: Material },
): Frame {
  const isTried = decision.kind === "auto" && material.sample <= 1 - decision.leastSaving;
  const level = isTried ? decision.level : 0;
  const packMs = level === 0 ? 0 : rawBytes / 1e3 / material.rates[level - 1]!;
  const wire = level === 0 ? rawBytes : Math.round(rawBytes * material.sizes[level - 1]!);
  const costMs = rawBytes * BASE_NS / 1e6 + packMs;
  return { frame, rawBytes, decision, material, costMs, spentMs: 0, tookMs: 0, wire };
}

/** Wall time, as a worker measures it. */
function workOf({ rawBytes, decision, material, costMs, tookMs, wire }: Frame): PackWork {
  const isTried = wire !== rawBytes;
  const baseMs = rawBytes * BASE_NS / 1e6 * (tookMs / costMs);
  return {
    busyMs: tookMs,
    sampledBytes: decision.kind === "auto" ? rawBytes : 0,
    triedBytes: isTried ? rawBytes : 0,
    keptBytes: isTried ? wire : 0,
    triedMs: isTried ? tookMs - baseMs : 0,
    sampleBytes: isTried ? rawBytes * material.sample : 0,
  };
}

/** What everybody who wants a core gets of one. */
function shareOf({ busy, lanes, path, rate, cores }: {
  busy: readonly (Frame[] | null)[];
  lanes: readonly Frame[];
  path: Path;
  rate: number;
  cores: number;
}): number {
  const packing = busy.filter((job) => job !== null).length;
  const { wireNs = 0, landNs = 0 } = path;
  const frame = lanes[0];
  const moving = frame === undefined
    ? 0
    : rate * (wireNs + landNs * frame.rawBytes / frame.wire) / 1e6;
  return Math.min(1, cores / Math.max(packing + moving, 1e-9));
}

/** A path that costs nothing here has cores of its own. */
function pathShare(share: number, { wireNs = 0, landNs = 0 }: Path): number {
  return wireNs + landNs === 0 ? 1 : share;
}
