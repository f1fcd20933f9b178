// Sample messages and frames whose bytes are committed in control.json and frames.json, and random
// ones for property tests. Plain values: no test runs from here.

import fc from "fast-check";
import { LIMITS } from "../../src/base/limits.ts";
import type * as M from "../../src/wire/messages.ts";
import type { ChunkRecord } from "../../src/wire/frame.ts";

/** `count` bytes counting up from `first`. */
export function countingBytes(first: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, i) => first + i & 0xff);
}

const stamp: M.Stamp = {
  device: 2049n,
  inode: (1n << 64n) - 1n,
  sizeBytes: 5_000_000,
  mtimeNs: 1_700_000_000_123_456_789n,
  ctimeNs: -1n,
};

/** At least one message of every type; the names stand in control.json. */
export const SAMPLE_MESSAGES: Readonly<Record<string, M.Message>> = {
  "hello": {
    type: "hello",
    version: 1,
    capabilities: ["zstd", "sparse"],
    nonce: countingBytes(0, 32),
    agent: "sftpx/0.1.0",
  },
  "auth": { type: "auth", identity: countingBytes(1, 32), signature: countingBytes(64, 64) },
  "auth with a ticket": {
    type: "auth",
    identity: countingBytes(1, 32),
    signature: countingBytes(64, 64),
    ticket: countingBytes(200, 32),
  },
  "welcome": {
    type: "welcome",
    session: 7,
    key: countingBytes(3, 32),
    read: true,
    write: false,
    maxConnections: 16,
    maxLanes: 64,
  },
  "welcome with further ports": {
    type: "welcome",
    session: 7,
    key: countingBytes(3, 32),
    read: true,
    write: false,
    maxConnections: 16,
    maxLanes: 64,
    ports: 2,
  },
  "join": { type: "join", session: 7, connection: 1, mac: countingBytes(4, 32) },
  "joined": { type: "joined", connection: 1 },
  "refuse": { type: "refuse", code: "refused", message: "No grant for this identity" },
  "ping": { type: "ping", token: Number.MAX_SAFE_INTEGER },
  "pong": { type: "pong", token: 0 },
  "ports": { type: "ports", ports: [4444, 65_535] },
  "compressed": { type: "compressed", rawBytes: 300, body: countingBytes(40, 12) },
  "bye": { type: "bye" },
  "request": {
    type: "request",
    transfer: 1,
    sources: [{ path: "" }, { path: "photos/" }, { path: "a/./b" }],
    chunkBytes: LIMITS.defaultChunkBytes,
    compress: "zstd:9",
    lanes: 4,
    filters: [
      { include: true, pattern: "*.raw" },
      { include: false, pattern: "/photos/**/[!a-z]?/" },
    ],
    dryRun: false,
  },
  "request of some files": {
    type: "request",
    transfer: 2,
    sources: [{ path: "photos/" }],
    chunkBytes: LIMITS.defaultChunkBytes,
    compress: "auto",
    lanes: 1,
    filters: [],
    files: ["2026/a.raw", "./b/"],
    dryRun: true,
  },
  "request that leaves lanes open": {
    type: "request",
    transfer: 2,
    sources: [{ path: "photos" }],
    chunkBytes: LIMITS.defaultChunkBytes,
    compress: "auto",
    lanes: 4,
    adapts: "both",
    filters: [],
    dryRun: false,
  },
  "offer": {
    type: "offer",
    transfer: 0xffff_ffff,
    sources: [
      { name: "photos", kind: "directory", contents: false },
      { name: ".", kind: "directory", contents: true },
      { name: "naïve.txt", kind: "file", contents: false, sizeBytes: 4321 },
    ],
    destination: "backup/2026",
    intoDirectory: true,
    chunkBytes: LIMITS.minChunkBytes,
    checksum: false,
    atomic: true,
    given: ["photos", ".", "./naïve.txt"],
    nowNs: 1_700_000_000_000_000_000n,
    delete: true,
    filters: [{ include: false, pattern: "*.bak" }],
    dryRun: false,
  },
  "accept": { type: "accept", transfer: 1, fresh: [true, false, true], chunkBytes: 1 << 24 },
  "accept of a receiver with a limit": {
    type: "accept",
    transfer: 1,
    fresh: [true],
    chunkBytes: 1 << 21,
    rateBytesPerSecond: 12_500_000,
  },
  "accept of a resume": {
    type: "accept",
    transfer: 1,
    fresh: [false],
    chunkBytes: 1 << 16,
    from: "photos/2026/日本.raw",
  },
  "entries": {
    type: "entries",
    transfer: 1,
    first: 510,
    entries: [
      { path: "photos", kind: "directory", sizeBytes: 0, mtimeNs: -1n, mode: 0o755 },
      {
        path: "photos/a.raw",
        kind: "file",
        sizeBytes: 5_000_000,
        mtimeNs: 1_700_000_000_123_456_789n,
        mode: 0o7777,
        sparse: true,
        stamp,
      },
      {
        path: "photos/latest",
        kind: "link",
        sizeBytes: 0,
        mtimeNs: 0n,
        mode: 0o777,
        target: "a.raw",
      },
    ],
    sources: [0, 0, 1],
  },
  "manifest_end": { type: "manifest_end", transfer: 1, entries: 3, files: 1, bytes: 5_000_000 },
  "have": {
    type: "have",
    transfer: 1,
    entry: 511,
    ranges: [[1, 2], [5, 1]],
    digests: countingBytes(0, 96),
    stamp,
    recordedNs: 1_700_000_003_000_000_000n,
  },
  "have without a stamp": {
    type: "have",
    transfer: 1,
    entry: 511,
    ranges: [[0, 1]],
    digests: countingBytes(9, 32),
  },
  "need": {
    type: "need",
    transfer: 1,
    verdicts: [
      { entry: 0, want: "all" },
      { entry: 511, want: "none", digest: countingBytes(5, 32) },
      { entry: 512, want: "rest" },
    ],
  },
  "sealed": {
    type: "sealed",
    transfer: 1,
    files: [
      { entry: 511, digest: countingBytes(6, 32), kept: true },
      { entry: 512, digest: countingBytes(7, 32), kept: false },
    ],
  },
  "failed": {
    type: "failed",
    transfer: 1,
    failures: [{ entry: 9, code: "source_changed", message: "It grew while it was read" }],
  },
  "omitted": {
    type: "omitted",
    transfer: 1,
    omissions: [{ path: "a\\b", code: "bad_name", message: "It has a backslash" }],
  },
  "stored": { type: "stored", transfer: 1, frames: [[0, 1], [2, 70_000]] },
  "durable": { type: "durable", transfer: 1, frames: [[0xffff_ffff, 1]] },
  "committed": { type: "committed", transfer: 1, entries: [[0, 3]], changed: [[0, 1], [2, 1]] },
  "deleted": {
    type: "deleted",
    transfer: 1,
    paths: ["photos/old.raw", "photos/2019/"],
    kept: [{ path: "photos/b", code: "permission", message: "It may not be removed" }],
  },
  "planned": {
    type: "planned",
    transfer: 1,
    first: 510,
    steps: [
      { action: "create" },
      { action: "replace" },
      { action: "update" },
      { action: "unchanged" },
      { action: "compare" },
      { action: "resume" },
      { action: "fail", code: "conflict", message: "A directory stands there" },
      { action: "skip" },
    ],
  },
  "plan_end": { type: "plan_end", transfer: 1, entries: 517, deleted: 2 },
  "list": {
    type: "list",
    transfer: 3,
    path: "photos/",
    recursive: true,
    filters: [{ include: false, pattern: ".git/" }],
  },
  "listing": {
    type: "listing",
    transfer: 3,
    entries: [
      { path: "2026", kind: "directory", sizeBytes: 0, mtimeNs: 1n, mode: 0o755 },
      { path: "a.raw", kind: "file", sizeBytes: 5_000_000, mtimeNs: 2n, mode: 0o644 },
    ],
    omissions: [{ path: "private", code: "source_unreadable", message: "It may not be read" }],
    last: true,
  },
  "measure": { type: "measure", transfer: 4, direction: "down", bytes: 1 << 26, lanes: 4 },
  "measured": { type: "measured", transfer: 4, bytes: 1 << 26 },
  "widen": { type: "widen", transfer: 2, quic: 4, tcp: 0 },
  "finish": { type: "finish", transfer: 1, root: countingBytes(8, 32), frames: 12 },
  "receipt": {
    type: "receipt",
    transfer: 1,
    root: countingBytes(8, 32),
    files: 1,
    bytes: 5_000_000,
    failed: 1,
    changed: 2,
    deleted: 2 ** 40,
    identity: countingBytes(10, 32),
    signature: countingBytes(100, 64),
  },
  "done": { type: "done", transfer: 1 },
  "abort": { type: "abort", transfer: 1, code: "no_space", message: "" },
};

