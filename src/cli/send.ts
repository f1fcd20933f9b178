// `sftpx send SRC... DEST`: a push.

import { push } from "../session/client.ts";
import type { WorkerUrls } from "../session/options.ts";
import type { SendCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { reach } from "./reach.ts";
import { TransferReport } from "./report.ts";
import { copyOptions, transferOptions } from "./transfer_options.ts";

/** The command's run function. */
export function sendCommand(workers: WorkerUrls): Run<SendCommand> {
  return async (command: SendCommand, context: CommandContext) => {
    const { name, transfer: choices, sources, destination, output } = command;
    const { failIfUnchanged } = command.copy;
    const copy = await copyOptions(command.copy, { output, signal: context.signal });
    const report = new TransferReport({ ...context, command: name, deed: "sent", failIfUnchanged });
    const way = { choices, context, onEvent: report.event };
    const { remotes, contact, session } = await reach([destination], way);
    const options = transferOptions(choices, { workers, session, copy });
    const remote = remotes[0]!;
    const links = choices.policy.links === "skip" ? "skip" : "keep";
    const pushed = push({ ...options, sources, remote, links });
    return report.finish(await contact.concluded(remote, pushed));
  };
}
