// Why a TLS connection came to nothing, in sftpx's words: the texts of rustls and the codes of OpenSSL and
// BoringSSL are read here and nowhere else.

import { SftpxError } from "../../base/errors.ts";
import {
  clocksApart,
  foreignText,
  isPermission,
  otherProtocol,
  outsideItsDays,
  turnedAway,
} from "../quic_errors.ts";

/** The certificate leads to another identity: rustls, OpenSSL by code, BoringSSL by code. */
const MISMATCH = new RegExp(
  [
    "invalid peer certificate",
    "self.signed|unable to (?:verify|get)|certificate (?:signature|chain|verify|has|is)",
    "UNABLE_TO_|CERT_|DEPTH_ZERO|ERR_TLS_CERT|not in the cert's list|unknown ca",
  ].join("|"),
  "i",
);
const NO_PROTOCOL = /NoApplicationProtocol|no.application.protocol|alert number 120/i;
/** The server hung up while hands were shaken. */
const HUNG_UP = new RegExp(
  [
    "handshake eof|unexpected (?:eof|end)|reset by peer|broken pipe|socket hang up",
    "disconnected before secure|ECONNRESET|EPIPE|closed before",
  ].join("|"),
  "i",
);
const REFUSED = /refused/i;
/** What came is none of TLS's records: rustls, OpenSSL and BoringSSL. */
const NO_TLS = /corrupt message|wrong.version.number|packet.length.too.long|http.request/i;
/** The peer's program ended, or was killed, and TLS was told no end. */
const CUT_OFF = /without sending TLS close_notify|unexpected eof/i;

/** What is said of a connection that ended, whether or not the stack has words for it. */
export const ENDED = "its TCP connection ended without a word";

export interface DialAttempt {
  readonly shown: string;
  /** Nobody answered in time. */
  readonly timedOut: boolean;
}

/** Whether the TCP connection itself is over, and not only what was said on it wrong. */
export function isSocketOver(thrown: unknown): boolean {
  return thrown instanceof Error &&
    /^(?:ConnectionReset|ConnectionAborted|BrokenPipe|NotConnected)$/.test(thrown.name);
}

/** Why a connection that stood is over: the stack's own text is none for a person. */
export function endText(thrown: unknown): string {
  const text = foreignText(thrown);
  if (CUT_OFF.test(text)) return ENDED;
  return NO_TLS.test(text) ? "what came on it is no TLS" : text;
}

/** What a failed attempt means. */
export function dialError(thrown: unknown, { shown, timedOut }: DialAttempt): SftpxError {
  if (thrown instanceof SftpxError && thrown.code !== "lost") return thrown;
  const action = `Cannot connect to "${shown}"`;
  const cause = { cause: thrown };
  const code = (thrown as { code?: unknown }).code;
  const text = `${foreignText(thrown)} ${typeof code === "string" ? code : ""}`.trim();
  if (isPermission(thrown)) {
    return new SftpxError("permission", `${action}: run again with --allow-net=${shown}`, cause);
  }
  if (timedOut) {
    const found = "no answer; either nothing runs there, or a firewall drops TCP to that port";
    return new SftpxError("unreachable", `${action}: ${found}`, cause);
  }
  if (NO_PROTOCOL.test(text)) return otherProtocol(shown, thrown);
  if (MISMATCH.test(text)) {
    const clocks = clocksApart(text) ?? nodeClocks(text);
    if (clocks !== null) return new SftpxError("failed", `${action}: ${clocks}`, cause);
    const found = "the server does not prove the pinned identity";
    return new SftpxError("identity_mismatch", `${action}: ${found}`, { ...cause, remote: true });
  }
  if (REFUSED.test(text)) {
    return new SftpxError("unreachable", `${action}: nothing listens on that TCP port`, cause);
  }
  if (NO_TLS.test(text)) {
    return new SftpxError("unreachable", `${action}: what answers there speaks no TLS`, cause);
  }
  if (HUNG_UP.test(text)) return turnedAway(shown, thrown);
  return new SftpxError("unreachable", `${action}: ${endText(thrown)}`, cause);
}

/** It hung up before a word for so long that it is no server whose door is full. */
export function hungUp(shown: string, thrown: unknown): SftpxError {
  const found = "what has that TCP port hangs up before a word, as a port forward to nowhere does";
  return new SftpxError("unreachable", `Cannot connect to "${shown}": ${found}`, { cause: thrown });
}

/** The same where OpenSSL and BoringSSL say it, who name no moment. */
function nodeClocks(text: string): string | null {
  const isEarly = /not.yet.valid/i.test(text);
  if (!isEarly && !/has.expired/i.test(text)) return null;
  return outsideItsDays({ isEarly, nowMs: Date.now(), limitMs: NaN });
}

/** The handshake is complete, and the server named no protocol. */
export function noProtocol(shown: string): SftpxError {
  return otherProtocol(shown);
}
