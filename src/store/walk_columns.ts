// A batch of a walk as it goes from one thread to another. Where a source is, is said once and not before
// the path of each of its entries.

import { type EntryColumns, packEntries, unpackEntries } from "./entry_columns.ts";
import type { WalkBatch } from "./store.ts";

export interface WalkColumns extends Pick<WalkBatch, "notices"> {
  readonly entries: EntryColumns;
  readonly sources: Uint32Array;
  /** What comes before the entry's own path, as runs of so many entries: null where that is not its end. */
  readonly heads: readonly { readonly head: string | null; readonly count: number }[];
  /** Whole paths of those without. */
  readonly whole: readonly string[];
}

export function packBatch({ entries, paths, sources, notices }: WalkBatch): WalkColumns {
  const heads: { head: string | null; count: number }[] = [];
  const whole: string[] = [];
  let last: { head: string | null; count: number } | null = null;
  for (let at = 0; at < paths.length; at++) {
    const path = paths[at]!;
    const own = entries[at]!.path;
    const headChars = path.endsWith(own) ? path.length - own.length : -1;
    if (headChars < 0) whole.push(path);
    const isAsBefore = last !== null &&
      (last.head === null
        ? headChars < 0
        : last.head.length === headChars && path.startsWith(last.head));
    if (isAsBefore) last!.count++;
    else heads.push(last = { head: headChars < 0 ? null : path.slice(0, headChars), count: 1 });
  }
  return {
    entries: packEntries(entries),
    sources: Uint32Array.from(sources),
    heads,
    whole,
    notices,
  };
}

export function unpackBatch(batch: WalkColumns): WalkBatch {
  const entries = unpackEntries(batch.entries);
  const paths: string[] = [];
  let whole = 0;
  for (const { head, count } of batch.heads) {
    for (let i = 0; i < count; i++) {
      paths.push(head === null ? batch.whole[whole++]! : head + entries[paths.length]!.path);
    }
  }
  return { entries, paths, sources: [...batch.sources], notices: batch.notices };
}
