// What each connection has taken and the receiver has not stored. A transport takes megabytes at once,
// however slow its connection is, and connections of one path are not equally fast: without a bound the
// slowest of them ends the transfer, with frames that the others would long have brought.

import { keysWithin } from "../base/ranges.ts";
import type { Range } from "../wire/messages.ts";

/** A connection may have as many bytes under way, whatever they take: one that has just joined, too. */
const LEAST_BYTES = 1024 * 1024;
/** What a connection has under way beyond two of its quickest frames' times may take so long. */
const AHEAD_MS = 500;
/** A connection is silent that brings nothing for so long, and for so many times what that should take. */
const SILENT_MS = 1_000;
const SILENT_TIMES = 2;
/** Who looks so seldom was away itself: what others sent meanwhile is still to be read. */
const AWAY_MS = 1_000;
/** Weight of the latest frame in a connection's rate. */
const LATEST = 0.5;

interface Frame {
  readonly connection: Connection;
  readonly bytes: number;
  readonly takenMs: number;
  /** What the connection had to bring until it was stored, itself included. */
  readonly aheadBytes: number;
}

interface Connection {
  readonly number: number;
  /** Bytes that were taken and are not stored. */
  bytes: number;
  /** Shortest time from a frame's taking to its storing; infinite until there was one. */
  leastMs: number;
  bytesPerMs: number;
  /** When anything of it was stored last, or it took something after it had nothing. */
  heardMs: number;
}

export class LaneBacklog {
  readonly #frames = new Map<number, Frame>();
  readonly #connections = new Map<number, Connection>();
  #lookedMs: number | null = null;

  /** Whether a connection is to take another frame. */
  hasRoom(number: number): boolean {
    const connection = this.#connections.get(number);
    if (connection === undefined || connection.bytes < LEAST_BYTES) return true;
    const { bytes, leastMs, bytesPerMs } = connection;
    return leastMs < Infinity && bytes < bytesPerMs * (2 * leastMs + AHEAD_MS);
  }

  /** A connection takes a frame. */
  took(frame: number, { number, bytes, nowMs }: {
    readonly number: number;
    readonly bytes: number;
    readonly nowMs: number;
  }): void {
    const connection = this.#connections.get(number) ??
      { number, bytes: 0, leastMs: Infinity, bytesPerMs: 0, heardMs: nowMs };
    this.#connections.set(number, connection);
    if (connection.bytes === 0) connection.heardMs = nowMs;
    connection.bytes += bytes;
    this.#frames.set(frame, { connection, bytes, takenMs: nowMs, aheadBytes: connection.bytes });
  }

  /** The receiver has frames. */
  stored(ranges: readonly Range[], nowMs: number): void {
    for (const frame of keysWithin(this.#frames, ranges)) this.#stored(frame, nowMs);
  }

  /** Frames are another connection's from now on, or nobody's. */
  lost(frames: readonly number[]): void {
    for (const frame of frames) this.#drop(frame);
  }

  /**
   * A connection that has something under way and long has brought nothing of it, though others bring what
   * they have, or have nothing; null where there is none. To be asked again and again: of several it is one at
   * a time. Where none brings anything it is the receiver that stands still.
   */
  silent(nowMs: number): number | null {
    const wasAway = this.#lookedMs !== null && nowMs - this.#lookedMs > AWAY_MS;
    this.#lookedMs = nowMs;
    const all = [...this.#connections.values()];
    for (const connection of wasAway ? all : []) connection.heardMs = nowMs;
    const busy = all.filter(({ bytes }) => bytes > 0);
    const found = busy.find((connection) =>
      nowMs - connection.heardMs > this.#patienceMs(connection)
    );
    if (found === undefined) return null;
    const others = busy.filter((connection) => connection !== found);
    const isAlone = others.length === 0 && all.length > 1;
    if (!isAlone && !others.some(({ heardMs }) => nowMs - heardMs < SILENT_MS)) return null;
    return found.number;
  }

  /** How long a connection may take until anything of what it has is stored. */
  #patienceMs({ bytes, leastMs, bytesPerMs }: Connection): number {
    const known = [...this.#connections.values()].filter((other) => other.bytesPerMs > 0);
    if (known.length === 0) return Infinity;
    // One that never brought anything is measured by the slowest that did.
    const rate = bytesPerMs > 0 ? bytesPerMs : Math.min(...known.map((other) => other.bytesPerMs));
    const wayMs = leastMs < Infinity ? leastMs : Math.max(...known.map((other) => other.leastMs));
    return SILENT_MS + SILENT_TIMES * (wayMs + bytes / rate);
  }

  #stored(number: number, nowMs: number): void {
    const frame = this.#drop(number);
    if (frame === null) return;
    const { connection, takenMs, aheadBytes } = frame;
    const ms = Math.max(1, nowMs - takenMs);
    const isFirst = connection.leastMs === Infinity;
    connection.heardMs = nowMs;
    connection.leastMs = Math.min(connection.leastMs, ms);
    connection.bytesPerMs += (isFirst ? 1 : LATEST) * (aheadBytes / ms - connection.bytesPerMs);
  }

  #drop(number: number): Frame | null {
    const frame = this.#frames.get(number) ?? null;
    if (frame !== null) frame.connection.bytes -= frame.bytes;
    this.#frames.delete(number);
    return frame;
  }
}
