// From a result to an exit code, as the command-line contract lists them.

import type { SftpxError } from "../base/errors.ts";
import type { TransferSummary } from "../session/options.ts";

/** Exit code of `--fail-if-unchanged` when there was nothing to do. */
const NOTHING_TO_DO = 4;

/** Exit code of a transfer. */
export function exitOfSummary(
  summary: TransferSummary,
  { failIfUnchanged = false }: { failIfUnchanged?: boolean } = {},
): number {
  if (summary.error !== null) return summary.error.exit;
  if (!summary.ok) return 1;
  return failIfUnchanged && nothingDone(summary) ? NOTHING_TO_DO : 0;
}

/** Exit code of an error that ended a command; a signal is how `serve` is meant to end. */
export function exitOfError(
  error: SftpxError,
  { serving = false }: { serving?: boolean } = {},
): number {
  const stopped = error.code === "interrupted" || error.code === "terminated";
  return serving && stopped && !error.remote ? 0 : error.exit;
}

/** What the session counted decides; without a receipt, whether anything was sent. */
function nothingDone(
  { changed, deleted, wireBytes, bytes, reusedBytes }: TransferSummary,
): boolean {
  if (changed !== null) return changed + deleted === 0;
  return deleted === 0 && wireBytes === 0 && bytes === reusedBytes;
}
