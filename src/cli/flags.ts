// The one table of flags. Parsing, help and the check of values are made from it. Common flags are
// accepted by every command, so that a script can pass one set to all; `commands` says where one
// has an effect.

import { LIMITS } from "../base/limits.ts";
import { type CommandName } from "./commands.ts";
import { formatSize } from "./units.ts";

/** What stands after a flag, and what it may be. */
export type FlagValue =
  | { readonly kind: "boolean" }
  | { readonly kind: "string"; readonly hint: string }
  | { readonly kind: "path"; readonly hint: string }
  | { readonly kind: "identity"; readonly hint: string }
  | { readonly kind: "address"; readonly hint: string }
  | { readonly kind: "compression"; readonly hint: string }
  | { readonly kind: "count"; readonly hint: string; readonly min: number; readonly max: number }
  | { readonly kind: "size"; readonly hint: string; readonly min: number; readonly max: number }
  | { readonly kind: "rate"; readonly hint: string; readonly min: number; readonly max: number }
  | { readonly kind: "duration"; readonly hint: string; readonly min: number; readonly max: number }
  | { readonly kind: "choice"; readonly hint: string; readonly choices: readonly string[] };

/** One flag. */
export interface FlagSpec {
  /** Without its dashes. */
  readonly name: string;
  /** One letter, for boolean flags only. */
  readonly short?: string;
  readonly value: FlagValue;
  /** As the user would write it; absent when there is none. */
  readonly fallback?: string;
  /** Whether every command accepts it; otherwise only `commands` do. */
  readonly common: boolean;
  /** Where it has an effect. */
  readonly commands: readonly CommandName[];
  /** May be given several times. */
  readonly list?: true;
  /** Shown only by `--help --verbose`. */
  readonly advanced?: true;
  /** Why it is refused for now, as the end of a sentence. */
  readonly later?: string;
  /** Environment variable that stands in for it. */
  readonly env?: string;
  /** One line for help. */
  readonly help: string;
}

const SERVERS = ["serve", "recv"] as const;
const CLIENTS = ["send", "get"] as const;
const TRANSFERS = [...SERVERS, ...CLIENTS] as const;
const EVERYWHERE = [...TRANSFERS, "init", "demo", "help", "version"] as const;

/** zstd levels above it need windows that a decoder does not have to accept. */
const MAX_ZSTD_LEVEL = 19;
/** zstd's own choice; `auto` takes level 1, which keeps up with the fastest pipe measured. */
export const DEFAULT_ZSTD_LEVEL = 3;
export const AUTO_ZSTD_LEVEL = 1;
export const ZSTD_LEVELS = { min: 1, max: MAX_ZSTD_LEVEL } as const;

/** Shorter than a handshake on a long path is no use; longer than a day is a typing error. */
const TIMEOUT_MS = { min: 100, max: 86_400_000 } as const;

const BOOLEAN = { kind: "boolean" } as const;

