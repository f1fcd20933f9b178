// The one table of flags. Parsing, help, environment variables, configuration, completions, the manual
// page and the check of values are made from it. Common flags are accepted by every command, so that a
// script can pass one set to all; `commands` says where one has an effect.

import { LIMITS } from "../base/limits.ts";
import type { LinkPolicy, ModePolicy } from "../session/options.ts";
import type { QuicChoice } from "../session/transports.ts";
import type { Congestion } from "../transport/transport.ts";
import type { Access } from "../trust/grant.ts";
import {
  choice,
  common,
  count,
  countOrAuto,
  type FlagRest,
  type FlagSpec,
  type FlagValue,
  own,
} from "./flag_spec.ts";
import { formatSize } from "./units.ts";

const SERVERS = ["serve", "recv"] as const;
const CLIENTS = ["send", "get"] as const;
const TRANSFERS = [...SERVERS, ...CLIENTS] as const;
/** Commands that write what a peer sends. */
const RECEIVERS = [...SERVERS, "get"] as const;
/** Commands that say what somebody else may do. */
const GRANTING = ["ticket", "keys"] as const;
/** Commands that reach a server. */
const REACHING = [...CLIENTS, "ls", "bench"] as const;
const FILTERED = [...CLIENTS, "ls"] as const;
/** Commands that do something; the others print what is built in. */
const WORKING = [
  ...TRANSFERS,
  "ls",
  "status",
  "clean",
  "ticket",
  "keys",
  "init",
  "bench",
  "demo",
  "config",
] as const;
const TALKING = [...WORKING, "help", "version"] as const;
const EVERYWHERE = [...TALKING, "completions", "man"] as const;

/** zstd levels above it need windows that a decoder does not have to accept. */
const MAX_ZSTD_LEVEL = 19;
export const ZSTD_LEVELS = { min: 1, max: MAX_ZSTD_LEVEL } as const;

const LANES_MAX = LIMITS.lanesPerConnection * LIMITS.connections;

const DAY_MS = 86_400_000;
/** Shorter than a handshake on a long path is no use; longer than a day is a typing error. */
const TIMEOUT_MS = { min: 100, max: DAY_MS } as const;
/** A ticket that must outlive a year is better an authorized key. */
const EXPIRY_MS = { min: 1000, max: 366 * DAY_MS } as const;
/** Less would forget what a slow hand is about to start again. */
const KEEP_MS = { min: 60_000, max: 366 * DAY_MS } as const;
/** Less is over before a rate can be seen. */
const BENCH_BYTES = { min: 2 ** 20, max: LIMITS.measureBytes } as const;

/** What a grant may be bounded by. */
const GRANT_BYTES = { min: 0, max: LIMITS.fileBytes } as const;

/** Words of a grant. */
const ACCESS: readonly Access[] = [
  "read",
  "write",
  "write-once",
  "append-only",
  "read,write-once",
  "read,append-only",
  "both",
];

/** Whose QUIC, and which congestion control. */
const QUICS: readonly QuicChoice[] = ["auto", "deno", "npm"];
const CONGESTIONS: readonly Congestion[] = ["auto", "cubic", "bbr", "reno"];
/** Less stalls on every packet. */
const WINDOW_BYTES = { min: 2 ** 16, max: LIMITS.mostWindowBytes } as const;

/** Slower, a chunk would take an hour. */
const RATES = { min: 1000, max: LIMITS.rateBytesPerSecond } as const;

/** What becomes of links, and of modes. */
const LINKS: readonly LinkPolicy[] = ["keep", "skip", "refuse"];
const MODES: readonly ModePolicy[] = ["safe", "exact"];

const BOOLEAN = { kind: "boolean" } as const;
const PATTERN = { kind: "pattern", hint: "PATTERN" } as const;
const FILE = { kind: "path", hint: "FILE" } as const;

