// What a ticket may open: a ROOT that is there, and below it a path that leads nowhere else.

import { lstat, realpath, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { osCode } from "../base/os_error.ts";
import { pathProblem } from "../base/path.ts";
import type { Access } from "../trust/grant.ts";
import { namedError } from "./named_error.ts";
import { shown } from "./shown.ts";
import { usageError } from "./usage_error.ts";

/** The ROOT as `serve` knows it: absolute and without links. Throws `usage` unless a directory. */
export async function canonicalRoot(root: string): Promise<string> {
  const attempt = `use "${shown(root)}" as ROOT`;
  try {
    const real = await realpath(resolve(root));
    if ((await stat(real)).isDirectory()) return real;
  } catch (thrown) {
    throw namedError(thrown, attempt, { scope: resolve(root) });
  }
  throw usageError(attempt, "it is no directory, use --path for a file in one");
}

/**
 * The path below ROOT in the form a grant has it. What stands there must suit: no link on the way,
 * since a grant is never followed through one, and a single file can only be read.
 */
export async function checkScope(
  root: string,
  { path, access }: { readonly path: string; readonly access: Access },
): Promise<string> {
  const scope = path.replace(/\/$/, "");
  if (scope === "" || scope === ".") return "";
  const attempt = `use "--path ${shown(path)}"`;
  const problem = pathProblem(scope);
  if (problem !== null) throw usageError(attempt, problem);
  let at = root;
  for (const name of scope.split("/")) {
    at = join(at, name);
    const found = await lstat(at).catch((thrown: unknown) => {
      if (osCode(thrown) === "ENOENT") return null;
      throw namedError(thrown, attempt);
    });
    if (found === null) {
      if (access !== "read") return scope; // a push makes it
      throw usageError(attempt, `there is nothing of that name in ${shown(root)} to read`);
    }
    if (found.isSymbolicLink()) {
      throw usageError(attempt, "a link stands on the way, name what it leads to");
    }
    if (!found.isDirectory() && (at !== join(root, scope) || access !== "read")) {
      throw usageError(
        attempt,
        at === join(root, scope)
          ? "it is a file, which a ticket can open with --access read only"
          : `"${shown(name)}" on the way is no directory`,
      );
    }
  }
  return scope;
}
