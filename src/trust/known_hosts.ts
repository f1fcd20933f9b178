// Which identity a server had when it was first trusted: `HOST:PORT IDENTITY [comment]` a line, IPv6
// in brackets. A line that cannot be read, or two that disagree, spoil the whole file, because a
// lookup that misses would read as "never met". Nothing here changes an identity that stands there.

import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { formatHost, formatHostPort, type Host, parseHost } from "./host.ts";
import { identityName, parseIdentityName } from "./identity.ts";
import {
  badLine,
  type KeyFile,
  type KeyLine,
  keyLines,
  keyWord,
  withLine,
  withoutLines,
} from "./key_line.ts";
import { readTrustFile } from "./trust_file.ts";

const FILE = { what: "known hosts", secret: false } as const;

/** A line of the file. */
export interface KnownHost {
  /** As tickets write it: IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
  /** 52 base32 characters. */
  readonly identity: string;
  readonly comment: string;
  /** 1-based. */
  readonly line: number;
}

/** A server's address. */
export interface HostPort {
  readonly hostname: string;
  readonly port: number;
}

/** The servers of a file. */
export class KnownHosts {
  readonly #hosts: readonly KnownHost[];

  constructor(hosts: readonly KnownHost[]) {
    this.#hosts = hosts;
  }

  /** The identity known for this address, 32 bytes; null when it was never met. */
  lookup(hostname: string, port: number): Uint8Array<ArrayBuffer> | null {
    const found = this.find(hostname, port);
    return found === null ? null : parseIdentityName(found.identity);
  }

  /** The first line that speaks of this address; null when none does. */
  find(hostname: string, port: number): KnownHost | null {
    return this.all(hostname, port)[0] ?? null;
  }

  /** Every line that speaks of this address: they agree. */
  all(hostname: string, port: number): readonly KnownHost[] {
    const host = addressOf(hostname, port);
    if (host === null) return [];
    return this.#hosts.filter((known) =>
      known.port === port && known.hostname === formatHost(host)
    );
  }

  /** Every line, in the file's order. */
  entries(): readonly KnownHost[] {
    return this.#hosts;
  }
}

/** Reads the file; none is as good as an empty one. Throws `usage` on a line it cannot use. */
export async function loadKnownHosts(path: string): Promise<KnownHosts> {
  return parseKnownHosts(await readTrustFile(path, FILE) ?? "", { path });
}

/** Reads the file's text; `path` is for errors. */
export function parseKnownHosts(text: string, options: { readonly path: string }): KnownHosts {
  const file: KeyFile = { what: FILE.what, path: options.path };
  const identities = new Map<string, string>();
  const hosts: KnownHost[] = [];
  for (const line of keyLines(text)) {
    const [address = "", name, ...comment] = line.words;
    const { host, port } = addressWord(address, line, file);
    if (name === undefined) throw badLine("it names no identity", line, file);
    const identity = identityName(keyWord(name, line, file));
    const key = formatHostPort(host, port);
    if ((identities.get(key) ?? identity) !== identity) {
      throw badLine(`an earlier line gives "${key}" another identity`, line, file);
    }
    identities.set(key, identity);
    hosts.push({
      hostname: formatHost(host),
      port,
      identity,
      comment: comment.join(" "),
      line: line.number,
    });
  }
  return new KnownHosts(hosts);
}

/** The line that makes a server known, for a person to paste. */
export function knownHostLine(server: HostPort & { readonly identity: Uint8Array }): string {
  const host = requireAddress(server);
  return `${formatHostPort(host, server.port)} ${identityName(server.identity)}`;
}

/**
 * Makes a server known; false when it was. Throws `identity_mismatch` when another identity stands
 * there, naming the line: that is for a person to look at, and never overwritten.
 */
export function addKnownHost(
  path: string,
  server: HostPort & { readonly identity: Uint8Array },
): Promise<boolean> {
  const line = knownHostLine(server);
  const name = identityName(server.identity);
  return edited(path, (text) => {
    const known = parseKnownHosts(text, { path }).find(server.hostname, server.port);
    if (known === null) return withLine(text, line);
    if (known.identity === name) return null;
    throw new SftpxError(
      "identity_mismatch",
      `Cannot trust "${line}": line ${known.line} of "${escapeText(path)}" says ${known.identity}`,
    );
  });
}

/** Takes every line of a server away; false when there was none. */
export function removeKnownHost(path: string, server: HostPort): Promise<boolean> {
  requireAddress(server);
  return edited(path, (text) => {
    const lines = parseKnownHosts(text, { path }).all(server.hostname, server.port);
    if (lines.length === 0) return null;
    return withoutLines(text, new Set(lines.map(({ line }) => line)));
  });
}

/** What changes a file loads with the first change: most runs only look. */
async function edited(path: string, edit: (text: string) => string | null): Promise<boolean> {
  const { editTrustFile } = await import("./trust_edit.ts");
  return await editTrustFile(path, edit, FILE);
}

function addressWord(
  address: string,
  line: KeyLine,
  file: KeyFile,
): { readonly host: Host; readonly port: number } {
  const match = /^(.+):(\d{1,5})$/.exec(address);
  const [, hostname = "", digits = ""] = match ?? [];
  // Without its brackets an IPv6 address and its port cannot be told apart.
  const bare = hostname.includes(":") && !hostname.startsWith("[");
  const port = Number(digits);
  const host = bare ? null : addressOf(hostname, port);
  if (host === null) throw badLine(`"${escapeText(address, 300)}" is no HOST:PORT`, line, file);
  return { host, port };
}

function requireAddress({ hostname, port }: HostPort): Host {
  const host = addressOf(hostname, port);
  if (host !== null) return host;
  const shown = escapeText(hostname, 300);
  throw new SftpxError("usage", `Cannot use "${shown}" port ${port} as a known host: it is none`);
}

/** The host, if it and the port make an address. */
function addressOf(hostname: string, port: number): Host | null {
  return Number.isInteger(port) && port >= 1 && port <= 0xffff ? parseHost(hostname) : null;
}
