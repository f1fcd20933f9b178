// `sftpx get SRC... DEST`: a pull.

import { LIMITS } from "../base/limits.ts";
import { pull } from "../session/client.ts";
import type { Remote, SessionEvent, WorkerUrls } from "../session/options.ts";
import type { GetCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { firstContact } from "./first_contact.ts";
import { resolveRemote } from "./remote.ts";
import { TransferReport } from "./report.ts";
import { copyOptions, remoteLookup, transferOptions } from "./transfer_options.ts";

/** The command's run function. */
export function getCommand(workers: WorkerUrls): Run<GetCommand> {
  return async (command: GetCommand, context: CommandContext) => {
    const { transfer, sources, destination, output, copy: { failIfUnchanged } } = command;
    const maxFiles = LIMITS.filesPerRequest;
    const copy = await copyOptions(command.copy, { output, maxFiles, signal: context.signal });
    const contact = firstContact(transfer, context);
    const lookup = remoteLookup(transfer, { context, contact });
    const remotes: Remote[] = [];
    for (const source of sources) remotes.push(await resolveRemote(source, lookup));
    const report = new TransferReport({ ...context, deed: "received", failIfUnchanged });
    const onEvent = (event: SessionEvent) => {
      contact.event(event);
      report.event(event);
    };
    const options = transferOptions(transfer, { workers, context, copy, onEvent });
    report.connecting();
    const pulled = pull({ ...options, remotes, destination });
    return report.finish(await contact.concluded(remotes[0]!, pulled));
  };
}
