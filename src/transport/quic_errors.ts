// What goes wrong on a QUIC connection, in sftpx's words: the texts of quinn and rustls are read
// here and nowhere else. Whatever may quote the peer is escaped (I9).

import { ERROR_TABLE, errorCodeFromQuic, SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { SILENCE } from "./addresses.ts";
import type { CloseInfo } from "./transport.ts";

/** The application code a connection is closed with. */
export function closeNumber(code: CloseInfo["code"] & string): number {
  return code === "none" ? 0 : ERROR_TABLE[code].quic;
}

/** What the peer meant by the application code it closed with; one of no table is a failure. */
export function closeCode(closeNumber: number): CloseInfo["code"] & string {
  return closeNumber === 0 ? "none" : errorCodeFromQuic(closeNumber) ?? "failed";
}

/** What a caller sees whose connection ended under it. */
export function lost(address: string, info: CloseInfo, cause?: unknown): SftpxError {
  const who = info.code === null ? "lost" : info.remote ? "closed by the peer" : "closed here";
  const code = info.code === null || info.code === "none" ? "" : ` as ${info.code}`;
  const reason = info.reason === "" ? "" : `: ${escapeText(info.reason)}`;
  const text = `Cannot go on with "${address}": the connection was ${who}${code}${reason}`;
  return new SftpxError("lost", text, { remote: info.remote, cause });
}

/** What a caller sees of one stream that is gone while its connection goes on. */
export function streamGone(address: string, found: string): SftpxError {
  return new SftpxError("lost", `Cannot go on with "${address}": the stream is gone (${found})`);
}

export function translateDial(thrown: unknown, shown: string): SftpxError {
  const action = `Cannot connect to "${shown}"`;
  const text = foreignText(thrown);
  const cause = { cause: thrown };
  if (isPermission(thrown)) {
    // A client's own socket is asked for as well, and on it only the family shows.
    const own = shown.startsWith("[") ? "[::]:0" : "0.0.0.0:0";
    const found = `run again with --allow-net=${own},${shown}`;
    return new SftpxError("permission", `${action}: ${found}`, cause);
  }
  if (/^the cryptographic handshake failed.*invalid peer certificate/.test(text)) {
    const clocks = clocksApart(text);
    if (clocks !== null) {
      return new SftpxError("failed", `${action}: ${clocks}`, cause);
    }
    const found = "the server does not prove the pinned identity";
    return new SftpxError("identity_mismatch", `${action}: ${found}`, { ...cause, remote: true });
  }
  if (/handshake failed: error 120\b/.test(text)) return otherProtocol(shown, thrown);
  if (TURNED_AWAY.test(text)) return turnedAway(shown, thrown);
  const found = text === "timed out" ? `no answer; ${SILENCE}` : text;
  return new SftpxError("unreachable", `${action}: ${found}`, cause);
}

/**
 * The server has no time for this client now. Nothing proves that it was the server: whoever is on the
 * path can keep a client waiting so, as they could by dropping its packets.
 */
export function turnedAway(shown: string, thrown?: unknown): SftpxError {
  return new SftpxError(
    "busy",
    `Cannot connect to "${shown}": too many peers are at the server's door`,
    { cause: thrown, remote: true },
  );
}

/** What a server's close looks like from within the handshake: QUIC keeps its reason back till then. */
const TURNED_AWAY = /connection to be closed during the handshake$/;

/** The server agreed to no protocol that was offered. */
export function otherProtocol(shown: string, thrown?: unknown): SftpxError {
  return new SftpxError(
    "version",
    `Cannot connect to "${shown}": the server does not speak this protocol version`,
    { cause: thrown, remote: true },
  );
}

/**
 * What a certificate outside its days says of the clocks; null for any other. rustls names the moment
 * it checked, and the certificate's limit, in seconds since 1970.
 */
export function clocksApart(text: string): string | null {
  const isEarly = /not valid yet/i.test(text);
  if (!isEarly && !/\bexpired\b/i.test(text)) return null;
  const [nowMs, limitMs] = [/verification time (\d+)/, /not valid (?:after|before) (\d+)/]
    .map((form) => Number(form.exec(text)?.[1]) * 1000) as [number, number];
  return outsideItsDays({ isEarly, nowMs, limitMs });
}

/** How a certificate's days and this machine's clock differ; NaN for a moment that is not known. */
export function outsideItsDays({ isEarly, nowMs, limitMs }: {
  readonly isEarly: boolean;
  readonly nowMs: number;
  readonly limitMs: number;
}): string {
  const [now, limit] = [dayOf(nowMs), dayOf(limitMs)];
  const here = now === null ? "" : `, and it is ${now} by this machine's clock`;
  return isEarly
    ? `its certificate holds from ${limit ?? "a later day"} on${here}: set the clock that is wrong`
    : `its certificate held until ${limit ?? "an earlier day"}${here}: ` +
      "set the clock that is wrong, or start the server anew";
}

/** `2026-11-22`; null for no moment. */
function dayOf(atMs: number): string | null {
  const date = new Date(atMs);
  return Number.isNaN(date.getTime()) ? null : date.toISOString().slice(0, 10);
}

export function translateListen(
  thrown: unknown,
  shown: string,
  over: "UDP" | "TCP" = "UDP",
): SftpxError {
  const action = `Cannot listen on "${shown}"`;
  const cause = { cause: thrown };
  if (isPermission(thrown)) {
    return new SftpxError("permission", `${action}: run again with --allow-net=${shown}`, cause);
  }
  const code = (thrown as { code?: unknown }).code;
  if (code === "EADDRINUSE") {
    return new SftpxError("io", `${action}: ${portTaken(shown, over)}`, cause);
  }
  if (code === "EACCES") {
    const found = "the system keeps this port for privileged programs; choose one above 1023";
    return new SftpxError("permission", `${action}: ${found}`, cause);
  }
  if (code === "EADDRNOTAVAIL") {
    return new SftpxError("io", `${action}: this machine does not have that address`, cause);
  }
  if (/failed to lookup address/.test(foreignText(thrown))) {
    return new SftpxError("io", `${action}: the name is unknown`, cause);
  }
  return new SftpxError("io", `${action}: ${foreignText(thrown)}`, cause);
}

/** The state found, and what can be done about it. */
export function portTaken(shown: string, over: "UDP" | "TCP" = "UDP"): string {
  const port = shown.slice(shown.lastIndexOf(":") + 1);
  return `${over} port ${port} is taken; stop what has it, or listen on another one (0 picks one)`;
}

export function isPermission(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "NotCapable";
}

export function isConnectionLost(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "NotConnected";
}

/** A foreign error's first line, escaped: it may quote the peer. */
export function foreignText(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return escapeText(message.split("\n")[0] ?? "");
}
