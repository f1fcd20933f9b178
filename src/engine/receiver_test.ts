import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { StandingFile } from "../pool/messages.ts";
import type { HeldChunks, Placement } from "../store/store.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import { encodeMessage } from "../wire/control.ts";
import type { Entry, Message, Offer, TransferMessage } from "../wire/messages.ts";
import {
  digest,
  directoryEntry,
  fileEntry,
  HASHING,
  offerOf,
  recordOf,
  stampOf,
} from "./_fixture.ts";
import { Receiver, type ReceiverAction } from "./receiver.ts";
import { fileDigest, RootLog } from "./root.ts";

const NONE = { committed: [], changed: [], failures: [] };
const SAME = { encoding: "same", storedBytes: 0 } as const;

interface Options {
  readonly fresh?: boolean;
  readonly offer?: Partial<Offer>;
  readonly from?: string | null;
  readonly journalBytes?: number;
}

function receiverOf({ fresh = true, offer = {}, ...options }: Options = {}) {
  const { from = null, journalBytes = LIMITS.journalBytes } = options;
  const begun = { fresh: [fresh], chunkBytes: 4, from };
  return new Receiver(offerOf(offer), { ...begun, journalBytes, hashing: HASHING });
}

function announce(receiver: Receiver, entries: readonly Entry[], first = 0): void {
  const sources = entries.map(() => 0);
  receiver.handle({ type: "entries", transfer: 1, first, entries, sources });
}

function newPart(index: number): Placement {
  return { kind: "new", part: `/parts/${index}` };
}

/** A receiver with files announced and placed. */
function placed(
  entries: readonly Entry[],
  options: Options & { readonly placements?: readonly Placement[] } = {},
): Receiver {
  const receiver = receiverOf(options);
  announce(receiver, entries);
  const defaults = entries.map(({ kind }, index): Placement =>
    kind === "file" ? newPart(index) : { kind: "later" }
  );
  receiver.registered(0, options.placements ?? defaults);
  return receiver;
}

function actionsOf(receiver: Receiver): ReceiverAction[] {
  const actions: ReceiverAction[] = [];
  for (let next = receiver.poll(); next !== null; next = receiver.poll()) actions.push(next);
  return actions;
}

function messagesOf(receiver: Receiver): Message[] {
  return actionsOf(receiver).flatMap((action) => action.kind === "send" ? [action.message] : []);
}

function find<K extends ReceiverAction["kind"]>(
  receiver: Receiver,
  kind: K,
): Extract<ReceiverAction, { kind: K }> {
  const found = actionsOf(receiver).find((action) => action.kind === kind);
  assert.ok(found, `an action "${kind}" is asked for`);
  return found as Extract<ReceiverAction, { kind: K }>;
}

/** Chunks of a frame that are to be written, as entry, chunk and where a copy comes from. */
function landingIn(receiver: Receiver, frame: number, records: readonly ChunkRecord[]) {
  const plan = receiver.frame(frame, records);
  assert.equal(plan.kind, "land");
  return plan.kind === "land" ? plan.chunks : [];
}

function land(receiver: Receiver, frame: number, ...records: ChunkRecord[]): void {
  landingIn(receiver, frame, records);
  receiver.landed(frame, []);
}

function sealOf(entry: number, sizeBytes: number, records: readonly ChunkRecord[]) {
  const digests = concatBytes(records.map((record) => record.digest));
  return { entry, digest: fileDigest(HASHING, { sizeBytes, chunkBytes: 4, digests }), kept: false };
}

function seal(receiver: Receiver, file: ReturnType<typeof sealOf>): void {
  receiver.handle({ type: "sealed", transfer: 1, files: [file] });
}

function close(receiver: Receiver, { files, bytes }: { files: number; bytes: number }): void {
  receiver.handle({ type: "manifest_end", transfer: 1, entries: files, files, bytes });
}

function assertBroken(act: () => unknown, found: RegExp): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof SftpxError);
    assert.equal(error.code, "protocol");
    assert.equal(error.remote, true);
    assert.match(error.message, found);
    return true;
  });
}

function held(
  chunks: Record<number, Uint8Array>,
  sizeBytes = 8,
  recordedNs = 5_000_000_000n,
): Placement {
  const runs = Object.entries(chunks);
  const ranges = runs.map(([first, digests]) => [+first, digests.byteLength / 32] as const);
  const digests = concatBytes(runs.map(([, digests]) => digests));
  const stamp = stampOf(sizeBytes);
  return { kind: "held", part: "/parts/held", chunks: { ranges, digests }, stamp, recordedNs };
}

function stands(sizeBytes: number): Placement {
  return { kind: "stands", part: "/parts/0", ...standing(sizeBytes) };
}

function standing(sizeBytes: number): StandingFile {
  return { path: "/final/a", stamp: stampOf(sizeBytes) };
}

Deno.test("a receiver accepts first, with what is fresh and its chunk size", () => {
  const receiver = receiverOf();
  assert.deepEqual(messagesOf(receiver), [
    { type: "accept", transfer: 1, fresh: [true], chunkBytes: 4 },
  ]);
});

Deno.test("a receiver says where what is missing begins, and takes the manifest in that order", () => {
  const receiver = receiverOf({ from: "d/m", fresh: false });
  assert.deepEqual(messagesOf(receiver), [
    { type: "accept", transfer: 1, fresh: [false], chunkBytes: 4, from: "d/m" },
  ]);
  announce(receiver, [directoryEntry("d"), fileEntry("d/m", 4), fileEntry("a", 4)]);
  announce(receiver, [fileEntry("d/a", 4)], 3);
  const registered = actionsOf(receiver).filter(({ kind }) => kind === "register");
  assert.equal(registered.length, 2);
  assertBroken(() => announce(receiver, [fileEntry("d/n", 4)], 4), /behind those/);
});

