// A model of a sending pipeline in steps of a millisecond: workers that pack frames at given costs, lanes
// that feed a path of a given rate, and cores that both may have to share. For the plan of compression,
// with no files, no threads and no clock but its own.

import { CompressionPlan, type Decision } from "../../src/engine/compression_plan.ts";
import { JOBS_PER_WORKER } from "../../src/pool/pool.ts";
import { BatchSize } from "../../src/session/batch_size.ts";
import type { PackWork } from "../../src/pool/messages.ts";

/** What a kind of data costs at each level, from 1: measured on one core, MB/s and share. */
export interface Material {
  readonly rates: readonly number[];
  readonly sizes: readonly number[];
  /** What a sample shrinks to. */
  readonly sample: number;
  /** Nothing but zeros: they are sent as next to nothing, whatever the level. */
  readonly isZero?: boolean;
  /** Raw bytes of a frame; a chunk where absent. */
  readonly frameBytes?: number;
  /** What a frame takes beside its bytes, and what it takes more where it is tried: of many small files. */
  readonly frameMs?: number;
  readonly triedFrameMs?: number;
}

export interface Path {
  /** Bytes a millisecond; several rates follow one another, `[from ms, rate]`. */
  readonly rates: readonly (readonly [fromMs: number, bytesPerMs: number])[];
  /** Bytes that each lane takes at once, before the rate is felt. */
  readonly laneBytes?: number;
  /** Until a frame that arrived is known to be stored. */
  readonly rttMs?: number;
  /** When further connections join: lanes begin anew, with buffers of their own. */
  readonly joinsMs?: readonly number[];
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
const LANES = 8;
const JOB_FRAMES = 4;
/** What a chunk of zeros is on the wire. */
const ZEROS_BYTES = 200;
/** Of a lane, whatever the path. */
const LEAST_LANE_BYTES = 64 << 10;
/** Reading and hashing. */
const BASE_NS = 0.5;

interface Frame {
  readonly frame: number;
  readonly rawBytes: number;
  readonly decision: Decision;
  readonly material: Material;
  readonly baseMs: number;
  readonly costMs: number;
  spentMs: number;
  tookMs: number;
  wire: number;
  /** Not in a buffer yet, and not at the other end. */
  toWrite: number;
  toCarry: number;
  isWritten: boolean;
}

/** How long the bytes take, and which levels they went at. */
export function runPipe(pipe: Pipe): { readonly ms: number; readonly levels: readonly number[] } {
  const { path, cores, workers, bytes, isFast = false } = pipe;
  const { rttMs = 1 } = path;
  const plan = pipe.level === null
    ? new CompressionPlan({ workers, nowMs: 0, slots: SLOTS, rttMs, isFast })
    : null;
  const jobs: Frame[][] = [];
  const busy: (Frame[] | null)[] = Array.from({ length: workers }, () => null);
  const lanes = new Lanes(path);
  const levels: number[] = [];
  const mostJobs = plan === null ? Infinity : JOBS_PER_WORKER * workers;
  const batch = new BatchSize({ most: JOB_FRAMES, jobs: mostJobs });
  let [planned, done, slots, next, packing] = [0, 0, SLOTS, 0, 0];
  for (let nowMs = 0;; nowMs++) {
    while (slots > 0 && planned < bytes) {
      const ahead = packing + lanes.waiting.length;
      if (batch.waits({ room: slots, ahead, packing })) break;
      const count = Math.min(batch.frames, slots);
      const material = pipe.material(planned);
      const rawBytes = material.frameBytes ?? CHUNK;
      const frames = Array.from({ length: count }, () => ({ frame: next++, rawBytes }));
      const decision = plan?.choose(frames, nowMs) ?? fixed(pipe.level!);
      jobs.push(frames.map((frame) => begun(frame, { decision, material })));
      for (const _ of frames) levels.push(decision.kind === "zeros" ? 0 : decision.level);
      planned += count * rawBytes;
      slots -= count;
      packing += count;
    }
    for (let worker = 0; worker < workers; worker++) busy[worker] ??= jobs.shift() ?? null;
    const rate = path.rates.findLast(([fromMs]) => fromMs <= nowMs)![1];
    const share = shareOf({ busy, carried: lanes.carried, path, rate, cores });
    for (const [worker, job] of busy.entries()) {
      const frame = job?.[0];
      if (job == null || frame === undefined) continue;
      frame.spentMs += share;
      frame.tookMs += 1;
      if (frame.spentMs < frame.costMs) continue;
      job.shift();
      if (job.length === 0) busy[worker] = null;
      packing--;
      lanes.waiting.push(frame);
      batch.took(frame.tookMs);
      plan?.packed(frame.frame, { work: workOf(frame), frameBytes: frame.wire, nowMs });
    }
    for (const frame of lanes.step(nowMs, rate * pathShare(share, path))) {
      slots++;
      plan?.written(frame.frame, nowMs);
    }
    for (const frame of lanes.stored(nowMs)) {
      done += frame.rawBytes;
      plan?.stored([[frame.frame, 1]], nowMs);
    }
    if (done >= bytes) return { ms: nowMs, levels };
  }
}

/** Lanes with buffers before a path that they share. */
class Lanes {
  readonly waiting: Frame[] = [];
  readonly #path: Path;
  /** Frames of each lane that are not carried to their end. */
  #lanes: Frame[][];
  /** Lanes of before: nothing is given to them any more. */
  readonly #left: Frame[][] = [];
  readonly #landing: { readonly frame: Frame; readonly atMs: number }[] = [];

