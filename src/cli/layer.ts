// Where a flag's value can come from: the command line, a variable, a line of a configuration file.
// A layer is all of one place; the first layer that says something wins.

import type { Environment } from "./home.ts";
import { type FlagSpec, variableOf } from "./flag_spec.ts";
import { findFlag, type FlagName, FLAGS } from "./flags.ts";
import type { RawArguments } from "./raw_arguments.ts";
import { shown } from "./shown.ts";

/** The flags with the names of the table. */
export const ALL_FLAGS: readonly (FlagSpec & { readonly name: FlagName })[] = FLAGS;

/** Where one value was given. */
export type Origin =
  /** `letter` where it stands there by its letter alone. */
  | { readonly kind: "typed"; readonly letter?: string }
  | { readonly kind: "variable"; readonly variable: string }
  /** `file` is its last component, for `config show`; `path` is for errors. */
  | { readonly kind: "file"; readonly path: string; readonly file: string; readonly line: number };

/** What one place says of one flag. A boolean's one text is what {@linkcode parseBoolean} reads. */
export interface Given {
  readonly texts: readonly string[];
  readonly origin: Origin;
}

/** A value of a filter flag, in its order. */
export interface GivenFilter {
  readonly flag: FlagName;
  readonly text: string;
  readonly origin: Origin;
}

/** All of one place. */
export interface Layer {
  readonly values: ReadonlyMap<FlagName, Given>;
  /** The values of the filter flags, in the order that counts. */
  readonly filters: readonly GivenFilter[];
}

/** Text of a boolean flag that was typed. */
const YES = "true";

/** What the command line says. */
export function typedLayer(raw: RawArguments): Layer {
  const origin: Origin = { kind: "typed" };
  const values = new Map<FlagName, Given>();
  for (const [name, texts] of raw.flags) {
    const letter = raw.letters.has(name) ? findFlag(name)?.short : undefined;
    values.set(name, {
      texts: texts.length === 0 ? [YES] : texts,
      origin: letter === undefined ? origin : { ...origin, letter },
    });
  }
  return { values, filters: raw.filters.map((filter) => ({ ...filter, origin })) };
}

/** What the environment says; an empty variable says nothing. */
export function environmentLayer(env: Environment): Layer {
  const values = new Map<FlagName, Given>();
  for (const flag of ALL_FLAGS) {
    const variable = variableOf(flag);
    const text = variable === null ? undefined : env(variable);
    if (variable === null || text === undefined || text === "") continue;
    const texts = flag.list === true ? listed(text) : [text];
    if (texts.length > 0) values.set(flag.name, { texts, origin: { kind: "variable", variable } });
  }
  return { values, filters: filtersOf(values) };
}

/** The filters among the values of a place that has one key a flag, in the order of its keys. */
export function filtersOf(values: ReadonlyMap<FlagName, Given>): readonly GivenFilter[] {
  return [...values].flatMap(([flag, { texts, origin }]) =>
    ALL_FLAGS.find(({ name }) => name === flag)?.filter === true
      ? texts.map((text) => ({ flag, text, origin }))
      : []
  );
}

/** A value as it was written where it was given, in quotes, for an error. */
export function written(flag: FlagSpec, text: string, origin: Origin): string {
  switch (origin.kind) {
    case "typed":
      return flag.value.kind === "boolean" ? `"--${flag.name}"` : `"--${flag.name} ${shown(text)}"`;
    case "variable":
      return `"${origin.variable}=${shown(text)}"`;
    case "file":
      return `"${flag.name} = ${shown(text)}" in "${shown(origin.path)}" line ${origin.line}`;
  }
}

/** An origin in few letters: `SFTPX_X`, `config.toml:3`. */
export function originText(origin: Origin): string {
  switch (origin.kind) {
    case "typed":
      return "command line";
    case "variable":
      return origin.variable;
    case "file":
      return `${shown(origin.file)}:${origin.line}`;
  }
}

/** A list in one variable: a line each where there are lines, else separated by commas. */
function listed(text: string): readonly string[] {
  const items = text.includes("\n") ? text.split(/\r?\n/) : text.split(",");
  return items.map((item) => item.trim()).filter((item) => item !== "");
}
