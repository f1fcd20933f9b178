// What makes one line of the manifest, or one path a puller asks for, unusable. A bad entry fails
// alone: control messages carry it, the receiver asks here and reports it, the session goes on.

import { utf8Bytes } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import { isReservedName, isReservedShortName, pathProblem, targetProblem } from "../base/path.ts";
import type { Entry } from "./messages.ts";

/** Why an entry from a peer cannot be placed, as the end of a sentence; null if it can. */
export function entryProblem(entry: Entry): string | null {
  const problem = pathProblem(entry.path);
  if (problem !== null) return problem;
  switch (entry.kind) {
    case "file":
      return fileProblem(entry);
    case "directory":
      if (entry.target !== undefined) return "it is a directory with a link target";
      return emptyProblem(entry);
    case "link":
      if ((entry.target ?? "") === "") return "it is a link without a target";
      return targetProblem(entry.target ?? "") ?? emptyProblem(entry);
  }
}

/**
 * Why a path that a puller asks for is refused, or null. Empty and `.` mean the root's contents;
 * one trailing `/` means contents, or follow a link; `..` could climb and is refused anywhere.
 */
export function requestProblem(path: string): string | null {
  if (utf8Bytes(path) > LIMITS.pathBytes) return `it is longer than ${LIMITS.pathBytes} bytes`;
  if (path.startsWith("/")) return "it is absolute";
  if (path.includes("\0")) return "it has a NUL character";
  const names = path.split("/");
  if (names.length > LIMITS.pathDepth) return `it is deeper than ${LIMITS.pathDepth} levels`;
  if (names.includes("..")) return 'it has a component ".."';
  if (names.some((name) => isReservedName(name) || isReservedShortName(name))) {
    return "it has a component reserved for sftpx";
  }
  return null;
}

/** Why the name of an offered source is refused, or null. A contents source's name goes nowhere. */
export function sourceNameProblem(name: string): string | null {
  if (name === "" || name === "." || name === "..") return `it is "${name}"`;
  if (name.includes("/")) return "it has a slash";
  if (name.includes("\0")) return "it has a NUL character";
  return null;
}

function fileProblem(entry: Entry): string | null {
  if (entry.target !== undefined) return "it is a file with a link target";
  if (entry.stamp !== undefined && entry.stamp.sizeBytes !== entry.sizeBytes) {
    return "its size differs from its stamp";
  }
  return null;
}

/** Directories and links have no bytes and no source to compare. */
function emptyProblem(entry: Entry): string | null {
  if (entry.sizeBytes !== 0) return `it is a ${entry.kind} with a size`;
  if (entry.stamp !== undefined) return `it is a ${entry.kind} with a stamp`;
  if (entry.sparse === true) return `it is a ${entry.kind} with holes`;
  return null;
}
