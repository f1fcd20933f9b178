// Which transports this program has, best first. One for now; the npm QUIC and TLS ones join here.

import { SftpxError } from "../base/errors.ts";
import { denoQuicTransport } from "../transport/deno_quic.ts";
import type { Transport } from "../transport/transport.ts";

/** Every transport, usable here or not. */
export function transports(): readonly Transport[] {
  return [denoQuicTransport()];
}

/** The best transport that works here; throws `unsupported` with the reason when none does. */
export function chooseTransport(): Transport {
  const reasons: string[] = [];
  for (const transport of transports()) {
    const reason = transport.unavailable();
    if (reason === null) return transport;
    reasons.push(`${transport.name}: ${reason}`);
  }
  throw new SftpxError("unsupported", `Cannot use QUIC: ${reasons.join("; ")}`);
}
