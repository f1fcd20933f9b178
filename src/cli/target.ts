// What a SRC or DEST on the command line names: a local file or a remote place, by the grammar of
// the command-line contract. Pure text; `remote.ts` finds out what proves the server.

import { fromBase32, utf8Bytes } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import { pathProblem } from "../base/path.ts";
import type { HostPort } from "../transport/transport.ts";
import { shown } from "./shown.ts";

export type { HostPort } from "../transport/transport.ts";
import { usageError } from "./usage_error.ts";

/** Port of a server that names none. */
export const DEFAULT_PORT = 4443;

/** A place that a URL names. */
export interface UrlTarget {
  readonly kind: "url";
  readonly hostname: string;
  readonly port: number;
  /** 52 base32 characters, or null. */
  readonly identity: string | null;
  readonly path: string;
}

/** A place on a server. `path` is relative to the grant's root and empty for the root itself. */
export type RemoteTarget =
  | { readonly kind: "ticket"; readonly text: string; readonly path: string }
  /** `@`: the ticket comes from a file or the environment. */
  | { readonly kind: "environment"; readonly path: string }
  | UrlTarget;

/** The place that a configuration's name of a host stands for; null for a name it does not have. */
export type HostNames = (name: string) => UrlTarget | null;

/** A SRC or DEST. */
export type Target = { readonly kind: "local"; readonly path: string } | RemoteTarget;

const NO_HOSTS: HostNames = () => null;

/** A ticket holds no `/`, and only base32 after its prefix: other names are local files. */
const TICKET = /^(sftpx1[a-z2-7]+)(?:\/(.*))?$/is;
const ENVIRONMENT = /^@(?:\/(.*))?$/s;
const URL_PARTS =
  /^sftpx:\/\/(?:(?<identity>[^@/]*)@)?(?<host>\[[^\]/]*\]|[^:/@[\]]*)(?::(?<port>[^/@]*))?(?<path>\/.*)?$/is;
const SCHEME = /^([a-z][a-z0-9+.-]*):\/\//i;
const HOST_PORT = /^(?<host>\[[^\]]*\]|[^:[\]]*)(?::(?<port>.*))?$/;
const HOSTNAME = /^(?!-)[a-z0-9_.-]{1,253}$/i;
const IPV6 = /^[0-9a-f:.]+(?:%[a-z0-9._-]+)?$/i;

/** Reads one SRC or DEST; throws a usage error for a remote place that is not well formed. */
export function parseTarget(
  text: string,
  { hosts = NO_HOSTS }: { hosts?: HostNames } = {},
): Target {
  if (text === "") throw usageError(using(text), "it is empty");
  const environment = ENVIRONMENT.exec(text);
  if (environment !== null) {
    return { kind: "environment", path: remotePath(using(text), environment[1] ?? "") };
  }
  const ticket = TICKET.exec(text);
  if (ticket !== null) {
    return {
      kind: "ticket",
      text: ticket[1] ?? "",
      path: remotePath("use the ticket's path", ticket[2] ?? ""),
    };
  }
  const scheme = SCHEME.exec(text)?.[1]?.toLowerCase();
  if (scheme === "sftpx") return parseUrl(text, hosts);
  if (scheme !== undefined) throw usageError(using(text), "only sftpx:// is a URL here");
  const bytes = utf8Bytes(text);
  if (bytes > LIMITS.pathBytes) throw usageError(using(text), `it is ${bytes} bytes long`);
  return { kind: "local", path: text };
}

/** Checks that text has the shape of an identity and returns it in lower case. */
export function checkIdentity(
  text: string,
  attempt: string = `read the identity "${shown(text, 64)}"`,
): string {
  const lower = text.toLowerCase();
  if (lower.length === 52) {
    try {
      fromBase32(lower);
      return lower;
    } catch {
      // Falls through to the one message.
    }
  }
  throw usageError(attempt, "it is not 52 base32 characters");
}

/** Reads `HOST`, `HOST:PORT` or `[IPV6]:PORT`. `attempt` is what an error says cannot be done. */
export function parseHostPort(
  text: string,
  { fallbackPort, allowZero = false, attempt = using(text) }: {
    fallbackPort: number | null;
    allowZero?: boolean;
    attempt?: string;
  },
): HostPort {
  const parts = HOST_PORT.exec(text)?.groups;
  if (parts === undefined) throw usageError(attempt, "write HOST:PORT, with IPv6 in brackets");
  const given = parts["port"] === undefined ? null : parsePort(attempt, parts["port"]);
  if (given === 0 && !allowZero) throw usageError(attempt, "port 0 is nowhere to reach");
  const port = given ?? fallbackPort;
  if (port === null) throw usageError(attempt, "the port is missing, write HOST:PORT");
  const hostname = parseHost(attempt, parts["host"] ?? "");
  if (!allowZero) refuseAny(attempt, hostname);
  return { hostname, port };
}

