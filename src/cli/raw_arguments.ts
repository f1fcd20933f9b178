// From `argv` to flags and positional arguments as text, with no meaning yet. The only importer of
// the argument parser. It refuses unknown flags, flags without their value and a value after a
// boolean.

import type { SftpxError } from "../base/errors.ts";
// @ts-types="./parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { type CommandName, isCommandName } from "./commands.ts";
import { familiarHint } from "./familiar_flags.ts";
import { acceptsFlag, type FlagSpec } from "./flag_spec.ts";
import { type FlagName, FLAGS } from "./flags.ts";
import { nearest } from "./nearest.ts";
import { shown } from "./shown.ts";
import { usageError } from "./usage_error.ts";

/** What was written, in order; a boolean flag has no values. */
export interface RawArguments {
  readonly positionals: readonly string[];
  readonly flags: ReadonlyMap<FlagName, readonly string[]>;
  /** Flags that were written by their letter alone. */
  readonly letters: ReadonlySet<FlagName>;
  /** The values of the flags that say what travels, in the order they were written. */
  readonly filters: readonly { readonly flag: FlagName; readonly text: string }[];
}

/** One value and its place on the command line. */
interface Placed {
  readonly text: string;
  readonly place: number;
}

/**
 * Stands around a value's place on the command line, before the value: the parser forgets the order of
 * different flags, and takes `true` or `false` after a boolean flag as its value, though a file may
 * have that name. No argument holds a NUL.
 */
const GUARD = "\0";
const GUARDED = /^\0(\d+)\0/;

/** More letters than the table has: what looks like a cluster of flags is none. */
const MAX_CLUSTER = 32;

const TABLE: readonly (FlagSpec & { readonly name: FlagName })[] = FLAGS;

/** Splits `argv`; throws a usage error for what no table knows. */
export function parseRaw(args: readonly string[]): RawArguments {
  const end = args.indexOf("--");
  const before = end === -1 ? args : args.slice(0, end);
  const literal = end === -1 ? [] : args.slice(end + 1);
  const command = before.find(isCommandName) ?? null;
  for (const arg of before) checkForm(arg, command);
  const parsed = parseArgs(before.map(guard), {
    boolean: TABLE.filter(isBoolean).map((flag) => flag.name),
    string: [...TABLE.filter((flag) => !isBoolean(flag)).map((flag) => flag.name), "_"],
    collect: TABLE.map((flag) => flag.name),
    alias: Object.fromEntries(
      TABLE.flatMap((flag) => flag.short === undefined ? [] : [[flag.short, flag.name]]),
    ),
    unknown: (arg, key) => key === undefined ? true : refuseUnknown(arg, command),
  });
  const flags = new Map<FlagName, readonly string[]>();
  const filters: (Placed & { readonly flag: FlagName })[] = [];
  for (const flag of TABLE) {
    const values = valuesOf(flag, parsed[flag.name], command);
    if (values === null) continue;
    flags.set(flag.name, values.map(({ text }) => text));
    if (flag.filter === true) {
      filters.push(...values.map((value) => ({ ...value, flag: flag.name })));
    }
  }
  filters.sort((a, b) => a.place - b.place);
  return {
    positionals: [...parsed._.map((arg) => unguard(arg).text), ...literal],
    flags,
    letters: new Set([...flags.keys()].filter((name) => isByLetter(name, before))),
    filters: filters.map(({ flag, text }) => ({ flag, text })),
  };
}

/** Whether `--json` was asked for, however wrong the rest is: a usage error is told in JSON too. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end === -1 ? args : args.slice(0, end)).some((arg) => /^--json(=|$)/.test(arg));
}

function valuesOf(
  flag: FlagSpec,
  value: unknown,
  command: CommandName | null,
): readonly Placed[] | null {
  const given = Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (given.length === 0) return null;
  if (isBoolean(flag)) {
    for (const item of given) {
      if (typeof item !== "boolean") {
        throw unknownFlag(`-${flag.short ?? ""}${unguard(`${item}`).text}`, command);
      }
    }
    return [];
  }
  const values = given.map((item) => unguard(String(item)));
  if (values.some(({ text }) => text === "")) {
    const hint = flag.value.kind === "boolean" ? "" : flag.value.hint;
    throw usageError(`read "--${flag.name}"`, `its value ${hint} is missing`);
  }
  if (values.length > 1 && flag.list !== true) {
    throw usageError(`read "--${flag.name}"`, "it is given more than once");
  }
  return values;
}

function checkForm(arg: string, command: CommandName | null): void {
  // `_` is where the parser keeps positional arguments; as a flag it would overwrite them.
  if (/^--_(=|$)|^-[^-=]*_/.test(arg)) throw unknownFlag(arg, command);
  if (/^-[^-]/.test(arg) && arg.length > MAX_CLUSTER) throw unknownFlag(arg, command);
  const match = /^--([^=]+)=/.exec(arg);
  const flag = match && TABLE.find((item) => item.name === match[1]);
  if (flag && isBoolean(flag)) {
    throw usageError(`read "${shown(arg)}"`, `"--${flag.name}" takes no value`);
  }
}

function refuseUnknown(arg: string, command: CommandName | null): never {
  throw unknownFlag(arg.split("=")[0] ?? arg, command);
}

function unknownFlag(written: string, command: CommandName | null): SftpxError {
  const attempt = `read "${shown(written)}"`;
  const familiar = familiarHint(written, command);
  if (familiar !== null) return usageError(attempt, `no flag has that name, ${familiar}`);
  // What another command has would be refused as well.
  const names = TABLE.filter((flag) => command === null || acceptsFlag(command, flag))
    .map((flag) => flag.name);
  const near = nearest(written.replace(/^-+/, ""), names);
  const hint = near === null
    ? 'a name that begins with "-" goes after "--"'
    : `did you mean "--${near}"`;
  return usageError(attempt, `no flag has that name, ${hint}`);
}

function isByLetter(name: FlagName, args: readonly string[]): boolean {
  return !args.some((arg) => arg === `--${name}` || arg.startsWith(`--${name}=`));
}

function isBoolean(flag: FlagSpec): boolean {
  return flag.value.kind === "boolean";
}

/** A value, after a flag's `=` or by itself, with its place. */
function guard(arg: string, place: number): string {
  const mark = GUARD + place + GUARD;
  if (!arg.startsWith("-") || arg === "-") return mark + arg;
  const equals = arg.startsWith("--") ? arg.indexOf("=") : -1;
  return equals === -1 ? arg : arg.slice(0, equals + 1) + mark + arg.slice(equals + 1);
}

function unguard(text: string): Placed {
  const match = GUARDED.exec(text);
  return match === null
    ? { text, place: 0 }
    : { text: text.slice(match[0].length), place: Number(match[1]) };
}
