// What a source, as written by a user or asked for by a peer, means on this machine: where to walk,
// and under which name its entries travel. The rules are rsync's (DESIGN, the command line).

import type { Stats } from "node:fs";
import { lstat, realpath, stat } from "node:fs/promises";
import { basename, join, resolve, sep } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { type NamePlatform, pathProblem, platformProblem } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import { osCode, osError } from "../base/os_error.ts";
import { PLATFORM } from "../store/door.ts";
import { openRootDisk } from "../store/root_disk.ts";
import type { WalkSource } from "../store/store.ts";
import type { EntryKind, OfferedSource } from "../wire/messages.ts";
import { plainPath } from "./granted_place.ts";

/** What `stat` counts blocks in. */
const BLOCK_BYTES = 512;

/** A source both ways: how it is walked, and how it is offered. */
export interface ResolvedSource {
  readonly walk: WalkSource;
  readonly offered: OfferedSource;
}

/**
 * Resolves a local source as given by the user; `opens` takes a directory's contents (or a link's
 * target) as a trailing `/` does. Throws `source_missing` and the like.
 */
export async function resolveLocalSource(
  given: string,
  { opens = endsOpen(given) }: { readonly opens?: boolean } = {},
): Promise<ResolvedSource> {
  return await describe(resolve(given), { given, opens, ...LOCAL });
}

/**
 * Resolves a path a peer asked for where its grant holds: never through a link, never out of it (I5).
 * `path` may end in `/`; empty means the contents of the grant's root, or the one file it is for.
 */
export async function resolveServedSource(
  root: string,
  path: string,
  { grantRoot, platform = PLATFORM }: {
    readonly grantRoot: string;
    readonly platform?: NamePlatform;
  },
): Promise<ResolvedSource> {
  const given = path === "" ? "." : path;
  const base = await grantedBase(root, { grantRoot, given });
  const plain = plainPath(path);
  if (plain === "") {
    // A link that takes the base's place from here on is not followed.
    return await describe(base, { given, opens: true, ...SERVED, real: base, root });
  }
  const problem = pathProblem(plain) ?? platformProblem(plain, platform);
  if (problem !== null) {
    throw new SftpxError("bad_name", `Cannot read "${shown(path)}": ${problem}`);
  }
  await refuseLinksAbove(base, { path: plain, given });
  const target = join(base, plain);
  const opens = plain !== path;
  const real = opens ? await realInside(base, { target, path }) : target;
  return await describe(target, { given: path, opens, ...SERVED, real, root });
}

/** The directory or file that a grant is for. It is a real one, and so is all above it. */
async function grantedBase(
  root: string,
  { grantRoot, given }: { readonly grantRoot: string; readonly given: string },
): Promise<string> {
  if (grantRoot === "") return root;
  const problem = pathProblem(grantRoot);
  if (problem !== null) {
    throw new SftpxError("bad_name", `Cannot read where the grant holds: ${problem}`);
  }
  await refuseLinksAbove(root, { path: grantRoot, given });
  const base = join(root, grantRoot);
  const found = await lstat(base).catch((error) => {
    throw unreadable(error, { given, ...SERVED });
  });
  if (found.isSymbolicLink()) throw throughLink(given);
  return base;
}

/** Whether a name was written so that a directory's contents (or a link's target) are meant. */
export function endsOpen(given: string): boolean {
  return given.endsWith("/") || /(^|\/)\.\.?$/.test(given);
}

/** How an error names what was asked for. */
interface Wording {
  readonly attempt: string;
  readonly what: string;
}

const LOCAL: Wording = { attempt: "send", what: "source" };
const SERVED: Wording = { attempt: "read", what: "path" };

async function describe(
  path: string,
  { given, opens, real, root, ...wording }: Wording & {
    given: string;
    /** A directory's contents, or a link's target, are meant. */
    opens: boolean;
    /** Where `path` leads, as it was checked; absent where any link may be followed. */
    real?: string;
    /** What it may not lead out of, with `real`. */
    root?: string;
  },
): Promise<ResolvedSource> {
  let found: Found;
  let isLinked: boolean;
  try {
    found = root === undefined ? await lstat(path) : foundBelow(root, real ?? path);
    isLinked = opens && (found.isSymbolicLink() || real !== undefined && real !== path);
    // Only a user's own: a link that takes the place of what was checked is not followed.
    if (isLinked && root === undefined) found = await stat(path);
  } catch (error) {
    const scope = wording.attempt === LOCAL.attempt ? path : null;
    throw unreadable(error, { given, scope, ...wording });
  }
  const kind = kindOf(found);
  const attempted = `Cannot ${wording.attempt} "${shown(given)}"`;
  if (kind === null) throw new SftpxError("unsupported", `${attempted}: it is a special file`);
  if (kind !== "directory" && given.endsWith("/") && !isLinked) {
    throw new SftpxError("source_missing", `${attempted}: it is not a directory`);
  }
  const contents = opens && kind === "directory";
  const name = basename(path) === "" ? "root" : basename(path);
  return {
    // A checked path is walked as it was checked: the peer could put another link there meanwhile, or
    // above it.
    walk: {
      path: real ?? path,
      name,
      contents,
      follow: opens && real === undefined,
      ...(root === undefined ? {} : { root }),
    },
    offered: { name, kind, contents, ...(kind === "file" ? sizeOf(found) : {}) },
  };
}

