// Which transports this program has, and which one a command uses. Deno's own QUIC comes first where it
// is there; quiche stands in where it is not, and where it alone can do what was asked for. Nothing is
// loaded that is not needed: an addon takes its time.

import { SftpxError } from "../base/errors.ts";
import { denoQuicTransport } from "../transport/deno_quic.ts";
import { loadQuicheTransport } from "../transport/quiche/quiche.ts";
import { type Transport, type Wanted, wantedOf } from "../transport/transport.ts";

/** Whose QUIC: `auto` is the best that works here. */
export type QuicChoice = "auto" | "deno" | "npm";

/** What is asked of a transport. */
export interface TransportChoice extends Wanted {
  readonly quic: QuicChoice;
}

/** Every transport, usable here or not. */
export async function transports(): Promise<readonly Transport[]> {
  return [denoQuicTransport(), await loadQuicheTransport()];
}

/** The best transport that works here; throws `unsupported` with the reasons when none does. */
export async function chooseTransport(
  choice: TransportChoice,
  stacks: Stacks = STACKS,
): Promise<Transport> {
  const wanted = wantedOf(choice);
  const reasons: string[] = [];
  for (const load of stacks[choice.quic]) {
    const transport = await load();
    const reason = transport.unavailable(wanted);
    if (reason === null) return transport;
    reasons.push(`${transport.name}: ${reason}`);
  }
  throw new SftpxError("unsupported", `Cannot use QUIC: ${reasons.join("; ")}`);
}

/** What there is for each choice, in the order it is tried. */
export type Stacks = Readonly<
  Record<QuicChoice, readonly (() => Transport | Promise<Transport>)[]>
>;

const STACKS: Stacks = {
  auto: [() => denoQuicTransport(), () => loadQuicheTransport()],
  deno: [() => denoQuicTransport()],
  npm: [() => loadQuicheTransport()],
};
