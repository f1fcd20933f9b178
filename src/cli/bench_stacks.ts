// Over what a path is measured: every stack that works here, unless one was named; and how many
// connections and lanes, where that is left to sftpx.

import { chooseTransport, transports } from "../session/transports.ts";
import { type Transport, wantedOf } from "../transport/transport.ts";
import type { TransferChoices } from "./command.ts";

/** Connections, and lanes over all of them. */
export interface Shape {
  readonly connections: number;
  readonly lanes: number;
}

/** What one connection carries; several show whether a window or a loss held it back. */
const ONE: Shape = { connections: 1, lanes: 4 };
const SEVERAL: Shape = { connections: 4, lanes: 16 };
/** Shorter paths are filled by one connection. */
const LONG_MS = 5;

/** The stacks to measure, each by itself. Throws where what was named does not work. */
export async function benchStacks(choices: TransferChoices): Promise<readonly Transport[]> {
  const chosen = await chooseTransport(choices);
  if (choices.transport !== "auto" || choices.quic !== "auto") return chosen.stacks ?? [chosen];
  const wanted = wantedOf(choices);
  return (await transports()).filter((stack) =>
    stack.stacks === undefined && stack.unavailable(wanted) === null
  );
}

/** The shape to begin with. */
export function firstShape({ connections, lanes }: Shape): Shape {
  const first = connections === 0 ? ONE.connections : connections;
  return { connections: first, lanes: lanes === 0 ? first * ONE.lanes : lanes };
}

/** Another one worth trying, now that the round trip is known; null where none is. */
export function nextShape({ connections }: Shape, rttMs: number): Shape | null {
  return connections === 0 && rttMs >= LONG_MS ? SEVERAL : null;
}
