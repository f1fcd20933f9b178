// The values that stand in more than one control message, or have rules of their own, with the bounds
// of each (I3): times, paths, entries, filters, ranges.

import { filterProblem, filtersProblem } from "../base/filter.ts";
import { LIMITS } from "../base/limits.ts";
import { pathProblem } from "../base/path.ts";
import { requestProblem, sourceNameProblem } from "./entry.ts";
import type * as M from "./messages.ts";
import {
  boolean,
  bytes,
  checkedText,
  type Codec,
  fault,
  type Field,
  field,
  integer,
  list,
  optional,
  prose,
  record,
  refined,
  text,
  uint,
  word,
} from "./schema.ts";

export const U32_MAX = 0xffff_ffff;
const U64_MAX = (1n << 64n) - 1n;
const I64_MIN = -(1n << 63n);
const I64_MAX = (1n << 63n) - 1n;
export const LANES_MAX = LIMITS.connections * LIMITS.lanesPerConnection;

export const u32 = uint(U32_MAX);
export const counter = uint(Number.MAX_SAFE_INTEGER);
export const entryNumber = uint(LIMITS.entriesPerTransfer - 1);
export const entryCount = uint(LIMITS.entriesPerTransfer);
const size = uint(LIMITS.fileBytes);
export const timeNs = integer(I64_MIN, I64_MAX);
const u64 = integer(0n, U64_MAX);
export const key32 = bytes(32);
export const signature = bytes(64);
export const shortWord = text(LIMITS.wordBytes);
export const message = prose(LIMITS.textBytes);
export const path = text(LIMITS.pathBytes);
const kind = word<M.EntryKind>({ file: 1, directory: 2, link: 3 });
export const transfer: Field<number> = field("t", u32);

export const chunkBytes: Codec<number> = refined(
  uint(LIMITS.maxChunkBytes, LIMITS.minChunkBytes),
  (value) => (value & (value - 1)) === 0 ? null : " is not a power of two",
);

export const stamp = record<M.Stamp>({
  device: field("d", u64),
  inode: field("i", u64),
  sizeBytes: field("s", size),
  mtimeNs: field("m", timeNs),
  ctimeNs: field("c", timeNs),
});

export const entry = record<M.Entry>({
  path: field("p", path),
  kind: field("k", kind),
  sizeBytes: field("s", size),
  mtimeNs: field("m", timeNs),
  mode: field("o", uint(0o7777)),
  sparse: optional("h", boolean()),
  target: optional("l", text(LIMITS.linkTargetBytes)),
  stamp: optional("st", stamp),
});

const offeredSource = record<M.OfferedSource>({
  name: field("n", text(LIMITS.nameBytes)),
  kind: field("k", kind),
  contents: field("c", boolean()),
  sizeBytes: optional("s", size),
}, ({ kind, sizeBytes }) => {
  return sizeBytes === undefined || kind === "file" ? null : " has a size where none belongs";
});

/** A bad name refuses the offer, which is not the same as an unreadable one. */
export const checkedSource: Codec<M.OfferedSource> = refined(offeredSource, (source) => {
  const problem = source.contents ? null : sourceNameProblem(source.name);
  return problem === null ? null : `.n is refused, ${problem}`;
}, "bad_name");

export const requestedPath = checkedText(LIMITS.pathBytes, {
  problem: requestProblem,
  code: "bad_name",
});
export const requestedSource = record<M.RequestedSource>({ path: field("p", requestedPath) });

const filter = record<M.FilterRule>({
  include: field("i", boolean()),
  pattern: field(
    "p",
    checkedText(LIMITS.pathBytes, { problem: filterProblem, code: "bad_name" }),
  ),
});

export const filters: Codec<readonly M.FilterRule[]> = refined(
  list(filter, LIMITS.filterRules),
  (rules) => {
    const problem = filtersProblem(rules);
    return problem === null ? null : ` is refused, ${problem}`;
  },
);

export const destination = checkedText(LIMITS.pathBytes, {
  problem: (value) => value === "" ? null : pathProblem(value),
  code: "bad_name",
});

/** A path of the manifest that is only held against others: a bad one is the peer's fault. */
export const manifestPath = checkedText(LIMITS.pathBytes, {
  problem: pathProblem,
  code: "protocol",
});

interface WireVerdict {
  readonly entry: number;
  readonly want: M.Verdict["want"];
  readonly digest?: Uint8Array;
}

export const verdict = record<WireVerdict>({
  entry: field("e", entryNumber),
  want: field("w", word<M.Verdict["want"]>({ all: 0, none: 1, rest: 2 })),
  digest: optional("d", key32),
}, ({ want, digest }) => {
  return (want === "none") === (digest !== undefined) ? null : " has a digest where none belongs";
}) as Codec<M.Verdict>;

export const sealedFile = record<M.SealedFile>({
  entry: field("e", entryNumber),
  digest: field("d", key32),
  kept: field("k", boolean()),
});

export const failure = record<M.EntryFailure>({
  entry: field("e", entryNumber),
  code: field("c", shortWord),
  message: field("m", message),
});

export const omission = record<M.Omission>({
  path: field("p", prose(LIMITS.pathBytes)),
  code: field("c", shortWord),
  message: field("m", message),
});

/** For people only, and yet a name that may travel: what it stands for shows nothing else. */
export const deletedPath = checkedText(LIMITS.pathBytes + 1, {
  problem: (value) => pathProblem(value.endsWith("/") ? value.slice(0, -1) : value),
  code: "protocol",
});

export const planStep = record<M.PlanStep>({
  action: field(
    "a",
    word<M.PlanAction>({
      create: 0,
      replace: 1,
      update: 2,
      unchanged: 3,
      compare: 4,
      resume: 5,
      fail: 6,
      skip: 7,
    }),
  ),
  code: optional("c", shortWord),
  message: optional("m", message),
}, ({ action, code, message }) => {
  const isTold = action === "fail";
  const isRight = (code !== undefined) === isTold && (message !== undefined) === isTold;
  return isRight ? null : " has a reason where none belongs";
});

/** `[first, count]` pairs, flat: at most `limit` numbers are named, from 0 on. */
function ranges(limit: number): Codec<readonly M.Range[]> {
  const flat = list(u32, 2 * LIMITS.rangesPerMessage);
  return {
    encode(values) {
      for (const [first, count] of values) checkRange(first, count, limit);
      return flat.encode(values.flat());
    },
    decode(value) {
      const numbers = flat.decode(value);
      const out: M.Range[] = [];
      for (let i = 0; i < numbers.length; i += 2) {
        const [first = 0, count = 0] = numbers.slice(i, i + 2); // half a pair counts 0
        checkRange(first, count, limit);
        out.push([first, count]);
      }
      return out;
    },
  };
}

function checkRange(first: number, count: number, limit: number): void {
  if (count < 1 || first + count > limit) throw fault(` has a range [${first}, ${count}]`);
}

export const frameRanges = ranges(U32_MAX + 1);
export const entryRanges = ranges(LIMITS.entriesPerTransfer);

/** No chunk is named twice. */
export const chunkRanges: Codec<readonly M.Range[]> = refined(
  ranges(LIMITS.chunksPerFile),
  (values) => {
    let end = 0;
    for (const [first, count] of values) {
      if (first < end) return ` has a range [${first}, ${count}] that does not ascend`;
      end = first + count;
    }
    return null;
  },
);
