// How a session's further connection is reached, in a session or before there is one: pinned as the first one
// was, under the congestion control that what is known of the path asks for. It is closed where what is
// done with it fails.

import { congestionOf } from "../engine/congestion_choice.ts";
import type { Connection, HostPort, Transport } from "../transport/transport.ts";
import { anchorPem } from "../trust/certificate.ts";
import type { SessionOptions } from "./options.ts";
import { reachWithin } from "./reach.ts";

export interface FurtherDialOptions {
  readonly transport: Transport;
  readonly addresses: readonly HostPort[];
  /** Public key of the server. */
  readonly identity: Uint8Array;
  /** What is known of the path, where the user leaves the congestion control open. */
  readonly path: Parameters<typeof congestionOf>[0];
  /** Longest time for all of it, where the user gives no shorter one. */
  readonly mostMs: number;
  readonly waitsForBusy: boolean;
  /** Ends it, as the session's own signal does. */
  readonly signal: AbortSignal;
  /** Makes it one of the session's. */
  readonly use: (connection: Connection, signal: AbortSignal) => Promise<void>;
}

/** Settles when the connection is in use; rejects when it cannot be had. */
export async function dialFurther(
  options: SessionOptions,
  { identity, path, mostMs, use, ...how }: FurtherDialOptions,
): Promise<void> {
  const pin = { protocol: "sftpx/1", anchorPem: anchorPem(identity) } as const;
  const to = {
    ...options,
    ...how,
    congestion: options.congestion === "auto" ? congestionOf(path) : options.congestion,
    timeoutMs: Math.min(options.timeoutMs, mostMs),
    signal: AbortSignal.any([options.signal, how.signal]),
  };
  await reachWithin(to, async (dial, signal) => {
    const connection = await dial(pin);
    try {
      await use(connection, signal);
    } catch (error) {
      connection.close("none", "");
      throw error;
    }
  });
}
