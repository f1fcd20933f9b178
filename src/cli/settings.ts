// The flags in force for one command: what was typed wins over variables, these over the named host's
// section, this over the top of the configuration file, and all over the table's default. Filters of
// all places hold together, in that order: the first that matches decides.

import { SftpxError } from "../base/errors.ts";
import type { FilterChoice, OutputChoices } from "./command.ts";
import type { CommandName } from "./commands.ts";
import { checkValue, echo, parseBoolean } from "./flag_values.ts";
import { familiarHint } from "./familiar_flags.ts";
import { acceptsFlag, type FlagSpec } from "./flag_spec.ts";
import { findFlag, type FlagName } from "./flags.ts";
import { type Given, type GivenFilter, type Layer, type Origin, written } from "./layer.ts";

/** The layers of one command line; an absent one says nothing. */
export interface Layers {
  readonly typed: Layer;
  readonly environment: Layer;
  /** The section of the host that the command names. */
  readonly host: Layer | null;
  readonly file: Layer | null;
}

/** The flags of one command, read by name. */
export class Settings {
  readonly command: CommandName | null;
  readonly #layers: Layers;
  /** Most telling first. */
  readonly #order: readonly Layer[];

  constructor(command: CommandName | null, layers: Layers) {
    this.command = command;
    this.#layers = layers;
    const { typed, environment, host, file } = layers;
    this.#order = [typed, environment, host, file].filter((layer) => layer !== null);
  }

  /** Whether a boolean flag is on. */
  has(name: FlagName): boolean {
    const given = this.find(name);
    return given !== null && parseBoolean(given.texts[0] ?? "", attemptOf(name, given));
  }

  /** The value in force or the table's default, as text. */
  text(name: FlagName): string | null {
    return this.find(name)?.texts[0] ?? findFlag(name)?.fallback ?? null;
  }

  /** All values of a flag that may be repeated; of the one place that wins. */
  list(name: FlagName): readonly string[] {
    return this.find(name)?.texts ?? [];
  }

  /** What is in force and where it was given; null where only the default holds. */
  find(name: FlagName): Given | null {
    const layer = this.#order.find(({ values }) => values.has(name));
    return layer?.values.get(name) ?? null;
  }

  /** Where the value in force was given; null for the default. */
  originOf(name: FlagName): Origin["kind"] | null {
    return this.find(name)?.origin.kind ?? null;
  }

  /** Whether it stands on the command line. */
  isTyped(name: FlagName): boolean {
    return this.#layers.typed.values.has(name);
  }

  /** What travels, in the order that counts, with where each was said. */
  givenFilters(): readonly GivenFilter[] {
    return this.#order.flatMap(({ filters }) => filters);
  }

  /** What travels, in the order that counts. */
  filters(): readonly FilterChoice[] {
    return this.givenFilters().map(({ flag, text }) => {
      const include = flag.startsWith("include");
      return flag.endsWith("-from")
        ? { kind: "file", include, path: text }
        : { kind: "rule", include, pattern: text };
    });
  }

  /**
   * Refuses flags of other commands, what is for later, and values out of bounds. A variable is
   * looked at only where its flag has an effect: it is there for all commands at once. `config` tells
   * of all.
   */
  check(): void {
    const { command } = this;
    if (command === null) return;
    for (const [name, given] of this.#layers.typed.values) {
      const flag = specOf(name);
      if (!acceptsFlag(command, flag)) {
        const { origin } = given;
        const letter = origin.kind === "typed" ? origin.letter : undefined;
        const typed = letter === undefined ? `--${name}` : `-${letter}`;
        const hint = familiarHint(typed, command);
        const found = hint === null ? "" : `: ${hint}`;
        throw new SftpxError("usage", `Cannot use "${typed}" with "${command}"${found}`);
      }
      checkGiven(flag, given);
    }
    for (const [name, given] of this.#layers.environment.values) {
      const flag = specOf(name);
      if (command === "config" || flag.commands.includes(command)) checkGiven(flag, given);
    }
  }

  /** Refuses flags that this command takes, but not with what it was asked to do. */
  refuse(names: readonly FlagName[], what: string): void {
    const name = names.find((item) => this.isTyped(item));
    if (name !== undefined) throw new SftpxError("usage", `Cannot use "--${name}" with "${what}"`);
  }

  /** How to talk, with what is to be told first. */
  output(): OutputChoices {
    return { ...this.manner(), notes: this.#notes() };
  }

  /** How to talk, for help and version, which look at no other flag. */
  manner(): OutputChoices {
    return {
      json: this.has("json"),
      quiet: this.has("quiet"),
      verbose: this.has("verbose"),
      notes: [],
    };
  }

  #notes(): readonly string[] {
    const echoes: string[] = [];
    const idle: string[] = [];
    for (const [name, { texts }] of this.#layers.typed.values) {
      const flag = specOf(name);
      if (this.command === null) continue;
      if (!flag.commands.includes(this.command)) idle.push(`--${name}`);
      else echoes.push(...texts.flatMap((text) => echo(flag, text)));
    }
    const notes = echoes.length === 0 ? [] : [`with ${echoes.join(", ")}`];
    if (idle.length > 0) notes.push(`${idle.join(", ")}: no effect with ${this.command}`);
    return notes;
  }
}

/** Refuses what is for later, and values out of bounds, wherever they were given. */
export function checkGiven(flag: FlagSpec, { texts, origin }: Given): void {
  for (const text of texts) {
    const where = written(flag, text, origin);
    checkNow(flag, text, where);
    checkValue(flag, text, where);
  }
}

/** A choice that is for later has a code of its own, so that a script can try another. */
function checkNow({ later = [] }: FlagSpec, text: string, where: string): void {
  if (later !== "all" && !later.includes(text)) return;
  throw new SftpxError(
    later === "all" ? "usage" : "unsupported",
    `Cannot use ${where}: it is not in this version yet`,
  );
}

function attemptOf(name: FlagName, { texts, origin }: Given): string {
  return `use ${written(specOf(name), texts[0] ?? "", origin)}`;
}

function specOf(name: FlagName): FlagSpec {
  const flag = findFlag(name);
  if (flag === null) throw new TypeError(`No flag is named ${name}`);
  return flag;
}
