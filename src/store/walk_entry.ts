// What a walk found at a path, as an entry that travels, or as the notice that it does not.

import type { BigIntStats } from "node:fs";
import type { ErrorCode } from "../base/errors.ts";
import { targetProblem } from "../base/path.ts";
import { escapeText } from "../base/text.ts";
import type { Entry } from "../wire/messages.ts";
import { type Disk, specialName, stampOf } from "./disk.ts";
import { osCode, osError } from "../base/os_error.ts";
import type { WalkNotice } from "./store.ts";

const BLOCK_BYTES = 512n;

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
  const common = { path, mtimeNs: stat.mtimeNs, mode: Number(stat.mode & 0o7777n) };
  if (stat.isFile()) {
    const stamp = stampOf(stat);
    const { sizeBytes } = stamp;
    const sparse = stat.blocks * BLOCK_BYTES < stat.size ? { sparse: true } : {};
    return found({ ...common, kind: "file", sizeBytes, stamp, ...sparse });
  }
  if (stat.isDirectory()) return found({ ...common, kind: "directory", sizeBytes: 0 });
  if (stat.isSymbolicLink()) {
    const target = targetOf(path, at);
    if (typeof target !== "string") return { entry: null, notice: target };
    return found({ ...common, kind: "link", sizeBytes: 0, target });
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
