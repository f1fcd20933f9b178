// From `argv` to flags and positional arguments as text, with no meaning yet. The only importer of
// the argument parser. It refuses unknown flags, flags without their value and a value after a
// boolean.

import { SftpxError } from "../base/errors.ts";
// @ts-types="./parse_args.d.ts"
import { parseArgs } from "@std/cli/parse-args";
import { type FlagName, FLAGS, type FlagSpec } from "./flags.ts";
import { nearest } from "./nearest.ts";
import { shown } from "./shown.ts";

/** What was written, in order; a boolean flag has no values. */
export interface RawArguments {
  readonly positionals: readonly string[];
  readonly flags: ReadonlyMap<FlagName, readonly string[]>;
}

/** The parser takes `true` or `false` after a boolean flag as its value; a file may have that name. */
const GUARD = "\0";

const TABLE: readonly (FlagSpec & { readonly name: FlagName })[] = FLAGS;

/** Splits `argv`; throws a usage error for what no table knows. */
export function parseRaw(args: readonly string[]): RawArguments {
  const end = args.indexOf("--");
  const before = end === -1 ? args : args.slice(0, end);
  const literal = end === -1 ? [] : args.slice(end + 1);
  for (const arg of before) checkForm(arg);
  const parsed = parseArgs(before.map(guard), {
    boolean: TABLE.filter(isBoolean).map((flag) => flag.name),
    string: [...TABLE.filter((flag) => !isBoolean(flag)).map((flag) => flag.name), "_"],
    collect: TABLE.map((flag) => flag.name),
    alias: Object.fromEntries(
      TABLE.flatMap((flag) => flag.short === undefined ? [] : [[flag.short, flag.name]]),
    ),
    unknown: (arg, key) => key === undefined ? true : refuseUnknown(arg),
  });
  const flags = new Map<FlagName, readonly string[]>();
  for (const flag of TABLE) {
    const values = valuesOf(flag, parsed[flag.name]);
    if (values !== null) flags.set(flag.name, values);
  }
  return { positionals: [...parsed._.map(unguard), ...literal], flags };
}

/** Whether `--json` was asked for, however wrong the rest is: a usage error is told in JSON too. */
export function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end === -1 ? args : args.slice(0, end)).some((arg) => /^--json(=|$)/.test(arg));
}

function valuesOf(flag: FlagSpec, value: unknown): readonly string[] | null {
  const given = Array.isArray(value) ? value : value === undefined ? [] : [value];
  if (given.length === 0) return null;
  if (isBoolean(flag)) {
    for (const item of given) {
      if (typeof item !== "boolean") throw unknownFlag(`-${flag.short ?? ""}${unguard(`${item}`)}`);
    }
    return [];
  }
  const texts = given.map((item) => unguard(String(item)));
  if (texts.includes("")) {
    const hint = flag.value.kind === "boolean" ? "" : flag.value.hint;
    throw new SftpxError("usage", `Cannot read "--${flag.name}": its value ${hint} is missing`);
  }
  if (texts.length > 1 && flag.list !== true) {
    throw new SftpxError("usage", `Cannot read "--${flag.name}": it is given more than once`);
  }
  return texts;
}

function checkForm(arg: string): void {
  // `_` is where the parser keeps positional arguments; as a flag it would overwrite them.
  if (/^--_(=|$)|^-[^-=]*_/.test(arg)) throw unknownFlag(arg);
  const match = /^--([^=]+)=/.exec(arg);
  const flag = match && TABLE.find((item) => item.name === match[1]);
  if (flag && isBoolean(flag)) {
    throw new SftpxError("usage", `Cannot read "${shown(arg)}": "--${flag.name}" takes no value`);
  }
}

function refuseUnknown(arg: string): never {
  throw unknownFlag(unguard(arg.split("=")[0] ?? arg));
}

function unknownFlag(written: string): SftpxError {
  const names = TABLE.map((flag) => flag.name);
  const near = nearest(written.replace(/^-+/, ""), names);
  const hint = near === null
    ? 'a name that begins with "-" goes after "--"'
    : `did you mean "--${near}"`;
  return new SftpxError("usage", `Cannot read "${shown(written)}": no flag has that name, ${hint}`);
}

function isBoolean(flag: FlagSpec): boolean {
  return flag.value.kind === "boolean";
}

function guard(arg: string): string {
  return arg === "true" || arg === "false" ? GUARD + arg : arg;
}

function unguard(text: string): string {
  return text.startsWith(GUARD) ? text.slice(GUARD.length) : text;
}
