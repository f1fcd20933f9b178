// What goes wrong on a QUIC connection, in sftpx's words: the texts of quinn and rustls are read
// here and nowhere else. Whatever may quote the peer is escaped (I9).

import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { CloseInfo } from "./transport.ts";

/** What a caller sees whose connection ended under it. */
export function lost(address: string, info: CloseInfo, cause?: unknown): SftpxError {
  const who = info.code === null ? "lost" : info.remote ? "closed by the peer" : "closed here";
  const code = info.code === null || info.code === "none" ? "" : ` as ${info.code}`;
  const reason = info.reason === "" ? "" : `: ${escapeText(info.reason)}`;
  const text = `Cannot go on with "${address}": the connection was ${who}${code}${reason}`;
  return new SftpxError("lost", text, { remote: info.remote, cause });
}

export function translateDial(thrown: unknown, shown: string): SftpxError {
  const action = `Cannot connect to "${shown}"`;
  const text = foreignText(thrown);
  const cause = { cause: thrown };
  if (isPermission(thrown)) {
    return new SftpxError("permission", `${action}: run again with --allow-net`, cause);
  }
  if (/^the cryptographic handshake failed.*invalid peer certificate/.test(text)) {
    if (/expired|not valid yet/i.test(text)) {
      const found = "its certificate is out of date; compare the two clocks";
      return new SftpxError("failed", `${action}: ${found}`, { ...cause, remote: true });
    }
    const found = "the server does not prove the pinned identity";
    return new SftpxError("identity_mismatch", `${action}: ${found}`, { ...cause, remote: true });
  }
  if (/handshake failed: error 120\b/.test(text)) {
    const found = `the server does not speak this protocol version`;
    return new SftpxError("version", `${action}: ${found}`, { ...cause, remote: true });
  }
  const found = text === "timed out" ? "no answer" : text;
  return new SftpxError("unreachable", `${action}: ${found}`, cause);
}

export function translateListen(thrown: unknown, shown: string): SftpxError {
  const action = `Cannot listen on "${shown}"`;
  const cause = { cause: thrown };
  if (isPermission(thrown)) {
    return new SftpxError("permission", `${action}: run again with --allow-net`, cause);
  }
  const code = (thrown as { code?: unknown }).code;
  if (code === "EADDRINUSE") return new SftpxError("io", `${action}: the port is taken`, cause);
  if (code === "EACCES") {
    return new SftpxError("permission", `${action}: the system does not allow this port`, cause);
  }
  if (code === "EADDRNOTAVAIL") {
    return new SftpxError("io", `${action}: this machine does not have that address`, cause);
  }
  return new SftpxError("io", `${action}: ${foreignText(thrown)}`, cause);
}

function isPermission(thrown: unknown): boolean {
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
