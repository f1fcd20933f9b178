// How a connection of quiche ended, in sftpx's words: the codes of RFC 9000 and of TLS are read here.

import { X509Certificate } from "node:crypto";
import { SftpxError } from "../../base/errors.ts";
import { escapeText } from "../../base/text.ts";
import { SILENCE } from "../addresses.ts";
import { closeCode, otherProtocol, outsideItsDays, turnedAway } from "../quic_errors.ts";
import type { CloseInfo } from "../transport.ts";
import type { NativeError } from "./binding.ts";
import type { LinkEnd } from "./link.ts";

/** A close packet carries the reason; a longer one would not fit beside what else it says. */
const REASON_BYTES = 256;
/** Transport errors of RFC 9000, section 20.1. */
const APPLICATION_ERROR = 0x0c;
const CONNECTION_REFUSED = 0x02;
const INVALID_TOKEN = 0x0b;
/** TLS alerts are counted from here on. */
const CRYPTO_ERROR = 0x100;
const MOST_CRYPTO_ERROR = 0x1ff;
/** TLS alerts (RFC 8446, section 6) by which a client refuses a certificate. */
const CERTIFICATE_ALERTS: readonly number[] = [42, 43, 44, 45, 46, 48, 51];
const CERTIFICATE_EXPIRED = 45;
const NO_APPLICATION_PROTOCOL = 120;

export function reasonBytes(reason: string): Uint8Array {
  const bytes = new Uint8Array(REASON_BYTES);
  return bytes.subarray(0, new TextEncoder().encodeInto(reason, bytes).written);
}

/** What a connection that was open tells of its end. */
export function closeInfo(end: LinkEnd): CloseInfo {
  switch (end.kind) {
    case "silent":
      return { code: null, reason: "timed out", remote: false };
    case "here":
      return { code: null, reason: errorText(end.error), remote: false };
    case "there": {
      const { isApp, errorCode, reason } = end.error;
      if (!isApp) return { code: null, reason: errorText(end.error), remote: false };
      return { code: closeCode(errorCode), reason: new TextDecoder().decode(reason), remote: true };
    }
  }
}

/** Why a handshake of a client came to nothing. */
export function dialError(end: LinkEnd, shown: string): SftpxError {
  const action = `Cannot connect to "${shown}"`;
  if (end.kind === "silent") {
    return new SftpxError("unreachable", `${action}: no answer; ${SILENCE}`);
  }
  const alert = alertOf(end.error);
  if (end.kind === "here" && alert !== null && CERTIFICATE_ALERTS.includes(alert)) {
    return certificateError(action, { alert, certificate: end.certificate });
  }
  if (alert === NO_APPLICATION_PROTOCOL) return otherProtocol(shown);
  if (end.kind === "there") {
    const { isApp, errorCode } = end.error;
    const refusals: readonly number[] = [APPLICATION_ERROR, CONNECTION_REFUSED, INVALID_TOKEN];
    if (isApp || refusals.includes(errorCode)) return turnedAway(shown);
  }
  const found = end.error === null ? "the handshake failed" : errorText(end.error);
  return new SftpxError("unreachable", `${action}: ${found}`);
}

function certificateError(
  action: string,
  { alert, certificate }: { readonly alert: number; readonly certificate: Uint8Array | null },
): SftpxError {
  if (alert === CERTIFICATE_EXPIRED) {
    return new SftpxError("failed", `${action}: ${outsideItsDays(daysOf(certificate))}`);
  }
  const found = "the server does not prove the pinned identity";
  return new SftpxError("identity_mismatch", `${action}: ${found}`, { remote: true });
}

/** BoringSSL has one alert for a certificate that is too old and for one that is too young. */
function daysOf(certificate: Uint8Array | null) {
  const nowMs = Date.now();
  try {
    const { validFrom, validTo } = new X509Certificate(certificate ?? new Uint8Array(0));
    const [fromMs, toMs] = [Date.parse(validFrom), Date.parse(validTo)];
    const isEarly = nowMs < fromMs;
    return { isEarly, nowMs, limitMs: isEarly ? fromMs : toMs };
  } catch {
    return { isEarly: false, nowMs, limitMs: NaN };
  }
}

/** The TLS alert that an error carries, if any. */
function alertOf(error: NativeError | null): number | null {
  if (error === null || error.isApp) return null;
  const { errorCode } = error;
  return errorCode >= CRYPTO_ERROR && errorCode <= MOST_CRYPTO_ERROR
    ? errorCode - CRYPTO_ERROR
    : null;
}

function errorText(error: NativeError | null): string {
  if (error === null) return "the connection broke";
  const reason = escapeText(new TextDecoder().decode(error.reason));
  const code = `transport error 0x${error.errorCode.toString(16)}`;
  return reason === "" ? code : `${code} (${reason})`;
}
