// The fields of every control message: its keys on the wire and the bounds of each value (I3).
// PROTOCOL.md prints this table; a test compares the two.

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
  type Fields,
  integer,
  list,
  optional,
  prose,
  record,
  text,
  uint,
  word,
} from "./schema.ts";

const U32_MAX = 0xffff_ffff;
const U64_MAX = (1n << 64n) - 1n;
const I64_MIN = -(1n << 63n);
const I64_MAX = (1n << 63n) - 1n;
const LANES_MAX = LIMITS.connections * LIMITS.lanesPerConnection;

const u32 = uint(U32_MAX);
const counter = uint(Number.MAX_SAFE_INTEGER);
const entryNumber = uint(LIMITS.entriesPerTransfer - 1);
const entryCount = uint(LIMITS.entriesPerTransfer);
const size = uint(LIMITS.fileBytes);
const timeNs = integer(I64_MIN, I64_MAX);
const u64 = integer(0n, U64_MAX);
const key32 = bytes(32);
const signature = bytes(64);
const shortWord = text(LIMITS.wordBytes);
const message = prose(LIMITS.textBytes);
const path = text(LIMITS.pathBytes);
const kind = word<M.EntryKind>({ file: 1, directory: 2, link: 3 });
const transfer: Field<number> = field("t", u32);

const chunkBytes: Codec<number> = refined(
  uint(LIMITS.maxChunkBytes, LIMITS.minChunkBytes),
  (value) => (value & (value - 1)) === 0 ? null : " is not a power of two",
);

const stamp = record<M.Stamp>({
  device: field("d", u64),
  inode: field("i", u64),
  sizeBytes: field("s", size),
  mtimeNs: field("m", timeNs),
  ctimeNs: field("c", timeNs),
});

const entry = record<M.Entry>({
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
});

/** A bad name refuses the offer, which is not the same as an unreadable one. */
const checkedSource: Codec<M.OfferedSource> = refined(offeredSource, (source) => {
  const problem = source.contents ? null : sourceNameProblem(source.name);
  return problem === null ? null : `.n is refused, ${problem}`;
}, "bad_name");

const requestedSource = record<M.RequestedSource>({
  path: field(
    "p",
    checkedText(LIMITS.pathBytes, { problem: requestProblem, code: "bad_name" }),
  ),
});

const destination = checkedText(LIMITS.pathBytes, {
  problem: (value) => value === "" ? null : pathProblem(value),
  code: "bad_name",
});

interface WireVerdict {
  readonly entry: number;
  readonly want: M.Verdict["want"];
  readonly digest?: Uint8Array;
}

const verdict = record<WireVerdict>({
  entry: field("e", entryNumber),
  want: field("w", word<M.Verdict["want"]>({ all: 0, none: 1, rest: 2 })),
  digest: optional("d", key32),
}, ({ want, digest }) => {
  return (want === "none") === (digest !== undefined) ? null : " has a digest where none belongs";
}) as Codec<M.Verdict>;

const sealedFile = record<M.SealedFile>({
  entry: field("e", entryNumber),
  digest: field("d", key32),
  kept: field("k", boolean()),
});

const failure = record<M.EntryFailure>({
  entry: field("e", entryNumber),
  code: field("c", shortWord),
  message: field("m", message),
});

