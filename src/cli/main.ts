// From `argv` to an exit code: reads the command line, runs the command, tells its errors. Nothing is
// loaded that the command does not need.

import process from "node:process";
import { SftpxError, toSftpxError } from "../base/errors.ts";
import { namedPermission } from "../base/os_error.ts";
import { env, namesIn } from "../runtime/runtime.ts";
import { readCommand } from "./arguments.ts";
import type { Command, ConfigCommand, HelpCommand, OutputChoices } from "./command.ts";
import { isCommandName } from "./commands.ts";
import { configText } from "./config.ts";
import type { CommandContext, Handlers, Run } from "./context.ts";
import { exitOfError } from "./exit.ts";
import { booleanOf } from "./flag_values.ts";
import { commandHelp, toolHelp, versionText } from "./help.ts";
import type { Environment } from "./home.ts";
import { JsonLines } from "./json.ts";
import { standardOutput, type TextOutput } from "./output.ts";
import { percentAdvice, percentWarning } from "./percent.ts";
import { wantsJson } from "./raw_arguments.ts";
import { listenForSignals, type SignalSource } from "./signals.ts";
import { ticketWarning } from "./target.ts";
import { adviceFor } from "./transport_choice.ts";
import { wantsJsonLog } from "./ui/log_line.ts";
import { warningLine } from "./ui/problem.ts";
import { Terminal, type TerminalOptions } from "./ui/terminal.ts";
import { mistypedVariables, unknownParts, variableNames } from "./variables.ts";

/** What `main` needs; all but the first two have this process's own as default. */
export interface MainDeps {
  readonly handlers: Handlers;
  readonly version: string;
  readonly stdout?: TextOutput;
  readonly stderr?: TextOutput;
  readonly env?: Environment;
  /** Names of all variables that may be read; none where `env` is another one. */
  readonly variables?: () => readonly string[];
  readonly nowMs?: () => number;
  readonly signals?: SignalSource;
  /** Ends the process at once, on a second SIGINT. */
  readonly exitNow?: (code: number) => void;
}

/** Runs one command line and returns the exit code. It prints; it never exits or throws. */
export async function main(args: readonly string[], deps: MainDeps): Promise<number> {
  const surroundings = surroundingsOf(deps);
  let command: Command;
  try {
    command = await readCommand(args, surroundings.env);
  } catch (thrown) {
    const json = wantsJson(args) || booleanOf(surroundings.env("SFTPX_JSON") ?? "") === true;
    const output = { json, quiet: false, verbose: false, notes: [] };
    const name = args.find((arg) => isCommandName(arg));
    const serves = name === "serve" || name === "recv";
    const isLogged = serves && wantsJsonLog(args, surroundings.env("SFTPX_LOG_FORMAT"));
    const context = contextOf(surroundings, output, { log: isLogged ? "json" : null });
    return tellError(toSftpxError(namedPermission(thrown)), context, name);
  }
  const log = command.name === "serve" ? command.logFormat : null;
  const advice = { ...adviceFor(command), ...percentAdvice(command) };
  const context = contextOf(surroundings, command.output, { log, advice });
  const encoded = percentWarning(command);
  if (encoded !== null) context.terminal.warning(encoded);
  const parts = namesIn(surroundings.env("SFTPX_WITHOUT") ?? "");
  for (const note of [...mistypedVariables(surroundings.variables()), ...unknownParts(parts)]) {
    context.terminal.line(warningLine(note, context.terminal));
  }
  let code: number;
  try {
    code = await dispatch(command, context, { ...deps, ...surroundings });
  } catch (thrown) {
    const error = stoppedBy(context.signal, thrown);
    const serving = command.name === "serve" && !command.once;
    code = exitOfError(error, { serving });
    if (code !== 0) tellError(error, context, command.name);
  } finally {
    context.terminal.clear();
  }
  return code === 0 ? checkDelivery(context) : code;
}

type Surroundings = Required<Omit<MainDeps, "handlers" | "version">>;
type Context = Omit<CommandContext, "signal"> & { signal: AbortSignal };

function surroundingsOf(deps: MainDeps): Surroundings {
  return {
    stdout: deps.stdout ?? standardOutput("stdout"),
    stderr: deps.stderr ?? standardOutput("stderr"),
    env: deps.env ?? env,
    variables: deps.variables ?? (deps.env === undefined ? variableNames : () => []),
    nowMs: deps.nowMs ?? Date.now,
    signals: deps.signals ?? process,
    exitNow: deps.exitNow ?? ((code) => process.exit(code)),
  };
}

