// `sftpx get SRC... DEST`: a pull.

import { pull } from "../session/client.ts";
import type { WorkerUrls } from "../session/options.ts";
import type { GetCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { resolveRemote } from "./remote.ts";
import { TransferReport } from "./report.ts";
import { remoteLookup, transferOptions } from "./transfer_options.ts";

/** The command's run function. */
export function getCommand(workers: WorkerUrls): Run<GetCommand> {
  return async (command: GetCommand, context: CommandContext) => {
    const { transfer, sources, destination, failIfUnchanged } = command;
    const lookup = remoteLookup(transfer, context);
    const remotes = [];
    for (const source of sources) remotes.push(await resolveRemote(source, lookup));
    const report = new TransferReport({ ...context, deed: "received", failIfUnchanged });
    const options = transferOptions(transfer, { workers, context, onEvent: report.event });
    report.connecting();
    return report.finish(await pull({ ...options, remotes, destination }));
  };
}
