// When `delete` can be meant, and who may ask for it. It compares whole directories: a transfer that
// names none, or only some of their files, must remove nothing.

import { SftpxError } from "../base/errors.ts";
import type { Grant } from "../trust/grant.ts";
import type { OfferedSource } from "../wire/messages.ts";
import type { TransferOptions } from "./options.ts";

type DeleteChoice = Pick<TransferOptions, "delete" | "deleteByDefault" | "files">;

/**
 * Whether a transfer of these sources deletes; null for sources that are not known yet. Throws `usage`
 * where it cannot, though it is to.
 */
export function checkDelete(
  { delete: deletes, deleteByDefault = false, files }: DeleteChoice,
  sources: readonly OfferedSource[] | null,
): boolean {
  if (!deletes) return false;
  if (files !== null) {
    throw new SftpxError("usage", "Cannot delete: only some files of the source are listed");
  }
  if (sources === null || sources.some(({ kind }) => kind === "directory")) return true;
  if (deleteByDefault) return false;
  throw new SftpxError("usage", "Cannot delete: no source is a directory");
}

/** Throws `refused` where a client may not have anything removed. */
export function checkDeleteGrant({ read, write, writeOnce, appendOnly }: Grant): void {
  if (read && write && !writeOnce && !appendOnly) return;
  throw new SftpxError("refused", "Cannot delete: the grant is not to read, write and replace");
}
