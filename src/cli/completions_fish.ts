// Completions as fish takes them.

import type { Offer, OfferedCommand, OfferedFlag } from "./completions.ts";

/** The script. */
export function fishCompletions(commands: readonly OfferedCommand[]): string {
  return [
    "# Completions of sftpx for fish, made by: sftpx completions fish",
    "",
    "complete -c sftpx -f",
    "complete -c sftpx -n __fish_use_subcommand -s h -l help -d 'show help'",
    "complete -c sftpx -n __fish_use_subcommand -s V -l version -d 'show the version'",
    ...commands.map(({ name, summary }) =>
      `complete -c sftpx -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}`
    ),
    ...commands.flatMap((command) => ["", ...commandLines(command)]),
    "",
  ].join("\n");
}

function commandLines({ name, flags, words, operands }: OfferedCommand): readonly string[] {
  const start = `complete -c sftpx -n '__fish_seen_subcommand_from ${name}'`;
  return [
    ...flags.map((flag) => `${start} ${flagOptions(flag)}`),
    ...(words.length === 0 ? [] : [`${start} -a ${quoted(words.join(" "))}`]),
    ...(operands === "nothing" ? [] : [`${start} ${offered({ kind: operands })}`]),
  ];
}

function flagOptions({ name, short, help, value }: OfferedFlag): string {
  const letter = short === null ? "" : `-s ${short} `;
  const after = value === null
    ? ""
    : value.offer.kind === "files"
    ? " -r -F"
    : ` -x ${offered(value.offer)}`.trimEnd();
  return `${letter}-l ${name}${after} -d ${quoted(help)}`;
}

function offered(offer: Offer): string {
  switch (offer.kind) {
    case "words":
      return `-a ${quoted(offer.words.join(" "))}`;
    case "files":
      return "-F";
    case "directories":
      return "-a '(__fish_complete_directories)'";
    case "nothing":
      return "";
  }
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
