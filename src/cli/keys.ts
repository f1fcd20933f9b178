// `sftpx keys`: who may come in (authorized keys), whom this user believes (known hosts), and this
// user's own identity. The files are a person's as well: what stands in them besides is kept.

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { osCode } from "../base/os_error.ts";
import { pathProblem } from "../base/path.ts";
import { accessOf } from "../trust/grant.ts";
import { authorizeKey, loadAuthorizedKeys, revokeKey } from "../trust/authorized_keys.ts";
import { loadIdentity, parseIdentityName } from "../trust/identity.ts";
import { addKnownHost, loadKnownHosts, removeKnownHost } from "../trust/known_hosts.ts";
import { type KeyRestrictions, parseRange, restrictionWords } from "../trust/restrictions.ts";
import type { KeysAction, KeysCommand } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { expiryMs } from "./expiry.ts";
import { boundedGrant } from "./grant_text.ts";
import { identityFile, knownHostsFile, userFiles } from "./home.ts";
import type { KeyLine } from "./json_line.ts";
import { shellWord } from "./shell_word.ts";
import { shown } from "./shown.ts";
import { formatHostPort, type HostPort } from "./target.ts";
import { tableLines } from "./ui/table.ts";
import { usageError } from "./usage_error.ts";

/** The files that `keys` shows and changes, all absolute. */
interface KeyFiles {
  readonly identity: string;
  readonly authorizedKeys: string;
  readonly knownHosts: string;
}

const ROLE_WORDS = { own: "own", authorized: "authorized", known_host: "known host" } as const;

/** Runs the command. */
export async function runKeys(command: KeysCommand, context: CommandContext): Promise<number> {
  const { action } = command;
  const files = filesOf(command, context);
  switch (action.kind) {
    case "list":
      return await listKeys(files, context);
    case "authorize":
      return await authorize(action, files.authorizedKeys, context);
    case "revoke":
      return await revoke(action.identity, files.authorizedKeys, context);
    case "trust":
      return await trust(action, files.knownHosts, context);
    case "forget":
      return await forget(action.host, files.knownHosts, context);
  }
}

/** Where `serve --authorized-keys` and this command look when no file is named. */
function filesOf(command: KeysCommand, { env }: CommandContext): KeyFiles {
  const { identityPath, authorizedKeysPath, knownHostsPath } = command;
  return {
    identity: identityFile(identityPath, env),
    authorizedKeys: authorizedKeysPath === null
      ? userFiles(env).authorizedKeys
      : resolve(authorizedKeysPath),
    knownHosts: knownHostsFile(knownHostsPath, env),
  };
}

async function listKeys(files: KeyFiles, context: CommandContext): Promise<number> {
  const { json, stdout, terminal } = context;
  const own = await ownIdentity(files.identity);
  const keys: KeyLine[] = [
    { role: "own", identity: own, file: files.identity },
    ...await authorizedIn(files.authorizedKeys, context.nowMs()),
    ...await knownIn(files.knownHosts),
  ];
  if (json !== null) {
    for (const key of keys) json.tell("key", key);
    json.tell("end", { ok: true, count: keys.length, failed: 0 });
    return 0;
  }
  const shownKeys = keys.filter((key) => key.identity !== null);
  for (const line of tableLines(shownKeys.map(rowOf))) stdout.write(`${line}\n`);
  if (own === null) terminal.line('no identity of your own yet: "sftpx init" makes one');
  const counts = { authorized: files.authorizedKeys, known_host: files.knownHosts };
  for (const [role, file] of Object.entries(counts)) {
    if (keys.every((key) => key.role !== role)) {
      terminal.line(
        `no ${role === "authorized" ? "authorized keys" : "known hosts"} in ${shown(file)}`,
      );
    }
  }
  return 0;
}

async function authorize(
  action: Extract<KeysAction, { kind: "authorize" }>,
  file: string,
  context: CommandContext,
): Promise<number> {
  const { identity, access, comment } = action;
  const restricted = restrictionsOf(action, context.nowMs());
  const words = restrictionWords(restricted);
  const publicKey = parseIdentityName(identity);
  const isNew = await authorizeKey(file, { ...restricted, identity: publicKey, comment });
  const rights = access.split(",");
  const what = [...rights, ...words.filter((word) => !rights.includes(word))].join(" ");
  return told(context, {
    key: {
      role: "authorized",
      ...added(isNew),
      identity,
      access,
      ...(words.length === 0 ? {} : { restrictions: words }),
      comment,
      file,
    },
    lines: [
      `${identity} ${isNew ? "may come in" : "could come in before"}: ${what}`,
      `  with: sftpx serve --authorized-keys ${shellWord(file)}`,
    ],
  });
}

