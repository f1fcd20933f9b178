// The server's end of measurements: takes or gives bytes that mean nothing, as many as were asked
// for, to a client whose grant allows that direction; one measurement at a time in a session, and so
// many bytes of it in all.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { type Admitted, requireRead, requireWrite } from "../trust/grant.ts";
import type { Measure } from "../wire/messages.ts";
import type { TransferChannel } from "./hub.ts";
import { receiveNoise, sendNoise } from "./noise.ts";
import type { RateLimit } from "./rate_limit.ts";

export interface ServeMeasureOptions {
  readonly admitted: Admitted;
  /** What this end keeps to. */
  readonly limit?: RateLimit | null;
  readonly signal: AbortSignal;
}

/** What was moved, for the access log. */
export interface MeasuredBytes {
  readonly bytes: number;
}

/** What one session measures. */
export class Measurements {
  /** Settles with the last one, which the next one waits for. */
  #over: Promise<void> = Promise.resolve();
  /** Asked for so far, both ways, moved or not. */
  #bytes = 0;

  /**
   * Runs one `measure` to its `measured`, once those before it are over. Throws what went wrong,
   * `refused` first of all; telling the peer is the caller's. The channel is closed in any case.
   */
  async serve(
    channel: TransferChannel,
    first: Measure,
    { admitted, limit = null, signal }: ServeMeasureOptions,
  ): Promise<MeasuredBytes> {
    const { direction, bytes, lanes } = first;
    const turn = Promise.withResolvers<void>();
    const before = this.#over;
    this.#over = turn.promise;
    try {
      this.#count(bytes);
      if (direction === "up") requireWrite(admitted, "measure");
      else requireRead(admitted, "measure");
      await before;
      const noise = { bytes, lanes, limit, signal };
      if (direction === "up") await receiveNoise(channel, noise);
      else await sendNoise(channel, noise);
      return { bytes };
    } catch (thrown) {
      await before;
      throw toSftpxError(thrown);
    } finally {
      turn.resolve();
      channel.close();
    }
  }

  #count(bytes: number): void {
    if (this.#bytes + bytes > LIMITS.measureBytesPerSession) {
      throw new SftpxError("limit", "Cannot measure: this session has measured enough");
    }
    this.#bytes += bytes;
  }
}
