// `sftpx man`: the manual page as roff, made from the tables of commands and flags; what no table says
// stands in `man_text.ts`.

import { COMMAND_NAMES, commandSpec } from "./commands.ts";
import { type FlagSpec, variableOf } from "./flag_spec.ts";
import { FLAGS } from "./flags.ts";
import { flagHelp, flagUsage } from "./help.ts";
import { EXAMPLES, EXIT_CODES, FILES, PAPERS, VARIABLES } from "./man_text.ts";

const ALL: readonly FlagSpec[] = FLAGS;

/** The page. */
export function manualPage(version: string): string {
  return [
    `.TH SFTPX 1 "" "sftpx ${version}"`,
    ".SH NAME",
    text("sftpx - move files between two machines over QUIC or TLS, fast and safely"),
    ".SH SYNOPSIS",
    ...COMMAND_NAMES.flatMap(synopsis),
    ".SH DESCRIPTION",
    ...PAPERS.description.flatMap(paragraph),
    ".SH COMMANDS",
    ...COMMAND_NAMES.flatMap(commandSection),
    ".SH FLAGS",
    ...paragraph("Common flags are taken by every command; each says where it has an effect."),
    ...ALL.filter(({ later }) => later !== "all").flatMap(flagSection),
    ".SH PLACES",
    ...PAPERS.places.flatMap(paragraph),
    ".SH PATTERNS",
    ...PAPERS.patterns.flatMap(paragraph),
    ".SH CONFIGURATION",
    ...PAPERS.configuration.flatMap(paragraph),
    ...verbatim(PAPERS.configurationExample),
    ".SH ENVIRONMENT",
    ...PAPERS.environment.flatMap(paragraph),
    ...VARIABLES.flatMap(([name, about]) => tagged(name, about)),
    ".SH FILES",
    ...FILES.flatMap(([name, about]) => tagged(name, about)),
    ".SH EXIT STATUS",
    ...EXIT_CODES.flatMap(([code, about]) => tagged(String(code), about)),
    ".SH EXAMPLES",
    ...EXAMPLES.flatMap(({ about, lines }) => [...paragraph(about), ...verbatim(lines)]),
    "",
  ].join("\n");
}

function synopsis(name: (typeof COMMAND_NAMES)[number]): readonly string[] {
  return commandSpec(name).usage.flatMap((usage) => [
    `.B sftpx ${name}`,
    text(`[FLAG...] ${usage}`.trim()),
    ".br",
  ]);
}

function commandSection(name: (typeof COMMAND_NAMES)[number]): readonly string[] {
  const { summary, about, examples } = commandSpec(name);
  return [
    `.SS ${text(name)}`,
    ...paragraph(`${summary[0]?.toUpperCase() ?? ""}${summary.slice(1)}.`),
    ...(about.length === 0 ? [] : paragraph(about.join(" "))),
    ...verbatim(examples),
  ];
}

function flagSection(flag: FlagSpec): readonly string[] {
  const variable = variableOf(flag);
  const where = flag.commands.length === 0 ? "" : ` With ${flag.commands.join(", ")}.`;
  const or = variable === null ? "" : ` Or ${variable}.`;
  return tagged(flagUsage(flag), `${flagHelp(flag)}.${where}${or}`);
}

function tagged(tag: string, about: string): readonly string[] {
  return [".TP", `.B ${text(tag)}`, text(about)];
}

function paragraph(about: string): readonly string[] {
  return [".PP", text(about)];
}

function verbatim(lines: readonly string[]): readonly string[] {
  return [".PP", ".RS 4", ".nf", ...lines.map(text), ".fi", ".RE"];
}

/** How roff writes what it would otherwise read or replace by a typographer's sign. */
const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
  '"': "\\(dq",
};

/** One line of text, whatever it begins with. */
function text(plain: string): string {
  const escaped = plain.replace(/[\\\-'`^~"]/g, (char) => ESCAPES[char] ?? char);
  return escaped.startsWith(".") || escaped === "" ? `\\&${escaped}` : escaped;
}
