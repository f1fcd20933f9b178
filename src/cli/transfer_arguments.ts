// `send`, `get`, `ls` and `bench`: what a command that reaches a server means.

import { utf8Bytes } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import type { LinkPolicy, ModePolicy, ReceivePolicy } from "../session/options.ts";
import {
  type Bench,
  type BenchCommand,
  BENCHES,
  type CopyChoices,
  type GetCommand,
  type LsCommand,
  type SendCommand,
  type TransferChoices,
} from "./command.ts";
import { parseChunkSize, parseCompression } from "./flag_values.ts";
import { hintOf } from "./nearest.ts";
import { describe, exactly, remoteTarget } from "./positionals.ts";
import type { Settings } from "./settings.ts";
import { shown } from "./shown.ts";
import { checkIdentity, type HostNames, parseTarget, type RemoteTarget } from "./target.ts";
import { carrierChoices } from "./transport_choice.ts";
import { parseDuration, parseRate, parseSize } from "./units.ts";
import { usageError } from "./usage_error.ts";

/** What a command line means depends on. */
export interface Meaning {
  readonly settings: Settings;
  readonly hosts: HostNames;
  /** Whether SFTPX_TICKET holds something. */
  readonly hasTicket: boolean;
}

/** The common flags. `targets` are the places reached; `serve` reaches none. */
export function transferChoices(
  { settings, hasTicket }: Pick<Meaning, "settings" | "hasTicket">,
  targets: readonly RemoteTarget[],
): TransferChoices {
  const pin = settings.text("pin");
  const window = settings.text("window");
  const rate = settings.text("bwlimit");
  return {
    chunkBytes: parseChunkSize(settings.text("chunk-size") ?? ""),
    compression: parseCompression(settings.text("compress") ?? "auto"),
    workerCount: Number(settings.text("workers") ?? 0),
    depth: Number(settings.text("depth") ?? 0),
    checksum: settings.has("checksum"),
    atomic: settings.has("atomic"),
    connections: countOf(settings.text("connections")),
    lanes: countOf(settings.text("lanes")),
    networkThreads: threadsOf(settings.text("network-threads")),
    ...carrierChoices(settings),
    ...(window === null ? {} : { windowBytes: parseSize(window) }),
    ...(rate === null ? {} : { rateBytesPerSecond: parseRate(rate) }),
    timeoutMs: parseDuration(settings.text("timeout") ?? ""),
    keepForMs: parseDuration(settings.text("keep-for") ?? ""),
    policy: receivePolicy(settings),
    identityPath: settings.text("identity"),
    knownHostsPath: settings.text("known-hosts"),
    ticketFile: ticketFile(settings, { targets, hasTicket }),
    pin: pin === null ? null : checkIdentity(pin),
  };
}

/** A number, or 0 for `auto`. */
function countOf(text: string | null): number {
  return text === null || text === "auto" ? 0 : Number(text);
}

/** A number, or null for `auto`. */
function threadsOf(text: string | null): number | null {
  return text === null || text === "auto" ? null : Number(text);
}

/** What is taken of links and modes. */
function receivePolicy(settings: Settings): ReceivePolicy {
  return {
    links: settings.text("links") as LinkPolicy,
    modes: settings.text("modes") as ModePolicy,
    paranoid: settings.has("paranoid"),
  };
}

/** `send SRC... DEST`. */
export function sendCommand(meaning: Meaning, positionals: readonly string[]): SendCommand {
  const { settings, hosts } = meaning;
  const { sources, last } = sourcesAndLast("send", positionals);
  const destination = remoteTarget(last, { verb: "send to", what: "DEST", hosts });
  const locals = sources.map((text) => {
    const target = parseTarget(text);
    if (target.kind === "local") return target.path;
    throw usageError(
      `send "${describe(target)}"`,
      "SRC is a local file, write ./NAME if it is one",
    );
  });
  const copy = copyChoices(settings, sources.length);
  const links = settings.text("links");
  if (settings.isTyped("links") && links !== "skip") {
    throw usageError(
      `use "--links ${links}" with "send"`,
      "the receiving side says which it makes; --links skip sends none",
    );
  }
  return {
    name: "send",
    output: settings.output(),
    transfer: transferChoices(meaning, [destination]),
    sources: locals,
    destination,
    copy,
  };
}

/** `get SRC... DEST`. */
export function getCommand(meaning: Meaning, positionals: readonly string[]): GetCommand {
  const { settings, hosts } = meaning;
  const { sources, last } = sourcesAndLast("get", positionals);
  const destination = parseTarget(last);
  if (destination.kind !== "local") {
    throw usageError(
      `get into "${describe(destination)}"`,
      "DEST is a local path, the last argument",
    );
  }
  const remotes = sources.map((text) => remoteTarget(text, { verb: "get", what: "SRC", hosts }));
  const [first, ...rest] = remotes;
  if (first === undefined || rest.some((target) => serverOf(target) !== serverOf(first))) {
    throw usageError("get from two servers at once", "run one get for each");
  }
  const copy = copyChoices(settings, sources.length);
  return {
    name: "get",
    output: settings.output(),
    transfer: transferChoices(meaning, remotes),
    sources: remotes,
    destination: destination.path,
    copy,
  };
}

