// From raw to meant arguments: one discriminated union with every value checked against its bound.
// What it lets through, a command can run; what is not in this version is refused by name, never
// passed over in silence.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Congestion } from "../transport/transport.ts";
import type {
  Command,
  GetCommand,
  OutputChoices,
  SendCommand,
  ServeCommand,
  TransferChoices,
} from "./command.ts";
import { COMMAND_NAMES, type CommandName, COMMANDS, isCommandName } from "./commands.ts";
import { checkValue, echo, parseChunkSize, parseCompression } from "./flag_values.ts";
import { acceptsFlag, findFlag, type FlagName } from "./flags.ts";
import { nearest } from "./nearest.ts";
import { parseRaw, type RawArguments } from "./raw_arguments.ts";
import { shown } from "./shown.ts";
import { checkIdentity, DEFAULT_PORT, parseHostPort } from "./target.ts";
import { parseTarget, type RemoteTarget, type Target } from "./target.ts";
import { parseDuration } from "./units.ts";

/** Reads `argv`; throws a usage error (or `unsupported`) that says what to write instead. */
export function parseCommand(args: readonly string[]): Command {
  const raw = parseRaw(args);
  const [word, ...positionals] = raw.positionals;
  const given = new Given(raw, word === undefined ? null : commandName(word));
  if (given.has("version")) return { name: "version", output: given.manner() };
  if (word === undefined || given.has("help")) {
    return { name: "help", output: given.manner(), topic: given.command };
  }
  const command = commandName(word);
  if (!COMMANDS[command].available) throw notYet("run", command, "it is");
  given.check();
  switch (command) {
    case "serve":
    case "recv":
      return serveCommand(given, atMostOne(command, positionals) ?? ".");
    case "send":
      return sendCommand(given, positionals);
    case "get":
      return getCommand(given, positionals);
    case "init":
      atMostNone(command, positionals);
      return { name: "init", output: given.output(), identityPath: given.text("identity") };
    case "demo":
      atMostNone(command, positionals);
      return { name: "demo", output: given.output() };
    case "help": {
      const topic = atMostOne(command, positionals);
      return {
        name: "help",
        output: given.output(),
        topic: topic === null ? null : commandName(topic),
      };
    }
    case "version":
      atMostNone(command, positionals);
      return { name: "version", output: given.output() };
    default:
      throw notYet("run", command, "it is");
  }
}

/** The flags of one command line, read by name. */
class Given {
  readonly command: CommandName | null;
  readonly #raw: RawArguments;

  constructor(raw: RawArguments, command: CommandName | null) {
    this.#raw = raw;
    this.command = command;
  }

  has(name: FlagName): boolean {
    return this.#raw.flags.has(name);
  }

  /** The value given or the table's default, as text. */
  text(name: FlagName): string | null {
    return this.#raw.flags.get(name)?.[0] ?? findFlag(name)?.fallback ?? null;
  }

  list(name: FlagName): readonly string[] {
    return this.#raw.flags.get(name) ?? [];
  }

  /** Refuses flags of other commands, flags that are for later, and values out of bounds. */
  check(): void {
    for (const [name, values] of this.#raw.flags) {
      const flag = findFlag(name);
      if (flag === null || this.command === null) continue;
      if (!acceptsFlag(this.command, flag)) {
        throw new SftpxError("usage", `Cannot use "--${name}" with "${this.command}"`);
      }
      if (flag.later !== undefined) throw notYet("use", `--${name}`, flag.later);
      for (const value of values) checkValue(flag, value);
    }
  }

  output(): OutputChoices {
    return { ...this.manner(), notes: this.#notes() };
  }

  /** For help and version, which look at no other flag. */
  manner(): OutputChoices {
    return {
      json: this.has("json"),
      quiet: this.has("quiet"),
      verbose: this.has("verbose"),
      notes: [],
    };
  }

  transfer(): TransferChoices {
    checkStack(this.text("transport"), this.text("quic"));
    return {
      chunkBytes: parseChunkSize(this.text("chunk-size") ?? ""),
      compression: parseCompression(this.text("compress") ?? "auto"),
      workerCount: Number(this.text("workers") ?? 0),
      depth: Number(this.text("depth") ?? 0),
      checksum: this.has("checksum"),
      atomic: this.has("atomic"),
      connections: Number(this.text("connections")),
      lanes: Number(this.text("lanes")),
      congestion: this.text("congestion") as Congestion,
      timeoutMs: parseDuration(this.text("timeout") ?? ""),
      identityPath: this.text("identity"),
      knownHostsPath: this.text("known-hosts"),
      ticketFile: this.text("ticket-file"),
      pin: this.has("pin") ? checkIdentity(this.text("pin") ?? "") : null,
    };
  }

  #notes(): readonly string[] {
    const echoes: string[] = [];
    const idle: string[] = [];
    for (const [name, values] of this.#raw.flags) {
      const flag = findFlag(name);
      if (flag === null || this.command === null) continue;
      if (!flag.commands.includes(this.command)) idle.push(`--${name}`);
      else echoes.push(...values.flatMap((value) => echo(flag, value)));
    }
    const notes = echoes.length === 0 ? [] : [`with ${echoes.join(", ")}`];
    if (idle.length > 0) notes.push(`${idle.join(", ")}: no effect with ${this.command}`);
    return notes;
  }
}

function commandName(word: string): CommandName {
  if (isCommandName(word)) return word;
  const near = nearest(word, COMMAND_NAMES.filter((name) => COMMANDS[name].available));
  const hint = near === null ? "" : `, did you mean "${near}"`;
  throw new SftpxError("usage", `Cannot run "${shown(word)}": no command has that name${hint}`);
}

