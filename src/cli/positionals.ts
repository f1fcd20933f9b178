// The positional arguments of a command: how many it takes, and where they should be remote.

import { utf8Bytes } from "../base/bytes.ts";
import type { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { COMMAND_NAMES, type CommandName, isCommandName } from "./commands.ts";
import { hintOf } from "./nearest.ts";
import { shown } from "./shown.ts";
import { type HostNames, parseTarget, type RemoteTarget, type Target } from "./target.ts";
import { usageError } from "./usage_error.ts";

/** The command of that name; a usage error with the nearest one for a word that is none. */
export function commandName(word: string): CommandName {
  if (isCommandName(word)) return word;
  throw usageError(
    `run "${shown(word)}"`,
    `no command has that name${hintOf(word, COMMAND_NAMES)}`,
  );
}

/** Refuses any argument. */
export function atMostNone(what: string, positionals: readonly string[]): void {
  const [extra] = positionals;
  if (extra !== undefined) throw tooMany(what, extra);
}

/** The one argument or null. */
export function atMostOne(what: string, positionals: readonly string[]): string | null {
  const [first, extra] = positionals;
  if (extra !== undefined) throw tooMany(what, extra);
  return first ?? null;
}

/** As many arguments as there are names, none missing, none empty. */
export function exactly<const Names extends readonly string[]>(
  what: string,
  positionals: readonly string[],
  names: Names,
): { readonly [Index in keyof Names]: string } {
  const missing = names.slice(positionals.length);
  if (missing.length > 0) {
    throw usageError(
      `run "${what}"`,
      `${missing.join(" and ")} ${missing.length === 1 ? "is" : "are"} missing`,
    );
  }
  const extra = positionals[names.length];
  if (extra !== undefined) throw tooMany(what, extra);
  const empty = names.find((_, index) => positionals[index] === "");
  if (empty !== undefined) throw usageError(`run "${what}"`, `${empty} is empty`);
  return positionals as { readonly [Index in keyof Names]: string };
}

/** One of a few words; a usage error with the nearest one for another. */
export function oneOf<Word extends string>(
  what: string,
  word: string,
  words: readonly Word[],
): Word {
  const found = words.find((item) => item === word);
  if (found !== undefined) return found;
  throw usageError(
    `run "${what} ${shown(word)}"`,
    `write one of ${words.join(", ")}${hintOf(word, words)}`,
  );
}

/** A directory named as ROOT; the current one where none is. */
export function rootOf(command: CommandName, given: string | null): string {
  if (given === "") throw usageError(`run "${command}"`, "ROOT is empty");
  const bytes = utf8Bytes(given ?? "");
  if (bytes > LIMITS.pathBytes) throw usageError(`run "${command}"`, `ROOT is ${bytes} bytes long`);
  return given ?? ".";
}

/** A place that must be remote. */
export function remoteTarget(
  text: string,
  { verb, what, hosts }: { verb: string; what: string; hosts: HostNames },
): RemoteTarget {
  const target = parseTarget(text, { hosts });
  if (target.kind !== "local") return target;
  const hint = /^[^/]+:/.test(target.path)
    ? "write a host as sftpx://HOST/PATH"
    : "write TICKET[/PATH], @[/PATH] or sftpx://HOST/PATH";
  throw usageError(`${verb} "${shown(target.path)}"`, `${what} is not remote, ${hint}`);
}

/** A target in an error: never the ticket itself (I9). */
export function describe(target: Target): string {
  switch (target.kind) {
    case "local":
      return shown(target.path);
    case "ticket":
      return "TICKET";
    case "environment":
      return shown(target.path === "" ? "@" : `@/${target.path}`);
    case "url":
      return shown(`sftpx://${target.hostname}/${target.path}`);
  }
}

function tooMany(what: string, extra: string): SftpxError {
  return usageError(`use "${shown(extra)}" with "${what}"`, "it is one argument too many");
}