function contextOf(
  surroundings: Surroundings,
  output: OutputChoices,
  { log, advice = {} }: Pick<TerminalOptions, "log" | "advice">,
): Context {
  const { stdout, stderr, env, nowMs } = surroundings;
  const { quiet, verbose } = output;
  return {
    stdout,
    terminal: new Terminal({ output: stderr, nowMs, env, quiet, verbose, log, advice }),
    json: output.json ? new JsonLines(stdout, nowMs) : null,
    env,
    nowMs,
    signal: new AbortController().signal,
  };
}

async function dispatch(
  command: Command,
  context: Context,
  deps: MainDeps & Surroundings,
): Promise<number> {
  switch (command.name) {
    case "help":
      context.stdout.write(helpText(command, deps.version));
      return 0;
    case "completions":
      context.stdout.write((await import("./completions.ts")).completions(command.shell));
      return 0;
    case "man":
      context.stdout.write((await import("./man.ts")).manualPage(deps.version));
      return 0;
    case "config":
      showConfig(command, context);
      return 0;
    case "version":
      return await showVersion(command.output, context, deps);
    case "serve":
      return await run(command, context, { ...deps, load: deps.handlers.serve });
    case "send":
      warnOfTicket([command.destination], context);
      return await run(command, context, { ...deps, load: deps.handlers.send });
    case "get":
      warnOfTicket(command.sources, context);
      return await run(command, context, { ...deps, load: deps.handlers.get });
    case "ls":
      warnOfTicket([command.target], context);
      return await run(command, context, { ...deps, load: deps.handlers.ls });
    case "bench":
      if (command.target !== null) warnOfTicket([command.target], context);
      return await run(command, context, { ...deps, load: deps.handlers.bench });
    case "status":
      return await run(command, context, { ...deps, load: deps.handlers.status });
    case "clean":
      return await run(command, context, { ...deps, load: deps.handlers.clean });
    case "ticket":
      return await run(command, context, { ...deps, load: deps.handlers.ticket });
    case "keys":
      return await run(command, context, { ...deps, load: deps.handlers.keys });
    case "init":
      return await run(command, context, { ...deps, load: deps.handlers.init });
    case "demo":
      return await run(command, context, { ...deps, load: deps.handlers.demo });
  }
}

/** Loads and runs one command, with signals as its abort. */
async function run<C extends Command>(
  command: C,
  context: Context,
  deps: Surroundings & { readonly load: () => Promise<Run<C>> },
): Promise<number> {
  using signals = listenForSignals((code) => {
    context.terminal.clear();
    deps.exitNow(code);
  }, deps.signals);
  context.signal = signals.signal;
  for (const note of command.output.notes) context.terminal.line(note);
  const runCommand = await deps.load();
  return await runCommand(command, context);
}

function helpText(command: HelpCommand, version: string): string {
  const { topic, output } = command;
  return topic === null ? toolHelp(version) : commandHelp(topic, output);
}

function showConfig(command: ConfigCommand, { json, stdout, terminal }: Context): void {
  for (const note of command.output.notes) terminal.line(note);
  const { path, isPresent, settings, hosts } = command;
  if (json === null) stdout.write(configText(command));
  else json.tell("config", { path, present: isPresent, settings, hosts });
}

async function showVersion(
  output: OutputChoices,
  context: Context,
  { handlers, version }: MainDeps,
): Promise<number> {
  const details = output.verbose ? await handlers.details() : null;
  if (context.json !== null) context.json.tell("version", { version, ...details });
  else context.stdout.write(versionText(version, details));
  return 0;
}

function warnOfTicket(targets: Parameters<typeof ticketWarning>[0], context: Context): void {
  const warning = context.terminal.isTerminal ? null : ticketWarning(targets);
  if (warning !== null) context.terminal.line(warningLine(warning, context.terminal));
}

/** A signal is the reason of whatever failed after it. */
function stoppedBy(signal: AbortSignal, thrown: unknown): SftpxError {
  if (!(thrown instanceof SftpxError) && signal.reason instanceof SftpxError) return signal.reason;
  return toSftpxError(namedPermission(thrown));
}

function tellError(error: SftpxError, context: Context, name: string | undefined): number {
  const { terminal, json } = context;
  json?.failure(error);
  terminal.error(error, name === undefined ? {} : { command: name });
  return error.exit;
}

/** Data that did not reach its file is a failure, even where the work was done. */
function checkDelivery({ stdout, terminal }: Context): number {
  const failure = stdout.failure();
  if (failure === null) return 0;
  const error = new SftpxError("io", `Cannot write to stdout: ${failure}`);
  terminal.error(error);
  return error.exit;
}
