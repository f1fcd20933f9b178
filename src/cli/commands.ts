// The one table of commands: what each is for, how it is called, an example. Help, parsing,
// completions and the manual page are made from it.

/** What one command is. */
export interface CommandSpec {
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Its positional arguments, one way to call it each. */
  readonly usage: readonly string[];
  /** Command lines that work as they stand, most wanted first. */
  readonly examples: readonly string[];
  /** What the positional arguments mean, one line each. */
  readonly about: readonly string[];
  /** What a shell may offer for the first positional argument; absent where it is no fixed word. */
  readonly words?: readonly string[];
  /** What a shell may offer for the others. */
  readonly operands: "files" | "directories" | "nothing";
}

const REMOTE = "A remote place is TICKET[/PATH], @[/PATH] (ticket from --ticket-file or";
const TICKET_SOURCE = "SFTPX_TICKET), or sftpx://[IDENTITY@]HOST[:PORT]/PATH.";
const CONTENTS = "`dir` copies the directory, `dir/` its contents. A lost transfer resumes.";

/** The one table of commands, in the order help shows them. */
export const COMMANDS = {
  serve: {
    summary: "receive into a directory, and send from it",
    usage: ["[ROOT]"],
    examples: ["sftpx serve inbox", "sftpx serve --access read --listen 127.0.0.1:0 photos"],
    about: [
      "ROOT is the directory served, the current one by default. The ticket printed",
      "lets whoever holds it in, until a clean stop or 24 hours have passed.",
    ],
    operands: "directories",
  },
  recv: {
    summary: "receive into a directory: serve --access write",
    usage: ["[ROOT]"],
    examples: ["sftpx recv --once inbox"],
    about: ["ROOT is the directory received into, the current one by default."],
    operands: "directories",
  },
  send: {
    summary: "copy files and directories to a server",
    usage: ["SRC... DEST"],
    examples: ["sftpx send photos TICKET", "sftpx send a.iso sftpx://IDENTITY@host/images/"],
    about: [REMOTE, TICKET_SOURCE, CONTENTS],
    operands: "files",
  },
  get: {
    summary: "copy files and directories from a server",
    usage: ["SRC... DEST"],
    examples: ["sftpx get TICKET/photos .", "sftpx get @/report.pdf ./report.pdf"],
    about: [REMOTE, TICKET_SOURCE, CONTENTS],
    operands: "files",
  },
  ls: {
    summary: "list a directory of a server",
    usage: ["URL"],
    examples: ["sftpx ls --long TICKET/photos", "sftpx ls -lr sftpx://IDENTITY@host/images"],
    about: [REMOTE, TICKET_SOURCE],
    operands: "nothing",
  },
  status: {
    summary: "show what broke off in a directory, and what runs",
    usage: ["[ROOT]"],
    examples: ["sftpx status inbox"],
    about: [
      "ROOT is a directory that was received into, the current one by default. Shows",
      "the transfers that run there, and those that would resume.",
    ],
    operands: "directories",
  },
  clean: {
    summary: "remove what broke off in a directory",
    usage: ["[ROOT]"],
    examples: ["sftpx clean inbox", "sftpx clean --dry-run --older-than 1d inbox"],
    about: [
      "ROOT is a directory that was received into, the current one by default. What",
      "went cannot resume: it begins anew. Finished files and what runs stay.",
    ],
    operands: "directories",
  },
  ticket: {
    summary: "make, list and end tickets",
    usage: ["[create] [ROOT]", "list [ROOT]", "revoke ID", "prune [ROOT]"],
    examples: [
      "sftpx ticket --access read --path photos --uses 1 --expires 2h /srv/files",
      "sftpx ticket list",
    ],
    about: [
      "A ticket is good for a serve of the same ROOT and identity, which need not run",
      "yet. ID is what `list` shows, or its first characters. One that is used up,",
      "revoked or over is listed until a week after its time, or until `prune`.",
    ],
    words: ["create", "list", "revoke", "prune"],
    operands: "directories",
  },
  keys: {
    summary: "who may connect here, and which servers are known",
    usage: [
      "[list]",
      "authorize IDENTITY [COMMENT...]",
      "revoke IDENTITY",
      "trust HOST[:PORT] IDENTITY",
      "forget HOST[:PORT]",
    ],
    examples: ["sftpx keys authorize IDENTITY ci runner", "sftpx keys trust host IDENTITY"],
    about: [
      "authorize and revoke edit the file of authorized keys; trust and forget the",
      "known hosts.",
    ],
    words: ["list", "authorize", "revoke", "trust", "forget"],
    operands: "nothing",
  },
  init: {
    summary: "make this user's identity, or show it",
    usage: [""],
    examples: ["sftpx init"],
    about: ["Prints the identity: the name others pin or authorize."],
    operands: "nothing",
  },
  bench: {
    summary: "measure this machine and a path",
    usage: ["[WHAT...] [URL]"],
    examples: [
      "sftpx bench",
      "sftpx bench disk --directory /srv",
      "sftpx bench TICKET disk --report path.html",
    ],
    about: [
      "WHAT is pipe, hash, zstd or disk, a part of this machine; all by default. URL",
      "is a server that the path is measured to, over each stack that gets through.",
      "Says what bounds a transfer, and what to do about it.",
    ],
    words: ["pipe", "hash", "zstd", "disk"],
    operands: "nothing",
  },
  demo: {
    summary: "move files between two peers on this machine, and look on",
    usage: [""],
    examples: ["sftpx demo"],
    about: ["Needs no other machine, and leaves nothing behind."],
    operands: "nothing",
  },
  config: {
    summary: "show every setting, and where it came from",
    usage: ["[show]"],
    examples: ["sftpx config show", "sftpx config --json"],
    about: [
      "A flag wins over its variable, SFTPX_NAME (dashes as underscores). Then come",
      "the named host's section, the top of the configuration, and the default.",
    ],
    words: ["show"],
    operands: "nothing",
  },
  completions: {
    summary: "print completions for a shell",
    usage: ["bash|zsh|fish"],
    examples: ["sftpx completions bash > ~/.local/share/bash-completion/completions/sftpx"],
    about: [],
    words: ["bash", "zsh", "fish"],
    operands: "nothing",
  },
  man: {
    summary: "print the manual page",
    usage: [""],
    examples: ["sftpx man | man -l -"],
    about: ["Everything on one page: commands, flags, files, variables, exit codes."],
    operands: "nothing",
  },
  help: {
    summary: "show this, or the help of one command",
    usage: ["[COMMAND]"],
    examples: ["sftpx help send"],
    about: [],
    operands: "nothing",
  },
  version: {
    summary: "show the version",
    usage: [""],
    examples: ["sftpx version --verbose"],
    about: ["With --verbose, the codecs and transports that work here too."],
    operands: "nothing",
  },
} as const satisfies Record<string, CommandSpec>;

/** A key of {@linkcode COMMANDS}. */
export type CommandName = keyof typeof COMMANDS;

/** Every name of the table. */
export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

/** The row of a command. */
export function commandSpec(name: CommandName): CommandSpec {
  return COMMANDS[name];
}

/** Whether a word is a command of the table. */
export function isCommandName(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}