Deno.test("a receiver that knows no beginning takes no second one", () => {
  const receiver = receiverOf();
  announce(receiver, [fileEntry("m", 4)]);
  assertBroken(() => announce(receiver, [fileEntry("a", 4)], 1), /ascending order/);
});

Deno.test("another chunk size than was asked for is told once, by its unit", () => {
  const noticesOf = (chunkBytes: number, offered: number) => {
    const options = { fresh: [true], chunkBytes, hashing: HASHING };
    const receiver = new Receiver(offerOf({ chunkBytes: offered }), options);
    return [receiver.pollNotice(), receiver.pollNotice()];
  };
  const told = (size: string) => [`The chunk size of the attempt before holds: ${size}`, null];
  assert.deepEqual(noticesOf(1 << 20, 1 << 21), told("1 MiB"));
  assert.deepEqual(noticesOf(1 << 16, 1 << 21), told("64 KiB"));
  assert.deepEqual(noticesOf(1 << 21, 1 << 21), [null, null]);
});

Deno.test("frames are held while as much is stored and not durable as may be", () => {
  const receiver = placed([fileEntry("a", 24)], { journalBytes: 8 });
  for (const chunk of [0, 1]) land(receiver, chunk, recordOf(0, chunk));
  const first = find(receiver, "journal");
  assert.equal(first.runs.length, 1);
  for (const chunk of [2, 3]) land(receiver, chunk, recordOf(0, chunk));
  assert.deepEqual(receiver.frame(4, [recordOf(0, 4)]), { kind: "hold" });
  assert.ok(messagesOf(receiver).every(({ type }) => type !== "durable"));
  receiver.journalled();
  find(receiver, "journal");
  assert.equal(receiver.frame(4, [recordOf(0, 4)]).kind, "land");
});

Deno.test("the store hears of each failure once, with what is journalled next", () => {
  const entries = [fileEntry("a", 4), fileEntry("b", 4), fileEntry("c", 8)];
  const receiver = placed(entries, { journalBytes: 4 });
  receiver.handle({
    type: "failed",
    transfer: 1,
    failures: [{ entry: 0, code: "source_unreadable", message: "" }],
  });
  land(receiver, 0, recordOf(2, 0));
  assert.deepEqual(find(receiver, "journal").leaveOut, [0]);
  receiver.journalled();
  land(receiver, 1, recordOf(2, 1));
  assert.deepEqual(find(receiver, "journal").leaveOut, []);
  landingIn(receiver, 2, [recordOf(1, 0)]);
  receiver.landed(2, [{ entry: 1, code: "integrity", message: "" }]);
  assert.deepEqual(receiver.unjournalled(), { runs: [], leaveOut: [1] });
});

Deno.test("entries are registered as they come, and new files of fresh sources are not asked for", () => {
  const receiver = receiverOf();
  const entries = [directoryEntry("d"), fileEntry("d/a", 4)];
  announce(receiver, entries);
  assert.deepEqual(find(receiver, "register"), {
    kind: "register",
    first: 0,
    entries,
    sources: [0, 0],
  });
  receiver.registered(0, [{ kind: "later" }, newPart(1)]);
  assert.deepEqual(actionsOf(receiver), []);
});

Deno.test("a file that is not of a fresh source is asked for", () => {
  const receiver = placed([fileEntry("a", 4)], { fresh: false });
  assert.deepEqual(messagesOf(receiver).slice(1), [
    { type: "need", transfer: 1, verdicts: [{ entry: 0, want: "all" }] },
  ]);
});

Deno.test("an unchanged file is done at once, with its digest for the root", () => {
  const placements: Placement[] = [{ kind: "unchanged", digest: digest(5) }];
  const receiver = placed([fileEntry("a", 6)], { fresh: false, placements });
  assert.deepEqual(messagesOf(receiver).slice(1), [
    {
      type: "need",
      transfer: 1,
      verdicts: [{ entry: 0, want: "none", digest: digest(5) }],
    },
    { type: "committed", transfer: 1, entries: [[0, 1]], changed: [] },
  ]);
  assert.equal(receiver.counts.reusedBytes, 6);
  assert.equal(receiver.counts.filesDone, 1);
  assertBroken(() => seal(receiver, { entry: 0, digest: digest(6), kept: false }), /sealed twice/);
});

Deno.test("a frame is held until its entries are placed, and not for ever", () => {
  const receiver = receiverOf();
  const record = recordOf(0, 0);
  assert.deepEqual(receiver.frame(0, [record]), { kind: "hold" });
  announce(receiver, [fileEntry("a", 4)]);
  assert.deepEqual(receiver.frame(0, [record]), { kind: "hold" });
  receiver.registered(0, [newPart(0)]);
  assert.equal(receiver.frame(0, [record]).kind, "land");
  assert.deepEqual(receiver.frame(1, [recordOf(1, 0)]), { kind: "hold" });
  close(receiver, { files: 1, bytes: 4 });
  assertBroken(() => receiver.frame(1, [recordOf(1, 0)]), /was not announced/);
});

Deno.test("a chunk lands at its place in its part", () => {
  const receiver = placed([{ ...fileEntry("a", 7), sparse: true }]);
  const record = recordOf(0, 1, { rawBytes: 3, storedBytes: 3 });
  assert.deepEqual(landingIn(receiver, 0, [record]), [{
    record,
    path: "/parts/0",
    offsetBytes: 4,
    fileBytes: 7,
    sparse: true,
    sync: false,
    copyFrom: null,
  }]);
});

Deno.test("a file of one chunk is synced by its worker", () => {
  const receiver = placed([fileEntry("a", 4)]);
  assert.equal(landingIn(receiver, 0, [recordOf(0, 0)])[0]?.sync, true);
});

