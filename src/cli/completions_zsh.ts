// Completions as zsh takes them.

import type { Offer, OfferedCommand, OfferedFlag } from "./completions.ts";

/** The script. */
export function zshCompletions(commands: readonly OfferedCommand[]): string {
  return `#compdef sftpx
# Completions of sftpx for zsh, made by: sftpx completions zsh

_sftpx() {
  local curcontext="$curcontext" state line
  local -a commands
  typeset -A opt_args

  _arguments -C \\
    '(- *)'{-h,--help}'[show help]' \\
    '(- *)'{-V,--version}'[show the version]' \\
    '1:command:->command' \\
    '*::argument:->argument'

  case $state in
    command)
      commands=(
${commands.map(({ name, summary }) => `        ${quoted(`${name}:${summary}`)}`).join("\n")}
      )
      _describe -t commands command commands
      ;;
    argument)
      case $line[1] in
${commands.map(commandCase).join("\n")}
      esac
      ;;
  esac
}

if [[ $funcstack[1] == _sftpx ]]; then
  _sftpx "$@"
else
  compdef _sftpx sftpx
fi
`;
}

function commandCase({ name, flags, words, operands }: OfferedCommand): string {
  const specs = [
    ...flags.map(flagSpec),
    ...(words.length === 0 ? [] : [quoted(`1:word:(${words.join(" ")})`)]),
    ...(operands === "nothing" ? [] : [quoted(`*:${operands}:${action({ kind: operands })}`)]),
  ];
  const lines = ["_arguments -s -S", ...specs].map((spec) => `          ${spec}`);
  return `        ${name})\n${lines.join(" \\\n")}\n          ;;`;
}

/** As `_arguments` reads it: \`'(-v --verbose)'{-v,--verbose}'[text]'\`. */
function flagSpec({ name, short, help, isList, value }: OfferedFlag): string {
  const text = `[${help.replace(/[\\[\]]/g, "\\$&")}]`;
  const after = value === null ? "" : `:${escaped(value.hint)}:${action(value.offer)}`;
  const equals = value === null ? "" : "=";
  const star = isList ? "*" : "";
  if (short === null) return quoted(`${star}--${name}${equals}${text}${after}`);
  return `'(-${short} --${name})'{-${short},--${name}}${quoted(text + after)}`;
}

function action(offer: Offer): string {
  switch (offer.kind) {
    case "words":
      return `(${offer.words.join(" ")})`;
    case "files":
      return "_files";
    case "directories":
      return "_files -/";
    case "nothing":
      return " ";
  }
}

function escaped(text: string): string {
  return text.replace(/[\\:[\]]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