  constructor(path: Path) {
    this.#path = path;
    this.#lanes = Array.from({ length: LANES }, () => []);
  }

  /** What the path carries now. */
  get carried(): Frame | undefined {
    return this.#all.find((lane) => lane.length > 0)?.[0];
  }

  /** Carries so many bytes; answers what was written. */
  *step(nowMs: number, bytes: number): Generator<Frame> {
    const { joinsMs = [], rttMs = 1 } = this.#path;
    if (joinsMs.includes(nowMs)) {
      this.#left.push(...this.#lanes);
      this.#lanes = Array.from({ length: LANES }, () => []);
    }
    yield* this.#write();
    for (let left = bytes; left > 0;) {
      const busy = this.#all.filter((lane) => lane.some((frame) => frame.toCarry > frame.toWrite));
      if (busy.length === 0) break;
      const each = left / busy.length;
      for (const lane of busy) {
        const frame = lane[0]!;
        const carried = Math.min(each, frame.toCarry - frame.toWrite);
        frame.toCarry -= carried;
        left -= carried;
        if (frame.toCarry > 1e-6) continue;
        this.#landing.push({ frame, atMs: nowMs + rttMs });
        lane.shift();
      }
      if (left < 1) break;
      yield* this.#write();
    }
  }

  *stored(nowMs: number): Generator<Frame> {
    while (this.#landing[0] !== undefined && this.#landing[0].atMs <= nowMs) {
      yield this.#landing.shift()!.frame;
    }
  }

  get #all(): readonly Frame[][] {
    return [...this.#left, ...this.#lanes];
  }

  *#write(): Generator<Frame> {
    const { laneBytes = 0 } = this.#path;
    for (const lane of [...this.#left, ...this.#lanes]) {
      for (;;) {
        const last = lane.at(-1);
        if (last === undefined || last.isWritten) {
          const next = this.#left.includes(lane) ? undefined : this.waiting.shift();
          if (next === undefined) break;
          lane.push(next);
          continue;
        }
        const held = lane.reduce((sum, frame) => sum + frame.toCarry - frame.toWrite, 0);
        // With no buffer at all, what is carried is what is written.
        const room = Math.max(laneBytes, LEAST_LANE_BYTES) - held;
        const written = Math.min(room, last.toWrite);
        last.toWrite -= written;
        if (last.toWrite > 0) break;
        last.isWritten = true;
        yield last;
      }
    }
  }
}

function fixed(level: number): Decision {
  return level === 0 ? { kind: "zeros" } : { kind: "auto", level, leastSaving: 1 / 8 };
}

function begun(
  { frame, rawBytes }: { frame: number; rawBytes: number },
  { decision, material }: { decision: Decision; material: Material },
): Frame {
  const isTried = !material.isZero && decision.kind === "auto" &&
    material.sample <= 1 - decision.leastSaving;
  const level = isTried ? decision.level : 0;
  const { frameMs = 0, triedFrameMs = 0 } = material;
  const packMs = level === 0 ? 0 : triedFrameMs + rawBytes / 1e3 / material.rates[level - 1]!;
  const plain = material.isZero ? ZEROS_BYTES : rawBytes;
  const wire = level === 0 ? plain : Math.round(rawBytes * material.sizes[level - 1]!);
  const baseMs = frameMs + rawBytes * BASE_NS / 1e6;
  const costMs = baseMs + packMs;
  const moved = { wire, toWrite: wire, toCarry: wire, isWritten: false };
  return { frame, rawBytes, decision, material, baseMs, costMs, spentMs: 0, tookMs: 0, ...moved };
}

/** Wall time, as a worker measures it. */
function workOf(frame: Frame): PackWork {
  const { rawBytes, decision, material, costMs, tookMs, wire } = frame;
  const zeroBytes = material.isZero ? rawBytes : 0;
  const isTried = zeroBytes === 0 && wire !== rawBytes;
  const baseMs = frame.baseMs * (tookMs / costMs);
  return {
    busyMs: tookMs,
    zeroBytes,
    sampledBytes: decision.kind === "auto" ? rawBytes - zeroBytes : 0,
    triedBytes: isTried ? rawBytes : 0,
    keptBytes: isTried ? wire : 0,
    triedMs: isTried ? tookMs - baseMs : 0,
    sampleBytes: isTried ? rawBytes * material.sample : 0,
  };
}

/** What everybody who wants a core gets of one. */
function shareOf({ busy, carried: frame, path, rate, cores }: {
  busy: readonly (Frame[] | null)[];
  carried: Frame | undefined;
  path: Path;
  rate: number;
  cores: number;
}): number {
  const packing = busy.filter((job) => job !== null).length;
  const { wireNs = 0, landNs = 0 } = path;
  const moving = frame === undefined
    ? 0
    : rate * (wireNs + landNs * frame.rawBytes / frame.wire) / 1e6;
  return Math.min(1, cores / Math.max(packing + moving, 1e-9));
}

/** A path that costs nothing here has cores of its own. */
function pathShare(share: number, { wireNs = 0, landNs = 0 }: Path): number {
  return wireNs + landNs === 0 ? 1 : share;
}