/** What of a file's status is used. */
type Found = Pick<Stats, "isFile" | "isDirectory" | "isSymbolicLink" | "size" | "blocks">;

/** What stands below a root: nothing outside it, whatever a link that comes now leads to (I5). */
function foundBelow(root: string, path: string): Found {
  using held = openRootDisk(root, { readOnly: true });
  const stat = held.disk.look(path);
  if (stat === null) throw Object.assign(new Error("ENOENT: it is gone"), { code: "ENOENT" });
  return {
    isFile: () => stat.isFile(),
    isDirectory: () => stat.isDirectory(),
    isSymbolicLink: () => stat.isSymbolicLink(),
    size: Number(stat.size),
    blocks: Number(stat.blocks),
  };
}

/** What the receiver is to find room for; unknown where holes may leave it smaller. */
function sizeOf({ size: sizeBytes, blocks }: Found): { readonly sizeBytes?: number } {
  const isKnown = blocks * BLOCK_BYTES >= sizeBytes && sizeBytes <= LIMITS.fileBytes;
  return isKnown ? { sizeBytes } : {};
}

function kindOf(found: Found): EntryKind | null {
  if (found.isFile()) return "file";
  if (found.isDirectory()) return "directory";
  return found.isSymbolicLink() ? "link" : null;
}

/** Every directory above the last component must be a real one. */
async function refuseLinksAbove(
  root: string,
  { path, given }: { readonly path: string; readonly given: string },
): Promise<void> {
  let above = root;
  for (const name of path.split("/").slice(0, -1)) {
    above = join(above, name);
    const found = await lstat(above).catch((error) => {
      throw unreadable(error, { given, ...SERVED });
    });
    if (found.isSymbolicLink()) throw throughLink(given);
    if (!found.isDirectory()) throw throughFile(given);
  }
}

function throughLink(given: string): SftpxError {
  return new SftpxError("refused", `Cannot read "${shown(given)}": it leads through a link`);
}

function throughFile(given: string): SftpxError {
  const found = "something above it is not a directory";
  return new SftpxError("source_missing", `Cannot read "${shown(given)}": ${found}`);
}

/**
 * Where `target` leads, which must be inside the root. A link out of it gets the same answer whether
 * or not something stands there: what lies outside is nobody's to ask.
 */
async function realInside(
  root: string,
  { target, path }: { target: string; path: string },
): Promise<string> {
  const found = await lstat(target).catch((error) => {
    throw unreadable(error, { given: path, ...SERVED });
  });
  if (!found.isSymbolicLink()) return target;
  const [realRoot, real] = await Promise.all([realpath(root), realpath(target).catch(() => null)]);
  const below = realRoot.endsWith(sep) ? realRoot : realRoot + sep;
  const isInside = real === realRoot || real !== null && real.startsWith(below) &&
      real.slice(below.length).split(sep).every((name) => pathProblem(name) === null);
  if (isInside) return real;
  throw new SftpxError("refused", `Cannot read "${shown(path)}": it leads out of the root`);
}

function unreadable(
  error: unknown,
  { given, attempt, what, scope = null }: Wording & {
    readonly given: string;
    /** Path to name in the runtime's flag; only where a peer hears nothing of it. */
    readonly scope?: string | null;
  },
): SftpxError {
  const code = osCode(error);
  const attempted = `${attempt} "${shown(given)}"`;
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new SftpxError("source_missing", `Cannot ${attempted}: there is no such ${what}`);
  }
  // In the table's words: the system's name this machine's own path, which a peer may not learn.
  const { message } = osError(error, attempted, { scope });
  return new SftpxError("source_unreadable", message, { cause: error });
}

function shown(path: string): string {
  return escapeText(path);
}