/** Records of the sample frame, with what each carries. */
export const SAMPLE_RECORDS: readonly ChunkRecord[] = [
  {
    entry: 1,
    chunk: 2,
    rawBytes: 3,
    storedBytes: 3,
    encoding: "raw",
    digest: countingBytes(0, 32),
  },
  {
    entry: 0xffff_ffff,
    chunk: 0xffff_fffe,
    rawBytes: 70_000,
    storedBytes: 5,
    encoding: "zstd",
    digest: countingBytes(32, 32),
  },
  {
    entry: 3,
    chunk: 0,
    rawBytes: 65_536,
    storedBytes: 0,
    encoding: "same",
    digest: countingBytes(64, 32),
  },
];

const U32 = 0xffff_ffff;
const u32 = fc.nat(U32);
const counter = fc.maxSafeNat();
const entryNumber = fc.nat(LIMITS.entriesPerTransfer - 1);
const entryCount = fc.nat(LIMITS.entriesPerTransfer);
/** Any moment that a message can tell. */
export const anyTimeNs: fc.Arbitrary<bigint> = fc.bigInt(-(1n << 63n), (1n << 63n) - 1n);
const u64 = fc.bigInt(0n, (1n << 64n) - 1n);
const key32 = exactBytes(32);
const signature = exactBytes(64);
const anyText = fc.string({ unit: "binary", maxLength: 20 });
const prose = anyText.map((text) => text.toWellFormed());
const path = fc.string({ unit: "grapheme", maxLength: 40 });
const kind = fc.constantFrom<M.EntryKind>("file", "directory", "link");
const chunkBytes = fc.integer({ min: 16, max: 24 }).map((log) => 1 << log);
/** Whatever the wire lets through. */
export const anyStamp: fc.Arbitrary<M.Stamp> = fc.record({
  device: u64,
  inode: u64,
  sizeBytes: counter,
  mtimeNs: anyTimeNs,
  ctimeNs: anyTimeNs,
}, { noNullPrototype: true });

