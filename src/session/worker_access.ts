// What chunk workers of a command may read and write, where the runtime can hold them to it: the paths
// that its jobs name, and nothing beside them. A worker decompresses and hashes what strangers send, so
// it is where a flaw in a codec would begin.

import { realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { WorkerAccess } from "../runtime/runtime.ts";
import type { WalkSource } from "../store/store.ts";
import { endsOpen } from "./sources.ts";

/** A push reads its sources, and writes nothing. */
export function pushAccess(walks: readonly WalkSource[]): WorkerAccess {
  const read = walks.flatMap(({ path, follow }) => follow ? [path, realPath(path)] : [path]);
  return { read, write: [] };
}

/** A pull reads and writes below its destination, or beside it where that may turn out to be a file. */
export function pullAccess(destination: string): WorkerAccess {
  const path = resolve(destination);
  const isDirectory = endsOpen(destination) || hasDirectory(path);
  const places = isDirectory ? [realPath(path)] : [realPath(path), realPath(dirname(path))];
  return { read: places, write: places };
}

/** A server reads below its root, and writes there if anybody may. */
export function serveAccess(
  root: string,
  { mayWrite }: { readonly mayWrite: boolean },
): WorkerAccess {
  return { read: [root], write: mayWrite ? [root] : [] };
}

function hasDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Where a path leads, or would lead once what is missing of it is made. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const above = dirname(path);
    return above === path ? path : join(realPath(above), basename(path));
  }
}
