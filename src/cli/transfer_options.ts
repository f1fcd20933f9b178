// From a command's meant arguments to what a session takes: the part `send` and `get` share.

import type { TransferOptions, WorkerUrls } from "../session/options.ts";
import { chooseTransport } from "../session/transports.ts";
import { loadKnownHosts } from "../trust/known_hosts.ts";
import type { TransferChoices } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { identityFile, knownHostsFile } from "./home.ts";
import type { RemoteLookup } from "./remote.ts";

/** Session options of a transfer command. */
export function transferOptions(
  choices: TransferChoices,
  { workers, context, onEvent }: {
    workers: WorkerUrls;
    context: CommandContext;
    onEvent: TransferOptions["onEvent"];
  },
): TransferOptions {
  const { chunkBytes, compression, workerCount, depth, connections, lanes } = choices;
  const { congestion, checksum, atomic, timeoutMs } = choices;
  return {
    workers,
    transport: chooseTransport(),
    identityPath: identityFile(choices.identityPath, context.env),
    chunkBytes,
    compression,
    workerCount,
    depth,
    connections,
    lanes,
    congestion,
    checksum,
    atomic,
    timeoutMs,
    onEvent,
    signal: context.signal,
  };
}

/** Where a server's identity may be looked up. */
export function remoteLookup(choices: TransferChoices, context: CommandContext): RemoteLookup {
  return {
    ticketFile: choices.ticketFile,
    env: context.env,
    pin: choices.pin,
    knownHosts: () => loadKnownHosts(knownHostsFile(choices.knownHostsPath, context.env)),
  };
}