const entryArbitrary: fc.Arbitrary<M.Entry> = fc.record({
  path,
  kind,
  sizeBytes: counter,
  mtimeNs: anyTimeNs,
  mode: fc.nat(0o7777),
  sparse: fc.boolean(),
  target: path,
  stamp: anyStamp,
}, { requiredKeys: ["path", "kind", "sizeBytes", "mtimeNs", "mode"], noNullPrototype: true });

const name = fc.string({ unit: fc.constantFrom("a", "é", ".", "x", "-"), minLength: 3 })
  .filter((text) => /[^.]/.test(text));
const destination = fc.array(name, { maxLength: 3 }).map((names) => names.join("/"));
const manifestPath = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
const verdict: fc.Arbitrary<M.Verdict> = fc.oneof(
  message<{ entry: number; want: "all" | "rest" }>({
    entry: entryNumber,
    want: fc.constantFrom("all", "rest"),
  }),
  message<{ entry: number; want: "none"; digest: Uint8Array }>({
    entry: entryNumber,
    want: fc.constant("none"),
    digest: key32,
  }),
);

const omission = message({ path: prose, code: prose, message: prose });
const pattern = fc.string({ unit: fc.constantFrom("a", "é", ".", "*", "?", "/"), minLength: 1 })
  .filter((text) => /[^/]/.test(text));
const filters = fc.array(message({ include: fc.boolean(), pattern }), { maxLength: 4 });
const planStep: fc.Arbitrary<M.PlanStep> = fc.oneof(
  message<M.PlanStep>({
    action: fc.constantFrom("create", "replace", "update", "unchanged", "compare", "resume"),
  }),
  message<M.PlanStep>({ action: fc.constant("fail"), code: prose, message: prose }),
);

