// The server's end of a measurement: takes or gives bytes that mean nothing, as many as were asked
// for, to a client whose grant allows that direction; one measurement at a time in a session, and so
// many bytes of it in all.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Grant } from "../trust/grant.ts";
import type { Measure } from "../wire/messages.ts";
import type { Hub, TransferChannel } from "./hub.ts";
import { receiveNoise, sendNoise } from "./noise.ts";

export interface ServeMeasureOptions {
  /** The session's own: one measurement at a time runs over it. */
  readonly hub: Hub;
  readonly grant: Grant;
  readonly signal: AbortSignal;
}

/** What was moved, for the access log. */
export interface MeasuredBytes {
  readonly bytes: number;
}

/** What a session has measured. */
interface Measurements {
  /** Settles with the last one, which the next one waits for. */
  readonly over: Promise<void>;
  /** Asked for so far, both ways, moved or not. */
  readonly bytes: number;
}

const measurements = new WeakMap<Hub, Measurements>();

/**
 * Runs one `measure` to its `measured`, once those before it are over. Throws what went wrong,
 * `refused` first of all; telling the peer is the caller's. The channel is closed in any case.
 */
export async function serveMeasure(
  channel: TransferChannel,
  first: Measure,
  { hub, grant, signal }: ServeMeasureOptions,
): Promise<MeasuredBytes> {
  const { direction, bytes, lanes } = first;
  const turn = Promise.withResolvers<void>();
  const before = measurements.get(hub);
  const askedBytes = before?.bytes ?? 0;
  const hasRoom = askedBytes + bytes <= LIMITS.measureBytesPerSession;
  measurements.set(hub, { over: turn.promise, bytes: askedBytes + (hasRoom ? bytes : 0) });
  try {
    if (!hasRoom) {
      throw new SftpxError("limit", "Cannot measure: this session has measured enough");
    }
    if (!(direction === "up" ? grant.write : grant.read)) {
      const found = direction === "up" ? "the grant is to read" : "the grant is to write";
      throw new SftpxError("refused", `Cannot measure: ${found}`);
    }
    await before?.over;
    const noise = { bytes, lanes, signal };
    if (direction === "up") await receiveNoise(channel, noise);
    else await sendNoise(channel, noise);
    return { bytes };
  } catch (thrown) {
    await before?.over;
    throw toSftpxError(thrown);
  } finally {
    turn.resolve();
    channel.close();
  }
}
