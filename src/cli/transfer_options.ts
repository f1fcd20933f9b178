// From a command's meant arguments to what a session takes: the parts that the commands share.

import { networkThreads } from "../session/network_threads.ts";
import type { SessionOptions, TransferOptions, WorkerUrls } from "../session/options.ts";
import type { CopyChoices, OutputChoices, TransferChoices } from "./command.ts";

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
  return {
    ...await chosenFiles(copy, { maxFiles, signal }),
    dryRun: copy.dryRun,
    delete: copy.delete,
    deleteByDefault: copy.deleteByDefault,
    tellEntries: output.verbose,
  };
}

/** What reads lists is loaded where there is one. */
async function chosenFiles(
  { filters, filesFrom }: CopyChoices,
  { maxFiles, signal }: { maxFiles: number; signal: AbortSignal },
): Promise<Pick<CopyOptions, "filters" | "files">> {
  if (filters.length === 0 && filesFrom === null) return { filters: [], files: null };
  const { loadFileList, loadFilters } = await import("./filter_files.ts");
  return {
    filters: await loadFilters(filters, { signal }),
    files: filesFrom === null
      ? null
      : await loadFileList(filesFrom, { maxPaths: maxFiles, signal }),
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
