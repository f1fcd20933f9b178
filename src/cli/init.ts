// `sftpx init`: makes this user's identity if there is none, and shows its public half.

import { formatFingerprint, loadIdentity } from "../trust/identity.ts";
import type { InitCommand } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { identityFile } from "./home.ts";
import { shown } from "./shown.ts";

/** Runs the command. */
export async function runInit(command: InitCommand, context: CommandContext): Promise<number> {
  const path = identityFile(command.identityPath, context.env);
  const { name, publicKey } = await loadIdentity(path, { create: true });
  if (context.json !== null) context.json.tell("identity", { identity: name });
  else context.stdout.write(`${name}\n`);
  context.terminal.line(`to read aloud or compare: ${formatFingerprint(publicKey)}`);
  context.terminal.detail(`identity file ${shown(path)}`);
  return 0;
}
