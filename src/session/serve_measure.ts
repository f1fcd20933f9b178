// The server's end of a measurement: takes or gives bytes that mean nothing, as many as were asked
// for, to a client whose grant allows that direction; one measurement at a time in a session.

import { SftpxError, toSftpxError } from "../base/errors.ts";
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

/** The last measurement of each session, which the next one waits for. */
const before = new WeakMap<Hub, Promise<void>>();

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
  const previous = before.get(hub);
  before.set(hub, turn.promise);
  try {
    if (!(direction === "up" ? grant.write : grant.read)) {
      const found = direction === "up" ? "the grant is to read" : "the grant is to write";
      throw new SftpxError("refused", `Cannot measure: ${found}`);
    }
    await previous;
    const noise = { bytes, lanes, signal };
    if (direction === "up") await receiveNoise(channel, noise);
    else await sendNoise(channel, noise);
    return { bytes };
  } catch (thrown) {
    await previous;
    throw toSftpxError(thrown);
  } finally {
    turn.resolve();
    channel.close();
  }
}
