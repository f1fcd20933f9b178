import assert from "node:assert/strict";
import { concatBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import type { Accept, Entry, Have, Message, Receipt, TransferMessage } from "../wire/messages.ts";
import {
  acceptOf,
  digest,
  directoryEntry,
  fileEntry,
  HASHING,
  linkEntry,
  offerOf,
  recordOf,
  stampOf,
} from "./_fixture.ts";
import { fileDigest, RootLog } from "./root.ts";
import { type PlannedFrame, Sender } from "./sender.ts";

const MANY = 1_000;

/** A sender of these entries of each source, announced with the offer. */
function announcing(sources: readonly (readonly Entry[])[]): Sender {
  const entries = sources.flat();
  const paths = entries.map(({ path }) => `/src/${path}`);
  const of = sources.flatMap((those, source) => those.map(() => source));
  const offer = { ...offerOf(), sources: sources.map(() => offerOf().sources[0]!) };
  const announced = [{ entries, paths, sources: of }];
  return new Sender(offer, { hashing: HASHING, announced });
}

Deno.test("what was announced with the offer is not said again, and is known with the accept", () => {
  const entries = [directoryEntry("d"), fileEntry("d/a", 4), fileEntry("d/b", 4)];
  const paths = entries.map(({ path }) => `/src/${path}`);
  const announced = [{ entries, paths, sources: entries.map(() => 0) }];
  const sender = new Sender(offerOf(), { hashing: HASHING, announced });
  assert.deepEqual(typesOf(sender), ["offer"]);
  assert.equal(sender.wantsEntries, false);
  // The order that the receiver would have had it in comes too late.
  sender.handle(acceptOf({ fresh: [false], from: "d/b" }));
  assert.equal(sender.wantsEntries, false);
  const none = { want: "none", digest: digest(1) } as const;
  const verdicts = [{ entry: 1, ...none }, { entry: 2, want: "all" } as const];
  sender.handle({ type: "need", transfer: 1, verdicts });
  assert.deepEqual(sender.counts.filesTotal, 2);
  const [frame] = sender.pollFrames(MANY);
  assert.deepEqual(frame?.chunks.map(({ entry }) => entry), [2]);
  sender.packed(0, { records: [recordOf(2, 0)], failures: [] });
  assert.deepEqual(typesOf(sender), ["sealed", "finish"]);
});

Deno.test("of an announced tree the seals of empty files leave before the finish", () => {
  const entries = Array.from({ length: 1100 }, (_, i) => fileEntry(`a${10000 + i}`, 0));
  const sender = announcing([entries]);
  sender.handle(acceptOf({ fresh: [true] }));
  assert.deepEqual(typesOf(sender), ["offer", "sealed", "sealed", "sealed", "finish"]);
});

Deno.test("all of what was announced may be answered right behind the accept", () => {
  const first = Array.from({ length: 1100 }, (_, i) => fileEntry(`a${10000 + i}`, i % 100));
  const second = Array.from({ length: 500 }, (_, i) => fileEntry(`b${10000 + i}`, 5));
  const sender = announcing([first, second]);
  sender.handle(acceptOf({ fresh: [true, false] }));
  typesOf(sender);
  const verdicts = [{ entry: 1590, want: "none", digest: digest(1) }] as const;
  sender.handle({ type: "need", transfer: 1, verdicts });
});

Deno.test("fresh files that were announced flow with the accept, whatever its chunk size", () => {
  const entries = [fileEntry("a", 8), fileEntry("b", 0)];
  const announced = [{ entries, paths: ["/src/a", "/src/b"], sources: [0, 0] }];
  const sender = new Sender(offerOf(), { hashing: HASHING, announced });
  assert.deepEqual(sender.pollFrames(MANY), []);
  sender.handle(acceptOf({ chunkBytes: 2 }));
  assert.deepEqual(typesOf(sender), ["offer", "sealed"]);
  const chunks = sender.pollFrames(MANY).flatMap((frame) => frame.chunks);
  assert.deepEqual(
    chunks.map(({ chunk, rawBytes }) => [chunk, rawBytes]),
    [0, 1, 2, 3].map((i) => [i, 2]),
  );
});

/** A sender that was accepted and has these entries. */
function senderWith(
  entries: readonly Entry[],
  { accept = {}, end = true }: { accept?: Partial<Accept>; end?: boolean } = {},
): Sender {
  const sender = new Sender(offerOf(), { hashing: HASHING });
  sender.handle(acceptOf(accept));
  add(sender, entries);
  if (end) sender.endEntries();
  return sender;
}

function add(sender: Sender, entries: readonly Entry[]): void {
  const paths = entries.map(({ path }) => `/src/${path}`);
  sender.addEntries({ entries, paths, sources: entries.map(() => 0) });
}

function messagesOf(sender: Sender): Message[] {
  const messages: Message[] = [];
  for (let next = sender.pollMessage(); next !== null; next = sender.pollMessage()) {
    messages.push(next);
  }
  return messages;
}

function typesOf(sender: Sender): string[] {
  return messagesOf(sender).map(({ type }) => type);
}

function find<T extends Message["type"]>(
  messages: readonly Message[],
  type: T,
): Extract<Message, { type: T }> {
  const found = messages.find((message) => message.type === type);
  assert.ok(found, `a message "${type}" is sent`);
  return found as Extract<Message, { type: T }>;
}

/** Packs a frame as a worker does that finds every chunk. */
function pack(sender: Sender, { frame, chunks }: PlannedFrame): void {
  const records = chunks.map(({ entry, chunk, rawBytes, held }) => {
    const record = recordOf(entry, chunk, { rawBytes, storedBytes: rawBytes });
    return held === undefined ? record : { ...record, encoding: "same" as const, storedBytes: 0 };
  });
  sender.packed(frame, { records, failures: [] });
}

function packAll(sender: Sender): number[] {
  const frames = sender.pollFrames(MANY);
  for (const frame of frames) pack(sender, frame);
  return frames.map(({ frame }) => frame);
}

function store(sender: Sender, ...frames: number[]): void {
  sender.handle({ type: "stored", transfer: 1, frames: frames.map((frame) => [frame, 1]) });
}

function chunksOf(frames: readonly PlannedFrame[]): string[][] {
  return frames.map(({ chunks }) => chunks.map(({ entry, chunk }) => `${entry}/${chunk}`));
}

function receiptOf(root: Uint8Array, fields: Partial<Receipt> = {}): Receipt {
  const [identity, signature] = [digest(0), new Uint8Array(64)];
  const counts = { files: 1, bytes: 4, failed: 0, changed: 0, deleted: 0, ...fields };
  return { type: "receipt", transfer: 1, root, ...counts, identity, signature };
}

function assertRefused(sender: Sender, message: TransferMessage): void {
  assert.throws(() => sender.handle(message), (error) => {
    assert.ok(error instanceof SftpxError);
    assert.equal(error.code, "protocol");
    assert.equal(error.remote, true);
    return true;
  });
}

function have(entry: number, ranges: Have["ranges"], digests: Uint8Array): Have {
  return { type: "have", transfer: 1, entry, ranges, digests };
}

function need(want: "all" | "rest", ...entries: number[]): TransferMessage {
  const verdicts = entries.map((entry) => ({ entry, want }));
  return { type: "need", transfer: 1, verdicts };
}

Deno.test("a sender offers, and wants entries only once it is accepted", () => {
  const sender = new Sender(offerOf(), { hashing: HASHING });
  assert.deepEqual(typesOf(sender), ["offer"]);
  assert.equal(sender.wantsEntries, false);
  sender.handle(acceptOf());
  assert.equal(sender.wantsEntries, true);
  sender.endEntries();
  assert.equal(sender.wantsEntries, false);
});

Deno.test("the receiver's chunk size is in force once it accepted", () => {
  const sender = new Sender(offerOf(), { hashing: HASHING });
  assert.equal(sender.chunkBytes, 4);
  sender.handle(acceptOf({ chunkBytes: 2 }));
  assert.equal(sender.chunkBytes, 2);
  add(sender, [fileEntry("a", 4)]);
  assert.deepEqual(chunksOf(sender.pollFrames(MANY)), [["0/0"], ["0/1"]]);
});

Deno.test("where the receiver wants the manifest to begin is known with its accept", () => {
  const sender = new Sender(offerOf(), { hashing: HASHING });
  assert.equal(sender.from, null);
  sender.handle(acceptOf({ from: "d/m" }));
  assert.equal(sender.from, "d/m");
  assert.equal(senderWith([]).from, null);
});

Deno.test("another chunk size than was offered is told once", () => {
  const sender = senderWith([], { accept: { chunkBytes: 1 << 20 } });
  assert.equal(sender.pollNotice(), "The chunk size of the attempt before holds: 1 MiB");
  assert.equal(sender.pollNotice(), null);
  assert.equal(senderWith([]).pollNotice(), null);
});

Deno.test("the root of a manifest that began anew is that of plain order", () => {
  const [a, b, m] = ["a", "b", "m"].map((path) => fileEntry(path, 0));
  const rootOf = (entries: readonly Entry[]) =>
    find(messagesOf(senderWith(entries, { accept: { from: "m" } })), "finish").root;
  assert.deepEqual(rootOf([m!, a!, b!]), rootOf([a!, b!, m!]));
});

Deno.test("a chunk that came twice counts with the receipt, acknowledged or not", () => {
  const sender = senderWith([fileEntry("a", 8)]);
  const [first, second] = packAll(sender);
  store(sender, first!);
  sender.lost([second!]);
  packAll(sender);
  const { root } = find(messagesOf(sender), "finish");
  assert.equal(sender.counts.bytesDone, 4);
  assert.equal(sender.counts.phase, "move");
  sender.handle({ type: "committed", transfer: 1, entries: [[0, 1]], changed: [[0, 1]] });
  sender.handle(receiptOf(root, { bytes: 8, changed: 1 }));
  const { bytesDone, reusedBytes, phase } = sender.counts;
  assert.deepEqual({ bytesDone, reusedBytes, phase }, {
    bytesDone: 8,
    reusedBytes: 0,
    phase: "commit",
  });
});

Deno.test("an accept for other sources, or a second one, is refused", () => {
  const sender = new Sender(offerOf(), { hashing: HASHING });
  assertRefused(sender, acceptOf({ fresh: [true, true] }));
  const accepted = senderWith([]);
  assertRefused(accepted, acceptOf());
});

Deno.test("files of a fresh source flow at once, and nothing else does", () => {
  const fresh = senderWith([fileEntry("a", 8)], { end: false });
  assert.equal(fresh.pollFrames(MANY).length, 2);
  const asked = senderWith([fileEntry("a", 8)], { accept: { fresh: [false] }, end: false });
  assert.deepEqual(asked.pollFrames(MANY), []);
  asked.handle(need("all", 0));
  assert.equal(asked.pollFrames(MANY).length, 2);
});

Deno.test("small chunks share a frame up to a chunk's bytes and a frame's records", () => {
  const small = senderWith(["a", "b", "c", "d"].map((path) => fileEntry(path, 2)));
  assert.deepEqual(chunksOf(small.pollFrames(MANY)), [["0/0", "1/0"], ["2/0", "3/0"]]);
  const count = LIMITS.recordsPerFrame + 1;
  const paths = Array.from({ length: count }, (_, at) => `f${1000 + at}`);
  const tiny = senderWith(paths.map((path) => fileEntry(path, 1)), {
    accept: { chunkBytes: 65_536 },
  });
  const sizes = tiny.pollFrames(MANY).map(({ chunks }) => chunks.length);
  assert.deepEqual(sizes, [LIMITS.recordsPerFrame, 1]);
});

Deno.test("a planned chunk says where it lies", () => {
  const sender = senderWith([fileEntry("a", 7)]);
  const [, last] = sender.pollFrames(MANY);
  assert.deepEqual(last, {
    frame: 1,
    rawBytes: 3,
    chunks: [{
      origin: { path: "/src/a", stamp: stampOf(7) },
      entry: 0,
      chunk: 1,
      offsetBytes: 4,
      rawBytes: 3,
    }],
  });
});

Deno.test("a file is sealed with its digest when its last chunk is known, then all is finished", () => {
  const sender = senderWith([fileEntry("a", 8)]);
  assert.deepEqual(typesOf(sender), ["offer", "entries", "manifest_end"]);
  const [first, second] = sender.pollFrames(MANY);
  pack(sender, second!);
  assert.deepEqual(typesOf(sender), []);
  pack(sender, first!);
  const messages = messagesOf(sender);
  assert.deepEqual(messages.map(({ type }) => type), ["sealed", "finish"]);
  const digests = concatBytes([recordOf(0, 0).digest, recordOf(0, 1).digest]);
  const sealed = fileDigest(HASHING, { sizeBytes: 8, chunkBytes: 4, digests });
  assert.deepEqual(find(messages, "sealed").files, [{ entry: 0, digest: sealed, kept: false }]);
  const log = new RootLog();
  log.add(fileEntry("a", 8));
  log.seal(0, sealed);
  assert.deepEqual(find(messages, "finish").root, log.root(HASHING, { leaveOut: () => false }));
});

Deno.test("an empty file is sealed without a frame", () => {
  const sender = senderWith([fileEntry("a", 0)]);
  assert.deepEqual(sender.pollFrames(MANY), []);
  const types = ["offer", "entries", "manifest_end", "sealed", "finish"];
  assert.deepEqual(typesOf(sender), types);
});

Deno.test("the finish leaves after every seal and every failure", () => {
  const sender = senderWith([fileEntry("a", 4), fileEntry("b", 4)]);
  const [first, second] = sender.pollFrames(MANY);
  pack(sender, first!);
  const failures = [{ entry: 1, code: "io", message: "Cannot read it" }] as const;
  sender.packed(second!.frame, { records: [], failures });
  assert.deepEqual(typesOf(sender).slice(3), ["sealed", "failed", "finish"]);
});

Deno.test("a chunk that fails fails its entry, and the root leaves it out", () => {
  const sender = senderWith([directoryEntry("d"), fileEntry("d/a", 4)]);
  const [frame] = sender.pollFrames(MANY);
  const message = "x".repeat(2 * LIMITS.textBytes);
  sender.packed(frame!.frame, { records: [], failures: [{ entry: 1, code: "io", message }] });
  const messages = messagesOf(sender);
  const [failure] = find(messages, "failed").failures;
  assert.equal(failure?.entry, 1);
  assert.ok(failure.message.length <= LIMITS.textBytes / 4);
  const log = new RootLog();
  log.add(directoryEntry("d"));
  log.add(fileEntry("d/a", 4));
  assert.deepEqual(find(messages, "finish").root, log.root(HASHING, { leaveOut: () => false }));
  assert.deepEqual(sender.pollFailure(), { path: "d/a", code: "io", message, remote: false });
  assert.equal(sender.pollFailure(), null);
});

Deno.test("what was left out is told before the finish, as many at a time as a message takes", () => {
  const sender = senderWith([]);
  const path = "a\ud800";
  const omission = { code: "io", message: "Cannot read it" } as const;
  for (let at = 0; at <= LIMITS.omissionsPerMessage; at++) sender.omit({ path, ...omission });
  const messages = messagesOf(sender);
  const types = ["offer", "manifest_end", "omitted", "omitted", "finish"];
  assert.deepEqual(messages.map(({ type }) => type), types);
  const told = messages.flatMap((said) => said.type === "omitted" ? [said.omissions] : []);
  assert.deepEqual(told.map(({ length }) => length), [LIMITS.omissionsPerMessage, 1]);
  assert.deepEqual(told[1], [{ path: "a\ufffd", ...omission }]);
  assert.deepEqual(sender.pollFailure(), { path, ...omission, remote: false });
});

Deno.test("a file that fails is not planned any further", () => {
  const sender = senderWith([fileEntry("a", 12), fileEntry("b", 4)]);
  const [frame] = sender.pollFrames(1);
  const failures = [{ entry: 0, code: "io", message: "" }] as const;
  sender.packed(frame!.frame, { records: [], failures });
  assert.deepEqual(chunksOf(sender.pollFrames(MANY)), [["1/0"]]);
});

Deno.test("a lost frame is planned again in a new one, before anything else", () => {
  const sender = senderWith([fileEntry("a", 12)]);
  const [first, second] = sender.pollFrames(2);
  pack(sender, first!);
  pack(sender, second!);
  sender.lost([second!.frame]);
  assert.equal(sender.isUnstored(second!.frame), false);
  const frames = sender.pollFrames(MANY);
  assert.deepEqual(chunksOf(frames), [["0/1"], ["0/2"]]);
  assert.deepEqual(frames.map(({ frame }) => frame), [2, 3]);
});

Deno.test("a lost chunk that was stored after all, or by another frame, is not sent again", () => {
  const sender = senderWith([fileEntry("a", 8)]);
  const [first, second] = packAll(sender);
  store(sender, first!);
  sender.lost([first!, second!]);
  const [again] = sender.pollFrames(MANY);
  assert.deepEqual(chunksOf([again!]), [["0/1"]]);
  pack(sender, again!);
  sender.lost([again!.frame]);
  const [third] = sender.pollFrames(MANY);
  pack(sender, third!);
  store(sender, third!.frame);
  sender.lost([third!.frame]);
  assert.deepEqual(sender.pollFrames(MANY), []);
});

Deno.test("chunks that failed in a lost frame are not planned again", () => {
  const sender = senderWith([fileEntry("a", 2), fileEntry("b", 2)]);
  const [frame] = sender.pollFrames(MANY);
  const records = [recordOf(0, 0, { rawBytes: 2, storedBytes: 2 })];
  const failures = [{ entry: 1, code: "io", message: "" }] as const;
  sender.packed(frame!.frame, { records, failures });
  sender.lost([frame!.frame]);
  assert.deepEqual(chunksOf(sender.pollFrames(MANY)), [["0/0"]]);
});

Deno.test("a chunk read again that differs fails its entry after the seal", () => {
  const sender = senderWith([fileEntry("a", 4)]);
  sender.lost(packAll(sender));
  messagesOf(sender);
  const [again] = sender.pollFrames(MANY);
  const record: ChunkRecord = recordOf(0, 0, { digest: digest(99) });
  sender.packed(again!.frame, { records: [record], failures: [] });
  const [failure] = find(messagesOf(sender), "failed").failures;
  assert.equal(failure?.code, "source_changed");
});

Deno.test("a file that failed after its seal stands when the receiver committed it", () => {
  for (const isCommitted of [true, false]) {
    const sender = senderWith([fileEntry("a", 4)]);
    sender.lost(packAll(sender));
    const { root } = find(messagesOf(sender), "finish");
    const [again] = sender.pollFrames(MANY);
    const failures = [{ entry: 0, code: "source_changed", message: "" }] as const;
    sender.packed(again!.frame, { records: [], failures });
    const committed = { type: "committed", transfer: 1, entries: [[0, 1]], changed: [] } as const;
    if (isCommitted) sender.handle(committed);
    const log = new RootLog();
    log.add(fileEntry("a", 4));
    const none = log.root(HASHING, { leaveOut: () => true });
    sender.handle(receiptOf(isCommitted ? root : none));
    assert.notEqual(sender.result, null);
    assert.equal(sender.pollFailure()?.code, isCommitted ? undefined : "source_changed");
  }
});

Deno.test("packed() of a frame that was not planned is a mistake of the caller", () => {
  const sender = senderWith([fileEntry("a", 4)]);
  assert.throws(() => sender.packed(0, { records: [], failures: [] }), RangeError);
});

Deno.test("stored is refused for frames not planned, or planned and not packed", () => {
  const sender = senderWith([fileEntry("a", 4)]);
  assertRefused(sender, { type: "stored", transfer: 1, frames: [[0, 1]] });
  sender.pollFrames(MANY);
  assertRefused(sender, { type: "stored", transfer: 1, frames: [[0, 1]] });
});

Deno.test("counts take what is stored, once, and the totals when the manifest is whole", () => {
  const sender = senderWith([fileEntry("a", 6)], { end: false });
  assert.equal(sender.counts.bytesTotal, null);
  const frames = packAll(sender);
  assert.equal(sender.counts.bytesDone, 0, "what is packed is not done (I10)");
  store(sender, frames[0]!);
  store(sender, frames[0]!);
  assert.equal(sender.counts.bytesDone, 4);
  sender.endEntries();
  assert.deepEqual(sender.counts, {
    phase: "move",
    bytesDone: 4,
    bytesTotal: 6,
    reusedBytes: 0,
    filesDone: 0,
    filesTotal: 1,
    changed: 0,
  });
});

Deno.test("no more frames are planned than may be unstored (I8)", () => {
  const sender = senderWith([fileEntry("a", 4 * (LIMITS.unstoredFrames + 5))]);
  const frames = sender.pollFrames(2 * LIMITS.unstoredFrames);
  assert.equal(frames.length, LIMITS.unstoredFrames);
  assert.deepEqual(sender.pollFrames(1), []);
  pack(sender, frames[0]!);
  store(sender, frames[0]!.frame);
  assert.equal(sender.pollFrames(9).length, 1);
});

Deno.test("a file that stands is reused whole, with the receiver's digest", () => {
  const sender = senderWith([fileEntry("a", 6)], { accept: { fresh: [false] } });
  const verdicts = [{ entry: 0, want: "none", digest: digest(5) }] as const;
  sender.handle({ type: "need", transfer: 1, verdicts });
  assert.equal(sender.counts.reusedBytes, 6);
  const log = new RootLog();
  log.add(fileEntry("a", 6));
  log.seal(0, digest(5));
  const { root } = find(messagesOf(sender), "finish");
  assert.deepEqual(root, log.root(HASHING, { leaveOut: () => false }));
});

Deno.test("held chunks are compared where the stamp cannot be trusted", () => {
  const sender = senderWith([fileEntry("a", 8)], { accept: { fresh: [false] } });
  const digests = recordOf(0, 1).digest;
  sender.handle(have(0, [[1, 1]], digests));
  sender.handle(need("rest", 0));
  const [first, second] = sender.pollFrames(MANY);
  assert.equal(first!.chunks[0]!.held, undefined);
  assert.deepEqual(second!.chunks[0]!.held, digests);
  pack(sender, first!);
  pack(sender, second!);
  store(sender, first!.frame, second!.frame);
  assert.equal(sender.counts.bytesDone, 8);
  assert.equal(sender.counts.reusedBytes, 4);
});

Deno.test("what is missing flows before what is held in a part is compared", () => {
  const file = fileEntry("a", 16);
  const plannedAfter = (fields: Partial<Have>) => {
    const sender = senderWith([file], { accept: { fresh: [false] } });
    const digests = concatBytes([digest(1), digest(2)]);
    sender.handle({ ...have(0, [[0, 2]], digests), ...fields });
    sender.handle(need("rest", 0));
    return chunksOf(sender.pollFrames(MANY)).flat();
  };
  // Recorded in the second it was changed in: to be read again.
  const racy = { stamp: file.stamp!, recordedNs: file.stamp!.mtimeNs };
  assert.deepEqual(plannedAfter(racy), ["0/2", "0/3", "0/0", "0/1"]);
  const other = { ...racy, stamp: { ...file.stamp!, inode: 99n } };
  assert.deepEqual(plannedAfter(other), ["0/2", "0/3", "0/0", "0/1"]);
  // Of a file that stands: the sooner one differs, the sooner there is a part.
  assert.deepEqual(plannedAfter({}), ["0/0", "0/1", "0/2", "0/3"]);
});

Deno.test("what lies in a part counts as held until it is compared, and what stands does not", () => {
  const file = fileEntry("a", 16);
  const senderOf = (fields: Partial<Have>) => {
    const sender = senderWith([file], { accept: { fresh: [false] } });
    const digests = concatBytes([recordOf(0, 0).digest, recordOf(0, 1).digest]);
    sender.handle({ ...have(0, [[0, 2]], digests), ...fields });
    assert.equal(sender.counts.heldBytes, undefined);
    sender.handle(need("rest", 0));
    return sender;
  };
  const racy = { stamp: file.stamp!, recordedNs: file.stamp!.mtimeNs };
  const sender = senderOf(racy);
  const counted: (number | undefined)[][] = [];
  const note = ({ counts: { bytesDone, heldBytes } } = sender) =>
    counted.push([bytesDone, heldBytes]);
  note();
  for (const frame of sender.pollFrames(MANY)) {
    pack(sender, frame);
    store(sender, frame.frame);
    note();
  }
  // What is missing comes first; a chunk that is compared is done, and held no more.
  assert.deepEqual(counted, [[0, 8], [4, 8], [8, 8], [12, 4], [16, undefined]]);
  const failing = senderOf(racy);
  assert.equal(failing.counts.heldBytes, 8);
  failing.handle({
    type: "failed",
    transfer: 1,
    failures: [{ entry: 0, code: "io", message: "m" }],
  });
  assert.equal(failing.counts.heldBytes, undefined);
  assert.equal(senderOf({}).counts.heldBytes, undefined);
  assert.equal(senderOf({ ...racy, recordedNs: 5_000_000_000n }).counts.heldBytes, undefined);
});

Deno.test("held chunks are kept unread where the stamp is unchanged and settled", () => {
  const sender = senderWith([fileEntry("a", 8)], { accept: { fresh: [false] } });
  const [digests, recordedNs] = [recordOf(0, 1).digest, 5_000_000_000n];
  sender.handle({ ...have(0, [[1, 1]], digests), stamp: stampOf(8), recordedNs });
  sender.handle(need("rest", 0));
  assert.equal(sender.counts.reusedBytes, 4);
  const frames = sender.pollFrames(MANY);
  assert.deepEqual(chunksOf(frames), [["0/0"]]);
  pack(sender, frames[0]!);
  assert.equal(find(messagesOf(sender), "sealed").files[0]!.kept, true);
});

Deno.test("what was held is forgotten when all is needed", () => {
  const sender = senderWith([fileEntry("a", 4)], { accept: { fresh: [false] } });
  sender.handle(have(0, [[0, 1]], digest(1)));
  sender.handle(need("all", 0));
  assert.equal(sender.pollFrames(MANY)[0]!.chunks[0]!.held, undefined);
});

Deno.test("have and need are refused for entries that are unknown, fresh or decided", () => {
  const held = (entry: number) => have(entry, [[0, 1]], digest(1));
  const fresh = senderWith([fileEntry("a", 4)]);
  assertRefused(fresh, held(0));
  assertRefused(fresh, need("all", 0));
  const asked = senderWith([fileEntry("a", 4)], { accept: { fresh: [false] } });
  assertRefused(asked, held(1));
  assertRefused(asked, need("all", 1));
  asked.handle(need("all", 0));
  assertRefused(asked, need("all", 0));
  assertRefused(asked, held(0));
});

Deno.test("have is refused that leaves its file or goes back, and may be in several parts", () => {
  const senderOf = () => senderWith([fileEntry("a", 16)], { accept: { fresh: [false] } });
  const [one, two] = [digest(1), concatBytes([digest(1), digest(2)])];
  assertRefused(senderOf(), have(0, [[4, 1]], one));
  assertRefused(senderOf(), have(0, [[3, 2]], two));
  assertRefused(senderOf(), have(0, [[0, 1], [4, 1]], two));
  const sender = senderOf();
  sender.handle(have(0, [], new Uint8Array(0)));
  sender.handle(have(0, [[0, 1], [2, 1]], two));
  assertRefused(sender, have(0, [[2, 1]], one));
  assertRefused(sender, have(0, [[1, 1]], one));
  sender.handle(have(0, [[3, 1]], digest(3)));
  sender.handle(need("rest", 0));
  const chunks = sender.pollFrames(MANY).flatMap((frame) => frame.chunks);
  const helds = chunks.map(({ held }) => held?.[0] ?? null);
  assert.deepEqual(helds, [1, null, 2, 3]);
});

Deno.test("a failure of the receiver drops the entry, and is reported once", () => {
  const sender = senderWith([fileEntry("a", 4), fileEntry("b", 4)]);
  const failures = [{ entry: 0, code: "made_up", message: "No" }];
  sender.handle({ type: "failed", transfer: 1, failures });
  sender.handle({ type: "failed", transfer: 1, failures });
  assert.deepEqual(sender.pollFailure(), {
    path: "a",
    code: "failed",
    message: "No",
    remote: true,
  });
  assert.equal(sender.pollFailure(), null);
  assert.deepEqual(chunksOf(sender.pollFrames(MANY)), [["1/0"]]);
  assertRefused(sender, { type: "failed", transfer: 1, failures: [{ ...failures[0]!, entry: 2 }] });
});

Deno.test("committed counts files, not directories, and refuses a second time and strangers", () => {
  const sender = senderWith([directoryEntry("d"), fileEntry("d/a", 4)]);
  const committed = { type: "committed", transfer: 1, changed: [] } as const;
  sender.handle({ ...committed, entries: [[0, 2]] });
  assert.equal(sender.counts.filesDone, 1);
  assertRefused(sender, { ...committed, entries: [[1, 1]] });
  assertRefused(sender, { ...committed, entries: [[2, 1]] });
});

Deno.test("a receipt holds when its root does, and is answered by done", () => {
  const sender = senderWith([fileEntry("a", 4)]);
  assertRefused(sender, receiptOf(digest(0)));
  packAll(sender);
  const { root } = find(messagesOf(sender), "finish");
  assert.throws(
    () => sender.handle(receiptOf(digest(0))),
    (error) => error instanceof SftpxError && error.code === "integrity",
  );
  sender.handle(receiptOf(root));
  assert.deepEqual(sender.result, {
    root,
    files: 1,
    bytes: 4,
    failed: 0,
    changed: 0,
    deleted: 0,
  });
  assert.deepEqual(typesOf(sender), ["done"]);
  assertRefused(sender, receiptOf(root));
});

Deno.test("the receipt's root leaves out what failed over there", () => {
  const sender = senderWith([directoryEntry("d"), fileEntry("d/a", 4)]);
  packAll(sender);
  messagesOf(sender);
  const failures = [{ entry: 1, code: "conflict", message: "" }];
  sender.handle({ type: "failed", transfer: 1, failures });
  const log = new RootLog();
  log.add(directoryEntry("d"));
  sender.handle(receiptOf(log.root(HASHING, { leaveOut: () => false })));
  assert.notEqual(sender.result, null);
});

Deno.test("a link that the receiver skips is neither in place nor failed", () => {
  const entries = [directoryEntry("d"), linkEntry("d/l", "a"), linkEntry("d/m", "b")];
  const sender = senderWith(entries);
  messagesOf(sender);
  const failures = [1, 2].map((entry) => ({ entry, code: "skipped", message: "" }));
  sender.handle({ type: "failed", transfer: 1, failures });
  const log = new RootLog();
  for (const entry of entries) log.add(entry);
  const root = log.root(HASHING, { leaveOut: (index) => index > 0 });
  const none = log.root(HASHING, { leaveOut: () => false });
  assert.throws(() => sender.handle(receiptOf(none, { files: 0, bytes: 0 })), {
    code: "integrity",
  });
  sender.handle(receiptOf(root, { files: 0, bytes: 0 }));
  assert.equal(sender.result?.failed, 0);
  assert.equal(sender.pollFailure(), null);
  assert.match(sender.pollNotice() ?? "", /Skipped link "d\/l" and 1 more/);
  assert.equal(sender.pollNotice(), null);
});

Deno.test("no file or directory is skipped: whoever says so says that it failed", () => {
  for (const index of [0, 1]) {
    const sender = senderWith([directoryEntry("d"), fileEntry("d/a", 4)]);
    messagesOf(sender);
    const failures = [{ entry: index, code: "skipped", message: "never mind" }];
    sender.handle({ type: "failed", transfer: 1, failures });
    assert.equal(sender.pollFailure()?.code, "failed");
  }
});

Deno.test("an abort ends the transfer with its code, and a stranger's with failed", () => {
  const sender = senderWith([]);
  for (const [code, expected] of [["no_space", "no_space"], ["made_up", "failed"]] as const) {
    assert.throws(
      () => sender.handle({ type: "abort", transfer: 1, code, message: "No" }),
      (error) => error instanceof SftpxError && error.code === expected && error.remote,
    );
  }
});

Deno.test("messages that only a sender says are refused", () => {
  const sender = senderWith([]);
  assertRefused(sender, { type: "done", transfer: 1 });
  assertRefused(sender, offerOf());
});

Deno.test("no more files are announced than may be open, and the rest follows (I8)", () => {
  const count = LIMITS.openEntries + 10;
  const entries = Array.from({ length: count }, (_, at) => fileEntry(`f${100_000 + at}`, 4));
  const sender = senderWith(entries);
  const announced = () =>
    messagesOf(sender).reduce(
      (sum, message) => message.type === "entries" ? sum + message.entries.length : sum,
      0,
    );
  assert.equal(announced(), LIMITS.openEntries);
  assert.equal(sender.wantsEntries, false);
  assert.equal(sender.counts.filesTotal, null, "the manifest is not closed");
  const [frame] = sender.pollFrames(1);
  pack(sender, frame!);
  assert.equal(announced(), 0, "the file is open until it is stored");
  store(sender, frame!.frame);
  assert.equal(announced(), 1);
});

Deno.test("a walk goes no further ahead than later on, but where that is asked for", () => {
  const count = LIMITS.openEntriesAhead - LIMITS.entriesPerMessage + 1;
  const files = Array.from({ length: count }, (_, at) => fileEntry(`f${100_000 + at}`, 4));
  const sender = senderWith(files, { end: false });
  while (sender.pollMessage() !== null);
  assert.deepEqual([sender.wantsEntries, sender.isGathering], [false, false]);
  sender.gatherFirst();
  assert.deepEqual([sender.wantsEntries, sender.isGathering], [true, true]);
});

Deno.test("a failure is told before another entry takes the room it made", () => {
  const sender = senderWith([fileEntry("a", 4)], { end: false });
  while (sender.pollMessage() !== null);
  const [frame] = sender.pollFrames(1);
  const failure = { entry: 0, code: "source_changed", message: "Cannot send it" } as const;
  sender.packed(frame!.frame, { records: [], failures: [failure] });
  add(sender, [fileEntry("b", 4)]);
  assert.deepEqual(typesOf(sender), ["failed", "entries"]);
});

Deno.test("what is sealed does not keep the rest of the manifest back", () => {
  const sender = senderWith([fileEntry("a", 4)], { end: false });
  while (sender.pollMessage() !== null);
  packAll(sender);
  add(sender, [fileEntry("b", 4)]);
  sender.endEntries();
  assert.deepEqual(typesOf(sender), ["entries", "manifest_end", "sealed"]);
});

Deno.test("a file that is stored stays open until its seal is sent", () => {
  const count = LIMITS.openEntries + 1;
  const entries = Array.from({ length: count }, (_, at) => fileEntry(`f${100_000 + at}`, 4));
  const sender = senderWith(entries);
  while (sender.pollMessage() !== null);
  const [frame] = sender.pollFrames(1);
  pack(sender, frame!);
  store(sender, frame!.frame);
  assert.deepEqual(typesOf(sender), ["sealed", "entries", "manifest_end"]);
});

Deno.test("a file that fails between its seal and the telling of it is not finished", () => {
  const sender = senderWith([fileEntry("a", 4)]);
  sender.lost(packAll(sender));
  const [again] = sender.pollFrames(MANY);
  const failures = [{ entry: 0, code: "io", message: "" }] as const;
  sender.packed(again!.frame, { records: [], failures });
  assert.deepEqual(typesOf(sender).slice(3), ["sealed", "failed", "finish"]);
});

Deno.test("have and need are ignored for an entry that failed here", () => {
  const huge = fileEntry("a", 4 * LIMITS.chunksPerFile + 1);
  const sender = senderWith([huge], { accept: { fresh: [false] } });
  sender.handle(have(0, [[0, 1]], digest(1)));
  sender.handle(need("rest", 0));
  assert.deepEqual(sender.pollFrames(MANY), []);
});

/** A sender of one directory and one file whose finish is said; its root. */
function finished(options: { deletes?: boolean; tellEntries?: boolean } = {}) {
  const sender = new Sender(offerOf({ delete: options.deletes === true }), {
    hashing: HASHING,
    tellEntries: options.tellEntries === true,
  });
  sender.handle(acceptOf());
  add(sender, [directoryEntry("d"), fileEntry("d/a", 4)]);
  sender.endEntries();
  store(sender, ...packAll(sender));
  return { sender, root: find(messagesOf(sender), "finish").root };
}

const DELETED = { type: "deleted", transfer: 1, paths: ["x", "y/"], kept: [] } as const;

Deno.test("changed is taken for what is in place, once each, in any later message", () => {
  const { sender, root } = finished();
  const committed = { type: "committed", transfer: 1 } as const;
  sender.handle({ ...committed, entries: [[1, 1]], changed: [] });
  sender.handle({ ...committed, entries: [[0, 1]], changed: [[0, 2]] });
  sender.handle(receiptOf(root, { changed: 2 }));
  assert.equal(sender.result?.changed, 2);
  assertRefused(finished().sender, { ...committed, entries: [[0, 1]], changed: [[1, 1]] });
  const twice = finished().sender;
  twice.handle({ ...committed, entries: [[0, 1]], changed: [[0, 1]] });
  assertRefused(twice, { ...committed, entries: [], changed: [[0, 1]] });
});

Deno.test("a receipt of no entries may count the destination, and nothing more", () => {
  const hollow = () => {
    const sender = senderWith([]);
    return { sender, root: find(messagesOf(sender), "finish").root };
  };
  const counted = { files: 0, bytes: 0 };
  for (const changed of [0, 1]) {
    const { sender, root } = hollow();
    sender.handle(receiptOf(root, { ...counted, changed }));
    assert.equal(sender.result?.changed, changed);
  }
  const { sender, root } = hollow();
  assertRefused(sender, receiptOf(root, { ...counted, changed: 2 }));
});

Deno.test("a receipt that counts other changes than were told is refused", () => {
  for (const changed of [0, 2]) {
    const { sender, root } = finished();
    sender.handle({ type: "committed", transfer: 1, entries: [[0, 2]], changed: [[1, 1]] });
    assertRefused(sender, receiptOf(root, { changed }));
  }
  const { sender, root } = finished();
  sender.handle({ type: "committed", transfer: 1, entries: [[0, 2]], changed: [] });
  assertRefused(sender, receiptOf(root, { changed: 1 }));
});

Deno.test("an entry that failed after it was changed is not expected in the receipt", () => {
  const { sender } = finished();
  sender.handle({ type: "committed", transfer: 1, entries: [[0, 2]], changed: [[0, 2]] });
  const failures = [{ entry: 0, code: "permission", message: "" }];
  sender.handle({ type: "failed", transfer: 1, failures });
  const log = new RootLog();
  log.add(directoryEntry("d"));
  log.add(fileEntry("d/a", 4));
  const digests = recordOf(1, 0).digest;
  log.seal(1, fileDigest(HASHING, { sizeBytes: 4, chunkBytes: 4, digests }));
  const root = log.root(HASHING, { leaveOut: (index) => index === 0 });
  sender.handle(receiptOf(root, { changed: 1, failed: 1 }));
  assert.equal(sender.result?.changed, 1);
});

Deno.test("what was deleted is counted, and told where it was asked for", () => {
  const { sender, root } = finished({ deletes: true, tellEntries: true });
  sender.handle(DELETED);
  const kept = [{ path: "z", code: "permission", message: "No" }];
  sender.handle({ ...DELETED, paths: [], kept });
  sender.handle(receiptOf(root, { deleted: 2, failed: 1 }));
  assert.equal(sender.result?.deleted, 2);
  assert.deepEqual([sender.pollEntry(), sender.pollEntry(), sender.pollEntry()], [
    { path: "x", kind: "file", sizeBytes: 0, result: "deleted" },
    { path: "y", kind: "directory", sizeBytes: 0, result: "deleted" },
    null,
  ]);
  assert.deepEqual(sender.pollFailure(), { ...kept[0], remote: true });
  assert.equal(sender.pollNotice(), null);
});

Deno.test("deleted is refused unasked, before the finish and after the receipt", () => {
  assertRefused(finished().sender, DELETED);
  const early = new Sender(offerOf({ delete: true }), { hashing: HASHING });
  early.handle(acceptOf());
  assertRefused(early, DELETED);
  const { sender, root } = finished({ deletes: true });
  sender.handle(DELETED);
  sender.handle(receiptOf(root, { deleted: 2 }));
  assertRefused(sender, DELETED);
});

Deno.test("a receipt must follow what was deleted, unless something failed", () => {
  const silent = finished({ deletes: true });
  assertRefused(silent.sender, receiptOf(silent.root));
  const miscounted = finished({ deletes: true });
  miscounted.sender.handle(DELETED);
  assertRefused(miscounted.sender, receiptOf(miscounted.root, { deleted: 1 }));
  const failing = finished({ deletes: true });
  failing.sender.handle(receiptOf(failing.root, { failed: 1 }));
  assert.match(failing.sender.pollNotice() ?? "", /^Nothing was deleted/);
});

Deno.test("entries are told once they are changed, the rest with the receipt", () => {
  const { sender, root } = finished({ tellEntries: true });
  sender.handle({ type: "committed", transfer: 1, entries: [[0, 2]], changed: [[1, 1]] });
  assert.deepEqual(sender.pollEntry(), {
    path: "d/a",
    kind: "file",
    sizeBytes: 4,
    result: "done",
  });
  assert.equal(sender.pollEntry(), null);
  sender.handle(receiptOf(root, { changed: 1 }));
  assert.equal(sender.pollEntry()?.result, "unchanged");
  assert.equal(sender.pollEntry(), null);
});

Deno.test("a sender moves once a file is to be sent, and commits once it is finished", () => {
  const sender = senderWith([], { accept: { fresh: [false] }, end: false });
  assert.equal(sender.counts.phase, "scan");
  add(sender, [fileEntry("a", 4)]);
  sender.endEntries();
  messagesOf(sender);
  assert.equal(sender.counts.phase, "verify", "its verdict is awaited");
  sender.handle(need("all", 0));
  assert.equal(sender.counts.phase, "move");
  store(sender, ...packAll(sender));
  messagesOf(sender);
  assert.equal(sender.counts.phase, "commit");
});

Deno.test("a comparison that finds a difference moves, one that finds none does not", () => {
  for (const isSame of [true, false]) {
    const sender = senderWith([fileEntry("a", 4)], { accept: { fresh: [false] } });
    messagesOf(sender);
    sender.handle(have(0, [[0, 1]], digest(1)));
    sender.handle(need("rest", 0));
    assert.equal(sender.counts.phase, "verify");
    const [frame] = sender.pollFrames(1);
    const record = isSame ? recordOf(0, 0, { encoding: "same", storedBytes: 0 }) : recordOf(0, 0);
    sender.packed(frame!.frame, { records: [record], failures: [] });
    assert.equal(sender.counts.phase, isSame ? "verify" : "move");
  }
});
