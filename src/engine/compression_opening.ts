// The level to begin with, until the rate of a path was felt: the more lies between the workers and the
// receiver, the more time there is to compress what comes behind it. Buffers of a path take megabytes at
// once however slow it is; that says nothing, and only what is stored at the other end says something.

import { LIMITS } from "../base/limits.ts";
import { type Economics, type Way, WAYS } from "./compression_costs.ts";

/** As fast as a path may be that nothing came back from yet: beyond, workers are behind at any level. */
const HOPED_BYTES_PER_MS = 75_000;
/** A path that begins may come to so many times what it took so far. */
const HOPED_TIMES = 2;
/** A path within one machine that brings nothing back for so long is none: a tunnel only looks like it. */
const SILENT_MS = 1_000;

export class Opening {
  readonly #rttMs: number;
  #isFast: boolean;
  #beganMs: number | null = null;
  /** When anything was stored last. */
  #heardMs = 0;
  /** Bytes that were packed and are not stored. */
  #aheadBytes = 0;
  #storedBytes = 0;

  /** Within one machine it leaves the level alone, unless nothing comes back. */
  constructor({ isFast, rttMs }: { readonly isFast: boolean; readonly rttMs: number }) {
    this.#isFast = isFast;
    this.#rttMs = rttMs;
  }

  packed(bytes: number, nowMs: number): void {
    if (this.#aheadBytes === 0) this.#heardMs = nowMs;
    this.#beganMs ??= nowMs;
    this.#aheadBytes += bytes;
  }

  lost(bytes: number): void {
    this.#aheadBytes -= bytes;
  }

  stored(bytes: number, nowMs: number): void {
    this.#heardMs = nowMs;
    this.#aheadBytes -= bytes;
    this.#storedBytes += bytes;
  }

  /**
   * The highest level at which a frame of so many bytes comes before the path has nothing left, but never
   * below the first; null where it is not for this to say.
   */
  way(costs: Economics, { rawBytes, nowMs }: { rawBytes: number; nowMs: number }): Way | null {
    const isSilent = this.#aheadBytes > 0 && nowMs - this.#heardMs >= SILENT_MS;
    if (this.#isFast && !isSilent) return null;
    this.#isFast = false;
    // What a round trip carries has left, and its word is only on its way.
    const leftMs = this.#aheadBytes / this.#hopedBytesPerMs(nowMs) - this.#rttMs;
    const inTime = (way: Way) => costs.msPerByte(way) * rawBytes <= leftMs;
    const first = LIMITS.defaultZstdLevel;
    if (!costs.hasTried) return first;
    return WAYS.findLast((way) => way > first && inTime(way)) ?? first;
  }

  #hopedBytesPerMs(nowMs: number): number {
    const ms = Math.max(1, nowMs - (this.#beganMs ?? nowMs) - this.#rttMs);
    return Math.max(HOPED_BYTES_PER_MS, HOPED_TIMES * this.#storedBytes / ms);
  }
}
