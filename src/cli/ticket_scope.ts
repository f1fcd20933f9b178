// What a ticket may open: a ROOT that is there, and below it a path that leads nowhere else.

import { lstat, realpath, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { pathProblem } from "../base/path.ts";
import type { Access, Grant } from "../trust/grant.ts";
import { shown } from "./shown.ts";

/** The ROOT as `serve` knows it: absolute and without links. Throws `usage` unless a directory. */
export async function canonicalRoot(root: string): Promise<string> {
  try {
    const real = await realpath(resolve(root));
    if ((await stat(real)).isDirectory()) return real;
  } catch (cause) {
    throw rootProblem(root, isAbsent(cause) ? "there is no such directory" : textOf(cause), cause);
  }
  throw rootProblem(root, "it is no directory, use --path for a file in one");
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
  const problem = pathProblem(scope);
  if (problem !== null) throw scopeProblem(path, problem);
  let at = root;
  for (const name of scope.split("/")) {
    at = join(at, name);
    const found = await lstat(at).catch((cause: unknown) => {
      if (isAbsent(cause)) return null;
      throw scopeProblem(path, textOf(cause), cause);
    });
    if (found === null) {
      if (access !== "read") return scope; // a push makes it
      throw scopeProblem(path, `there is nothing of that name in ${shown(root)} to read`);
    }
    if (found.isSymbolicLink()) {
      throw scopeProblem(path, "a link stands on the way, name what it leads to");
    }
    if (!found.isDirectory() && (at !== join(root, scope) || access !== "read")) {
      throw scopeProblem(
        path,
        at === join(root, scope)
          ? "it is a file, which a ticket can open with --access read only"
          : `"${shown(name)}" on the way is no directory`,
      );
    }
  }
  return scope;
}

/** The access word of a grant. */
export function accessOf({ read, write, writeOnce }: Grant): Access {
  if (writeOnce) return "write-once";
  if (read && write) return "both";
  return read ? "read" : "write";
}

function rootProblem(root: string, state: string, cause?: unknown): SftpxError {
  return new SftpxError("usage", `Cannot make tickets for "${shown(root)}": ${state}`, { cause });
}

function scopeProblem(path: string, state: string, cause?: unknown): SftpxError {
  return new SftpxError("usage", `Cannot use "--path ${shown(path)}": ${state}`, { cause });
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function textOf(error: unknown): string {
  if (error instanceof Error && "code" in error) return String(error.code);
  return error instanceof Error ? error.message : String(error);
}