const omission = record<M.Omission>({
  path: field("p", prose(LIMITS.pathBytes)),
  code: field("c", shortWord),
  message: field("m", message),
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

const frameRanges = ranges(U32_MAX + 1);
const entryRanges = ranges(LIMITS.entriesPerTransfer);

/** A codec for the body of each message, `type` left out. */
export const MESSAGE_CODECS: {
  readonly [T in M.Message["type"]]: Codec<Body<T>>;
} = {
  hello: body<"hello">({
    version: field("v", u32),
    capabilities: field("c", list(shortWord, LIMITS.capabilitiesPerHello)),
    nonce: field("n", key32),
    agent: field("a", message),
  }),
  auth: body<"auth">({
    identity: field("i", key32),
    signature: field("s", signature),
    ticket: optional("k", key32),
  }),
  welcome: body<"welcome">({
    session: field("s", counter),
    key: field("k", key32),
    read: field("r", boolean()),
    write: field("w", boolean()),
    maxConnections: field("c", uint(LIMITS.connections, 1)),
    maxLanes: field("l", uint(LANES_MAX, 1)),
  }),
  join: body<"join">({
    session: field("s", counter),
    connection: field("c", uint(U32_MAX, 1)),
    mac: field("m", key32),
  }),
  joined: body<"joined">({ connection: field("c", uint(U32_MAX, 1)) }),
  refuse: body<"refuse">({ code: field("c", shortWord), message: field("m", message) }),
  ping: body<"ping">({ token: field("k", counter) }),
  pong: body<"pong">({ token: field("k", counter) }),
  bye: body<"bye">({}),
  request: body<"request">({
    transfer,
    sources: field("s", list(requestedSource, LIMITS.sourcesPerTransfer)),
    chunkBytes: field("b", chunkBytes),
    compress: field("z", shortWord),
    lanes: field("l", uint(LANES_MAX, 1)),
  }),
  offer: body<"offer">({
    transfer,
    sources: field("s", list(checkedSource, LIMITS.sourcesPerTransfer)),
    destination: field("d", destination),
    intoDirectory: field("i", boolean()),
    chunkBytes: field("b", chunkBytes),
    checksum: field("c", boolean()),
    atomic: field("a", boolean()),
    given: field("g", list(path, LIMITS.sourcesPerTransfer)),
    nowNs: field("w", timeNs),
  }),
  accept: body<"accept">({
    transfer,
    fresh: field("f", list(boolean(), LIMITS.sourcesPerTransfer)),
    chunkBytes: field("b", chunkBytes),
  }),
  entries: body<"entries">({
    transfer,
    first: field("f", entryNumber),
    entries: field("e", list(entry, LIMITS.entriesPerMessage)),
    sources: field("s", list(uint(LIMITS.sourcesPerTransfer - 1), LIMITS.entriesPerMessage)),
  }, ({ first, entries, sources }) => {
    if (sources.length !== entries.length) return "s does not match e";
    return first + entries.length > LIMITS.entriesPerTransfer ? "e has too many entries" : null;
  }),
  manifest_end: body<"manifest_end">({
    transfer,
    entries: field("e", entryCount),
    files: field("f", entryCount),
    bytes: field("b", counter),
  }),
  have: body<"have">({
    transfer,
    entry: field("e", entryNumber),
    first: field("f", uint(LIMITS.chunksPerFile - 1)),
    digests: field("d", bytes(0, LIMITS.digestsPerMessage * 32, 32)),
    stamp: optional("st", stamp),
    recordedNs: optional("r", timeNs),
  }, ({ first, digests }) => {
    return first + digests.byteLength / 32 > LIMITS.chunksPerFile ? "d has too many digests" : null;
  }),
  need: body<"need">({
    transfer,
    verdicts: field("v", list(verdict, LIMITS.rangesPerMessage)),
  }),
  sealed: body<"sealed">({
    transfer,
    files: field("f", list(sealedFile, LIMITS.rangesPerMessage)),
  }),
  failed: body<"failed">({
    transfer,
    failures: field("f", list(failure, LIMITS.entriesPerMessage)),
  }),
  omitted: body<"omitted">({
    transfer,
    omissions: field("o", list(omission, LIMITS.omissionsPerMessage)),
  }),
  stored: body<"stored">({ transfer, frames: field("r", frameRanges) }),
  durable: body<"durable">({ transfer, frames: field("r", frameRanges) }),
  committed: body<"committed">({ transfer, entries: field("r", entryRanges) }),
  finish: body<"finish">({ transfer, root: field("h", key32), frames: field("n", u32) }),
  receipt: body<"receipt">({
    transfer,
    root: field("h", key32),
    files: field("f", entryCount),
    bytes: field("b", counter),
    failed: field("x", entryCount),
    identity: field("i", key32),
    signature: field("s", signature),
  }),
  done: body<"done">({ transfer }),
  abort: body<"abort">({ transfer, code: field("c", shortWord), message: field("m", message) }),
};

type MessageOf<T extends M.Message["type"]> = Extract<M.Message, { readonly type: T }>;
type Body<T extends M.Message["type"]> = Omit<MessageOf<T>, "type">;

function body<T extends M.Message["type"]>(
  fields: Fields<Body<T>>,
  refine?: (value: Body<T>) => string | null,
): Codec<Body<T>> {
  return record<Body<T>>(fields, refine);
}

/** A codec with one more thing to be right about. */
function refined<T>(
  codec: Codec<T>,
  problem: (value: T) => string | null,
  code: "protocol" | "bad_name" = "protocol",
): Codec<T> {
  const check = (value: T): T => {
    const found = problem(value);
    if (found !== null) throw fault(found, code);
    return value;
  };
  return {
    encode: (value) => codec.encode(check(value)),
    decode: (value) => check(codec.decode(value)),
  };
}
