// Help and version as text, made from the tables of commands and flags: an example first, the rest
// below, within 80 columns.

import { COMMAND_NAMES, type CommandName, COMMANDS, type CommandSpec } from "./commands.ts";
import type { VersionDetails } from "./context.ts";
import { FLAGS, type FlagSpec } from "./flags.ts";

const INDENT = "  ";
const ALL_FLAGS: readonly FlagSpec[] = FLAGS;

/** Help of the tool. */
export function toolHelp(version: string): string {
  const names = COMMAND_NAMES.filter((name) => COMMANDS[name].available);
  const rows = names.map((name) => [name, COMMANDS[name].summary] as const);
  return lines(
    `sftpx ${version}: moves files between two machines over QUIC, fast and safely`,
    "",
    ...examples([
      "sftpx recv inbox            on one machine: prints a TICKET",
      "sftpx send photos TICKET    on the other: copies photos into inbox",
    ]),
    "",
    "Commands",
    ...columns(rows),
    "",
    "Flags: sftpx help COMMAND. With --verbose, all of them.",
  );
}

/** Help of one command; with `verbose`, every flag that has an effect there. */
export function commandHelp(name: CommandName, { verbose }: { verbose: boolean }): string {
  const command: CommandSpec = COMMANDS[name];
  if (!command.available) {
    return lines(`sftpx ${name}: ${command.summary} (not in this version yet)`);
  }
  const flags = ALL_FLAGS.filter((flag) => flag.commands.includes(name));
  const known = flags.filter((flag) => verbose || flag.advanced !== true);
  const more = flags.length - known.length;
  return lines(
    ...examples(command.examples),
    "",
    `${["sftpx", name, "[FLAG...]", command.usage].join(" ").trimEnd()}: ${command.summary}`,
    ...command.about.map((line) => INDENT + line),
    "",
    ...columns(known.map((flag) => [flagUsage(flag), flagHelp(flag)] as const)),
    ...(more === 0 ? [] : ["", `${more} more flags: sftpx ${name} --help --verbose`]),
  );
}

/** `--version`; with details, what works here. */
export function versionText(version: string, details: VersionDetails | null): string {
  if (details === null) return `sftpx ${version}\n`;
  return lines(
    `sftpx ${version}`,
    ...columns([
      ["runtime", `${details.runtime}, ${details.platform}`],
      ...Object.entries(details.codecs),
      ...details.transports.map(({ name, unavailable }) =>
        [name, unavailable === null ? "available" : `not available: ${unavailable}`] as const
      ),
    ]),
  );
}

function flagUsage(flag: FlagSpec): string {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  const hint = flag.value.kind === "boolean" ? "" : ` ${flag.value.hint}`;
  return `${short}--${flag.name}${hint}`;
}

function flagHelp(flag: FlagSpec): string {
  const notes = [
    flag.fallback === undefined ? null : `default ${flag.fallback}`,
    flag.env === undefined ? null : `or ${flag.env}`,
  ].filter((note) => note !== null);
  return notes.length === 0 ? flag.help : `${flag.help} (${notes.join(", ")})`;
}

function examples(commandLines: readonly string[]): readonly string[] {
  return commandLines.map((line) => `${INDENT}$ ${line}`);
}

function columns(rows: readonly (readonly [string, string])[]): readonly string[] {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${INDENT}${left.padEnd(width)}  ${right}`);
}

function lines(...all: readonly string[]): string {
  return `${all.join("\n")}\n`;
}
