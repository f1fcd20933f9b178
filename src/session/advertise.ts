// The addresses a ticket names: where this machine can be reached, as far as it knows.

import { networkInterfaces } from "node:os";
import { LIMITS } from "../base/limits.ts";

const ANY: ReadonlySet<string> = new Set(["::", "0.0.0.0", ""]);

/** One place a ticket names. */
export interface TicketAddress {
  readonly hostname: string;
  readonly port: number;
}

/** Addresses for the tickets of a listener: those given, port 0 being its own; else all it has. */
export function ticketAddresses(
  bound: TicketAddress,
  given: readonly TicketAddress[],
): readonly TicketAddress[] {
  if (given.length === 0) return advertisedAddresses(bound);
  return given.map(({ hostname, port }) => ({ hostname, port: port === 0 ? bound.port : port }));
}

/** Addresses for a listener: its own, or every outside address of the machine if bound to any. */
export function advertisedAddresses(bound: TicketAddress): TicketAddress[] {
  if (!ANY.has(bound.hostname)) return [{ hostname: bound.hostname, port: bound.port }];
  const wanted = bound.hostname === "0.0.0.0" ? "IPv4" : null;
  const found = outsideAddresses().filter(({ family }) => wanted === null || family === wanted);
  const hostnames = found.length > 0 ? found.map(({ address }) => address) : ["127.0.0.1"];
  return hostnames.slice(0, LIMITS.ticketAddresses)
    .map((hostname) => ({ hostname, port: bound.port }));
}

/** IPv4 first: it is reached from more places, and a dialer tries both anyway. */
function outsideAddresses(): { address: string; family: string }[] {
  try {
    return Object.values(networkInterfaces()).flatMap((list) => list ?? [])
      .filter(({ internal, address }) => !internal && !/^fe[89ab]/i.test(address))
      .map(({ address, family }) => ({ address, family: String(family) }))
      .sort((a, b) => a.family.localeCompare(b.family));
  } catch {
    return []; // Not permitted to ask: loopback, and `--advertise` for the rest.
  }
}