Deno.test("a frame is stored when it landed, and a repeated chunk is passed over", () => {
  const receiver = placed([fileEntry("a", 8)]);
  messagesOf(receiver);
  landingIn(receiver, 0, [recordOf(0, 0)]);
  assert.deepEqual(messagesOf(receiver), []);
  assert.deepEqual(receiver.frame(1, [recordOf(0, 0)]), { kind: "skip" });
  assert.deepEqual(messagesOf(receiver), [], "its chunk is still landing in another frame");
  receiver.landed(0, []);
  assert.deepEqual(messagesOf(receiver), [{ type: "stored", transfer: 1, frames: [[0, 2]] }]);
  assert.deepEqual(receiver.frame(2, [recordOf(0, 0)]), { kind: "skip" });
  assert.deepEqual(messagesOf(receiver), [{ type: "stored", transfer: 1, frames: [[2, 1]] }]);
  assert.equal(receiver.counts.bytesDone, 4);
});

Deno.test("frames are durable once journalled, repeated chunks too", () => {
  const receiver = placed([fileEntry("a", 8)]);
  receiver.tick(0);
  land(receiver, 0, recordOf(0, 0));
  receiver.frame(1, [recordOf(0, 0)]);
  assert.ok(messagesOf(receiver).every(({ type }) => type !== "durable"));
  receiver.tick(LIMITS.journalMs);
  const { runs } = find(receiver, "journal");
  assert.deepEqual(runs, [{ entry: 0, first: 0, digests: recordOf(0, 0).digest, synced: false }]);
  receiver.journalled();
  assert.deepEqual(messagesOf(receiver), [{ type: "durable", transfer: 1, frames: [[0, 2]] }]);
});

Deno.test("landed() of a frame that was not landing is a mistake of the caller", () => {
  assert.throws(() => receiverOf().landed(0, []), RangeError);
});

Deno.test("a chunk outside its file is refused", () => {
  const receiver = placed([fileEntry("a", 7)]);
  const found = /outside its file/;
  assertBroken(() => receiver.frame(0, [recordOf(0, 2)]), found);
  assertBroken(() => receiver.frame(0, [recordOf(0, 1)]), found);
  assertBroken(() => receiver.frame(0, [recordOf(0, 0, { rawBytes: 3 })]), found);
  const even = placed([fileEntry("a", 8)]);
  assertBroken(() => even.frame(0, [recordOf(0, 2, { rawBytes: 0 })]), found);
});

Deno.test("a chunk that is not held, or held with another digest, is not the same", () => {
  const found = /called the same that is not held/;
  const fresh = placed([fileEntry("a", 8)]);
  assertBroken(() => fresh.frame(0, [recordOf(0, 0, SAME)]), found);
  const placements = [held({ 0: digest(1) })];
  const other = placed([fileEntry("a", 8)], { fresh: false, placements });
  assertBroken(() => other.frame(0, [recordOf(0, 0, { ...SAME, digest: digest(2) })]), found);
});

Deno.test("a whole file is committed once directories are placed", () => {
  const receiver = placed([fileEntry("a", 8)]);
  const records = [recordOf(0, 0), recordOf(0, 1)];
  const sealed = sealOf(0, 8, records);
  land(receiver, 0, ...records.slice(0, 1));
  seal(receiver, sealed);
  close(receiver, { files: 1, bytes: 8 });
  find(receiver, "place");
  receiver.directoriesPlaced(NONE);
  assert.ok(actionsOf(receiver).every(({ kind }) => kind !== "commit"));
  land(receiver, 1, records[1]!);
  const { files } = find(receiver, "commit");
  assert.deepEqual(files, [{ entry: 0, digest: sealed.digest, synced: false, keep: false }]);
  receiver.committed({ committed: [0], changed: [0], failures: [] });
  const messages = messagesOf(receiver);
  assert.deepEqual(messages, [
    { type: "durable", transfer: 1, frames: [[0, 2]] },
    { type: "committed", transfer: 1, entries: [[0, 1]], changed: [[0, 1]] },
  ]);
});

Deno.test("a file whose digest is not the sealed one fails, and is never committed", () => {
  const receiver = placed([fileEntry("a", 4)]);
  messagesOf(receiver);
  land(receiver, 0, recordOf(0, 0));
  seal(receiver, { entry: 0, digest: digest(9), kept: false });
  assert.equal(receiver.pollFailure()?.code, "integrity");
  const [failed] = messagesOf(receiver);
  assert.equal(failed?.type === "failed" ? failed.failures[0]?.entry : -1, 0);
  close(receiver, { files: 1, bytes: 4 });
  receiver.directoriesPlaced(NONE);
  assert.ok(actionsOf(receiver).every(({ kind }) => kind !== "commit"));
});

Deno.test("a sealed file is refused when it is unknown, sealed twice or not asked for yet", () => {
  const receiver = placed([fileEntry("a", 4)]);
  const sealed = sealOf(0, 4, [recordOf(0, 0)]);
  assertBroken(() => seal(receiver, { ...sealed, entry: 1 }), /was not announced/);
  seal(receiver, sealed);
  assertBroken(() => seal(receiver, sealed), /sealed twice/);
  land(receiver, 0, recordOf(0, 0));
  assertBroken(() => seal(receiver, sealed), /sealed twice/);
  const asked = receiverOf({ fresh: false });
  announce(asked, [fileEntry("a", 4)]);
  assertBroken(() => seal(asked, sealed), /before it was asked for/);
});

Deno.test("the receiver says what it holds, in messages of bounded size", () => {
  const count = LIMITS.digestsPerMessage + 1;
  const digests = new Uint8Array(32 * count);
  const placements = [held({ 2: digests }, 4 * (count + 2))];
  const entries = [fileEntry("a", 4 * (count + 2))];
  const receiver = placed(entries, { fresh: false, placements });
  const messages = messagesOf(receiver).slice(1);
  const haves = messages.flatMap((message) => message.type === "have" ? [message] : []);
  assert.deepEqual(haves.map(({ ranges, digests }) => [ranges, digests.length / 32]), [
    [[[2, LIMITS.digestsPerMessage]], LIMITS.digestsPerMessage],
    [[[2 + LIMITS.digestsPerMessage, 1]], 1],
  ]);
  assert.equal(haves[0]!.recordedNs, 5_000_000_000n);
  assert.equal(messages.at(-1)?.type, "need");
});

