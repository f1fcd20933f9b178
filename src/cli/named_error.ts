// What is said of a file or directory that a command line names and that cannot be used: a slip is a
// usage error, anything else is what the system says.

import type { SftpxError } from "../base/errors.ts";
import { osCode, osError } from "../base/os_error.ts";
import { usageError } from "./usage_error.ts";

/** What a name that leads nowhere is found to be. */
const SLIPS: Readonly<Record<string, string>> = {
  ENOENT: "there is nothing of that name",
  ENOTDIR: "a parent is not a directory",
  EISDIR: "it is a directory",
};

/**
 * The error of a call that failed on a place that was named; `attempted` follows "Cannot", `scope` is
 * what the runtime has to be given for it.
 */
export function namedError(
  thrown: unknown,
  attempted: string,
  scope: { readonly scope?: string } = {},
): SftpxError {
  const slip = SLIPS[osCode(thrown)];
  return slip === undefined
    ? osError(thrown, attempted, scope)
    : usageError(attempted, slip, thrown);
}