/** `ls URL`. */
export function lsCommand(meaning: Meaning, positionals: readonly string[]): LsCommand {
  const { settings, hosts } = meaning;
  const [text] = exactly("ls", positionals, ["URL"]);
  const target = remoteTarget(text, { verb: "list", what: "URL", hosts });
  return {
    name: "ls",
    output: settings.output(),
    transfer: transferChoices(meaning, [target]),
    target,
    long: settings.has("long"),
    recursive: settings.has("recursive"),
    filters: settings.filters(),
  };
}

/** `bench [NAME]... [URL]`. */
export function benchCommand(meaning: Meaning, positionals: readonly string[]): BenchCommand {
  const { settings, hosts } = meaning;
  const benches = new Set<Bench>();
  const targets: RemoteTarget[] = [];
  for (const word of positionals) {
    const bench = BENCHES.find((name) => name === word);
    if (bench !== undefined) benches.add(bench);
    else targets.push(benchTarget(word, hosts));
  }
  const [target = null, extra] = targets;
  if (extra !== undefined) throw usageError("bench", "one URL is the most");
  return {
    name: "bench",
    output: settings.output(),
    transfer: transferChoices(meaning, targets),
    benches: benches.size === 0 && target === null ? BENCHES : [...benches],
    directory: settings.text("directory"),
    target,
    bytes: parseSize(settings.text("bytes") ?? ""),
    report: settings.text("report"),
  };
}

/** The places that a command line reaches, as text, so that the host it names is known. */
export function reachedTexts(command: string, positionals: readonly string[]): readonly string[] {
  switch (command) {
    case "send":
      return positionals.slice(-1);
    case "get":
      return positionals.slice(0, -1);
    case "ls":
    case "bench":
      return positionals;
    default:
      return [];
  }
}

function benchTarget(word: string, hosts: HostNames): RemoteTarget {
  const target = parseTarget(word, { hosts });
  if (target.kind !== "local") return target;
  throw usageError(
    `bench "${shown(word)}"`,
    `it is none of ${BENCHES.join(", ")} and no remote place${hintOf(word, BENCHES)}`,
  );
}

function copyChoices(settings: Settings, sourceCount: number): CopyChoices {
  const filters = settings.filters();
  const filesFrom = settings.text("files-from");
  const files = filters.flatMap((choice) => choice.kind === "file" ? [choice.path] : []);
  if ([...files, filesFrom].filter((path) => path === "-").length > 1) {
    throw usageError('use "-" twice', "stdin is read once");
  }
  const deleteByDefault = !settings.isTyped("delete");
  // What is said for all transfers to a host is for those that it can be meant for.
  const isDelete = settings.has("delete") && !(deleteByDefault && filesFrom !== null);
  if (filesFrom !== null && sourceCount > 1) {
    throw usageError('use "--files-from"', `it takes one SRC, and there are ${sourceCount}`);
  }
  if (filesFrom !== null && isDelete) {
    throw usageError(
      'use "--delete" with "--files-from"',
      "what is not listed would be removed, though SRC may have it",
    );
  }
  return {
    filters,
    filesFrom,
    dryRun: settings.has("dry-run"),
    delete: isDelete,
    deleteByDefault,
    failIfUnchanged: settings.has("fail-if-unchanged"),
  };
}

/**
 * The ticket file, where it can matter: one from a variable or a configuration stands for all
 * commands, and SFTPX_TICKET wins over a configuration.
 */
function ticketFile(
  settings: Settings,
  { targets, hasTicket }: { targets: readonly RemoteTarget[]; hasTicket: boolean },
): string | null {
  const text = settings.text("ticket-file");
  const origin = settings.originOf("ticket-file");
  if (origin === "typed" || origin === null) return text;
  if (!targets.some(({ kind }) => kind === "environment")) return null;
  return origin === "file" && hasTicket ? null : text;
}

/** What a source takes in an offer beside its names, or more. */
const SOURCE_BYTES = 32;

function sourcesAndLast(
  command: "send" | "get",
  positionals: readonly string[],
): { sources: readonly string[]; last: string } {
  const last = positionals.at(-1);
  if (last === undefined || positionals.length < 2) {
    throw usageError(
      command,
      `${positionals.length === 0 ? "SRC and DEST are" : "DEST is"} missing`,
    );
  }
  const count = positionals.length - 1;
  if (count > LIMITS.sourcesPerTransfer) {
    const most = LIMITS.sourcesPerTransfer;
    throw usageError(`${command} ${count} sources`, `${most} is the most, name a directory`);
  }
  const sources = positionals.slice(0, -1);
  // An offer holds them twice, as given and as they travel, and is one message.
  const bytes = sources.reduce((sum, source) => sum + 2 * utf8Bytes(source) + SOURCE_BYTES, 0);
  if (bytes > LIMITS.controlMessageBytes && count > 1) {
    throw usageError(
      `${command} ${count} sources`,
      "their names are too long together, name a directory",
    );
  }
  return { sources, last };
}

/** What must be equal for two targets to be on one server. */
function serverOf(target: RemoteTarget): string {
  switch (target.kind) {
    case "ticket":
      return target.text.toLowerCase();
    case "environment":
      return "@";
    case "url":
      return `${target.identity ?? ""}@${target.hostname.toLowerCase()} ${target.port}`;
  }
}
