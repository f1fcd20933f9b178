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
  options: ChooseOptions = {},
): Promise<Transport> {
  const { transport: name = "auto" } = choice;
  const { stacks = STACKS, isServer = false, onNotice = () => {}, emptyRoots = emptyRootStore } =
    options;
  const how = { stacks, isServer, onNotice, emptyRoots };
  switch (name) {
    case "quic":
      return taken("QUIC", await quicOf(choice, how));
    case "tcp":
      return taken(OVER_TCP, await firstUsable(stacks.tcp, choice));
    case "auto":
      return await raced(choice, how);
  }
}

async function raced(
  choice: TransportChoice,
  { onNotice, ...how }: Required<ChooseOptions>,
): Promise<Transport> {
  const { stacks, isServer, emptyRoots } = how;
  const quic = await quicOf(choice, how);
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
  const tcp = isServer ? found : pinnable(found, quic.usable, emptyRoots);
  if (tcp.usable === null) {
    onNotice(`there is no ${OVER_TCP} (${textOf(tcp.reasons, OVER_TCP)}): QUIC is all there is`);
    return quic.usable;
  }
  return raceTransport({ quic: quic.usable, tcp: tcp.usable });
}

/**
 * The first QUIC that works, and of two that do, for a client, the one over which a pin holds where the runtime
 * has read its roots too early. Where there is none such, or a permission is missing, the first one says so
 * itself when it is to connect, and what helps.
 */
async function quicOf(
  choice: TransportChoice,
  { stacks, isServer, emptyRoots }: Omit<Required<ChooseOptions>, "onNotice">,
): Promise<Found> {
  const loads = stacks[choice.quic];
  const first = await firstUsable(loads, choice);
  if (isServer || first.usable === null) return first;
  if (unpinned(first.usable, emptyRoots)?.code !== "unsupported") return first;
  const other = await firstUsable(loads.slice(first.reasons.length + 1), choice);
  const isBetter = other.usable !== null && unpinned(other.usable, emptyRoots) === null;
  return isBetter ? other : first;
}

/** A pin may hold over QUIC where the runtime's roots stand in TLS's way, and cannot be emptied. */
function pinnable(tcp: Found, quic: Transport, emptyRoots: () => void): Found {
  if (tcp.usable === null || quic.addsToRuntimeRoots) return tcp;
  const why = unpinned(tcp.usable, emptyRoots)?.message;
  return why === undefined ? tcp : { usable: null, reasons: [{ who: OVER_TCP, why }] };
}

/** Why no pin holds over it; null where it does. */
function unpinned({ addsToRuntimeRoots }: Transport, emptyRoots: () => void): SftpxError | null {
  if (!addsToRuntimeRoots) return null;
  try {
    emptyRoots();
    return null;
  } catch (thrown) {
    return toSftpxError(thrown);
  }
}

export interface ChooseOptions {
  readonly stacks?: Stacks;
  /** It is to listen. */
  readonly isServer?: boolean;
  /** What its user should know of what could not be had. */
  readonly onNotice?: (message: string) => void;
  /** Throws where the runtime's own authorities stay; `emptyRootStore` by default. */
  readonly emptyRoots?: () => void;
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
