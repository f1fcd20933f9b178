// What one flag is: what stands after it, where it has an effect, where it may be given.

import type { CommandName } from "./commands.ts";

/** What stands after a flag, and what it may be. */
export type FlagValue =
  | { readonly kind: "boolean" }
  | { readonly kind: "path"; readonly hint: string }
  | { readonly kind: "identity"; readonly hint: string }
  | { readonly kind: "address"; readonly hint: string }
  /** An address with its port, which may be 0. */
  | { readonly kind: "listen"; readonly hint: string }
  | { readonly kind: "pattern"; readonly hint: string }
  | { readonly kind: "directory"; readonly hint: string }
  /** A path under the served root. */
  | { readonly kind: "remote"; readonly hint: string }
  | { readonly kind: "compression"; readonly hint: string }
  /** A network address, or a range of them. */
  | { readonly kind: "range"; readonly hint: string }
  /** A duration within its bounds; or a date, or a time with its zone. */
  | { readonly kind: "expiry"; readonly hint: string; readonly min: number; readonly max: number }
  | {
    readonly kind: "count";
    readonly hint: string;
    readonly min: number;
    readonly max: number;
    /** `auto` stands for as many as help. */
    readonly orAuto?: true;
  }
  | { readonly kind: "size"; readonly hint: string; readonly min: number; readonly max: number }
  /** A size that is a power of two. */
  | { readonly kind: "chunk"; readonly hint: string; readonly min: number; readonly max: number }
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
  /** Says what travels; the order among these flags counts. */
  readonly filter?: true;
  /** Shown only by `--help --verbose`. */
  readonly advanced?: true;
  /** What is refused for now: some of its choices, or all of it. */
  readonly later?: "all" | readonly string[];
  /** Given on the command line only: no environment variable stands in for it. */
  readonly typed?: true;
  /** Where a configuration file may say it; everywhere by default. */
  readonly configured?: "nowhere" | "host";
  /** One line for help. */
  readonly help: string;
  /** The line for commands where it means something else, its default included. */
  readonly helpIn?: Readonly<Partial<Record<CommandName, string>>>;
}

/** The environment variable that stands in for a flag; null for one that is typed or not at all. */
export function variableOf(flag: FlagSpec): string | null {
  return flag.typed === true ? null : `SFTPX_${flag.name.toUpperCase().replaceAll("-", "_")}`;
}

/** Whether a command takes a flag at all. */
export function acceptsFlag(command: CommandName, flag: FlagSpec): boolean {
  return flag.common || flag.commands.includes(command);
}

/** What a flag has besides its name, its value and its commands. */
export type FlagRest = Omit<FlagSpec, "name" | "value" | "common" | "commands">;

/** A flag of some commands only. */
export function own<const Name extends string>(
  name: Name,
  value: FlagValue,
  commands: readonly CommandName[],
  rest: FlagRest,
): FlagSpec & { readonly name: Name } {
  return { name, value, commands, common: false, ...rest };
}

/** A flag that every command accepts. */
export function common<const Name extends string>(
  name: Name,
  value: FlagValue,
  commands: readonly CommandName[],
  rest: FlagRest,
): FlagSpec & { readonly name: Name } {
  return { name, value, commands, common: true, ...rest };
}

/** One of a few words, shown as its hint. */
export function choice(choices: readonly string[]): FlagValue {
  return { kind: "choice", hint: choices.join("|"), choices };
}

/** A whole number. */
export function count(min: number, max: number): FlagValue {
  return { kind: "count", hint: "N", min, max };
}

/** A whole number, or `auto` for as many as help. */
export function countOrAuto(min: number, max: number): FlagValue {
  return { kind: "count", hint: "N", min, max, orAuto: true };
}
