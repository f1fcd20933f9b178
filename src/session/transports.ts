// Which transports this program has, and which one a command uses: QUIC and TLS over TCP raced where
// both work, else the one that does. Of QUIC, Deno's own comes first where it is there; quiche stands in
// where it is not, and where it alone can do what was asked for. Nothing is loaded that is not needed: an
// addon takes its time.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { denoQuicTransport } from "../transport/deno_quic.ts";
import { raceTransport } from "../transport/race.ts";
import { STACK as TLS } from "../transport/tls/connection.ts";
import { tlsTransport } from "../transport/tls/tls.ts";
import { type Transport, type Wanted, wantedOf } from "../transport/transport.ts";
import { emptyRootStore } from "../trust/root_store.ts";

/** What carries the connections: `auto` races QUIC and TLS over TCP. */
export type TransportName = "auto" | "quic" | "tcp";

/** Whose QUIC: `auto` is the best that works here. */
export type QuicChoice = "auto" | "deno" | "npm";

/** What is asked of a transport. */
export interface TransportChoice extends Wanted {
  /** `auto` by default. */
  readonly transport?: TransportName;
  readonly quic: QuicChoice;
}

/** Every transport, usable here or not. */
export async function transports(): Promise<readonly Transport[]> {
  return [denoQuicTransport(), await quiche(), tlsTransport()];
}

/**
 * The transport for a choice; throws `unsupported` with the reasons when there is none. What was named is
 * taken or refused: nothing stands in for it.
 */
export async function chooseTransport(
  choice: TransportChoice,
  { stacks = STACKS, isServer = false, onNotice = () => {} }: ChooseOptions = {},
): Promise<Transport> {
  const { transport: name = "auto" } = choice;
  switch (name) {
    case "quic":
      return taken("QUIC", await firstUsable(stacks[choice.quic], choice));
    case "tcp":
      return taken(OVER_TCP, await firstUsable(stacks.tcp, choice));
    case "auto":
      return await raced(choice, { stacks, isServer, onNotice });
  }
}

async function raced(
  choice: TransportChoice,
  { stacks, isServer, onNotice }: Required<ChooseOptions>,
): Promise<Transport> {
  const quic = await firstUsable(stacks[choice.quic], choice);
  if (choice.quic !== "auto") taken("QUIC", quic);
  // A server's congestion control is that of its QUIC: it takes in over TCP as well.
  const { congestion: _, ...onTcp } = choice;
  const found = await firstUsable(stacks.tcp, isServer ? onTcp : choice);
  if (quic.usable === null) {
    const reasons = [...quic.reasons, ...found.reasons];
    const transport = taken(`QUIC or ${OVER_TCP}`, { ...found, reasons });
    onNotice(`there is no QUIC (${textOf(quic.reasons, "QUIC")}): ${OVER_TCP} is all there is`);
    return transport;
  }
  const tcp = isServer ? found : pinnable(found, quic.usable);
  if (tcp.usable === null) {
    onNotice(`there is no ${OVER_TCP} (${textOf(tcp.reasons, OVER_TCP)}): QUIC is all there is`);
    return quic.usable;
  }
  return raceTransport({ quic: quic.usable, tcp: tcp.usable });
}

/** A pin may hold over QUIC where the runtime's roots stand in TLS's way, and cannot be emptied. */
function pinnable(tcp: Found, quic: Transport): Found {
  if (tcp.usable?.addsToRuntimeRoots !== true || quic.addsToRuntimeRoots) return tcp;
  try {
    emptyRootStore();
    return tcp;
  } catch (thrown) {
    return { usable: null, reasons: [{ who: OVER_TCP, why: toSftpxError(thrown).message }] };
  }
}

export interface ChooseOptions {
  readonly stacks?: Stacks;
  /** It is to listen. */
  readonly isServer?: boolean;
  /** What its user should know of what could not be had. */
  readonly onNotice?: (message: string) => void;
}

/** What there is of a kind: the first that works, and why those before it do not. */
interface Found {
  readonly usable: Transport | null;
  readonly reasons: readonly Reason[];
}

interface Reason {
  readonly who: string;
  readonly why: string;
}

async function firstUsable(loads: readonly Load[], choice: Wanted): Promise<Found> {
  const wanted = wantedOf(choice);
  const reasons: Reason[] = [];
  for (const load of loads) {
    const transport = await load();
    const reason = transport.unavailable(wanted);
    if (reason === null) return { usable: transport, reasons };
    reasons.push({ who: shownOf(transport), why: reason });
  }
  return { usable: null, reasons };
}

function taken(what: string, { usable, reasons }: Found): Transport {
  if (usable !== null) return usable;
  throw new SftpxError("unsupported", `Cannot use ${what}: ${textOf(reasons, what)}`);
}

/** What there is of TCP. */
const OVER_TCP = "TLS over TCP";

/** QUIC has several stacks, which bear names; of TLS there is one, which is what it is called. */
function shownOf({ name }: Transport): string {
  return name === TLS ? OVER_TCP : name;
}

/** Who cannot, and why; who was named before is not named again. */
function textOf(reasons: readonly Reason[], named: string): string {
  return reasons.map(({ who, why }) => who === named ? why : `${who}: ${why}`).join("; ");
}

type Load = () => Transport | Promise<Transport>;

/** What there is for each choice, in the order it is tried. */
export type Stacks = Readonly<Record<QuicChoice | "tcp", readonly Load[]>>;

const STACKS: Stacks = {
  auto: [() => denoQuicTransport(), quiche],
  deno: [() => denoQuicTransport()],
  npm: [quiche],
  tcp: [() => tlsTransport()],
};

/** Forty modules that a run over another stack need not load. */
async function quiche(): Promise<Transport> {
  const { loadQuicheTransport } = await import("../transport/quiche/quiche.ts");
  return await loadQuicheTransport();
}
