// What each connection has taken and the receiver has not stored. A transport takes megabytes at once,
// however slow its connection is, and connections of one path are not equally fast: without a bound the
// slowest of them ends the transfer, with frames that the others would long have brought.

import type { Range } from "../wire/messages.ts";

/** A connection may have as many bytes under way, whatever they take: one that has just joined, too. */
const LEAST_BYTES = 1024 * 1024;
/** What a connection has under way beyond two of its quickest frames' times may take so long. */
const AHEAD_MS = 500;
/** A connection is silent that brings nothing for so long, and for so many times what that should take. */
const SILENT_MS = 500;
const SILENT_TIMES = 2;
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
    for (const [first, count] of ranges) {
      // Most numbers of a range from a liar name nothing: what is under way bounds the work (I3).
      for (const frame of this.#frames.keys()) {
        if (frame >= first && frame < first + count) this.#stored(frame, nowMs);
      }
    }
  }

  /** Frames are another connection's from now on, or nobody's. */
  lost(frames: readonly number[]): void {
    for (const frame of frames) this.#drop(frame);
  }

  /** Connections that have something under way, and long have brought nothing of it. */
  silent(nowMs: number): readonly number[] {
    const connections = [...this.#connections.values()];
    const rates = connections.map(({ bytesPerMs }) => bytesPerMs).filter((rate) => rate > 0);
    // One that never brought anything is measured by the slowest that did.
    const slowest = Math.min(...rates);
    const isSilent = ({ bytes, bytesPerMs, heardMs }: Connection) => {
      if (bytes === 0 || rates.length === 0) return false;
      const takesMs = bytes / (bytesPerMs > 0 ? bytesPerMs : slowest);
      return nowMs - heardMs > SILENT_MS + SILENT_TIMES * takesMs;
    };
    return connections.filter(isSilent).map(({ number }) => number);
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
