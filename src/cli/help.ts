// Help and version as text, made from the tables of commands and flags: an example first, the rest
// below, within 80 columns.

import { COMMAND_NAMES, type CommandName, commandSpec } from "./commands.ts";
import type { VersionDetails } from "./context.ts";
import type { FlagSpec } from "./flag_spec.ts";
import { FLAGS } from "./flags.ts";

const INDENT = "  ";
const ALL_FLAGS: readonly FlagSpec[] = FLAGS;

/** Help of the tool. */
export function toolHelp(version: string): string {
  const rows = COMMAND_NAMES.map((name) => [name, commandSpec(name).summary] as const);
  return lines(
    `sftpx ${version}: moves files between two machines over QUIC or TLS, fast and safely`,
    "",
    ...examples([
      "sftpx recv inbox            on one machine: prints a TICKET",
      "sftpx send photos TICKET    on the other: copies photos into inbox",
    ]),
    "",
    ...columns(rows),
    "Flags: sftpx help COMMAND, with --verbose all of them. All on a page: sftpx man",
  );
}

/** Help of one command; with `verbose`, every flag that has an effect there. */
export function commandHelp(name: CommandName, { verbose }: { verbose: boolean }): string {
  const command = commandSpec(name);
  const flags = ALL_FLAGS.filter((flag) => flag.commands.includes(name));
  const known = flags.filter((flag) => verbose || flag.advanced !== true);
  const more = flags.length - known.length;
  return lines(
    ...examples(command.examples),
    "",
    ...usageLines(name),
    ...command.about.map((line) => INDENT + line),
    "",
    ...columns(known.map((flag) => [flagUsage(flag), flagHelp(flag, name)] as const)),
    ...(more === 0
      ? []
      : [`${more} more ${more === 1 ? "flag" : "flags"}: sftpx ${name} --help --verbose`]),
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
      ["door", details.door],
      ...details.transports.map(({ name, unavailable }) =>
        [name, unavailable === null ? "available" : `not available: ${unavailable}`] as const
      ),
    ]),
  );
}

/** How it is called: on one line where there is one way. */
function usageLines(name: CommandName): readonly string[] {
  const { usage, summary } = commandSpec(name);
  const ways = usage.map((way) => `sftpx ${name} [FLAG...] ${way}`.trimEnd());
  const [only = "", ...others] = ways;
  if (others.length === 0) return [`${only}: ${summary}`];
  return [`${summary}:`, ...ways.map((way) => INDENT + way)];
}

/** A flag with its letter and what stands after it: `-v, --verbose`, `--timeout D`. */
export function flagUsage(flag: FlagSpec): string {
  const short = flag.short === undefined ? "" : `-${flag.short}, `;
  const hint = flag.value.kind === "boolean" ? "" : ` ${flag.value.hint}`;
  return `${short}--${flag.name}${hint}`;
}

/** What a flag does, and its default; of a command, what it does there. */
export function flagHelp(flag: FlagSpec, command: CommandName | null = null): string {
  const own = command === null ? undefined : flag.helpIn?.[command];
  if (own !== undefined) return own;
  return flag.fallback === undefined ? flag.help : `${flag.help} (default ${flag.fallback})`;
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