Deno.test("many ranges that are held go into few messages, which say the same", () => {
  const held = fc.array(
    fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 9000 })),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  fc.assert(
    fc.property(held, fc.integer({ min: 0, max: 9000 }), (given, singles) => {
      let end = 0;
      const steps = [...given, ...Array.from({ length: singles }, () => [1, 1] as const)];
      const ranges = steps.map(([gap, count]) => [(end += gap + count) - count, count] as const);
      const digests = new Uint8Array(32 * ranges.reduce((sum, [, count]) => sum + count, 0));
      new DataView(digests.buffer).setUint32(0, end);
      for (let at = 0; at < digests.length; at += 32) digests[at] = at / 32 % 251;
      const sizeBytes = 4 * (end + 1);
      const chunks = { ranges, digests };
      const placements: Placement[] = [
        { kind: "held", part: "/parts/a", chunks, stamp: stampOf(sizeBytes), recordedNs: 5n },
      ];
      const receiver = placed([fileEntry("a", sizeBytes)], { fresh: false, placements });
      const haves = messagesOf(receiver).flatMap((one) => one.type === "have" ? [one] : []);
      const told = (all: readonly HeldChunks[]) =>
        all.flatMap(({ ranges, digests }) => {
          let at = -32;
          return ranges.flatMap(([first, count]) =>
            Array.from({ length: count }, (_, i) => `${first + i} ${digests[at += 32]}`)
          );
        });
      assert.deepEqual(told(haves), told([chunks]));
      for (const have of haves) assert.ok(encodeMessage(have).byteLength > 0);
      const most = Math.ceil(digests.length / 32 / LIMITS.digestsPerMessage) +
        Math.ceil(ranges.length / LIMITS.rangesPerMessage);
      assert.ok(haves.length <= most, `${haves.length} messages`);
    }),
    { numRuns: 15 },
  );
});

Deno.test("held chunks that are the same are stored unwritten, and not journalled again", () => {
  const [first, second] = [recordOf(0, 0), recordOf(0, 1)];
  const placements = [held({ 0: first.digest })];
  const receiver = placed([fileEntry("a", 8)], { fresh: false, placements });
  assert.deepEqual(receiver.frame(0, [{ ...first, ...SAME }]), { kind: "skip" });
  assert.equal(receiver.counts.reusedBytes, 4);
  land(receiver, 1, second);
  receiver.tick(LIMITS.journalMs);
  receiver.tick(2 * LIMITS.journalMs);
  const { runs } = find(receiver, "journal");
  assert.deepEqual(runs.map(({ first }) => first), [1]);
});

Deno.test("what lies in a part counts as held until a record settles it, or all of it is kept", () => {
  const records = [recordOf(0, 0), recordOf(0, 1), recordOf(0, 2)] as const;
  const [first, second, third] = records;
  const open = () => {
    const placements = [held({ 0: concatBytes([first.digest, second.digest]) }, 12)];
    return placed([fileEntry("a", 12)], { fresh: false, placements });
  };
  const receiver = open();
  assert.deepEqual([receiver.counts.bytesDone, receiver.counts.heldBytes], [0, 8]);
  receiver.frame(0, [{ ...first, ...SAME }]);
  assert.deepEqual([receiver.counts.bytesDone, receiver.counts.heldBytes], [4, 4]);
  land(receiver, 1, third);
  assert.deepEqual([receiver.counts.bytesDone, receiver.counts.heldBytes], [8, 4]);
  const kept = open();
  seal(kept, { ...sealOf(0, 12, records), kept: true });
  assert.deepEqual([kept.counts.bytesDone, kept.counts.heldBytes], [8, undefined]);
  const failing = open();
  const failures = [{ entry: 0, code: "io", message: "" }];
  failing.handle({ type: "failed", transfer: 1, failures });
  assert.equal(failing.counts.heldBytes, undefined, "nothing of it is open any more");
});

Deno.test("held chunks that are the same need no journal, whatever version they were of", () => {
  const first = recordOf(0, 0);
  const entry = { ...fileEntry("a", 8), stamp: stampOf(8, 99n) };
  const placements = [held({ 0: first.digest })];
  const receiver = placed([entry], { fresh: false, placements });
  receiver.frame(0, [{ ...first, ...SAME }]);
  assert.ok(messagesOf(receiver).some(({ type }) => type === "durable"));
  receiver.tick(LIMITS.journalMs);
  assert.ok(actionsOf(receiver).every(({ kind }) => kind !== "journal"));
});

Deno.test("a chunk the journal claims is overwritten only once it is forgotten (I2)", () => {
  const [first, second] = [recordOf(0, 0), recordOf(0, 1)];
  const placements = [held({ 0: digest(7), 1: second.digest })];
  const receiver = placed([fileEntry("a", 8)], { fresh: false, placements });
  messagesOf(receiver);
  assert.deepEqual(receiver.frame(0, [first]), { kind: "hold" });
  assert.deepEqual(receiver.frame(0, [first]), { kind: "hold" });
  const forgets = actionsOf(receiver).filter(({ kind }) => kind === "forget");
  assert.deepEqual(forgets, [{ kind: "forget", chunks: [{ entry: 0, ranges: [[0, 2]] }] }]);
  // It would be journalled before the store forgets it.
  assert.deepEqual(receiver.frame(1, [{ ...second, ...SAME }]), { kind: "hold" });
  receiver.forgotten();
  receiver.frame(1, [{ ...second, ...SAME }]);
  land(receiver, 0, first);
  receiver.tick(LIMITS.journalMs);
  const { runs } = find(receiver, "journal");
  assert.deepEqual(runs.map(({ first, digests }) => [first, digests.length / 32]), [[0, 2]]);
});

