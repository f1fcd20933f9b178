// How the lanes of a sending transfer spend their time, and what they carried: whether it is bound by
// its source or by the path is read from that.

import { LIMITS } from "../base/limits.ts";
import type { OutgoingLane } from "./hub.ts";
import { OrderedSend } from "./ordered_send.ts";

/** On a long path a whole frame is seconds of a lane: it is counted by pieces of these bytes. */
const PIECE_BYTES = 256 * 1024;

interface Share {
  /** Since when it waits, or works. */
  sinceMs: number;
  isWaiting: boolean;
}

export class LaneTimes {
  readonly #carried = new Map<number, number>();
  readonly #shares = new Map<object, Share>();
  readonly #now: () => number;
  #waitedMs = 0;
  #workedMs = 0;

  /** `now` is the monotonic clock, milliseconds; a test brings its own. */
  constructor({ now = () => performance.now() }: { readonly now?: () => number } = {}) {
    this.#now = now;
  }

  /** Bytes that a connection's lanes took so far. */
  carriedBy(connection: number): number {
    return this.#carried.get(connection) ?? 0;
  }

  /** A lane waits for a frame. */
  waits(lane: object): void {
    this.#turn(lane, true);
  }

  /** A lane has one. */
  works(lane: object): void {
    this.#turn(lane, false);
  }

  ended(lane: object): void {
    this.#turn(lane, false);
    this.#shares.delete(lane);
  }

  /** Share of their time since the last call in which lanes waited; all of it where there was none. */
  takeIdleShare(): number {
    for (const [lane, { isWaiting }] of this.#shares) this.#turn(lane, isWaiting);
    const [waitedMs, workedMs] = [this.#waitedMs, this.#workedMs];
    this.#waitedMs = 0;
    this.#workedMs = 0;
    return waitedMs + workedMs === 0 ? 1 : waitedMs / (waitedMs + workedMs);
  }

  /** The same lane, whose bytes are counted once they are taken. */
  counted(lane: OutgoingLane, rttMs: () => number | null): OutgoingLane {
    const { connection, stream } = lane;
    const write = async (bytes: Uint8Array<ArrayBuffer>) => {
      // The first lanes are there before it is known how long the path is.
      const pieceBytes = (rttMs() ?? 0) >= LIMITS.shortPathMs ? PIECE_BYTES : Infinity;
      for (let at = 0; at < bytes.byteLength; at += pieceBytes) {
        const piece = bytes.subarray(at, at + pieceBytes);
        await stream.write(piece);
        this.#carried.set(connection, this.carriedBy(connection) + piece.byteLength);
      }
    };
    return { ...lane, stream: new OrderedSend(stream, { write }) };
  }

  #turn(lane: object, isWaiting: boolean): void {
    const nowMs = this.#now();
    const share = this.#shares.get(lane);
    if (share === undefined) {
      this.#shares.set(lane, { sinceMs: nowMs, isWaiting });
      return;
    }
    if (share.isWaiting) this.#waitedMs += nowMs - share.sinceMs;
    else this.#workedMs += nowMs - share.sinceMs;
    share.sinceMs = nowMs;
    share.isWaiting = isWaiting;
  }
}
