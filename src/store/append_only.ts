// What an append-only grant lets happen to a file that stands there: it may be replaced only by one
// that begins with every byte of it, and nothing else of it changes. A peer that may not read may add to
// what it put there itself and nothing else: whether a guess at another's bytes is right is no answer
// of ours to give.

import type { BigIntStats } from "node:fs";
import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import type { Stamp } from "../wire/messages.ts";
import type { OpenFile } from "./chunk_journal.ts";
import type { KeptFile } from "./commit.ts";
import { sameStamp, stampOf } from "./disk.ts";
import type { Door } from "./door.ts";
import type { JournalReader } from "./journal.ts";
import type { Comparison, ReceiveTransfer, WholeFile } from "./store.ts";

type Rules = Pick<ReceiveTransfer, "mayRead" | "account">;

/** What decides besides the files themselves. */
interface GrowthContext {
  readonly rules: Rules;
  readonly journal: JournalReader;
}

/** Refuses, before a byte is sent, an entry that cannot begin with what stands there. */
export function requireGrowth(
  { path, sizeBytes, stat }: {
    /** Final relative path. */
    readonly path: string;
    readonly sizeBytes: number;
    readonly stat: BigIntStats;
  },
  context: GrowthContext,
): void {
  // To one that may not learn of it nothing is said of its size either.
  if (mayGrow(path, stat, context) && Number(stat.size) <= sizeBytes) return;
  throw notAppended(path);
}

/** A grant that lets files grow, and one that would not only do that. */
function notAppended(path: string): SftpxError {
  const found = "the grant is append-only, and this does not only add to what stands there";
  return new SftpxError("refused", `Cannot replace "${escapeText(path)}": ${found}`);
}

/** What has to be read before a file may be committed; null where nothing has. */
export function comparisonOf(
  whole: WholeFile,
  { file, part, door, ...context }: GrowthContext & {
    readonly file: OpenFile;
    /** Absolute path. */
    readonly part: string;
    readonly door: Door;
  },
): Comparison | null {
  if (whole.begins !== undefined || (whole.keep && !file.isStray)) return null;
  const stat = door.look(file.final);
  if (stat === null || stat.size === 0n || !mayGrow(file.final, stat, context)) return null;
  return { entry: whole.entry, part, path: door.standing(file.final), stamp: stampOf(stat) };
}

/** What an append-only grant makes of a file that stands where another is to go. */
export type Growth =
  /** Nothing stands there: it is made, and never replaces what comes in between. */
  | { readonly kind: "made" }
  /** It is the same already. */
  | { readonly kind: "kept"; readonly kept: KeptFile }
  /** It grows, and keeps its mode; only what was compared is replaced. */
  | { readonly kind: "grown"; readonly over: Stamp; readonly mode: number };

/** Decides at the moment of the commit. Throws `refused`. */
export function growthOf(
  file: Pick<OpenFile, "final" | "sizeBytes">,
  { begins, door, ...context }: GrowthContext & {
    readonly begins: Stamp | null;
    readonly door: Door;
  },
): Growth {
  const { final, sizeBytes } = file;
  const stat = door.look(final);
  if (stat === null) return { kind: "made" };
  const now = stampOf(stat);
  // An empty file is the beginning of every other.
  const compared = stat.size === 0n ? now : begins;
  if (compared === null || !sameStamp(now, compared) || !mayGrow(final, stat, context)) {
    throw notAppended(final);
  }
  if (now.sizeBytes > sizeBytes) throw notAppended(final);
  if (now.sizeBytes === sizeBytes) return { kind: "kept", kept: { stamp: now, changed: false } };
  return { kind: "grown", over: now, mode: Number(stat.mode & 0o7777n) };
}

/** Refuses to replace anything but what was compared: the last look before the rename. */
export function requireCompared(path: string, over: Stamp, door: Door): void {
  const stat = door.look(path);
  if (stat === null || !sameStamp(stampOf(stat), over)) throw notAppended(path);
}

/** Whether what stands there may be told apart from other beginnings, and grow. */
function mayGrow(path: string, stat: BigIntStats, { rules, journal }: GrowthContext): boolean {
  return stat.isFile() && (rules.mayRead || isOwn({ path, stat }, { rules, journal }));
}

/** Whether a file is one that the peer put there, and nobody touched since. */
function isOwn(
  { path, stat }: { readonly path: string; readonly stat: BigIntStats },
  { rules: { account }, journal }: GrowthContext,
): boolean {
  if (account === undefined || journal.accounts.chargedBytes(path, account) === null) return false;
  const record = journal.committed(path);
  return record !== null && sameStamp(record.stamp, stampOf(stat));
}