Deno.test("what is held outside the window of a chunk that differs stays claimed", () => {
  const records = [0, 1, 2, 3, 4].map((chunk) => recordOf(0, chunk));
  const runs = { 0: records[0]!.digest, 1: digest(7), 2: digest(7), 4: records[4]!.digest };
  const options = { fresh: false, placements: [held(runs, 20)], journalBytes: 8 };
  const receiver = placed([fileEntry("a", 20)], options);
  receiver.frame(9, [records[1]!, { ...records[0]!, ...SAME }]);
  assert.deepEqual(find(receiver, "forget").chunks, [{ entry: 0, ranges: [[0, 2]] }]);
  // One call at a time.
  receiver.frame(8, [records[2]!]);
  assert.ok(actionsOf(receiver).every(({ kind }) => kind !== "forget"));
  receiver.forgotten();
  assert.deepEqual(find(receiver, "forget").chunks, [{ entry: 0, ranges: [[2, 1]] }]);
  assert.equal(receiver.frame(8, [records[2]!]).kind, "hold");
  land(receiver, 7, records[1]!);
  assert.equal(receiver.frame(6, [{ ...records[4]!, ...SAME }]).kind, "skip");
  receiver.tick(LIMITS.journalMs);
  assert.deepEqual(find(receiver, "journal").runs.map(({ first }) => first), [1]);
});

Deno.test("what was forgotten and not overwritten is journalled again when a transfer breaks off", () => {
  const records = [0, 1, 2].map((chunk) => recordOf(0, chunk));
  const placements = [held({ 0: digest(7), 1: records[1]!.digest, 2: digest(8) }, 12)];
  const options = { fresh: false, placements, journalBytes: 8 };
  const receiver = placed([fileEntry("a", 12)], options);
  receiver.frame(0, [records[0]!]);
  receiver.forgotten();
  // On its way to the disk: nobody knows what is there.
  assert.equal(receiver.frame(0, [records[0]!]).kind, "land");
  const { runs } = receiver.unjournalled();
  assert.deepEqual(runs.map(({ first, digests }) => [first, digests.length / 32]), [[1, 1]]);
  assert.deepEqual(runs[0]!.digests, records[1]!.digest);
});

Deno.test("a part that cannot be written ends the transfer, what cannot be kept fails alone", () => {
  for (const code of ["no_space", "permission", "io", "integrity", "unsupported"] as const) {
    const receiver = placed([fileEntry("a", 4)]);
    receiver.frame(0, [recordOf(0, 0)]);
    const landed = () => receiver.landed(0, [{ entry: 0, code, message: "Cannot write chunk" }]);
    if (["integrity", "unsupported"].includes(code)) {
      landed();
      assert.equal(receiver.pollFailure()?.code, code);
    } else {
      assert.throws(landed, { name: "SftpxError", code, message: "Cannot write chunk" });
    }
  }
});

Deno.test("a kept file is whole with what is held, and only with that", () => {
  const records = [recordOf(0, 0), recordOf(0, 1)];
  const placements = [held({ 0: records[0]!.digest })];
  const receiver = placed([fileEntry("a", 8)], { fresh: false, placements });
  seal(receiver, { ...sealOf(0, 8, records), kept: true });
  assert.equal(receiver.counts.reusedBytes, 4);
  close(receiver, { files: 1, bytes: 8 });
  receiver.directoriesPlaced(NONE);
  assert.ok(actionsOf(receiver).every(({ kind }) => kind !== "commit"));
  land(receiver, 0, records[1]!);
  assert.equal(find(receiver, "commit").files.length, 1);
});

Deno.test("kept is refused for a file that stands, is new, or was held with another stamp", () => {
  const sealed = { ...sealOf(0, 8, [recordOf(0, 0), recordOf(0, 1)]), kept: true };
  const found = /kept that is not held/;
  const fresh = placed([fileEntry("a", 8)]);
  assertBroken(() => seal(fresh, sealed), found);
  const standing = placed([fileEntry("a", 8)], { fresh: false, placements: [stands(8)] });
  standing.digested(0, new Uint8Array(64));
  assertBroken(() => seal(standing, sealed), found);
  const entry = { ...fileEntry("a", 8), stamp: stampOf(8, 99n) };
  const placements = [held({ 0: digest(1) })];
  const stale = placed([entry], { fresh: false, placements });
  assertBroken(() => seal(stale, sealed), found);
  // Of more than one version, for all that the journal says.
  const mixed = placed([fileEntry("a", 8)], {
    fresh: false,
    placements: [held({ 0: digest(1) }, 8, -(2n ** 63n))],
  });
  assertBroken(() => seal(mixed, sealed), found);
});

Deno.test("a standing file is hashed, and kept when nothing of it differs", () => {
  const records = [recordOf(0, 0), recordOf(0, 1)];
  const receiver = placed([fileEntry("a", 8)], { fresh: false, placements: [stands(8)] });
  assert.deepEqual(find(receiver, "digest"), { kind: "digest", entry: 0, ...standing(8) });
  assert.deepEqual(receiver.frame(0, [recordOf(0, 0)]), { kind: "hold" }, "not decided yet");
  receiver.digested(0, concatBytes(records.map((record) => record.digest)));
  const types = messagesOf(receiver).map(({ type }) => type);
  assert.deepEqual(types, ["have", "need"]);
  receiver.frame(0, records.map((record) => ({ ...record, ...SAME })));
  seal(receiver, sealOf(0, 8, records));
  close(receiver, { files: 1, bytes: 8 });
  receiver.directoriesPlaced(NONE);
  assert.deepEqual(find(receiver, "commit").files[0]?.keep, true);
});

