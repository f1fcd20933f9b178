// What a walk found at a path, as an entry that travels, or as the notice that it does not.

import type { BigIntStats } from "node:fs";
import type { ErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { pathProblem, targetProblem } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import type { Entry } from "../wire/messages.ts";
import { type Disk, specialName, stampOf } from "./disk.ts";
import { osCode, osError } from "../base/os_error.ts";
import type { WalkNotice } from "./store.ts";

const BLOCK_BYTES = 512;
const MODE_MASK = 0o7777;

/** Where something was found, and what it is read through. */
export interface FoundAt {
  readonly path: string;
  readonly disk: Disk;
}

/** An entry, or why there is none. */
export type FoundEntry =
  | { readonly entry: Entry; readonly notice: null }
  | { readonly entry: null; readonly notice: WalkNotice };

/** The entry of `path`, where `stat` was seen at the absolute path `at`. */
export function entryOf(path: string, at: FoundAt, stat: BigIntStats): FoundEntry {
  const { mtimeNs } = stat;
  const mode = Number(stat.mode) & MODE_MASK;
  if (stat.isFile()) {
    const stamp = stampOf(stat);
    const { sizeBytes } = stamp;
    const entry: Entry = { path, kind: "file", sizeBytes, mtimeNs, mode, stamp };
    return found(
      Number(stat.blocks) * BLOCK_BYTES < sizeBytes ? { ...entry, sparse: true } : entry,
    );
  }
  if (stat.isDirectory()) return found({ path, kind: "directory", sizeBytes: 0, mtimeNs, mode });
  if (stat.isSymbolicLink()) {
    const target = targetOf(path, at);
    if (typeof target !== "string") return { entry: null, notice: target };
    return found({ path, kind: "link", sizeBytes: 0, mtimeNs, mode, target });
  }
  const message = `Skipped "${escapeText(path)}": it is ${specialName(stat)}`;
  return { entry: null, notice: { path, code: null, message } };
}

/** An entry that counts as failed. */
export function notSent(path: string, code: ErrorCode, state: string): WalkNotice {
  return { path, code, message: `Cannot send "${escapeText(path)}": ${state}` };
}

/** An entry that counts as failed because the system said so. */
export function notRead(path: string, code: ErrorCode, thrown: unknown): WalkNotice {
  const { message } = osError(thrown, `read "${escapeText(path)}"`);
  return { path, code, message };
}

/**
 * Why a path cannot travel, or null. The components above were checked when they were visited; only
 * lengths add up.
 */
export function nameProblem(name: string, path: string): string | null {
  const mayBeLong = path.length * 3 > LIMITS.pathBytes || path.length > LIMITS.pathDepth;
  return pathProblem(mayBeLong ? path : name);
}

function found(entry: Entry): FoundEntry {
  return { entry, notice: null };
}

/** Code of what Bun's `TextDecoder` throws. */
const NOT_UTF8 = "ERR_ENCODING_INVALID_ENCODED_DATA";

function targetOf(path: string, at: FoundAt): string | WalkNotice {
  let target: string;
  try {
    target = at.disk.readLink(at.path);
  } catch (thrown) {
    // Deno has no code for a target that is not UTF-8, only words; Bun's decoder has one.
    if (!["", NOT_UTF8].includes(osCode(thrown))) return notRead(path, "source_unreadable", thrown);
    return notSent(path, "bad_name", "what it leads to is not UTF-8");
  }
  const problem = targetProblem(target);
  return problem === null ? target : notSent(path, "bad_name", problem);
}