/** Any valid message. */
export const anyMessage: fc.Arbitrary<M.Message> = fc.oneof<fc.Arbitrary<M.Message>[]>(
  of("hello", {
    version: u32,
    capabilities: fc.array(prose, { maxLength: 4 }),
    nonce: key32,
    agent: prose,
  }),
  of("auth", { identity: key32, signature }),
  of("auth", { identity: key32, signature, ticket: key32 }),
  of("welcome", {
    session: counter,
    key: key32,
    read: fc.boolean(),
    write: fc.boolean(),
    maxConnections: fc.integer({ min: 1, max: LIMITS.connections }),
    maxLanes: fc.integer({ min: 1, max: LIMITS.lanesPerConnection }),
  }),
  of("welcome", {
    session: counter,
    key: key32,
    read: fc.boolean(),
    write: fc.boolean(),
    maxConnections: fc.integer({ min: 1, max: LIMITS.connections }),
    maxLanes: fc.integer({ min: 1, max: LIMITS.lanesPerConnection }),
    ports: fc.nat({ max: LIMITS.networkThreads }),
  }),
  of("ports", {
    ports: fc.array(fc.integer({ min: 1, max: 65_535 }), { maxLength: LIMITS.networkThreads }),
  }),
  of("compressed", {
    rawBytes: fc.integer({ min: 1, max: LIMITS.controlMessageBytes }),
    body: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  }),
  of("join", { session: counter, connection: fc.integer({ min: 1, max: U32 }), mac: key32 }),
  of("joined", { connection: fc.integer({ min: 1, max: U32 }) }),
  of("refuse", { code: prose, message: prose }),
  of("ping", { token: counter }),
  of("pong", { token: counter }),
  of("bye", {}),
  of("request", {
    transfer: u32,
    sources: fc.array(message({ path: destination }), { maxLength: 3 }),
    chunkBytes,
    compress: fc.constantFrom("auto", "none", "zstd", "zstd:-7"),
    lanes: fc.integer({ min: 1, max: 64 }),
    filters,
    dryRun: fc.boolean(),
  }),
  of("request", {
    transfer: u32,
    sources: fc.array(message({ path: destination }), { maxLength: 3 }),
    chunkBytes,
    compress: fc.constant("auto"),
    lanes: fc.integer({ min: 1, max: 64 }),
    adapts: fc.constantFrom("lanes", "connections", "both"),
    filters,
    dryRun: fc.boolean(),
  }),
  of("widen", {
    transfer: u32,
    quic: fc.nat({ max: LIMITS.connections }),
    tcp: fc.nat({ max: LIMITS.connections }),
  }),
  of("request", {
    transfer: u32,
    sources: message({ path: destination }).map((source) => [source]),
    chunkBytes,
    compress: fc.constant("auto"),
    lanes: fc.integer({ min: 1, max: 64 }),
    filters,
    files: fc.array(destination, { maxLength: 4 }),
    dryRun: fc.boolean(),
  }),
  of("offer", {
    transfer: u32,
    sources: fc.array(
      fc.oneof(
        message({ name, kind, contents: fc.boolean() }),
        message({
          name,
          kind: fc.constant("file"),
          contents: fc.constant(false),
          sizeBytes: fc.maxSafeNat(),
        }),
      ),
      { maxLength: 3 },
    ),
    destination,
    intoDirectory: fc.boolean(),
    chunkBytes,
    checksum: fc.boolean(),
    atomic: fc.boolean(),
    given: fc.array(path, { maxLength: 3 }),
    nowNs: anyTimeNs,
    delete: fc.boolean(),
    filters,
    dryRun: fc.boolean(),
  }),
  of("accept", { transfer: u32, fresh: fc.array(fc.boolean()), chunkBytes }),
  of("accept", { transfer: u32, fresh: fc.array(fc.boolean()), chunkBytes, from: manifestPath }),
  of("accept", {
    transfer: u32,
    fresh: fc.array(fc.boolean()),
    chunkBytes,
    rateBytesPerSecond: fc.integer({ min: 1, max: LIMITS.rateBytesPerSecond }),
  }),
  fc.array(fc.tuple(entryArbitrary, fc.nat(9)), { maxLength: 5 }).chain((pairs) =>
    of("entries", {
      transfer: u32,
      first: fc.nat(LIMITS.entriesPerTransfer - 5),
      entries: fc.constant(pairs.map(([entry]) => entry)),
      sources: fc.constant(pairs.map(([, source]) => source)),
    })
  ),
  of("manifest_end", { transfer: u32, entries: entryCount, files: entryCount, bytes: counter }),
  // Gaps and counts by turns, from a first chunk on.
  fc.tuple(
    fc.nat(LIMITS.chunksPerFile - 16),
    fc.array(fc.tuple(fc.nat(1), fc.integer({ min: 1, max: 3 })), { maxLength: 4 }),
  ).chain(([from, steps]) => {
    let end = from;
    const ranges = steps.map(([gap, count]) => [(end += gap + count) - count, count] as const);
    const about = {
      transfer: u32,
      entry: entryNumber,
      ranges: fc.constant(ranges),
      digests: exactBytes(32 * ranges.reduce((sum, [, count]) => sum + count, 0)),
    };
    return fc.oneof(
      of("have", about),
      of("have", { ...about, stamp: anyStamp, recordedNs: anyTimeNs }),
    );
  }),
  of("need", { transfer: u32, verdicts: fc.array(verdict) }),
  of("sealed", {
    transfer: u32,
    files: fc.array(message({ entry: entryNumber, digest: key32, kept: fc.boolean() })),
  }),
  of("failed", {
    transfer: u32,
    failures: fc.array(message({ entry: entryNumber, code: prose, message: prose })),
  }),
  of("omitted", {
    transfer: u32,
    omissions: fc.array(omission),
  }),
  of("stored", { transfer: u32, frames: ranges(U32) }),
  of("durable", { transfer: u32, frames: ranges(U32) }),
  of("committed", {
    transfer: u32,
    entries: ranges(LIMITS.entriesPerTransfer),
    changed: ranges(LIMITS.entriesPerTransfer),
  }),
  of("deleted", {
    transfer: u32,
    paths: fc.array(fc.tuple(name, fc.constantFrom("", "/")).map((parts) => parts.join(""))),
    kept: fc.array(omission),
  }),
  of("planned", {
    transfer: u32,
    first: fc.nat(LIMITS.entriesPerTransfer - 10),
    steps: fc.array(planStep),
  }),
  of("plan_end", { transfer: u32, entries: entryCount, deleted: counter }),
  of("list", { transfer: u32, path: destination, recursive: fc.boolean(), filters }),
  of("listing", {
    transfer: u32,
    entries: fc.array(entryArbitrary, { maxLength: 5 }),
    omissions: fc.array(omission),
    last: fc.boolean(),
  }),
  of("measure", {
    transfer: u32,
    direction: fc.constantFrom("up", "down"),
    bytes: fc.integer({ min: 1, max: LIMITS.measureBytes }),
    lanes: fc.integer({ min: 1, max: 64 }),
  }),
  of("measured", { transfer: u32, bytes: fc.nat({ max: LIMITS.measureBytes }) }),
  of("finish", { transfer: u32, root: key32, frames: u32 }),
  of("receipt", {
    transfer: u32,
    root: key32,
    files: entryCount,
    bytes: counter,
    failed: entryCount,
    changed: entryCount,
    deleted: counter,
    identity: key32,
    signature,
  }),
  of("done", { transfer: u32 }),
  of("abort", { transfer: u32, code: prose, message: prose }),
);

