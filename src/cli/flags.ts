// The one table of flags. Parsing, help, environment variables, configuration, completions, the manual
// page and the check of values are made from it. Common flags are accepted by every command, so that a
// script can pass one set to all; `commands` says where one has an effect.

import { LIMITS } from "../base/limits.ts";
import { COMMON_FLAGS } from "./universal_flags.ts";
import {
  ACCESS,
  BENCH_BYTES,
  BOOLEAN,
  CLIENTS,
  EXPIRY_MS,
  FILE,
  FILTERED,
  GRANT_BYTES,
  GRANTING,
  LINKS,
  MODES,
  PATTERN,
  RECEIVERS,
  SERVERS,
  TRANSFERS,
} from "./flag_bounds.ts";
import { choice, count, type FlagRest, type FlagSpec, type FlagValue, own } from "./flag_spec.ts";

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
    helpIn: { send: "skip: offer none (others: at the receiver)" },
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
  own("fail-if-unchanged", BOOLEAN, CLIENTS, {
    help: "exit 4 when there was nothing to do",
    advanced: true,
  }),
  ...COMMON_FLAGS,
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
