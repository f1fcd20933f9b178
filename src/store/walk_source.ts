// The sources of a walk as they stand when it begins: where each leads, and why one cannot be sent.

import * as fs from "node:fs";
import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { osCode, osError } from "../base/os_error.ts";
import { refuseLinks } from "./walk_directory.ts";
import type { FoundAt } from "./walk_entry.ts";
import type { WalkSource } from "./store.ts";

/** Where a source is; of a link that is followed, where that leads. */
export function sourcePath({ path, follow }: WalkSource): string {
  return follow ? fs.realpathSync(path) : path;
}

/** What stands where a source is; throws when it is not as it is to be. */
export function lookAtSource(
  { contents, name, root }: WalkSource,
  { path, disk }: FoundAt,
): fs.BigIntStats {
  if (root !== undefined) refuseLinks(path, { itself: contents, name });
  const stat = statAt({ path, disk });
  if (contents && !stat.isDirectory()) {
    throw new SftpxError(
      "source_missing",
      `Cannot send "${escapeText(name)}": it is not a directory`,
    );
  }
  return stat;
}

/** What stands at a path; throws where nothing does. */
export function statAt({ path, disk }: FoundAt): fs.BigIntStats {
  const stat = disk.look(path);
  if (stat === null) throw Object.assign(new Error("ENOENT: it is gone"), { code: "ENOENT" });
  return stat;
}

/** Whether a directory stands at a path; what cannot even be looked at is none to a filter. */
export function isDirectoryAt({ path, disk }: FoundAt): boolean {
  try {
    return disk.look(path)?.isDirectory() ?? false;
  } catch {
    return false;
  }
}

/** What was thrown when a source was looked at or read, as what its user is told. */
export function sourceError(source: WalkSource, thrown: unknown): SftpxError {
  if (thrown instanceof SftpxError) return thrown;
  const missing = ["ENOENT", "ENOTDIR"].includes(osCode(thrown));
  const error = osError(thrown, `send "${escapeText(source.name)}"`);
  const code = missing ? "source_missing" : "source_unreadable";
  return new SftpxError(code, error.message, { cause: thrown });
}
