// What a race for a connection says of its outcome.

import { SftpxError, toldCode } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { formatAddress, mostTelling, SILENCE } from "./addresses.ts";
import type { CloseInfo, HostPort } from "./transport.ts";

/** An address as it is shown. */
export function shownOf({ hostname, port }: HostPort): string {
  return escapeText(formatAddress(hostname, port));
}

/** Why it goes over TLS. */
export function insteadOfQuic(at: HostPort, error: SftpxError | "silent"): string {
  const found = error === "silent"
    ? `UDP to "${shownOf(at)}" is not answered, as if a firewall dropped it`
    : `QUIC does not reach "${shownOf(at)}" (${stateOf(error)})`;
  return `${found}: it goes over TLS on TCP instead`;
}

/** Somebody else answers on one of them. */
export function besideImpostor(at: HostPort, over: "TCP" | "QUIC"): string {
  const instead = over === "TCP" ? "over QUIC" : "over TLS on TCP";
  return `What answers over ${over} at "${
    shownOf(at)
  }" does not prove the pinned identity: another ` +
    `program, or somebody who impersonates the server. It goes ${instead}, where it is proved`;
}

/** A connection that ended before it was chosen. */
export function endedAtOnce(at: HostPort, { code, reason, remote }: CloseInfo): SftpxError {
  const told = code === null || code === "none" ? "unreachable" : toldCode(code, "refused");
  const said = reason === "" ? "the connection ended at once" : escapeText(reason);
  return new SftpxError(told, `Cannot connect to "${shownOf(at)}": ${said}`, { remote });
}

/** The caller's time is over. */
export function tooLate(at: HostPort, cause: unknown): SftpxError {
  return new SftpxError("unreachable", `Cannot connect to "${shownOf(at)}": no answer in time`, {
    cause,
  });
}

/** It was waited for long enough. */
export function quicSilent(at: HostPort): SftpxError {
  const text = `Cannot connect to "${shownOf(at)}": no answer; ${SILENCE}`;
  return new SftpxError("unreachable", text);
}

/** The error that says most; what each of them found where that is the same. */
export function bothFailed(quic: SftpxError, tcp: SftpxError): SftpxError {
  const telling = mostTelling([quic, tcp]);
  if (quic.code !== tcp.code || quic.code !== "unreachable") return telling;
  const { remote, cause } = quic;
  const text = `${quic.message}; over TCP: ${stateOf(tcp)}`;
  return new SftpxError("unreachable", text, { remote, cause });
}

/** The state found, of `Cannot X "v": state found`. */
function stateOf({ message }: SftpxError): string {
  return /^Cannot [^"]*"[^"]*": (.*)$/s.exec(message)?.[1] ?? message;
}