/** The addresses that mean all of this machine are to listen on. */
function refuseAny(attempt: string, hostname: string): void {
  if (!/^(0\.0\.0\.0|[0:]+)$/.test(hostname)) return;
  throw usageError(attempt, `${hostname} is nowhere to reach, write 127.0.0.1 for this machine`);
}

/** A host and port as they are written: IPv6 in brackets. */
export function formatHostPort({ hostname, port }: HostPort): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}

/** What to say about a ticket that stands on the command line, or null. */
export function ticketWarning(targets: readonly RemoteTarget[]): string | null {
  if (!targets.some((target) => target.kind === "ticket")) return null;
  return "a ticket on the command line can be read by other users and in logs; " +
    "use @ with --ticket-file or SFTPX_TICKET";
}

/** The name in a URL that may be one of the configuration: it stands there alone. Null without one. */
export function hostNameIn(text: string): string | null {
  const { identity, host, port } = URL_PARTS.exec(text)?.groups ?? {};
  return identity === undefined && port === undefined && host !== undefined ? host : null;
}

function parseUrl(text: string, hosts: HostNames): UrlTarget {
  const attempt = using(text);
  const parts = URL_PARTS.exec(text)?.groups;
  if (parts === undefined) throw usageError(attempt, "write sftpx://[IDENTITY@]HOST[:PORT]/PATH");
  const { identity, host = "", port } = parts;
  const number = port === undefined ? DEFAULT_PORT : parsePort(attempt, port);
  if (number === 0) throw usageError(attempt, "port 0 is nowhere to reach");
  const hostname = parseHost(attempt, host);
  refuseAny(attempt, hostname);
  const path = remotePath(attempt, decodePath(attempt, (parts["path"] ?? "").slice(1)));
  const name = hostNameIn(text);
  const named = name === null ? null : hosts(name);
  if (named !== null) return { ...named, path: below(named.path, parts["path"], path) };
  return {
    kind: "url",
    hostname,
    port: number,
    identity: identity === undefined ? null : checkIdentity(identity),
    path,
  };
}

/** A path under the one a host stands for; `written` tells `sftpx://NAME/` from `sftpx://NAME`. */
function below(prefix: string, written: string | undefined, path: string): string {
  if (prefix === "" || written === undefined) return prefix === "" ? path : prefix;
  return `${prefix.replace(/\/$/, "")}/${path}`;
}

function parseHost(attempt: string, host: string): string {
  if (host.startsWith("[")) {
    const inner = host.slice(1, -1);
    if (inner.includes(":") && IPV6.test(inner)) return inner;
    throw usageError(attempt, "what stands in brackets is no IPv6 address");
  }
  if (host === "") throw usageError(attempt, "the host is missing");
  if (HOSTNAME.test(host)) return host;
  throw usageError(attempt, "the host has characters that no host name has");
}

function parsePort(attempt: string, port: string): number {
  if (/^\d{1,5}$/.test(port) && Number(port) <= 65535) return Number(port);
  throw usageError(attempt, "the port is not a number up to 65535");
}

/** Checks a path under a served root, as `--path` takes it; returns it without slashes at its ends. */
export function parseRemotePath(text: string, attempt: string = using(text)): string {
  return remotePath(attempt, text.replace(/^\/+|(?<!\/)\/+$/g, "")).replace(/\/$/, "");
}

/** In URLs only; an encoded slash would be a name with a slash in it, which no file has. */
function decodePath(attempt: string, path: string): string {
  if (/%2f/i.test(path)) throw usageError(attempt, 'it has an encoded "/"');
  try {
    return decodeURIComponent(path);
  } catch {
    throw usageError(
      attempt,
      'a "%" in a URL is followed by two hex digits that make UTF-8 (%25 for "%")',
    );
  }
}

/** Keeps the trailing slash, which has a meaning; a last `.` means contents, as a slash does. */
function remotePath(attempt: string, path: string): string {
  const given = path === "." ? "" : path.endsWith("/.") ? path.slice(0, -1) : path;
  if (given === "") return "";
  const problem = pathProblem(given.endsWith("/") ? given.slice(0, -1) : given);
  if (problem !== null) throw usageError(attempt, `its path cannot be used, ${problem}`);
  return given;
}

/** What an error says of a place, which may be a source or a destination. */
function using(text: string): string {
  return `use "${shown(text)}"`;
}
