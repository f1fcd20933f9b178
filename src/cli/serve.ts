// `sftpx serve [ROOT]` and `sftpx recv [ROOT]`: a server in a terminal, or a service that tells its
// manager how it is doing. Its keys are read anew on SIGHUP, and by themselves once their file changed.

import { existsSync } from "node:fs";
import process from "node:process";
import { isatty } from "node:tty";
import { SftpxError } from "../base/errors.ts";
import { doorName } from "../runtime/beneath.ts";
import { type ServiceManager, serviceManager } from "../runtime/notify.ts";
import { whenAborted } from "../session/abort.ts";
import { networkThreads, unusedThreads } from "../session/network_threads.ts";
import { serve } from "../session/serve.ts";
import type { ServeHandle, WorkerUrls } from "../session/options.ts";
import { chooseTransport } from "../session/transports.ts";
import { wantedOf } from "../transport/transport.ts";
import type { ServeCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { exitOfSummary } from "./exit.ts";
import { type Environment, identityFile, userFiles } from "./home.ts";
import { ReadyFile } from "./ready.ts";
import { ServeReport } from "./serve_report.ts";
import { refuseFile } from "./served_place.ts";
import { ownFilesWarning } from "./served_files.ts";
import { formatHostPort } from "./target.ts";
import type { Terminal } from "./ui/terminal.ts";

/** stdin, stdout, stderr. */
const STANDARD_FDS = [0, 1, 2] as const;

/** The command's run function. */
export function serveCommand(workers: WorkerUrls): Run<ServeCommand> {
  return async (command: ServeCommand, context: CommandContext) => {
    const report = new ServeReport(context);
    const stop = new AbortController();
    const { signal } = stop;
    using _stopped = whenAborted(context.signal, (reason) => stop.abort(reason));
    const handle = await start(command, { workers, context: { ...context, signal }, report });
    try {
      return await attend(handle, { command, context: { ...context, signal }, report, stop });
    } finally {
      // Where it could not be told that it listens, it is still up.
      stop.abort(new SftpxError("terminated", "Stopped: nobody could be told that it listens"));
      await handle.ended.catch(() => {});
    }
  };
}

async function start(
  command: ServeCommand,
  { workers, context, report }: {
    workers: WorkerUrls;
    context: CommandContext;
    report: ServeReport;
  },
): Promise<ServeHandle> {
  const { transfer, root, listen, advertise, access, once, authorizedKeysPath } = command;
  await refuseFile(command);
  const { rateBytesPerSecond } = transfer;
  const onNotice = (message: string) => context.terminal.warning(message);
  const transport = await chooseTransport(transfer, { isServer: true, onNotice });
  const unused = unusedThreads(transfer.networkThreads, transport);
  if (unused !== null) onNotice(unused);
  const { name, stacks = [] } = transport;
  const of = stacks.length === 0 ? "" : ` of ${stacks.map((stack) => stack.name).join(" and ")}`;
  context.terminal.detail(`transport: ${name}${of}`);
  return await serve({
    workers,
    transport,
    root,
    listen,
    advertise,
    identityPath: identityFile(transfer.identityPath, context.env),
    access,
    once,
    timeoutMs: transfer.timeoutMs,
    keepForMs: transfer.keepForMs,
    policy: transfer.policy,
    authorizedKeysPath,
    mintTicket: command.mintTicket,
    workerCount: transfer.workerCount,
    depth: transfer.depth,
    congestion: transfer.congestion,
    ...wantedOf(transfer),
    ...networkThreads(transfer.networkThreads, workers),
    ...(rateBytesPerSecond === undefined ? {} : { rateBytesPerSecond }),
    onEvent: report.event,
    signal: context.signal,
  });
}

/** Tells everyone that it listens, and that it stops. */
async function attend(
  handle: ServeHandle,
  { command, context, report, stop }: {
    command: ServeCommand;
    context: CommandContext;
    report: ServeReport;
    stop: AbortController;
  },
): Promise<number> {
  const { terminal, signal } = context;
  const { address, identity, ended } = handle;
  const manager = serviceManager();
  if (manager?.problem) terminal.detail(`the service manager is told nothing: ${manager.problem}`);
  terminal.detail(`door: ${doorName()}`);
  const status = `listening on ${formatHostPort(address)}`;
  const stopping = () => void manager?.tell("stopping", "stopping");
  const hadTerminal = hasTerminal();
  try {
    using _hangUp = onHangUp(async () => {
      if (hadTerminal && !hasTerminal()) stop.abort(terminalClosed());
      else await reload(handle, { manager, status, terminal });
    });
    await using _ready = command.readyFile === null ? null : await ReadyFile.write(
      command.readyFile,
      { address: address.hostname, port: address.port, identity },
    );
    report.listening(handle, { access: command.access });
    const own = ownFilesWarning(command.root, ownFiles(command, context.env));
    if (own !== null) terminal.warning(own);
    await manager?.tell("ready", status);
    if (signal.aborted) stopping();
    signal.addEventListener("abort", stopping);
    const summary = await ended;
    if (!signal.aborted) await manager?.tell("stopping", "done");
    return summary === null ? 0 : exitOfSummary(summary);
  } finally {
    signal.removeEventListener("abort", stopping);
    manager?.close();
  }
}

/** What says who this server is and whom it lets in, and where a user keeps the like. */
function ownFiles(
  { transfer, authorizedKeysPath }: ServeCommand,
  env: Environment,
): (string | null)[] {
  const { identityPath } = transfer;
  return [userDirectory(env), identityFile(identityPath, env), authorizedKeysPath];
}

/** Null where there is none, or nothing says where: then an identity was named. */
function userDirectory(env: Environment): string | null {
  try {
    const { directory } = userFiles(env);
    return existsSync(directory) ? directory : null;
  } catch {
    return null;
  }
}

/** Whether it was started from a terminal that is still there, wherever its output goes. */
function hasTerminal(): boolean {
  return STANDARD_FDS.some((fd) => isatty(fd));
}

/** Whoever closed the window of a server means to end it: SIGHUP says both, and the terminal which. */
function terminalClosed(): SftpxError {
  return new SftpxError("terminated", "Stopped: its terminal was closed");
}

/** A broken keys file is told by the session's event and leaves all as it was. */
async function reload(
  handle: ServeHandle,
  { manager, status, terminal }: {
    manager: ServiceManager | null;
    status: string;
    terminal: Terminal;
  },
): Promise<void> {
  await manager?.tell("reloading", "reading the authorized keys");
  await handle.reload().catch((thrown: unknown) => {
    terminal.warning(thrown instanceof Error ? thrown.message : String(thrown));
  });
  await manager?.tell("ready", status);
}

/** Runs an action for each SIGHUP, one after the other; nothing on Windows, where it means the end. */
function onHangUp(action: () => Promise<void>): Disposable {
  if (process.platform === "win32") return { [Symbol.dispose]() {} };
  let last = Promise.resolve();
  const listener = () => {
    last = last.then(action);
  };
  process.on("SIGHUP", listener);
  return { [Symbol.dispose]: () => void process.off("SIGHUP", listener) };
}