Deno.test("the first chunk that differs has what stood before it copied, and counted once", () => {
  const [first, second, third] = [recordOf(0, 0), recordOf(0, 1), recordOf(0, 2)];
  const receiver = placed([fileEntry("a", 12)], { fresh: false, placements: [stands(12)] });
  receiver.digested(0, concatBytes([first.digest, digest(99), third.digest]));
  receiver.frame(0, [{ ...first, ...SAME }]);
  actionsOf(receiver);
  const [written] = landingIn(receiver, 1, [second]);
  assert.equal(written?.copyFrom, null);
  const copy = find(receiver, "land");
  assert.ok(copy.frame < 0);
  assert.deepEqual(copy.chunks.map(({ record, copyFrom }) => [record.chunk, copyFrom]), [
    [0, standing(12)],
  ]);
  const [copied] = landingIn(receiver, 2, [{ ...third, ...SAME }]);
  assert.deepEqual(copied?.copyFrom, standing(12), "with what was seen of it");
  seal(receiver, sealOf(0, 12, [first, second, third]));
  close(receiver, { files: 1, bytes: 12 });
  receiver.landed(1, []);
  receiver.landed(2, []);
  receiver.directoriesPlaced(NONE);
  assert.ok(actionsOf(receiver).every(({ kind }) => kind !== "commit"), "the copy is under way");
  receiver.landed(copy.frame, []);
  assert.equal(find(receiver, "commit").files[0]?.keep, false);
  assert.equal(receiver.counts.bytesDone, 12);
  assert.equal(receiver.counts.reusedBytes, 8);
});

Deno.test("a standing file of another size lends its chunks, but is not kept", () => {
  const record = recordOf(0, 0);
  const receiver = placed([fileEntry("a", 4)], { fresh: false, placements: [stands(9)] });
  receiver.digested(0, concatBytes([record.digest, digest(1), digest(2)]));
  const [copied] = landingIn(receiver, 0, [{ ...record, ...SAME }]);
  assert.deepEqual(copied?.copyFrom, standing(9));
});

Deno.test("a standing file that cannot be read is sent anew", () => {
  const receiver = placed([fileEntry("a", 4)], { fresh: false, placements: [stands(4)] });
  receiver.digested(0, null);
  const need = messagesOf(receiver).at(-1);
  assert.deepEqual(need, { type: "need", transfer: 1, verdicts: [{ entry: 0, want: "all" }] });
});

Deno.test("an entry that cannot be placed fails alone", () => {
  const placements: Placement[] = [
    { kind: "failed", code: "conflict", message: "No" },
    newPart(1),
  ];
  const receiver = placed([fileEntry("a", 4), fileEntry("b", 4)], { placements });
  assert.deepEqual(receiver.pollFailure(), {
    path: "a",
    code: "conflict",
    message: "No",
    remote: false,
  });
  assert.deepEqual(receiver.frame(0, [recordOf(0, 0)]), { kind: "skip" });
  assert.equal(receiver.frame(1, [recordOf(1, 0)]).kind, "land");
});

Deno.test("a bad name fails its entry, wherever it was announced", () => {
  const receiver = receiverOf();
  announce(receiver, [fileEntry(".sftpx-1", 4), fileEntry("a", 4)]);
  // The store hears of it, for it is named, and keeps and counts nothing for it.
  const registered = actionsOf(receiver).find(({ kind }) => kind === "register");
  assert.deepEqual(registered?.kind === "register" && registered.refused, [0]);
  assert.equal(receiver.pollFailure()?.code, "bad_name");
  assert.equal(receiver.pollFailure(), null);
});

Deno.test("a chunk that is not what it should be fails its entry, not its frame", () => {
  const receiver = placed([fileEntry("a", 4), fileEntry("b", 4)]);
  messagesOf(receiver);
  landingIn(receiver, 0, [recordOf(0, 0), recordOf(1, 0)]);
  receiver.landed(0, [{ entry: 0, code: "integrity", message: "No" }]);
  assert.equal(receiver.counts.bytesDone, 4);
  const types = messagesOf(receiver).map(({ type }) => type);
  assert.deepEqual(types, ["failed", "stored"]);
});

Deno.test("a failure of the sender drops the entry, and is not sent back", () => {
  const receiver = placed([fileEntry("a", 8)]);
  messagesOf(receiver);
  land(receiver, 0, recordOf(0, 0));
  landingIn(receiver, 1, [recordOf(0, 1)]);
  messagesOf(receiver);
  const failures = [{ entry: 0, code: "made_up", message: "No" }];
  receiver.handle({ type: "failed", transfer: 1, failures });
  assert.deepEqual(receiver.pollFailure(), {
    path: "a",
    code: "failed",
    message: "No",
    remote: true,
  });
  receiver.landed(1, []);
  assert.ok(messagesOf(receiver).every(({ type }) => type !== "failed"));
  assert.equal(receiver.counts.bytesDone, 4);
  const unknown = [{ entry: 1, code: "io", message: "" }];
  assertBroken(
    () => receiver.handle({ type: "failed", transfer: 1, failures: unknown }),
    /not announced/,
  );
});

Deno.test("entries are refused out of turn, and after the end of the manifest", () => {
  const receiver = receiverOf();
  announce(receiver, [fileEntry("a", 4)]);
  const found = /do not follow/;
  assertBroken(() => announce(receiver, [fileEntry("b", 4)], 0), found);
  assertBroken(() => announce(receiver, [fileEntry("b", 4)], 2), found);
  close(receiver, { files: 1, bytes: 4 });
  assertBroken(() => announce(receiver, [fileEntry("b", 4)], 1), found);
});

Deno.test("no more files may be open than planned for (I8)", () => {
  const receiver = receiverOf();
  const name = (at: number) => `f${100_000 + at}`;
  const open = Array.from({ length: LIMITS.openEntries }, (_, at) => fileEntry(name(at), 4));
  announce(receiver, open);
  assertBroken(
    () => announce(receiver, [fileEntry(name(open.length), 4)], open.length),
    /ahead of their chunks/,
  );
});

