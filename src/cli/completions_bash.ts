// Completions as bash takes them, from version 3.2 on.

import type { Offer, OfferedCommand, OfferedFlag } from "./completions.ts";

/** The script. */
export function bashCompletions(commands: readonly OfferedCommand[]): string {
  const flags = allFlags(commands);
  const valued = flags.filter(({ value }) => value !== null);
  return `# Completions of sftpx for bash, made by: sftpx completions bash

_sftpx_offer() { # KIND CURRENT [WORD...]
  local kind=$1 current=$2 word
  shift 2
  case $kind in
    words) set -- -W "$*" ;;
    files) set -- -f; compopt -o filenames 2>/dev/null ;;
    directories) set -- -d; compopt -o filenames 2>/dev/null ;;
    *) return ;;
  esac
  while IFS= read -r word; do
    COMPREPLY+=("$word")
  done < <(compgen "$@" -- "$current")
}

_sftpx() {
  local current=\${COMP_WORDS[COMP_CWORD]} flag= command= operands=0 index word
  COMPREPLY=()
  # bash breaks --flag=value at the sign.
  if [[ $current == "=" ]]; then
    current= flag=\${COMP_WORDS[COMP_CWORD - 1]}
  elif ((COMP_CWORD > 1)) && [[ \${COMP_WORDS[COMP_CWORD - 1]} == "=" ]]; then
    flag=\${COMP_WORDS[COMP_CWORD - 2]}
  else
    flag=\${COMP_WORDS[COMP_CWORD - 1]}
  fi

  for ((index = 1; index < COMP_CWORD; index++)); do
    word=\${COMP_WORDS[index]}
    case $word in
      --) flag= ;;
      ${pattern(valued)})
        ((index++))
        [[ \${COMP_WORDS[index]} == "=" ]] && ((index++))
        ;;
      -*) ;;
      *) if [[ -z $command ]]; then command=$word; else ((operands++)); fi ;;
    esac
  done

  case $flag in
${valued.map(valueCase).join("\n")}
  esac

  if [[ $current == -* ]]; then
    case $command in
${commands.map(flagsCase).join("\n")}
      *) _sftpx_offer words "$current" --help --version ;;
    esac
    return
  fi

  case $command in
    "") _sftpx_offer words "$current" ${commands.map(({ name }) => name).join(" ")} ;;
${commands.flatMap(operandCase).join("\n")}
  esac
}

complete -F _sftpx sftpx
`;
}

/** Every flag once. */
function allFlags(commands: readonly OfferedCommand[]): readonly OfferedFlag[] {
  return [
    ...new Map(commands.flatMap(({ flags }) => flags).map((flag) => [flag.name, flag])).values(),
  ];
}

function pattern(flags: readonly OfferedFlag[]): string {
  return flags.map(({ name }) => `--${name}`).join(" | ");
}

function valueCase({ name, value }: OfferedFlag): string {
  const offer = value === null ? "" : offered(value.offer);
  return `    --${name}) ${offer === "" ? "" : `${offer}; `}return ;;`;
}

function flagsCase({ name, flags }: OfferedCommand): string {
  const names = flags.flatMap((flag) => [
    ...(flag.short === null ? [] : [`-${flag.short}`]),
    `--${flag.name}`,
  ]);
  return `      ${name}) _sftpx_offer words "$current" ${names.join(" ")} ;;`;
}

function operandCase({ name, words, operands }: OfferedCommand): readonly string[] {
  const first = words.length === 0 ? "" : offered({ kind: "words", words });
  const others = offered({ kind: operands });
  const steps = [
    first === "" ? "" : `((operands == 0)) && ${first}`,
    others,
  ].filter((step) => step !== "");
  return steps.length === 0 ? [] : [`    ${name}) ${steps.join("; ")} ;;`];
}

function offered(offer: Offer): string {
  if (offer.kind === "nothing") return "";
  const words = offer.kind === "words" ? ` ${offer.words.join(" ")}` : "";
  return `_sftpx_offer ${offer.kind} "$current"${words}`;
}
