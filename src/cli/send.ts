// `sftpx send SRC... DEST`: a push.

import { push } from "../session/client.ts";
import type { SessionEvent, WorkerUrls } from "../session/options.ts";
import type { SendCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { firstContact } from "./first_contact.ts";
import { resolveRemote } from "./remote.ts";
import { TransferReport } from "./report.ts";
import { copyOptions, remoteLookup, transferOptions } from "./transfer_options.ts";

/** The command's run function. */
export function sendCommand(workers: WorkerUrls): Run<SendCommand> {
  return async (command: SendCommand, context: CommandContext) => {
    const { transfer, sources, destination, output, copy: { failIfUnchanged } } = command;
    const copy = await copyOptions(command.copy, { output, signal: context.signal });
    const contact = firstContact(transfer, context);
    const remote = await resolveRemote(destination, remoteLookup(transfer, { context, contact }));
    const report = new TransferReport({ ...context, deed: "sent", failIfUnchanged });
    const onEvent = (event: SessionEvent) => {
      contact.event(event);
      report.event(event);
    };
    const options = transferOptions(transfer, { workers, context, copy, onEvent });
    report.connecting();
    return report.finish(await contact.concluded(remote, push({ ...options, sources, remote })));
  };
}