function serveCommand(given: Given, root: string): ServeCommand {
  const authorizedKeysPath = given.text("authorized-keys");
  const access = given.command === "recv" ? "write" : given.text("access");
  if (root === "") throw new SftpxError("usage", 'Cannot serve "": ROOT is empty');
  return {
    name: "serve",
    output: given.output(),
    transfer: given.transfer(),
    root,
    listen: parseHostPort(given.text("listen") ?? "", { fallbackPort: null, allowZero: true }),
    advertise: given.list("advertise").map((text) =>
      parseHostPort(text, { fallbackPort: DEFAULT_PORT })
    ),
    access: access as ServeCommand["access"],
    once: given.has("once"),
    authorizedKeysPath,
    mintTicket: authorizedKeysPath === null && !given.has("no-ticket"),
  };
}

function sendCommand(given: Given, positionals: readonly string[]): SendCommand {
  const { sources, last } = sourcesAndLast("send", positionals);
  const destination = parseTarget(last);
  if (destination.kind === "local") throw notRemote("send to", destination.path, "DEST");
  const locals = sources.map((text) => {
    const target = parseTarget(text);
    if (target.kind === "local") return target.path;
    throw new SftpxError(
      "usage",
      `Cannot send "${describe(target)}": SRC is a local file, write ./NAME for one of that name`,
    );
  });
  return {
    name: "send",
    output: given.output(),
    transfer: given.transfer(),
    sources: locals,
    destination,
    failIfUnchanged: given.has("fail-if-unchanged"),
  };
}

function getCommand(given: Given, positionals: readonly string[]): GetCommand {
  const { sources, last } = sourcesAndLast("get", positionals);
  const destination = parseTarget(last);
  if (destination.kind !== "local") {
    throw new SftpxError(
      "usage",
      `Cannot get into "${describe(destination)}": DEST is a local path, the last argument`,
    );
  }
  const remotes = sources.map((text) => {
    const target = parseTarget(text);
    if (target.kind !== "local") return target;
    throw notRemote("get", target.path, "SRC");
  });
  const [first, ...rest] = remotes;
  if (first === undefined || rest.some((target) => serverOf(target) !== serverOf(first))) {
    throw new SftpxError("usage", "Cannot get from two servers at once: run one get for each");
  }
  return {
    name: "get",
    output: given.output(),
    transfer: given.transfer(),
    sources: remotes,
    destination: destination.path,
    failIfUnchanged: given.has("fail-if-unchanged"),
  };
}

function sourcesAndLast(
  command: "send" | "get",
  positionals: readonly string[],
): { sources: readonly string[]; last: string } {
  const last = positionals.at(-1);
  if (last === undefined || positionals.length < 2) {
    const missing = positionals.length === 0 ? "SRC and DEST are" : "DEST is";
    throw new SftpxError("usage", `Cannot ${command}: ${missing} missing`);
  }
  if (positionals.length - 1 > LIMITS.sourcesPerTransfer) {
    throw new SftpxError(
      "usage",
      `Cannot ${command} ${positionals.length - 1} sources: ${LIMITS.sourcesPerTransfer} is the ` +
        "most, name a directory",
    );
  }
  return { sources: positionals.slice(0, -1), last };
}

/** What must be equal for two targets to be on one server. */
function serverOf(target: RemoteTarget): string {
  switch (target.kind) {
    case "ticket":
      return target.text.toLowerCase();
    case "environment":
      return "@";
    case "url":
      return `${target.identity ?? ""}@${target.hostname.toLowerCase()} ${target.port}`;
  }
}

/** A target in an error: never the ticket itself (I9). */
function describe(target: Target): string {
  switch (target.kind) {
    case "local":
      return shown(target.path);
    case "ticket":
      return "TICKET";
    case "environment":
      return shown(target.path === "" ? "@" : `@/${target.path}`);
    case "url":
      return shown(`sftpx://${target.hostname}/${target.path}`);
  }
}

function notRemote(verb: string, path: string, what: string): SftpxError {
  const hint = /^[^/]+:/.test(path)
    ? "write a host as sftpx://HOST/PATH"
    : "write TICKET[/PATH], @[/PATH] or sftpx://HOST/PATH";
  return new SftpxError("usage", `Cannot ${verb} "${shown(path)}": ${what} is not remote, ${hint}`);
}

function atMostNone(command: CommandName, positionals: readonly string[]): void {
  const [extra] = positionals;
  if (extra !== undefined) throw tooMany(command, extra);
}

function atMostOne(command: CommandName, positionals: readonly string[]): string | null {
  const [first, extra] = positionals;
  if (extra !== undefined) throw tooMany(command, extra);
  return first ?? null;
}

function tooMany(command: CommandName, extra: string): SftpxError {
  return new SftpxError(
    "usage",
    `Cannot ${command} "${shown(extra)}": it is one argument too many`,
  );
}

function notYet(verb: string, what: string, are: string): SftpxError {
  return new SftpxError("usage", `Cannot ${verb} "${what}": ${are} not in this version yet`);
}

/** The stacks that are for later answer by name, so that a script can tell. */
function checkStack(transport: string | null, quic: string | null): void {
  const later = transport === "tcp" ? "--transport tcp" : quic === "npm" ? "--quic npm" : null;
  if (later !== null) {
    throw new SftpxError("unsupported", `Cannot use "${later}": it is not in this version yet`);
  }
}
