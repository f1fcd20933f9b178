// From raw to meant arguments: one discriminated union with every value checked against its bound.
// What it lets through, a command can run; what is not in this version is refused by name, never
// passed over in silence.

import { resolve } from "node:path";
import type { Command } from "./command.ts";
import type { CommandName } from "./commands.ts";
import { configCommand } from "./config.ts";
import type { Configuration, HostSection } from "./config_file.ts";
import { type Environment, userFiles } from "./home.ts";
import { environmentLayer, typedLayer } from "./layer.ts";
import { atMostNone, atMostOne, commandName, exactly, oneOf, rootOf } from "./positionals.ts";
import { parseRaw, type RawArguments } from "./raw_arguments.ts";
import { cleanCommand, keysCommand, serveCommand, ticketCommand } from "./server_arguments.ts";
import { Settings } from "./settings.ts";
import { hostNameIn, type HostNames } from "./target.ts";
import {
  benchCommand,
  getCommand,
  lsCommand,
  type Meaning,
  reachedTexts,
  sendCommand,
} from "./transfer_arguments.ts";

/** What besides its arguments a command line depends on. */
export interface Surroundings {
  readonly env?: Environment;
  /** Null where there is none. */
  readonly configuration?: Configuration | null;
}

/** Shells that completions are made for. */
const SHELLS = ["bash", "zsh", "fish"] as const;

/** Commands that print what is built in: no configuration can get in their way. */
const PLAIN: readonly CommandName[] = ["help", "version", "completions", "man"];

/** Reads `argv` together with the environment and the user's configuration. */
export async function readCommand(args: readonly string[], env: Environment): Promise<Command> {
  const raw = parseRaw(args);
  return meant(raw, { env, configuration: await configurationOf(raw, env) });
}

/** Reads `argv`; throws a usage error (or `unsupported`) that says what to write instead. */
export function parseCommand(
  args: readonly string[],
  surroundings: Surroundings = {},
): Command {
  return meant(parseRaw(args), surroundings);
}

function meant(
  raw: RawArguments,
  { env = () => undefined, configuration = null }: Surroundings,
): Command {
  const [word, ...positionals] = raw.positionals;
  const command = word === undefined ? null : commandName(word);
  const section = command === null ? null : hostOf(command, positionals, configuration);
  const settings = new Settings(command, {
    typed: typedLayer(raw),
    environment: environmentLayer(env),
    host: section?.layer ?? null,
    file: configuration?.layer ?? null,
  });
  if (settings.has("version")) return { name: "version", output: settings.manner() };
  if (command === null || settings.has("help")) {
    return { name: "help", output: settings.manner(), topic: command };
  }
  settings.check();
  const hosts: HostNames = (name) => configuration?.hosts.get(name)?.target ?? null;
  const hasTicket = Boolean(env("SFTPX_TICKET"));
  return commandOf(command, positionals, { settings, hosts, hasTicket, env, configuration });
}

function commandOf(
  command: CommandName,
  positionals: readonly string[],
  meaning: Meaning & Required<Surroundings>,
): Command {
  const { settings } = meaning;
  switch (command) {
    case "serve":
    case "recv":
      return serveCommand(meaning, positionals);
    case "send":
      return sendCommand(meaning, positionals);
    case "get":
      return getCommand(meaning, positionals);
    case "ls":
      return lsCommand(meaning, positionals);
    case "bench":
      return benchCommand(meaning, positionals);
    case "ticket":
      return ticketCommand(settings, positionals);
    case "keys":
      return keysCommand(settings, positionals);
    case "status": {
      const root = rootOf(command, atMostOne(command, positionals));
      return { name: command, output: settings.output(), root };
    }
    case "clean":
      return cleanCommand(settings, positionals);
    case "init":
      atMostNone(command, positionals);
      return { name: command, output: settings.output(), identityPath: settings.text("identity") };
    case "config": {
      const word = atMostOne(command, positionals);
      if (word !== null) oneOf(command, word, ["show"]);
      const { env, configuration } = meaning;
      const path = configuration?.path ?? configurationPath(settings.text("config"), env) ?? "";
      return configCommand(settings, { env, configuration, path });
    }
    case "completions": {
      const [shell] = exactly(command, positionals, ["bash, zsh or fish"]);
      return { name: command, output: settings.output(), shell: oneOf(command, shell, SHELLS) };
    }
    case "help": {
      const topic = atMostOne(command, positionals);
      return {
        name: command,
        output: settings.output(),
        topic: topic === null ? null : commandName(topic),
      };
    }
    case "demo":
    case "man":
    case "version":
      atMostNone(command, positionals);
      return { name: command, output: settings.output() };
  }
}

/** Reads the configuration that a command line asks for; null for commands that look at none. */
async function configurationOf(
  raw: RawArguments,
  env: Environment,
): Promise<Configuration | null> {
  const [word] = raw.positionals;
  if (word === undefined || raw.flags.has("help") || raw.flags.has("version")) return null;
  if (PLAIN.includes(commandName(word))) return null;
  const named = raw.flags.get("config")?.[0] ?? (env("SFTPX_CONFIG") || null);
  const path = configurationPath(named, env);
  if (path === null) return null;
  const { loadConfiguration } = await import("./config_file.ts");
  return await loadConfiguration(path, { named: named !== null });
}

/** Absolute path of the file; null where none is named and nothing says where home is. */
function configurationPath(named: string | null, env: Environment): string | null {
  if (named !== null) return resolve(named);
  try {
    return userFiles(env).configuration;
  } catch {
    return null;
  }
}

/** The section of the first host that a command line names. What is wrong with a URL is told later. */
function hostOf(
  command: CommandName,
  positionals: readonly string[],
  configuration: Configuration | null,
): HostSection | null {
  for (const text of reachedTexts(command, positionals)) {
    const name = hostNameIn(text);
    const section = name === null ? undefined : configuration?.hosts.get(name);
    if (section !== undefined) return section;
  }
  return null;
}