/** The one table of flags, in the order help shows them. */
export const FLAGS = [
  own("listen", { kind: "listen", hint: "HOST:PORT" }, SERVERS, {
    fallback: "[::]:4443",
    help: "where; port 0 picks one",
  }),
  own("advertise", { kind: "address", hint: "HOST[:PORT]" }, [...SERVERS, "ticket"], {
    list: true,
    help: "an address for the ticket; repeatable",
  }),
  own("once", BOOLEAN, SERVERS, { help: "stop after one transfer, with its exit code" }),
  own("access", { kind: "choice", hint: "WHAT", choices: ACCESS }, ["serve", "ticket", "keys"], {
    fallback: "both",
    help: "read|write|write-once|append-only",
  }),
  own("path", { kind: "remote", hint: "PATH" }, GRANTING, {
    configured: "nowhere",
    help: "only this place under ROOT",
  }),
  own("quota", { kind: "size", hint: "SIZE", ...GRANT_BYTES }, GRANTING, {
    configured: "nowhere",
    help: "how much may be kept there",
  }),
  own("max-file", { kind: "size", hint: "SIZE", ...GRANT_BYTES }, GRANTING, {
    configured: "nowhere",
    help: "how large one file may be",
    advanced: true,
  }),
  own("from", { kind: "range", hint: "ADDRESS[/BITS]" }, ["keys"], {
    list: true,
    configured: "nowhere",
    help: "where the key may come from; repeatable",
  }),
  own("uses", count(1, LIMITS.ticketUses), ["ticket"], {
    help: "transfers it is good for (default: any number)",
  }),
  own("expires", { kind: "expiry", hint: "D|DATE", ...EXPIRY_MS }, ["ticket", "keys"], {
    help: "how long it is good, or its last day (ticket: 24h)",
  }),
  own("older-than", { kind: "duration", hint: "D", ...EXPIRY_MS }, ["clean"], {
    configured: "nowhere",
    help: "only what was last worked on longer ago",
  }),
  own("authorized-keys", FILE, [...SERVERS, "keys"], {
    help: "keys that may connect, in place of a ticket",
  }),
  own("no-ticket", BOOLEAN, SERVERS, { help: "print no ticket" }),
  own("log-format", choice(["text", "json"]), SERVERS, {
    fallback: "text",
    help: "how stderr tells what happens",
    advanced: true,
  }),
  own("ready-file", FILE, SERVERS, {
    help: "made once it listens, gone when it stops",
    advanced: true,
  }),
  own("long", BOOLEAN, ["ls"], { short: "l", help: "mode, size and time too" }),
  own("recursive", BOOLEAN, ["ls"], { short: "r", help: "all below it too" }),
  own("bytes", { kind: "size", hint: "SIZE", ...BENCH_BYTES }, ["bench"], {
    fallback: "256MiB",
    help: "how much each measurement moves",
  }),
  own("directory", { kind: "directory", hint: "DIR" }, ["bench"], {
    help: "where disk and hash write (default: temporary)",
  }),
  own("report", FILE, ["bench"], {
    configured: "nowhere",
    help: "write a page of HTML with charts too",
  }),
  filter("include", PATTERN, { help: "what travels, whatever a later rule says" }),
  filter("exclude", PATTERN, { help: "what does not travel; rsync's patterns" }),
  filter("include-from", FILE, { help: "patterns from a file, - for stdin", advanced: true }),
  filter("exclude-from", FILE, { help: "patterns from a file, - for stdin", advanced: true }),
  own("files-from", FILE, CLIENTS, {
    configured: "nowhere",
    help: "only the paths in a file, - for stdin",
    advanced: true,
  }),
  own("delete", BOOLEAN, CLIENTS, {
    configured: "host",
    help: "remove at DEST what SRC does not have",
  }),
  own("links", choice(LINKS), TRANSFERS, {
    fallback: "refuse",
    help: "links made: all, none, safe ones",
    helpIn: { send: "skip: offer no links" },
    advanced: true,
  }),
  own("modes", choice(MODES), RECEIVERS, {
    fallback: "safe",
    help: "safe: no setuid, no world-write",
    advanced: true,
  }),
  own("paranoid", BOOLEAN, RECEIVERS, {
    help: "read all again before its commit, slower",
    advanced: true,
  }),
  common("dry-run", BOOLEAN, [...CLIENTS, "clean"], {
    short: "n",
    configured: "nowhere",
    help: "say what would be done, and do nothing",
  }),
  common("json", BOOLEAN, [...WORKING, "version"], {
    configured: "nowhere",
    help: "one JSON object a line on stdout",
  }),
  common("quiet", BOOLEAN, WORKING, { short: "q", help: "only errors on stderr" }),
  common("verbose", BOOLEAN, TALKING, {
    short: "v",
    help: "say more; of a transfer, one line a file",
  }),
  common("config", FILE, WORKING, {
    configured: "nowhere",
    help: "this configuration file",
    advanced: true,
  }),
  common(
    "chunk-size",
    {
      kind: "chunk",
      hint: "N",
      min: LIMITS.minChunkBytes,
      max: LIMITS.maxChunkBytes,
    },
    CLIENTS,
    {
      fallback: formatSize(LIMITS.defaultChunkBytes).replace(" ", ""),
      help: `power of two, ${formatSize(LIMITS.minChunkBytes)} to ${
        formatSize(LIMITS.maxChunkBytes)
      }`,
      advanced: true,
    },
  ),
  common("compress", { kind: "compression", hint: "METHOD" }, [...CLIENTS, "bench"], {
    fallback: "auto",
    help: "auto, none or zstd[:LEVEL]",
  }),
  common("workers", count(1, LIMITS.workers), TRANSFERS, {
    help: "threads that hash and compress (default: cores)",
    advanced: true,
  }),
  common("depth", count(1, LIMITS.maxDepth), TRANSFERS, {
    help: "chunks in the pipeline (default: 4 a worker)",
    advanced: true,
  }),
  common("checksum", BOOLEAN, CLIENTS, { help: "compare by content, never by size and time" }),
  common("atomic", BOOLEAN, CLIENTS, { help: "commit nothing before everything is verified" }),
  common("transport", choice(["auto", "quic", "tcp"]), [...SERVERS, ...REACHING], {
    fallback: "auto",
    help: "auto: QUIC and TCP are raced",
    advanced: true,
  }),
  common("quic", choice(QUICS), [...SERVERS, ...REACHING], {
    fallback: "auto",
    help: "Deno's own, or quiche from npm",
    advanced: true,
  }),
  common("congestion", { kind: "choice", hint: "NAME", choices: CONGESTIONS }, [
    ...SERVERS,
    ...REACHING,
  ], {
    fallback: "auto",
    help: "auto: bbr, cubic within the machine",
    advanced: true,
  }),
  common("window", { kind: "size", hint: "SIZE", ...WINDOW_BYTES }, [...SERVERS, ...REACHING], {
    help: "bytes a stream may be ahead (quiche)",
    advanced: true,
  }),
  common("connections", countOrAuto(1, LIMITS.connections), [...CLIENTS, "bench"], {
    fallback: "auto",
    help: "by what is measured, or exactly N",
    advanced: true,
  }),
  common("lanes", countOrAuto(1, LANES_MAX), [...CLIENTS, "bench"], {
    fallback: "auto",
    help: "data streams over all connections",
    advanced: true,
  }),
  own("fail-if-unchanged", BOOLEAN, CLIENTS, {
    help: "exit 4 when there was nothing to do",
    advanced: true,
  }),
  common("bwlimit", { kind: "rate", hint: "RATE", ...RATES }, [...TRANSFERS, "bench"], {
    help: "at most this rate, as 10MB/s",
    advanced: true,
  }),
  common("timeout", { kind: "duration", hint: "D", ...TIMEOUT_MS }, [...SERVERS, ...REACHING], {
    fallback: "30s",
    help: "longest time without the peer",
  }),
  common("keep-for", { kind: "duration", hint: "D", ...KEEP_MS }, [...SERVERS, "get"], {
    fallback: `${LIMITS.keepForMs / DAY_MS}d`,
    help: "how long what broke off can resume",
    advanced: true,
  }),
  common("identity", FILE, [...SERVERS, ...REACHING, "init", "ticket", "keys"], {
    help: "this user's identity file",
    advanced: true,
  }),
  common("known-hosts", FILE, [...REACHING, "keys"], {
    help: "the file of known servers",
    advanced: true,
  }),
  common("pin", { kind: "identity", hint: "IDENTITY" }, REACHING, {
    help: "the server must prove this identity",
  }),
  common("ticket-file", FILE, REACHING, {
    help: "read the ticket for @ from here (or SFTPX_TICKET)",
  }),
  common("help", BOOLEAN, EVERYWHERE, {
    short: "h",
    typed: true,
    configured: "nowhere",
    help: "show this; with --verbose all flags",
  }),
  common("version", BOOLEAN, [], {
    short: "V",
    typed: true,
    configured: "nowhere",
    help: "show the version",
  }),
] as const satisfies readonly FlagSpec[];

/** Names of the table. */
export type FlagName = (typeof FLAGS)[number]["name"];

/** The flag of that name, or null. */
export function findFlag(name: string): FlagSpec | null {
  return FLAGS.find((flag) => flag.name === name) ?? null;
}

/** A flag of what travels. */
function filter<const Name extends string>(
  name: Name,
  value: FlagValue,
  rest: FlagRest,
): FlagSpec & { readonly name: Name } {
  return { name, value, commands: FILTERED, common: false, list: true, filter: true, ...rest };
}
