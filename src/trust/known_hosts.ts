// Which identity a server had when it was first trusted: `HOST:PORT IDENTITY [comment]` a line, IPv6
// in brackets. Read only: a person adds lines. A line that cannot be read, or two that disagree,
// spoil the whole file, because a lookup that misses would read as "never met".

import { equalBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { formatHostPort, parseHost } from "./host.ts";
import { identityName } from "./identity.ts";
import { badLine, type KeyFile, type KeyLine, keyLines, keyWord } from "./key_line.ts";
import { readTrustFile } from "./trust_file.ts";

const WHAT = "known hosts";

/** The servers of a file. */
export class KnownHosts {
  readonly #identities: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

  constructor(identities: ReadonlyMap<string, Uint8Array<ArrayBuffer>>) {
    this.#identities = identities;
  }

  /** The identity known for this address, 32 bytes; null when it was never met. */
  lookup(hostname: string, port: number): Uint8Array<ArrayBuffer> | null {
    const key = hostKey(hostname, port);
    return key === null ? null : this.#identities.get(key)?.slice() ?? null;
  }
}

/** Reads the file; none is as good as an empty one. Throws `usage` on a line it cannot use. */
export async function loadKnownHosts(path: string): Promise<KnownHosts> {
  const text = await readTrustFile(path, { what: WHAT, secret: false });
  return parseKnownHosts(text ?? "", { path });
}

/** Reads the file's text; `path` is for errors. */
export function parseKnownHosts(text: string, options: { readonly path: string }): KnownHosts {
  const file: KeyFile = { what: WHAT, path: options.path };
  const identities = new Map<string, Uint8Array<ArrayBuffer>>();
  for (const line of keyLines(text)) {
    const [address = "", name] = line.words;
    const key = addressKey(address, line, file);
    if (name === undefined) throw badLine("it names no identity", line, file);
    const identity = keyWord(name, line, file);
    const earlier = identities.get(key);
    if (earlier !== undefined && !equalBytes(earlier, identity)) {
      throw badLine(`an earlier line gives "${key}" another identity`, line, file);
    }
    identities.set(key, identity);
  }
  return new KnownHosts(identities);
}

/** The line that makes a server known, for a person to paste. */
export function knownHostLine(options: {
  readonly hostname: string;
  readonly port: number;
  readonly identity: Uint8Array;
}): string {
  const key = hostKey(options.hostname, options.port);
  if (key === null) {
    throw new SftpxError(
      "usage",
      `Cannot write "${escapeText(options.hostname, 300)}" port ${options.port} as a known host`,
    );
  }
  return `${key} ${identityName(options.identity)}`;
}

function addressKey(address: string, line: KeyLine, file: KeyFile): string {
  const match = /^(.+):(\d{1,5})$/.exec(address);
  const [, hostname = "", port = ""] = match ?? [];
  // Without its brackets an IPv6 address and its port cannot be told apart.
  const bare = hostname.includes(":") && !hostname.startsWith("[");
  const key = bare ? null : hostKey(hostname, Number(port));
  if (key === null) throw badLine(`"${escapeText(address, 300)}" is no HOST:PORT`, line, file);
  return key;
}

function hostKey(hostname: string, port: number): string | null {
  const host = parseHost(hostname);
  if (host === null || !Number.isInteger(port) || port < 1 || port > 0xffff) return null;
  return formatHostPort(host, port);
}
