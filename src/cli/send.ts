// `sftpx send SRC... DEST`: a push.

import { push } from "../session/client.ts";
import type { WorkerUrls } from "../session/options.ts";
import type { SendCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { resolveRemote } from "./remote.ts";
import { TransferReport } from "./report.ts";
import { remoteLookup, transferOptions } from "./transfer_options.ts";

/** The command's run function. */
export function sendCommand(workers: WorkerUrls): Run<SendCommand> {
  return async (command: SendCommand, context: CommandContext) => {
    const { transfer, sources, destination, failIfUnchanged } = command;
    const remote = await resolveRemote(destination, remoteLookup(transfer, context));
    const report = new TransferReport({ ...context, deed: "sent", failIfUnchanged });
    const options = transferOptions(transfer, { workers, context, onEvent: report.event });
    report.connecting();
    return report.finish(await push({ ...options, sources, remote }));
  };
}
