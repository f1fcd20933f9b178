// `sftpx completions`: what a shell may offer, made from the tables of commands and flags. Flags that
// have no effect or are not in this version are not offered.

import { bashCompletions } from "./completions_bash.ts";
import { fishCompletions } from "./completions_fish.ts";
import { zshCompletions } from "./completions_zsh.ts";
import { COMMAND_NAMES, type CommandName, type CommandSpec, commandSpec } from "./commands.ts";
import type { CompletionsCommand } from "./command.ts";
import type { FlagSpec } from "./flag_spec.ts";
import { ALL_FLAGS } from "./layer.ts";

/** What can stand after a flag or in an operand's place. */
export type Offer =
  | { readonly kind: "words"; readonly words: readonly string[] }
  | { readonly kind: "files" | "directories" | "nothing" };

/** One flag as a shell sees it. */
export interface OfferedFlag {
  readonly name: string;
  readonly short: string | null;
  readonly help: string;
  readonly isList: boolean;
  /** What its value is called, and what may be offered for it; null for a boolean. */
  readonly value: { readonly hint: string; readonly offer: Offer } | null;
}

/** One command as a shell sees it. */
export interface OfferedCommand {
  readonly name: CommandName;
  readonly summary: string;
  readonly flags: readonly OfferedFlag[];
  /** The first operand's words; empty where there are none. */
  readonly words: readonly string[];
  /** All other operands. */
  readonly operands: CommandSpec["operands"];
}

/** The script of a shell. */
export function completions(shell: CompletionsCommand["shell"]): string {
  const commands = COMMAND_NAMES.map(offeredCommand);
  switch (shell) {
    case "bash":
      return bashCompletions(commands);
    case "zsh":
      return zshCompletions(commands);
    case "fish":
      return fishCompletions(commands);
  }
}

function offeredCommand(name: CommandName): OfferedCommand {
  const { summary, words = [], operands } = commandSpec(name);
  const flags = ALL_FLAGS.filter((flag) => flag.commands.includes(name) && flag.later !== "all");
  return {
    name,
    summary,
    flags: flags.map(offeredFlag),
    words: name === "help" ? COMMAND_NAMES : words,
    operands,
  };
}

function offeredFlag(flag: FlagSpec): OfferedFlag {
  const { name, short = null, help, value } = flag;
  return {
    name,
    short,
    help,
    isList: flag.list === true,
    value: value.kind === "boolean" ? null : { hint: value.hint, offer: offerOf(flag) },
  };
}

function offerOf({ value }: FlagSpec): Offer {
  switch (value.kind) {
    case "choice":
      return { kind: "words", words: value.choices };
    case "compression":
      return { kind: "words", words: ["auto", "none", "zstd"] };
    case "path":
      return { kind: "files" };
    case "directory":
      return { kind: "directories" };
    default:
      return { kind: "nothing" };
  }
}
