// Measuring the path to a server: its round trip, then how fast bytes go up and come down, one after
// the other, over as many lanes and connections as a transfer would use.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { onChannel } from "./abort.ts";
import { ClientSession } from "./client_session.ts";
import { receiveNoise, sendNoise } from "./noise.ts";
import type { Measurement, MeasureOptions } from "./options.ts";

/** Pings of which the fastest is the round trip: the first ones warm the path up. */
const PINGS = 8;

const MOST_LANES = LIMITS.connections * LIMITS.lanesPerConnection;

/** Measures the path to a server. Throws what stopped it; a direction not granted is null. */
export async function measure(options: MeasureOptions): Promise<Measurement> {
  const { bytes, lanes, remote, signal } = options;
  if (!Number.isSafeInteger(bytes) || bytes < 1 || bytes > LIMITS.measureBytes) {
    throw new RangeError(`A measurement moves 1 to ${LIMITS.measureBytes} bytes, not ${bytes}`);
  }
  if (!Number.isSafeInteger(lanes) || lanes < 1) {
    throw new RangeError(`A measurement takes one lane or more, not ${lanes}`);
  }
  try {
    await using session = await ClientSession.open(options, remote);
    await session.joined;
    const { hub, welcome } = session;
    const pings = { pings: PINGS, timeoutMs: options.timeoutMs };
    const rttMs = await hub.roundTripMs(pings);
    signal.throwIfAborted();
    if (rttMs === null) {
      throw new SftpxError("lost", "Lost the peer: it does not answer", { remote: true });
    }
    const run = new Run(session, options, rttMs);
    const upBytesPerSecond = welcome.write ? await run.move("up") : null;
    const downBytesPerSecond = welcome.read ? await run.move("down") : null;
    const address = session.address;
    await session.part();
    return { address, rttMs, upBytesPerSecond, downBytesPerSecond };
  } catch (thrown) {
    throw toSftpxError(signal.aborted ? signal.reason : thrown);
  }
}

class Run {
  readonly #session: ClientSession;
  readonly #options: MeasureOptions;
  readonly #rttMs: number;
  #transfer = 0;

  constructor(session: ClientSession, options: MeasureOptions, rttMs: number) {
    this.#session = session;
    this.#options = options;
    this.#rttMs = rttMs;
  }

  /** Moves the bytes one way; bytes a second. */
  async move(direction: "up" | "down"): Promise<number> {
    const { bytes, signal } = this.#options;
    const lanes = Math.min(this.#options.lanes, MOST_LANES);
    const { hub } = this.#session;
    const transfer = ++this.#transfer;
    const channel = hub.open(transfer);
    return await onChannel(channel, async () => {
      channel.send({ type: "measure", transfer, direction, bytes, lanes });
      const noise = { bytes, lanes, signal };
      if (direction === "down") return rate(bytes, await receiveNoise(channel, noise));
      // Lanes that come before their message belong to nobody.
      await channel.caughtUp();
      const tookMs = await sendNoise(channel, noise);
      // The first byte on its way there and the answer on its way back are no throughput.
      return rate(bytes, Math.max(tookMs - this.#rttMs, tookMs / 2));
    }, { signal });
  }
}

function rate(bytes: number, tookMs: number): number {
  // The clock may be coarser than a few bytes are long on their way.
  return bytes / (Math.max(tookMs, 0.001) / 1000);
}
