// `sftpx serve [ROOT]` and `sftpx recv [ROOT]`.

import { serve } from "../session/serve.ts";
import type { WorkerUrls } from "../session/options.ts";
import { chooseTransport } from "../session/transports.ts";
import type { ServeCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { exitOfSummary } from "./exit.ts";
import { identityFile } from "./home.ts";
import { ServeReport } from "./serve_report.ts";

/** The command's run function. */
export function serveCommand(workers: WorkerUrls): Run<ServeCommand> {
  return async (command: ServeCommand, context: CommandContext) => {
    const { transfer, root, listen, advertise, access, once, authorizedKeysPath } = command;
    const report = new ServeReport(context);
    const handle = await serve({
      workers,
      transport: chooseTransport(),
      root,
      listen,
      advertise,
      identityPath: identityFile(transfer.identityPath, context.env),
      access,
      once,
      authorizedKeysPath,
      mintTicket: command.mintTicket,
      workerCount: transfer.workerCount,
      depth: transfer.depth,
      congestion: transfer.congestion,
      onEvent: report.event,
      signal: context.signal,
    });
    report.listening(handle);
    const summary = await handle.ended;
    return summary === null ? 0 : exitOfSummary(summary);
  };
}