/** Records that one frame of `chunkBytes` may hold together. */
export function anyRecords(chunkBytes: number): fc.Arbitrary<ChunkRecord[]> {
  const most = Math.floor(chunkBytes / 8);
  return fc.array(
    fc.record({
      entry: u32,
      chunk: u32,
      rawBytes: fc.integer({ min: 2, max: most }),
      encoding: fc.constantFrom("raw", "zstd", "same"),
      share: fc.nat(1000),
      digest: key32,
    }, { noNullPrototype: true }),
    { minLength: 1, maxLength: 8 },
  ).map((drafts) =>
    drafts.map(({ share, ...draft }) => ({ ...draft, storedBytes: storedBytes(draft, share) }))
  );
}

function storedBytes(draft: Pick<ChunkRecord, "encoding" | "rawBytes">, share: number): number {
  switch (draft.encoding) {
    case "raw":
      return draft.rawBytes;
    case "zstd":
      return 1 + share % (draft.rawBytes - 1);
    case "same":
      return 0;
  }
}

function exactBytes(count: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: count, maxLength: count });
}

function ranges(limit: number): fc.Arbitrary<M.Range[]> {
  return fc.array(
    fc.nat(limit - 1).chain((first) =>
      fc.tuple(fc.constant(first), fc.integer({ min: 1, max: limit - first }))
    ),
  );
}

function message<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

function of<T extends M.Message["type"]>(
  type: T,
  fields: Partial<
    {
      [K in Exclude<keyof Extract<M.Message, { type: T }>, "type">]: fc.Arbitrary<
        Extract<M.Message, { type: T }>[K]
      >;
    }
  >,
): fc.Arbitrary<M.Message> {
  return fc.record({ type: fc.constant(type), ...fields }, {
    noNullPrototype: true,
  }) as unknown as fc.Arbitrary<M.Message>;
}
