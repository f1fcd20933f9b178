// From a command's meant arguments to what a session takes: the parts that the commands share.

import { networkThreads } from "../session/network_threads.ts";
import type { SessionOptions, TransferOptions, WorkerUrls } from "../session/options.ts";
import type { CopyChoices, OutputChoices, TransferChoices } from "./command.ts";
import { loadFileList, loadFilters } from "./filter_files.ts";

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
  { workers, session, copy }: {
    workers: WorkerUrls;
    session: SessionOptions;
    copy: CopyOptions;
  },
): TransferOptions {
  const { chunkBytes, compression, workerCount, depth, lanes, checksum, atomic } = choices;
  return {
    ...session,
    ...copy,
    ...networkThreads(choices.networkThreads, workers),
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