Deno.test("a whole file is held until the journal has it, however far its commit is (I8)", () => {
  const count = 300;
  const receiver = placed(
    Array.from({ length: count }, (_, at) => fileEntry(`f${100_000 + at}`, 4)),
  );
  for (let at = 0; at < count; at++) {
    land(receiver, at, recordOf(at, 0));
    seal(receiver, sealOf(at, 4, [recordOf(at, 0)]));
  }
  assert.equal(receiver.heldFiles, count, "the journal has heard of none");
  receiver.tick(LIMITS.journalMs);
  assert.equal(find(receiver, "journal").runs.length, count);
  receiver.journalled();
  assert.equal(receiver.heldFiles, 0);
  const repeat = receiver.frame(count, [recordOf(0, 0)]);
  assert.equal(repeat.kind, "skip", "it is known to be whole");
  close(receiver, { files: count, bytes: 4 * count });
  find(receiver, "place");
  receiver.directoriesPlaced(NONE);
  const { files } = find(receiver, "commit");
  assert.deepEqual(files[7]?.digest, sealOf(7, 4, [recordOf(7, 0)]).digest);
});

Deno.test("a file that is whole makes room for another", () => {
  const half = 4 * LIMITS.openChunks / 2;
  const entries = [fileEntry("a", 4), fileEntry("b", half), fileEntry("c", half - 4)];
  const receiver = placed(entries);
  land(receiver, 0, recordOf(0, 0));
  seal(receiver, sealOf(0, 4, [recordOf(0, 0)]));
  announce(receiver, [fileEntry("d", 4)], 3);
  assertBroken(() => announce(receiver, [fileEntry("e", 4)], 4), /ahead of their chunks/);
});

Deno.test("a file that stands as it should makes room for another, and so does one that failed", () => {
  const half = 4 * LIMITS.openChunks / 2;
  const receiver = receiverOf({ fresh: false });
  announce(receiver, [fileEntry("a", half), fileEntry("b", half)]);
  receiver.registered(0, [{ kind: "unchanged", digest: digest(1) }]);
  announce(receiver, [fileEntry("c", half)], 2);
  const failures = [{ entry: 1, code: "source_changed", message: "" }];
  receiver.handle({ type: "failed", transfer: 1, failures });
  announce(receiver, [fileEntry("d", half)], 3);
  receiver.registered(2, [newPart(2)]);
  receiver.handle({ type: "failed", transfer: 1, failures: [{ ...failures[0]!, entry: 2 }] });
  announce(receiver, [fileEntry("e", half)], 4);
  assertBroken(() => announce(receiver, [fileEntry("f", 4)], 5), /ahead of their chunks/);
});

Deno.test("a file that failed before the store has an answer is not called unchanged", () => {
  const receiver = receiverOf({ fresh: false });
  announce(receiver, [fileEntry("a", 4), fileEntry("b", 4)]);
  const failures = [{ entry: 0, code: "source_changed", message: "" }];
  receiver.handle({ type: "failed", transfer: 1, failures });
  const unchanged = (value: number): Placement => ({ kind: "unchanged", digest: digest(value) });
  receiver.registered(0, [unchanged(1), unchanged(2)]);
  const verdicts = messagesOf(receiver).flatMap((said) =>
    said.type === "need" ? said.verdicts : []
  );
  assert.deepEqual(verdicts, [{ entry: 1, want: "none", digest: digest(2) }]);
  assert.equal(receiver.counts.filesDone, 1);
  assert.equal(receiver.counts.reusedBytes, 4);
});

Deno.test("a file of too many chunks fails alone, and nothing is held for it (I3)", () => {
  const receiver = receiverOf();
  announce(receiver, [fileEntry("a", Number.MAX_SAFE_INTEGER - 4), fileEntry("b", 4)]);
  assert.equal(receiver.pollFailure()?.code, "limit");
  receiver.registered(0, [newPart(0), newPart(1)]);
  assert.equal(receiver.frame(0, [recordOf(1, 0)]).kind, "land");
});

Deno.test("messages that only a receiver says are refused", () => {
  const messages: TransferMessage[] = [
    { type: "need", transfer: 1, verdicts: [] },
    { type: "stored", transfer: 1, frames: [] },
    offerOf(),
  ];
  for (const message of messages) {
    assertBroken(() => receiverOf().handle(message), /out of place/);
  }
});

Deno.test("an abort ends the transfer with its code, and a stranger's with failed", () => {
  for (const [code, expected] of [["interrupted", "interrupted"], ["made_up", "failed"]] as const) {
    assert.throws(
      () => receiverOf().handle({ type: "abort", transfer: 1, code, message: "No" }),
      (error) => error instanceof SftpxError && error.code === expected && error.remote,
    );
  }
});

Deno.test("a transfer ends with a receipt over what was committed, and done", () => {
  const entries = [directoryEntry("d"), fileEntry("d/a", 4)];
  const receiver = placed(entries);
  const record = recordOf(1, 0);
  const sealed = sealOf(1, 4, [record]);
  land(receiver, 0, record);
  seal(receiver, sealed);
  receiver.handle({ type: "manifest_end", transfer: 1, entries: 2, files: 1, bytes: 4 });
  const log = new RootLog();
  for (const entry of entries) log.add(entry);
  log.seal(1, sealed.digest);
  const root = log.root(HASHING, { leaveOut: () => false });
  receiver.handle({ type: "finish", transfer: 1, root, frames: 1 });
  receiver.directoriesPlaced(NONE);
  find(receiver, "commit");
  receiver.committed({ committed: [1], changed: [1], failures: [] });
  find(receiver, "finish");
  receiver.storeFinished({ committed: [0], changed: [], failures: [] });
  const actions = actionsOf(receiver);
  const result = { root, files: 1, bytes: 4, failed: 0, changed: 1, deleted: 0 };
  assert.deepEqual(actions.at(-1), { kind: "receipt", result });
  assert.equal(receiver.result, null);
  receiver.handle({ type: "done", transfer: 1 });
  assert.deepEqual(receiver.result, result);
});

