// Flags that say what carries the connections: which of them contradict each other, and what they rule
// out where a server cannot be reached.

import type { ErrorCode } from "../base/errors.ts";
import type { QuicChoice, TransportName } from "../session/transports.ts";
import type { Congestion } from "../transport/transport.ts";
import type { Command, TransferChoices } from "./command.ts";
import { findFlag } from "./flags.ts";
import { type Given, written } from "./layer.ts";
import type { Settings } from "./settings.ts";
import { usageError } from "./usage_error.ts";

/** What means nothing over TCP, and why. */
const QUIC_ONLY = {
  congestion: "the system controls how TCP meets congestion",
  quic: "there is no QUIC in it",
} as const;

/**
 * What carries the connections. Throws `usage` where TCP alone is to, and something is said of QUIC; what
 * no command line says gives way to what one does.
 */
export function carrierChoices(
  settings: Settings,
): Pick<TransferChoices, "transport" | "quic" | "congestion"> {
  return {
    transport: settings.text("transport") as TransportName,
    quic: quicFlag(settings, "quic") as QuicChoice,
    congestion: quicFlag(settings, "congestion") as Congestion,
  };
}

function quicFlag(settings: Settings, name: keyof typeof QUIC_ONLY): string {
  const text = settings.text(name) ?? "auto";
  const [given, tcp] = [settings.find(name), settings.find("transport")];
  if (settings.text("transport") !== "tcp" || text === "auto" || given === null || tcp === null) {
    return text;
  }
  if (settings.isTyped("transport") && !settings.isTyped(name)) return "auto";
  const [what, by] = [writtenAs(name, given), writtenAs("transport", tcp)];
  throw usageError(`use ${what} with ${by}`, QUIC_ONLY[name]);
}

function writtenAs(name: string, { texts, origin }: Given): string {
  const flag = findFlag(name);
  if (flag === null) throw new TypeError(`No flag is named ${name}`);
  return written(flag, texts[0] ?? "", origin);
}

/** What to do about a failure where this command's flags say more than the table of errors. */
export function adviceFor(command: Command): Partial<Record<ErrorCode, string>> {
  if (!("transfer" in command) || command.name === "serve") return {};
  const { transport, congestion } = command.transfer;
  const unreachable = reachAdvice({ transport, congestion });
  return unreachable === null ? {} : { unreachable };
}

function reachAdvice(
  { transport, congestion }: Pick<TransferChoices, "transport" | "congestion">,
): string | null {
  const over = (protocol: string) => `Check the address, and that ${protocol} reaches the port`;
  if (transport === "tcp") return `${over("TCP")}, or let --transport auto try QUIC as well.`;
  if (transport === "quic") return `${over("UDP")}, or let --transport auto go over TCP.`;
  if (congestion === "auto") return null;
  return `${over("UDP")}: --congestion ${congestion} leaves no way over TCP.`;
}
