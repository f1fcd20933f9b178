// The place that `serve` and `recv` are given: a slip that the session could only call wrong is told here
// with what was meant.

import { stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { mayRead } from "../runtime/runtime.ts";
import { grantOfAccess } from "../trust/grant.ts";
import type { ServeCommand } from "./command.ts";
import { shellWord } from "./shell_word.ts";
import { shown } from "./shown.ts";
import { usageError } from "./usage_error.ts";

/** Throws `usage` for a file: one alone is let out by a ticket, beside its directory's server. */
export async function refuseFile(
  { root, access, once }: Pick<ServeCommand, "root" | "access" | "once">,
): Promise<void> {
  if (!mayRead(root)) return;
  // Whatever else is wrong with it, the session finds.
  const found = await stat(root).catch(() => null);
  if (found === null || !found.isFile()) return;
  const attempt = `serve "${shown(root)}"`;
  if (!grantOfAccess(access).read) {
    throw usageError(attempt, "it is a file, name the directory to receive into", root);
  }
  const directory = shellWord(dirname(root));
  const path = shellWord(basename(root));
  throw usageError(
    attempt,
    `it is a file, to give it out alone run: sftpx serve --no-ticket ${directory}, and beside it: ` +
      `sftpx ticket --access read ${once ? "--uses 1 " : ""}--path ${path} ${directory}`,
    root,
  );
}
