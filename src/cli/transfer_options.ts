// From a command's meant arguments to what a session takes: the parts that the commands share.

import type { SessionOptions, TransferOptions, WorkerUrls } from "../session/options.ts";
import { chooseTransport } from "../session/transports.ts";
import type { CopyChoices, OutputChoices, TransferChoices } from "./command.ts";
import type { CommandContext } from "./context.ts";
import { loadFileList, loadFilters } from "./filter_files.ts";
import type { FirstContact } from "./first_contact.ts";
import { identityFile } from "./home.ts";
import type { RemoteLookup } from "./remote.ts";

/** What it takes to reach a server. */
export function sessionOptions(
  choices: TransferChoices,
  { context, onEvent }: { context: CommandContext; onEvent: SessionOptions["onEvent"] },
): SessionOptions {
  const { connections, congestion, timeoutMs } = choices;
  return {
    transport: chooseTransport(),
    identityPath: identityFile(choices.identityPath, context.env),
    connections,
    congestion,
    timeoutMs,
    onEvent,
    signal: context.signal,
  };
}

/** What of a transfer's options its files and filters make. */
export type CopyOptions = Pick<
  TransferOptions,
  "filters" | "files" | "dryRun" | "delete" | "deleteByDefault" | "tellEntries"
>;

/** Reads the files of filters and names that a copy is given; `maxFiles` is how many may be named. */
export async function copyOptions(
  copy: CopyChoices,
  { output, maxFiles = Infinity, signal }: {
    output: OutputChoices;
    maxFiles?: number;
    signal: AbortSignal;
  },
): Promise<CopyOptions> {
  const { filesFrom } = copy;
  return {
    filters: await loadFilters(copy.filters, { signal }),
    files: filesFrom === null
      ? null
      : await loadFileList(filesFrom, { maxPaths: maxFiles, signal }),
    dryRun: copy.dryRun,
    delete: copy.delete,
    deleteByDefault: copy.deleteByDefault,
    tellEntries: output.verbose,
  };
}

/** Session options of a transfer command. */
export function transferOptions(
  choices: TransferChoices,
  { workers, context, copy, onEvent }: {
    workers: WorkerUrls;
    context: CommandContext;
    copy: CopyOptions;
    onEvent: TransferOptions["onEvent"];
  },
): TransferOptions {
  const { chunkBytes, compression, workerCount, depth, lanes, checksum, atomic } = choices;
  return {
    ...sessionOptions(choices, { context, onEvent }),
    ...copy,
    workers,
    chunkBytes,
    compression,
    workerCount,
    depth,
    lanes,
    checksum,
    atomic,
  };
}

/** Where a server's identity may be looked up. */
export function remoteLookup(
  choices: TransferChoices,
  { context, contact }: { context: CommandContext; contact: FirstContact },
): RemoteLookup {
  return {
    ticketFile: choices.ticketFile,
    env: context.env,
    pin: choices.pin,
    identityOf: contact.identityOf,
  };
}
