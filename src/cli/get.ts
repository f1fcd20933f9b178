// `sftpx get SRC... DEST`: a pull.

import { LIMITS } from "../base/limits.ts";
import { pull } from "../session/client.ts";
import type { WorkerUrls } from "../session/options.ts";
import type { GetCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { reach } from "./reach.ts";
import { TransferReport } from "./report.ts";
import { copyOptions, transferOptions } from "./transfer_options.ts";

/** The command's run function. */
export function getCommand(workers: WorkerUrls): Run<GetCommand> {
  return async (command: GetCommand, context: CommandContext) => {
    const { name, transfer: choices, sources, destination, output } = command;
    const { failIfUnchanged } = command.copy;
    const maxFiles = LIMITS.filesPerRequest;
    const copy = await copyOptions(command.copy, { output, maxFiles, signal: context.signal });
    const deed = "received";
    const report = new TransferReport({ ...context, command: name, deed, failIfUnchanged });
    const way = { choices, context, onEvent: report.event };
    const { remotes, contact, session } = await reach(sources, way);
    const options = transferOptions(choices, { workers, session, copy });
    const { keepForMs, policy } = choices;
    const pulled = pull({ ...options, remotes, destination, keepForMs, policy });
    return report.finish(await contact.concluded(remotes[0]!, pulled));
  };
}
