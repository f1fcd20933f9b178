// The fields of every control message: its keys on the wire and the bounds of each value (I3).
// PROTOCOL.md prints this table; a test compares the two.

import { LIMITS } from "../base/limits.ts";
import type * as M from "./messages.ts";
import {
  boolean,
  bytes,
  type Codec,
  field,
  type Fields,
  list,
  optional,
  record,
  uint,
  word,
} from "./schema.ts";
import {
  checkedSource,
  chunkBytes,
  chunkRanges,
  counter,
  deletedPath,
  destination,
  entry,
  entryCount,
  entryNumber,
  entryRanges,
  failure,
  filters,
  frameRanges,
  key32,
  LANES_MAX,
  manifestPath,
  message,
  omission,
  path,
  planStep,
  requestedPath,
  requestedSource,
  sealedFile,
  shortWord,
  signature,
  stamp,
  timeNs,
  transfer,
  u32,
  U32_MAX,
  verdict,
} from "./value_schema.ts";

/** The largest port. */
const U16_MAX = 0xffff;

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
    ports: optional("p", uint(LIMITS.networkThreads)),
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
  ports: body<"ports">({ ports: field("p", list(uint(U16_MAX, 1), LIMITS.networkThreads)) }),
  compressed: body<"compressed">({
    rawBytes: field("n", uint(LIMITS.controlMessageBytes, 1)),
    body: field("z", bytes(1, LIMITS.compressedMessageBytes)),
  }),
  bye: body<"bye">({}),
  request: body<"request">({
    transfer,
    sources: field("s", list(requestedSource, LIMITS.sourcesPerTransfer)),
    chunkBytes: field("b", chunkBytes),
    compress: field("z", shortWord),
    lanes: field("l", uint(LANES_MAX, 1)),
    adapts: optional(
      "u",
      word<NonNullable<M.Request["adapts"]>>({ lanes: 0, connections: 1, both: 2 }),
    ),
    filters: field("x", filters),
    files: optional("f", list(requestedPath, LIMITS.filesPerRequest)),
    dryRun: field("y", boolean()),
  }, ({ sources, files }) => {
    return files === undefined || sources.length === 1 ? null : "f is of more than one source";
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
    delete: field("r", boolean()),
    filters: field("x", filters),
    dryRun: field("y", boolean()),
  }),
  accept: body<"accept">({
    transfer,
    fresh: field("f", list(boolean(), LIMITS.sourcesPerTransfer)),
    chunkBytes: field("b", chunkBytes),
    from: optional("p", manifestPath),
    rateBytesPerSecond: optional("r", uint(LIMITS.rateBytesPerSecond, 1)),
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
    ranges: field("c", chunkRanges),
    digests: field("d", bytes(0, LIMITS.digestsPerMessage * 32, 32)),
    stamp: optional("st", stamp),
    recordedNs: optional("r", timeNs),
  }, ({ ranges, digests }) => {
    const chunks = ranges.reduce((sum, [, count]) => sum + count, 0);
    return digests.byteLength === chunks * 32 ? null : "d does not match c";
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
  committed: body<"committed">({
    transfer,
    entries: field("r", entryRanges),
    changed: field("c", entryRanges),
  }),
  deleted: body<"deleted">({
    transfer,
    paths: field("p", list(deletedPath, LIMITS.pathsPerMessage)),
    kept: field("k", list(omission, LIMITS.omissionsPerMessage)),
  }),
  planned: body<"planned">({
    transfer,
    first: field("f", entryNumber),
    steps: field("s", list(planStep, LIMITS.entriesPerMessage)),
  }, ({ first, steps }) => {
    return first + steps.length > LIMITS.entriesPerTransfer ? "s has too many steps" : null;
  }),
  plan_end: body<"plan_end">({
    transfer,
    entries: field("e", entryCount),
    deleted: field("d", counter),
  }),
  list: body<"list">({
    transfer,
    path: field("p", requestedPath),
    recursive: field("r", boolean()),
    filters: field("x", filters),
  }),
  listing: body<"listing">({
    transfer,
    entries: field("e", list(entry, LIMITS.entriesPerMessage)),
    omissions: field("o", list(omission, LIMITS.omissionsPerMessage)),
    last: field("l", boolean()),
  }),
  measure: body<"measure">({
    transfer,
    direction: field("d", word<M.Measure["direction"]>({ up: 0, down: 1 })),
    bytes: field("b", uint(LIMITS.measureBytes, 1)),
    lanes: field("l", uint(LANES_MAX, 1)),
  }),
  measured: body<"measured">({ transfer, bytes: field("b", uint(LIMITS.measureBytes)) }),
  widen: body<"widen">({
    transfer,
    quic: field("q", uint(LIMITS.connections)),
    tcp: field("p", uint(LIMITS.connections)),
  }),
  finish: body<"finish">({ transfer, root: field("h", key32), frames: field("n", u32) }),
  receipt: body<"receipt">({
    transfer,
    root: field("h", key32),
    files: field("f", entryCount),
    bytes: field("b", counter),
    failed: field("x", entryCount),
    changed: field("c", entryCount),
    deleted: field("d", counter),
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