/** What flags say of a key, as a line says it. Throws `usage`. */
function restrictionsOf(
  action: Extract<KeysAction, { kind: "authorize" }>,
  nowMs: number,
): KeyRestrictions {
  const { path, from, expires } = action;
  const plain = path.replace(/\/$/, "");
  const root = plain === "" || plain === "." ? "" : plain;
  const problem = root === "" ? null : pathProblem(root);
  if (problem !== null) throw usageError(`use "--path ${shown(path)}"`, problem);
  return {
    grant: boundedGrant(action, root),
    from: from?.map(parseRange) ?? null,
    expiresMs: expires === null ? null : expiryMs(expires, nowMs),
  };
}

async function revoke(identity: string, file: string, context: CommandContext): Promise<number> {
  const publicKey = parseIdentityName(identity);
  if (!await revokeKey(file, publicKey)) {
    throw new SftpxError(
      "failed",
      `Cannot revoke "${identity}": it is not among the authorized keys "${shown(file)}"`,
    );
  }
  return told(context, {
    key: { role: "authorized", change: "removed", identity, file },
    lines: [
      `${identity} is no longer authorized in ${shown(file)}`,
      "  a running serve sees it with the next who asks for something, or on SIGHUP",
    ],
  });
}

async function trust(
  { host, identity }: { host: HostPort; identity: string },
  file: string,
  context: CommandContext,
): Promise<number> {
  const isNew = await addKnownHost(file, { ...host, identity: parseIdentityName(identity) });
  const address = formatHostPort(host);
  return told(context, {
    key: { role: "known_host", ...added(isNew), identity, host: address, file },
    lines: [`${address} ${isNew ? "is known from now on" : "was known before"}, in ${shown(file)}`],
  });
}

async function forget(host: HostPort, file: string, context: CommandContext): Promise<number> {
  const address = formatHostPort(host);
  if (!await removeKnownHost(file, host)) {
    throw new SftpxError(
      "failed",
      `Cannot forget "${shown(address)}": it is not among the known hosts "${shown(file)}"`,
    );
  }
  return told(context, {
    key: { role: "known_host", change: "removed", identity: null, host: address, file },
    lines: [`${address} is no longer known in ${shown(file)}`],
  });
}

/** Nothing is said of a change where there was none. */
function added(isNew: boolean): Pick<KeyLine, "change"> {
  return isNew ? { change: "added" } : {};
}

function told(
  { json, terminal }: CommandContext,
  { key, lines }: { key: KeyLine; lines: readonly string[] },
): number {
  json?.tell("key", key);
  json?.tell("end", { ok: true, count: 1, failed: 0 });
  for (const line of lines) terminal.line(line);
  return 0;
}

/** Null where there is none yet: looking makes none. */
async function ownIdentity(path: string): Promise<string | null> {
  return await isThere(path) ? (await loadIdentity(path, { create: false })).name : null;
}

async function authorizedIn(file: string, nowMs: number): Promise<readonly KeyLine[]> {
  if (!await isThere(file)) return [];
  const keys = await loadAuthorizedKeys(file);
  return keys.entries().map(({ identity, grant, comment, ...more }) => {
    const restrictions = restrictionWords({ ...more, grant });
    return {
      role: "authorized",
      identity,
      access: accessOf(grant),
      ...(restrictions.length === 0 ? {} : { restrictions }),
      ...(more.expiresMs !== null && more.expiresMs <= nowMs ? { expired: true as const } : {}),
      comment,
      file,
    };
  });
}

async function knownIn(file: string): Promise<readonly KeyLine[]> {
  return (await loadKnownHosts(file)).entries().map(({ hostname, port, identity }) => ({
    role: "known_host",
    identity,
    host: formatHostPort({ hostname, port }),
    file,
  }));
}

/** Whatever else is wrong with a file, reading it says. */
async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    return osCode(error) !== "ENOENT";
  }
}

function rowOf(line: KeyLine): readonly string[] {
  const { role, identity, access, restrictions, expired, comment, host, file } = line;
  const where = role === "own"
    ? shown(file)
    : host ?? shown(restrictions?.join(" ") ?? access ?? "");
  const state = expired === true ? `${where} (expired)` : where;
  return [ROLE_WORDS[role], identity ?? "", state, shown(comment ?? "")];
}