Deno.test("a commit that fails fails its entry, and its frames wait for nothing more", () => {
  const receiver = placed([fileEntry("a", 4)]);
  land(receiver, 0, recordOf(0, 0));
  seal(receiver, sealOf(0, 4, [recordOf(0, 0)]));
  close(receiver, { files: 1, bytes: 4 });
  receiver.directoriesPlaced(NONE);
  find(receiver, "commit");
  const failures = [{ entry: 0, code: "conflict", message: "No" }];
  receiver.committed({ committed: [], changed: [0], failures });
  assert.equal(receiver.pollFailure()?.code, "conflict");
  const types = messagesOf(receiver).map(({ type }) => type);
  assert.deepEqual(types, ["failed", "durable"]);
  receiver.tick(LIMITS.journalMs);
  assert.deepEqual(actionsOf(receiver), []);
});

Deno.test("answers that come for an entry that failed meanwhile change nothing", () => {
  const failed: TransferMessage = {
    type: "failed",
    transfer: 1,
    failures: [{ entry: 0, code: "io", message: "" }],
  };
  const standing = placed([fileEntry("a", 8)], { fresh: false, placements: [stands(8)] });
  standing.handle(failed);
  standing.digested(0, new Uint8Array(64));
  const placements = [held({ 0: digest(7) })];
  const holding = placed([fileEntry("a", 8)], { fresh: false, placements });
  holding.frame(0, [recordOf(0, 0)]);
  holding.handle(failed);
  holding.forgotten();
  assert.deepEqual(holding.frame(0, [recordOf(0, 0)]), { kind: "skip" });
  for (const receiver of [standing, holding]) {
    seal(receiver, sealOf(0, 8, [recordOf(0, 0), recordOf(0, 1)]));
    receiver.tick(LIMITS.journalMs);
    const kinds = actionsOf(receiver).map(({ kind }) => kind);
    assert.ok(!kinds.includes("journal") && !kinds.includes("commit"));
  }
});

Deno.test("a receiver tells entries as they are changed, what it deleted, and the rest at the end", () => {
  const offer = offerOf({ delete: true });
  const receiver = new Receiver(offer, {
    fresh: [false],
    chunkBytes: 4,
    hashing: HASHING,
    tellEntries: true,
  });
  announce(receiver, [directoryEntry("d"), fileEntry("d/a", 4), fileEntry("d/b", 4)]);
  const unchanged: Placement = { kind: "unchanged", digest: digest(5) };
  receiver.registered(0, [{ kind: "later" }, newPart(1), unchanged]);
  const record = recordOf(1, 0);
  const sealed = sealOf(1, 4, [record]);
  land(receiver, 0, record);
  seal(receiver, sealed);
  receiver.handle({ type: "manifest_end", transfer: 1, entries: 3, files: 2, bytes: 8 });
  const log = new RootLog();
  for (const entry of [directoryEntry("d"), fileEntry("d/a", 4), fileEntry("d/b", 4)]) {
    log.add(entry);
  }
  log.seal(1, sealed.digest);
  log.seal(2, digest(5));
  const root = log.root(HASHING, { leaveOut: () => false });
  receiver.handle({ type: "finish", transfer: 1, root, frames: 1 });
  receiver.directoriesPlaced({ ...NONE, changed: [0] });
  find(receiver, "commit");
  receiver.committed({ committed: [1], changed: [1], failures: [] });
  assert.deepEqual(receiver.pollEntry()?.path, "d/a");
  find(receiver, "prune");
  const failure = { path: "d/z", code: "permission", message: "No" } as const;
  receiver.pruned({ deleted: ["d/x/"], failures: [failure] });
  assert.deepEqual(messagesOf(receiver), [
    { type: "deleted", transfer: 1, paths: ["d/x/"], kept: [failure] },
  ]);
  assert.deepEqual(receiver.pollFailure(), { ...failure, remote: false });
  assert.deepEqual(receiver.pollEntry(), {
    path: "d/x",
    kind: "directory",
    sizeBytes: 0,
    result: "deleted",
  });
  receiver.storeFinished({ committed: [0], changed: [], failures: [] });
  const told = [receiver.pollEntry(), receiver.pollEntry(), receiver.pollEntry()];
  assert.deepEqual(told.map((entry) => entry && [entry.path, entry.result]), [
    ["d", "done"],
    ["d/b", "unchanged"],
    null,
  ]);
  const receipt = find(receiver, "receipt").result;
  assert.deepEqual([receipt.changed, receipt.deleted, receipt.failed], [2, 1, 1]);
});

Deno.test("a receiver compares before it moves, and verifies until the sender's root", () => {
  const receiver = placed([fileEntry("a", 4)], { fresh: false, placements: [stands(4)] });
  assert.equal(receiver.counts.phase, "scan");
  close(receiver, { files: 1, bytes: 4 });
  assert.equal(receiver.counts.phase, "verify");
  receiver.digested(0, digest(9));
  assert.equal(receiver.counts.phase, "verify");
  land(receiver, 0, recordOf(0, 0));
  assert.equal(receiver.counts.phase, "verify", "all bytes are here, the seal is not");
  const moving = placed([fileEntry("a", 4), fileEntry("b", 4)]);
  assert.equal(moving.counts.phase, "move");
  close(moving, { files: 2, bytes: 8 });
  land(moving, 0, recordOf(0, 0));
  assert.equal(moving.counts.phase, "move");
});

Deno.test("a receiver moves once something is asked for, or a chunk comes that differs", () => {
  const asking = placed([fileEntry("a", 4)], { fresh: false });
  assert.equal(asking.counts.phase, "move");
  const empty = placed([fileEntry("a", 0)], { fresh: false });
  assert.equal(empty.counts.phase, "scan");
  const comparing = placed([fileEntry("a", 8)], { fresh: false, placements: [stands(8)] });
  close(comparing, { files: 1, bytes: 8 });
  comparing.digested(0, new Uint8Array(64));
  assert.equal(comparing.counts.phase, "verify");
  landingIn(comparing, 0, [recordOf(0, 0)]);
  assert.equal(comparing.counts.phase, "move");
});
