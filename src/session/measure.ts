// Measuring the path to a server: its round trip, then how fast bytes go up and come down, one after
// the other, over as many lanes and connections as a transfer would use.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Connection } from "../transport/transport.ts";
import { onChannel } from "./abort.ts";
import { ClientSession } from "./client_session.ts";
import { receiveNoise, sendNoise } from "./noise.ts";
import type { Measurement, MeasureOptions } from "./options.ts";
import { type RateLimit, rateLimitOf } from "./rate_limit.ts";

/** Pings of which the fastest is the round trip: the first ones warm the path up. */
const PINGS = 8;

/** The first of several measurements, where time bounds them: a few windows on any path. */
const FIRST_BYTES = 2 << 20;
/** How much longer the next one is made: at the rate before, which was slower while it started. */
const GROWTH = { least: 2, most: 8, aim: 1.25 } as const;

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
    const up = welcome.write ? await run.move("up") : NOT_MOVED;
    const down = welcome.read ? await run.move("down") : NOT_MOVED;
    const carried = carriedBy(hub.connections);
    const address = session.address;
    await session.part();
    return {
      address,
      rttMs,
      upBytesPerSecond: up.bytesPerSecond,
      downBytesPerSecond: down.bytesPerSecond,
      upBytes: up.bytes,
      downBytes: down.bytes,
      ...carried,
    };
  } catch (thrown) {
    throw toSftpxError(signal.aborted ? signal.reason : thrown);
  }
}

/** One direction; no bytes where it is not granted. */
interface Moved {
  readonly bytes: number;
  readonly bytesPerSecond: number | null;
}

const NOT_MOVED: Moved = { bytes: 0, bytesPerSecond: null };

/** Over what, asked while the connections are there. */
function carriedBy(
  connections: readonly Connection[],
): Pick<Measurement, "stack" | "connections" | "lossRatio"> {
  const losses = connections.map((connection) => connection.stats().lossRatio)
    .filter((ratio) => ratio !== null);
  return {
    stack: [...new Set(connections.map(({ stack }) => stack))].join("+"),
    connections: connections.length,
    lossRatio: losses.length === 0 ? null : Math.max(...losses),
  };
}

class Run {
  readonly #session: ClientSession;
  readonly #options: MeasureOptions;
  readonly #rttMs: number;
  readonly #limit: RateLimit | null;
  #transfer = 0;

  constructor(session: ClientSession, options: MeasureOptions, rttMs: number) {
    this.#session = session;
    this.#options = options;
    this.#rttMs = rttMs;
    this.#limit = rateLimitOf(options.rateBytesPerSecond);
  }

  /** Moves bytes one way: all of them, or as many as it takes to know the rate. */
  async move(direction: "up" | "down"): Promise<Moved> {
    const { onDirection } = this.#options;
    onDirection?.(direction, false);
    const moved = await this.#enough(direction);
    onDirection?.(direction, true);
    return moved;
  }

  async #enough(direction: "up" | "down"): Promise<Moved> {
    const { bytes: most, enoughMs } = this.#options;
    let bytes = enoughMs === undefined ? most : Math.min(most, FIRST_BYTES);
    for (;;) {
      const bytesPerSecond = await this.#once(direction, bytes);
      const tookMs = bytes / bytesPerSecond * 1000;
      if (enoughMs === undefined || bytes >= most || tookMs >= enoughMs) {
        return { bytes, bytesPerSecond };
      }
      const { least, most: steepest, aim } = GROWTH;
      const growth = Math.max(least, Math.min(steepest, aim * enoughMs / tookMs));
      bytes = Math.min(most, Math.ceil(bytes * growth));
    }
  }

  /** Moves so many; bytes a second. */
  async #once(direction: "up" | "down", bytes: number): Promise<number> {
    const { signal } = this.#options;
    const lanes = Math.min(this.#options.lanes, MOST_LANES);
    const { hub } = this.#session;
    const transfer = ++this.#transfer;
    const channel = hub.open(transfer);
    return await onChannel(channel, async () => {
      channel.send({ type: "measure", transfer, direction, bytes, lanes });
      const noise = { bytes, lanes, limit: this.#limit, signal };
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
