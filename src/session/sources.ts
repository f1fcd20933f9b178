// What a source, as written by a user or asked for by a peer, means on this machine: where to walk,
// and under which name its entries travel. The rules are rsync's (DESIGN, the command line).

import { lstat, realpath, stat } from "node:fs/promises";
import { basename, join, resolve, sep } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { pathProblem } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import type { WalkSource } from "../store/store.ts";
import type { EntryKind, OfferedSource } from "../wire/messages.ts";

/** A source both ways: how it is walked, and how it is offered. */
export interface ResolvedSource {
  readonly walk: WalkSource;
  readonly offered: OfferedSource;
}

/** Resolves a local source as given by the user. Throws `source_missing` and the like. */
export async function resolveLocalSource(given: string): Promise<ResolvedSource> {
  const path = resolve(given);
  return await describe(path, { given, follows: endsOpen(given), what: "source" });
}

/**
 * Resolves a path a peer asked for under the served root: never through a link, never out of it
 * (I5). `path` may end in `/`; empty means the root's contents.
 */
export async function resolveServedSource(root: string, path: string): Promise<ResolvedSource> {
  const plain = path.replace(/\/+$/, "").replace(/(^|\/)\.$/, "");
  const follows = plain === "" || plain !== path;
  if (plain === "") return await describe(root, { given: "", follows: true, what: "source" });
  const problem = pathProblem(plain);
  if (problem !== null) {
    throw new SftpxError("bad_name", `Cannot read "${shown(path)}": ${problem}`);
  }
  await refuseLinksAbove(root, plain);
  const target = join(root, plain);
  const source = await describe(target, { given: path, follows, what: "path" });
  if (follows) await refuseEscape(root, { target, path });
  return source;
}

/** Whether a name was written so that a directory's contents (or a link's target) are meant. */
export function endsOpen(given: string): boolean {
  return given.endsWith("/") || /(^|\/)\.\.?$/.test(given);
}

async function describe(
  path: string,
  { given, follows, what }: { given: string; follows: boolean; what: string },
): Promise<ResolvedSource> {
  let kind: EntryKind | null;
  try {
    const found = follows ? await stat(path) : await lstat(path);
    kind = found.isFile()
      ? "file"
      : found.isDirectory()
      ? "directory"
      : found.isSymbolicLink()
      ? "link"
      : null;
  } catch (error) {
    throw unreadable(error, { given, what });
  }
  if (kind === null) {
    throw new SftpxError("unsupported", `Cannot send "${shown(given)}": it is a special file`);
  }
  if (follows && kind !== "directory" && given.endsWith("/") && !(await isLink(path))) {
    throw new SftpxError("source_missing", `Cannot send "${shown(given)}": it is not a directory`);
  }
  const contents = follows && kind === "directory";
  const name = basename(path) === "" ? "root" : basename(path);
  return {
    walk: { path, name, contents, follow: follows },
    offered: { name, kind, contents },
  };
}

async function isLink(path: string): Promise<boolean> {
  return (await lstat(path)).isSymbolicLink();
}

/** Every directory above the last component must be a real one. */
async function refuseLinksAbove(root: string, plain: string): Promise<void> {
  let path = root;
  for (const name of plain.split("/").slice(0, -1)) {
    path = join(path, name);
    const found = await lstat(path).catch((error) => {
      throw unreadable(error, { given: plain, what: "path" });
    });
    if (!found.isDirectory()) {
      throw new SftpxError("refused", `Cannot read "${shown(plain)}": it leads through a link`);
    }
  }
}

async function refuseEscape(
  root: string,
  { target, path }: { target: string; path: string },
): Promise<void> {
  const [realRoot, real] = await Promise.all([realpath(root), realpath(target)]);
  const below = realRoot.endsWith(sep) ? realRoot : realRoot + sep;
  const inState = real.slice(below.length).split(sep).some((name) => pathProblem(name) !== null);
  if (real !== realRoot && (!real.startsWith(below) || inState)) {
    throw new SftpxError("refused", `Cannot read "${shown(path)}": it leads out of the root`);
  }
}

function unreadable(error: unknown, { given, what }: { given: string; what: string }): SftpxError {
  const { code } = error as { code?: string };
  const name = shown(given);
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new SftpxError("source_missing", `Cannot send "${name}": there is no such ${what}`);
  }
  const message = error instanceof Error ? error.message : String(error);
  return new SftpxError("source_unreadable", `Cannot send "${name}": ${message}`, { cause: error });
}

function shown(path: string): string {
  return escapeText(path);
}