/** The one table of flags, in the order help shows them. */
export const FLAGS = [
  own("listen", { kind: "address", hint: "HOST:PORT" }, SERVERS, {
    fallback: "[::]:4443",
    help: "where; port 0 picks one",
  }),
  own("advertise", { kind: "address", hint: "HOST[:PORT]" }, SERVERS, {
    list: true,
    help: "an address for the ticket; may be repeated",
  }),
  own("once", BOOLEAN, SERVERS, { help: "stop after one transfer, with its exit code" }),
  own("access", choice(["read", "write", "both"]), ["serve"], {
    fallback: "both",
    help: "what a peer may do",
  }),
  own("authorized-keys", { kind: "path", hint: "FILE" }, SERVERS, {
    help: "let these identities in, and print no ticket",
  }),
  own("no-ticket", BOOLEAN, SERVERS, { help: "print no ticket" }),
  common("json", BOOLEAN, EVERYWHERE, { help: "one JSON object a line on stdout" }),
  common("quiet", BOOLEAN, EVERYWHERE, { short: "q", help: "only errors on stderr" }),
  common("verbose", BOOLEAN, EVERYWHERE, { short: "v", help: "say more on stderr" }),
  common("help", BOOLEAN, EVERYWHERE, { short: "h", help: "show this; with --verbose all flags" }),
  common("version", BOOLEAN, [], { short: "V", help: "show the version" }),
  common("dry-run", BOOLEAN, CLIENTS, {
    later: "dry runs are",
    help: "show what would be done (not yet)",
    advanced: true,
  }),
  common(
    "chunk-size",
    {
      kind: "size",
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
  common("compress", { kind: "compression", hint: "METHOD" }, CLIENTS, {
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
  common("transport", choice(["auto", "quic", "tcp"]), TRANSFERS, {
    fallback: "auto",
    help: "tcp is not there yet",
    advanced: true,
  }),
  common("quic", choice(["auto", "deno", "npm"]), TRANSFERS, {
    fallback: "auto",
    help: "npm is not there yet",
    advanced: true,
  }),
  common("congestion", choice(["auto", "cubic", "bbr"]), TRANSFERS, {
    fallback: "auto",
    help: "bbr helps on long or lossy paths",
    advanced: true,
  }),
  common("connections", count(1, LIMITS.connections), CLIENTS, {
    fallback: "1",
    help: "more help on long paths",
    advanced: true,
  }),
  common("lanes", count(1, LIMITS.lanesPerConnection * LIMITS.connections), CLIENTS, {
    fallback: "4",
    help: "data streams over all connections",
    advanced: true,
  }),
  own("fail-if-unchanged", BOOLEAN, CLIENTS, {
    help: "exit 4 when there was nothing to do",
    advanced: true,
  }),
  common("bwlimit", { kind: "rate", hint: "RATE", min: 1, max: 1e12 }, TRANSFERS, {
    later: "rate limits are",
    help: "at most this rate, as 10MB/s (not yet)",
    advanced: true,
  }),
  common("timeout", { kind: "duration", hint: "D", ...TIMEOUT_MS }, CLIENTS, {
    fallback: "30s",
    help: "longest time without the peer",
  }),
  common("identity", { kind: "path", hint: "FILE" }, [...TRANSFERS, "init"], {
    help: "this user's identity file",
    advanced: true,
  }),
  common("known-hosts", { kind: "path", hint: "FILE" }, CLIENTS, {
    help: "the file of known servers",
    advanced: true,
  }),
  common("pin", { kind: "identity", hint: "IDENTITY" }, CLIENTS, {
    help: "the server must prove this identity",
  }),
  common("ticket-file", { kind: "path", hint: "FILE" }, CLIENTS, {
    env: "SFTPX_TICKET",
    help: "read the ticket for @ from here",
  }),
] as const satisfies readonly FlagSpec[];

/** Names of the table. */
export type FlagName = (typeof FLAGS)[number]["name"];

/** The flag of that name, or null. */
export function findFlag(name: string): FlagSpec | null {
  return FLAGS.find((flag) => flag.name === name) ?? null;
}

/** Whether a command takes a flag at all. */
export function acceptsFlag(command: CommandName, flag: FlagSpec): boolean {
  return flag.common || flag.commands.includes(command);
}

type FlagRest = Omit<FlagSpec, "name" | "value" | "common" | "commands">;

function own<const Name extends string>(
  name: Name,
  value: FlagValue,
  commands: readonly CommandName[],
  rest: FlagRest,
): FlagSpec & { readonly name: Name } {
  return { name, value, commands, common: false, ...rest };
}

function common<const Name extends string>(
  name: Name,
  value: FlagValue,
  commands: readonly CommandName[],
  rest: FlagRest,
): FlagSpec & { readonly name: Name } {
  return { name, value, commands, common: true, ...rest };
}

function choice(choices: readonly string[]): FlagValue {
  return { kind: "choice", hint: choices.join("|"), choices };
}

function count(min: number, max: number): FlagValue {
  return { kind: "count", hint: "N", min, max };
}
