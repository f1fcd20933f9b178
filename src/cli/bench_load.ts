// What the measurements work on, and the clock they work by.

import { randomFillSync } from "node:crypto";
import { setImmediate } from "node:timers";
import { LIMITS } from "../base/limits.ts";

/** Bytes of one call: what a transfer works on by default. */
export const LOAD_BYTES = LIMITS.defaultChunkBytes;
/** A rate is known well enough after this long, however much is left. */
const ENOUGH_MS = 3_000;

/** Words that make text: frequent ones first, as in any language. */
const WORDS =
  ("the of and to in is that for it as was with be by on not this are or from at have " +
    "transfer receiver sender chunk digest connection journal identity directory entry file ticket " +
    "error warning started finished seconds bytes path request answer").split(" ");

/** A chunk that does not shrink. */
export function noiseLoad(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(LOAD_BYTES);
  randomFillSync(bytes);
  return bytes;
}

/** A chunk that shrinks as logs and sources do; the same every time. */
export function textLoad(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(LOAD_BYTES);
  const encoder = new TextEncoder();
  let [at, state] = [0, 1];
  while (at < LOAD_BYTES) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    // Squared, so that the first words are met most.
    const rank = Math.floor((state / 2 ** 32) ** 2 * WORDS.length);
    const piece = state % 11 === 0 ? `${state % 100_000}\n` : `${WORDS[rank]} `;
    at += encoder.encodeInto(piece, bytes.subarray(at)).written;
    // A piece that does not fit is not begun.
    if (LOAD_BYTES - at < piece.length) bytes.fill(0x0a, at), at = LOAD_BYTES;
  }
  return bytes;
}

/** What a repeated call came to. */
export interface Pace {
  readonly bytes: number;
  readonly seconds: number;
  readonly bytesPerSecond: number;
}

/** Calls until `bytes` are worked off or the rate is known; lets a signal in between calls. */
export async function paceOf(
  work: () => void,
  { bytes, signal }: { bytes: number; signal: AbortSignal },
): Promise<Pace> {
  work(); // the first one warms up caches and the compiler
  let [doneBytes, spentMs] = [0, 0];
  while (doneBytes < bytes && spentMs < ENOUGH_MS) {
    await breath();
    signal.throwIfAborted();
    const startMs = performance.now();
    work();
    spentMs += performance.now() - startMs;
    doneBytes += LOAD_BYTES;
  }
  return paced(doneBytes, spentMs);
}

/** A pace of bytes and the time they took. */
export function paced(bytes: number, ms: number): Pace {
  const seconds = Math.max(ms, Number.EPSILON) / 1000;
  return { bytes, seconds, bytesPerSecond: Math.round(bytes / seconds) };
}

/** Lets everything else have a turn. */
export function breath(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
