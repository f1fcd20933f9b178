// The one table of commands: what each is for, how it is called, an example. Help and parsing are
// made from it.

/** What one command is. */
export interface CommandSpec {
  /** One line, for the list of commands. */
  readonly summary: string;
  /** Its positional arguments. */
  readonly usage: string;
  /** Command lines that work as they stand, most wanted first. */
  readonly examples: readonly string[];
  /** What the positional arguments mean, one line each. */
  readonly about: readonly string[];
  /** False for a name that is kept but answers with a usage error. */
  readonly available: boolean;
}

const REMOTE = "A remote place is TICKET[/PATH], @[/PATH] (ticket from --ticket-file or";
const TICKET_SOURCE = "SFTPX_TICKET), or sftpx://[IDENTITY@]HOST[:PORT]/PATH.";

/** The one table of commands, in the order help shows them. */
export const COMMANDS = {
  serve: {
    summary: "receive into a directory, and send from it",
    usage: "[ROOT]",
    examples: ["sftpx serve inbox", "sftpx serve --access read --listen 127.0.0.1:0 photos"],
    about: [
      "ROOT is the directory served, the current one by default. The ticket printed",
      "lets whoever holds it in, until a clean stop or 24 hours have passed.",
    ],
    available: true,
  },
  recv: {
    summary: "receive into a directory: serve --access write",
    usage: "[ROOT]",
    examples: ["sftpx recv --once inbox"],
    about: ["ROOT is the directory received into, the current one by default."],
    available: true,
  },
  send: {
    summary: "copy files and directories to a server",
    usage: "SRC... DEST",
    examples: ["sftpx send photos TICKET", "sftpx send a.iso sftpx://IDENTITY@host/images/"],
    about: [
      REMOTE,
      TICKET_SOURCE,
      "`dir` copies the directory, `dir/` its contents. A lost transfer resumes when",
      "the same command is run again.",
    ],
    available: true,
  },
  get: {
    summary: "copy files and directories from a server",
    usage: "SRC... DEST",
    examples: ["sftpx get TICKET/photos .", "sftpx get @/report.pdf ./report.pdf"],
    about: [
      REMOTE,
      TICKET_SOURCE,
      "`dir` copies the directory, `dir/` its contents. A lost transfer resumes when",
      "the same command is run again.",
    ],
    available: true,
  },
  init: {
    summary: "make this user's identity, or show it",
    usage: "",
    examples: ["sftpx init"],
    about: ["Prints the identity: the name others pin or authorize."],
    available: true,
  },
  demo: {
    summary: "move files between two peers on this machine, and look on",
    usage: "",
    examples: ["sftpx demo"],
    about: ["Needs no other machine, and leaves nothing behind."],
    available: true,
  },
  help: {
    summary: "show this, or the help of one command",
    usage: "[COMMAND]",
    examples: ["sftpx help send"],
    about: [],
    available: true,
  },
  version: {
    summary: "show the version",
    usage: "",
    examples: ["sftpx version --verbose"],
    about: ["With --verbose, the codecs and transports that work here too."],
    available: true,
  },
  ls: later("list a directory of a server", "URL"),
  status: later("show what is under way in a directory", "[ROOT]"),
  ticket: later("make, list and end tickets", ""),
  keys: later("edit the list of authorized identities", ""),
  bench: later("measure this machine", ""),
} as const satisfies Record<string, CommandSpec>;

/** A key of {@linkcode COMMANDS}. */
export type CommandName = keyof typeof COMMANDS;

/** Every name of the table. */
export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];

/** Whether a word is a command of the table. */
export function isCommandName(word: string): word is CommandName {
  return Object.hasOwn(COMMANDS, word);
}

function later(summary: string, usage: string): CommandSpec & { readonly available: false } {
  return { summary, usage, examples: [], about: [], available: false };
}
