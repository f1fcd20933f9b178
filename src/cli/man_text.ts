// What the manual page says besides the tables: places, patterns, configuration, files, exit codes,
// examples.

/** Paragraphs by section. */
export const PAPERS = {
  description: [
    "One program for both ends. One machine runs serve (or recv) on a directory and prints a " +
    "ticket; the other sends to it or gets from it. Every byte is verified, nothing appears under " +
    "its final name before it is whole. A server that is lost in mid-transfer is looked for until " +
    "--timeout has passed; after that, or after a kill at either end, the same command run again goes " +
    "on where it was.",
    "Data is written to stdout and everything else to stderr. With --json each line of stdout is one " +
    "JSON object, and the last one of a transfer is its summary.",
  ],
  places: [
    "TICKET[/PATH] is a place on the server that made the ticket. @[/PATH] is the same with the ticket " +
    "from --ticket-file or SFTPX_TICKET, so that it does not stand on the command line. " +
    "sftpx://[IDENTITY@]HOST[:PORT]/PATH names the server; without IDENTITY the known hosts say who it " +
    "must be. PATH is under the directory served, percent-decoded in a URL. A local file that looks " +
    "like a place is written ./NAME.",
    "A directory is copied with its name, and with a slash at its end its contents are. A file goes " +
    "into DEST where that is a directory or ends in a slash; otherwise DEST is its new name.",
  ],
  patterns: [
    "The patterns of --include and --exclude are rsync's. The first one that matches decides, in the " +
    "order of the command line; what none matches travels. A pattern without a slash matches a name at " +
    "any depth, one that begins with a slash only from the top, one that ends with a slash only " +
    "directories. * matches no slash, ** matches anything, ? one character, [a-z] one of a class; " +
    "dir/*** is dir and all in it.",
    "A pattern file has one on a line. Lines that begin with # or ; are comments; + or - and a space " +
    "before a pattern make it an inclusion or an exclusion whatever flag named the file. " +
    "--files-from lists paths below the one SRC, each with what is in it. A file with NUL characters is " +
    "a list separated by them, without comments, as find -print0 makes it.",
  ],
  configuration: [
    "The file is TOML, or JSON where its name ends in .json. Its keys are the names of flags without " +
    "dashes; a flag that may be repeated takes a list. Paths in it count from its own directory. " +
    "[host.NAME] names a server: sftpx://NAME/PATH is then PATH below its url, with the flags of the " +
    "section.",
    "A flag on the command line wins over its variable, this over the section of the host, this over the " +
    "top of the file, and that over the default. Patterns of all of them hold together, in that order. " +
    "sftpx config show tells what is in force and where it came from.",
  ],
  configurationExample: [
    'timeout = "10s"',
    'exclude = [".DS_Store", "*.tmp"]',
    "",
    "[host.prod]",
    'url = "sftpx://files.example.org:4443/backup"',
    'identity = "prod_identity"',
    "atomic = true",
  ],
  environment: [
    "Every flag but --help and --version has a variable: SFTPX_ and its name in capitals, with _ for -. " +
    "Flags without a value take 1, true, yes, on or 0, false, no, off. Flags that may be repeated take " +
    "a list: one value a line, or separated by commas where there is one line. An empty variable is as " +
    "good as none.",
  ],
} as const;

/** Variables that stand for no flag. */
export const VARIABLES = [
  ["SFTPX_TICKET", "The ticket that @ means."],
  ["SFTPX_HOME", "Directory of this user's files."],
  [
    "SFTPX_PACKET_BYTES",
    "Size of quiche's packets, 1200 to 65527, for networks of jumbo frames and for measuring.",
  ],
  ["XDG_CONFIG_HOME", "Where that directory is otherwise: sftpx in it."],
  ["NO_COLOR", "No colour, whatever the terminal can do."],
] as const;

/** Files of a user and of a directory received into. */
export const FILES = [
  ["~/.config/sftpx/identity", "This user's secret key. Nobody else may read it."],
  ["~/.config/sftpx/known_hosts", "Servers and their identities: HOST:PORT IDENTITY a line."],
  [
    "~/.config/sftpx/authorized_keys",
    "Who may connect: an identity a line, a comment behind it, and before it, by spaces or commas, what it " +
    "is restricted to: read, write, write-once, append-only, root=PATH, quota=SIZE, max-file=SIZE, " +
    "from=ADDRESS[/BITS][,...], expires=DATE. Without a right named it may read and write.",
  ],
  ["~/.config/sftpx/tickets.db", "Tickets, as hashes."],
  ["~/.config/sftpx/config.toml", "The configuration."],
  ["ROOT/.sftpx", "What a transfer resumes from, until --keep-for; never listed or sent."],
] as const;

/** Every exit code. */
export const EXIT_CODES = [
  [0, "Done."],
  [1, "Failed."],
  [2, "The command line, a variable or a file of settings is wrong."],
  [3, "Some entries failed and some succeeded."],
  [4, "There was nothing to do; with --fail-if-unchanged only."],
  [10, "The server could not be reached."],
  [11, "The server has another identity, or one that nothing vouches for."],
  [12, "The server refused."],
  [13, "Data did not match its digest."],
  [14, "No space, or no quota."],
  [20, "The connection was lost or the command was terminated. It can be resumed."],
  [130, "Interrupted."],
] as const;

/** Command lines worth copying. */
export const EXAMPLES = [
  {
    about: "Receive one transfer, and send it from another machine:",
    lines: ["sftpx recv --once inbox", "sftpx send photos TICKET"],
  },
  {
    about: "See what a mirror of a directory would change, and then do it:",
    lines: [
      "sftpx send --dry-run --delete site/ sftpx://prod/www",
      "sftpx send --delete site/ sftpx://prod/www",
    ],
  },
  {
    about: "Only the sources of a project:",
    lines: ["sftpx send --include '*/' --include '*.ts' --exclude '*' project/ @"],
  },
  {
    about: "A ticket for one file, good for one download within two hours:",
    lines: ["sftpx ticket --access read --path report.pdf --uses 1 --expires 2h /srv/files"],
  },
] as const;
