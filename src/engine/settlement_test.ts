import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import type { Entry } from "../wire/messages.ts";
import { digest, directoryEntry, fileEntry, HASHING, offerOf, stampOf } from "./_fixture.ts";
import { ReceiveFile } from "./receive_file.ts";
import { Pruning } from "./pruning.ts";
import type { ReceiverAction } from "./receiver.ts";
import { RootLog } from "./root.ts";
import { Settlement } from "./settlement.ts";

const ENTRIES: readonly Entry[] = [directoryEntry("d"), fileEntry("d/a", 4), fileEntry("d/b", 4)];
const END = { type: "manifest_end", transfer: 1, entries: 3, files: 2, bytes: 8 } as const;

function settlementOf({ atomic = false, close = true } = {}): Settlement {
  const settlement = new Settlement({ hashing: HASHING, atomic });
  for (const entry of ENTRIES) settlement.entries.add(entry);
  if (close) settlement.entries.closeManifest(END);
  return settlement;
}

/** A sealed file is whole: every chunk verified and written. */
function whole(settlement: Settlement, index: number): ReceiveFile {
  const file = new ReceiveFile(index, { entry: ENTRIES[index]!, chunks: 1, fresh: true });
  file.sealed = { entry: index, digest: digest(index), kept: false };
  settlement.entries.seal(index, digest(index));
  settlement.entries.whole(file);
  return file;
}

/** The finish of a sender that stands by all entries but some. */
function finishWithout(...leftOut: number[]) {
  const log = new RootLog();
  for (const entry of ENTRIES) log.add(entry);
  for (const index of [1, 2]) log.seal(index, digest(index));
  const root = log.root(HASHING, { leaveOut: (index) => leftOut.includes(index) });
  return { type: "finish", transfer: 1, root, frames: 0 } as const;
}

function kindsOf(settlement: Settlement): string[] {
  const kinds: string[] = [];
  for (let action = settlement.poll(); action !== null; action = settlement.poll()) {
    kinds.push(action.kind);
  }
  return kinds;
}

function committedIn(action: ReceiverAction | null): number[] {
  assert.equal(action?.kind, "commit");
  return action.kind === "commit" ? action.files.map(({ entry }) => entry) : [];
}

function assertThrows(act: () => unknown, code: string, found: RegExp): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof SftpxError);
    assert.equal(error.code, code);
    assert.match(error.message, found);
    return true;
  });
}

function commitAll(settlement: Settlement): void {
  for (const index of committedIn(settlement.poll())) settlement.entries.committed(index);
  settlement.commitEnded();
}

Deno.test("nothing is placed before the manifest is closed (I1)", () => {
  const settlement = settlementOf({ close: false });
  whole(settlement, 1);
  assert.equal(settlement.poll(), null);
  settlement.entries.closeManifest(END);
  assert.deepEqual(settlement.poll(), { kind: "place", leaveOut: [] });
  assert.equal(settlement.poll(), null, "no commit before directories are placed");
  settlement.placed();
  assert.deepEqual(committedIn(settlement.poll()), [1]);
});

Deno.test("one commit is under way at a time", () => {
  const settlement = settlementOf();
  settlement.poll();
  settlement.placed();
  whole(settlement, 1);
  assert.deepEqual(committedIn(settlement.poll()), [1]);
  whole(settlement, 2);
  assert.equal(settlement.poll(), null);
  settlement.entries.committed(1);
  settlement.commitEnded();
  assert.deepEqual(committedIn(settlement.poll()), [2]);
});

Deno.test("a transfer goes place, commit, finish, receipt, and is confirmed at last", () => {
  const settlement = settlementOf();
  assert.deepEqual(kindsOf(settlement), ["place"]);
  settlement.placed();
  for (const index of [1, 2]) whole(settlement, index);
  const { root } = finishWithout();
  settlement.finish(finishWithout());
  commitAll(settlement);
  assert.deepEqual(kindsOf(settlement), ["finish"]);
  settlement.entries.committed(0);
  settlement.storeFinished();
  const result = { root, files: 2, bytes: 8, failed: 0, changed: 0, deleted: 0 };
  assert.deepEqual(settlement.poll(), { kind: "receipt", result });
  assert.equal(settlement.confirmed, null);
  settlement.confirm();
  assert.deepEqual(settlement.confirmed, result);
  assert.deepEqual(settlement.entries.drainCommitted(9), { entries: [[0, 3]], changed: [] });
});

Deno.test("the store is not finished before the sender is, nor while a file is open", () => {
  const settlement = settlementOf();
  settlement.poll();
  settlement.placed();
  whole(settlement, 1);
  commitAll(settlement);
  assert.equal(settlement.poll(), null);
  settlement.entries.seal(2, digest(2));
  settlement.finish(finishWithout());
  assert.equal(settlement.poll(), null, "the second file is sealed and not whole");
});

/** All files stood as they should, and all of it is placed. */
function settlementOfStanding({ pruning = null }: { pruning?: Pruning | null } = {}): Settlement {
  const settlement = new Settlement({ hashing: HASHING, atomic: false, pruning });
  for (const entry of ENTRIES) settlement.entries.add(entry);
  settlement.entries.closeManifest(END);
  for (const index of [1, 2]) settlement.entries.unchanged(index, digest(index));
  settlement.poll();
  settlement.placed();
  return settlement;
}

Deno.test("where every file stood already the receipt does not wait for the finish", () => {
  const settlement = settlementOfStanding();
  assert.deepEqual(settlement.poll(), { kind: "finish", leaveOut: [] });
  settlement.entries.committed(0);
  settlement.storeFinished();
  const { root } = finishWithout();
  const result = { root, files: 2, bytes: 8, failed: 0, changed: 0, deleted: 0 };
  assert.deepEqual(settlement.poll(), { kind: "receipt", result });
  assertThrows(() => settlement.confirm(), "protocol", /before its receipt/);
  settlement.finish(finishWithout());
  settlement.confirm();
  assert.deepEqual(settlement.confirmed, result);
});

Deno.test("a finish that comes behind the receipt is checked as any (I4)", () => {
  const settlement = settlementOfStanding();
  settlement.poll();
  settlement.storeFinished();
  settlement.poll();
  assertThrows(
    () => settlement.finish({ ...finishWithout(), root: digest(0) }),
    "integrity",
    /root differs/,
  );
  assertThrows(() => settlement.confirm(), "protocol", /before its receipt/);
  assertThrows(() => settlement.omit("bad_name"), "protocol", /leaves something out/);
});

Deno.test("the receipt waits for the finish where a file failed, was left out or is new", () => {
  const failed = settlementOf();
  failed.entries.fail(0, { code: "io", remote: false });
  settlementEnds(failed, () => failed.entries.unchanged(2, digest(2)));
  const omitted = settlementOf();
  omitted.omit("bad_name");
  settlementEnds(omitted, () => omitted.entries.unchanged(2, digest(2)));
  const fresh = settlementOf();
  settlementEnds(fresh, () => {
    whole(fresh, 2);
    commitAll(fresh);
  });
});

/** Settles both files, the second one as told, and sees that the finish is waited for. */
function settlementEnds(settlement: Settlement, second: () => unknown): void {
  settlement.poll();
  settlement.placed();
  settlement.entries.unchanged(1, digest(1));
  second();
  assert.equal(settlement.poll(), null);
}

Deno.test("the receipt waits for the finish where no file is announced", () => {
  const settlement = new Settlement({ hashing: HASHING, atomic: false });
  settlement.entries.add(directoryEntry("d"));
  settlement.entries.closeManifest({ ...END, entries: 1, files: 0, bytes: 0 });
  assert.deepEqual(kindsOf(settlement), ["place"]);
  settlement.placed();
  assert.equal(settlement.poll(), null);
});

Deno.test("the receipt waits for the finish where all or nothing is asked, or deleting is", () => {
  const atomic = settlementOf({ atomic: true });
  for (const index of [1, 2]) atomic.entries.unchanged(index, digest(index));
  assert.equal(atomic.poll(), null);
  const pruning = new Pruning(offerOf({ delete: true }), { localDelete: false, tellPaths: false });
  assert.equal(settlementOfStanding({ pruning }).poll(), null);
});

Deno.test("closeManifest() refuses counts that are not those of the entries, and a second end", () => {
  for (const name of ["entries", "files", "bytes"] as const) {
    const settlement = settlementOf({ close: false });
    assertThrows(
      () => settlement.entries.closeManifest({ ...END, [name]: END[name] + 1 }),
      "protocol",
      /does not count/,
    );
  }
  assertThrows(() => settlementOf().entries.closeManifest(END), "protocol", /does not count/);
});

Deno.test("counts give no totals before the manifest is closed", () => {
  const settlement = settlementOf({ close: false });
  const none = { filesDone: 0, changed: 0 };
  assert.deepEqual(settlement.entries.counts, { ...none, filesTotal: null, bytesTotal: null });
  settlement.entries.closeManifest(END);
  assert.deepEqual(settlement.entries.counts, { ...none, filesTotal: 2, bytesTotal: 8 });
});

Deno.test("seal() refuses what is no file, and a second seal, also of what is unchanged", () => {
  const settlement = settlementOf();
  assertThrows(() => settlement.entries.seal(0, digest(0)), "protocol", /not announced/);
  assertThrows(() => settlement.entries.seal(3, digest(0)), "protocol", /not announced/);
  settlement.entries.seal(1, digest(1));
  assertThrows(() => settlement.entries.seal(1, digest(9)), "protocol", /sealed twice/);
  settlement.entries.unchanged(2, digest(2));
  assertThrows(() => settlement.entries.seal(2, digest(9)), "protocol", /sealed twice/);
});

Deno.test("finish() refuses another root before anything atomic is placed", () => {
  const settlement = settlementOf({ atomic: true });
  for (const index of [1, 2]) whole(settlement, index);
  assertThrows(
    () => settlement.finish({ ...finishWithout(), root: digest(0) }),
    "integrity",
    /root differs/,
  );
});

Deno.test("finish() is refused before the end of the manifest, and a second time", () => {
  const open = settlementOf({ close: false });
  assertThrows(() => open.finish(finishWithout()), "protocol", /out of place/);
  const settlement = settlementOf();
  for (const index of [1, 2]) settlement.entries.seal(index, digest(index));
  settlement.finish(finishWithout());
  assertThrows(() => settlement.finish(finishWithout()), "protocol", /out of place/);
});

Deno.test("finish() refuses to leave a file open that is neither sealed nor failed", () => {
  const settlement = settlementOf();
  settlement.entries.seal(1, digest(1));
  assertThrows(() => settlement.finish(finishWithout(2)), "protocol", /leaves a file out/);
});

Deno.test("finish() leaves out what the sender called failed, not what failed here", () => {
  const settlement = settlementOf();
  settlement.entries.seal(1, digest(1));
  settlement.entries.seal(2, digest(2));
  settlement.entries.fail(1, { code: "source_changed", remote: true });
  settlement.entries.fail(2, { code: "io", remote: false });
  settlement.finish(finishWithout(1));
});

Deno.test("a failure of the sender does not undo a file that is whole or in place", () => {
  const settlement = settlementOf();
  settlement.poll();
  settlement.placed();
  whole(settlement, 1);
  settlement.entries.unchanged(2, digest(2));
  for (const index of [1, 2]) {
    assert.equal(settlement.entries.fail(index, { code: "source_changed", remote: true }), false);
  }
  settlement.finish(finishWithout(1, 2));
  commitAll(settlement);
  assert.deepEqual(kindsOf(settlement), ["finish"]);
  settlement.storeFinished();
  const action = settlement.poll();
  assert.equal(action?.kind === "receipt" ? action.result.files : -1, 2);
  assert.deepEqual(action?.kind === "receipt" ? action.result.root : null, finishWithout().root);
});

Deno.test("fail() counts an entry once, and the receipt's root leaves it out", () => {
  const settlement = settlementOf();
  settlement.poll();
  settlement.placed();
  whole(settlement, 1);
  settlement.entries.seal(2, digest(2));
  assert.equal(settlement.entries.fail(2, { code: "io", remote: false }), true);
  assert.equal(settlement.entries.fail(2, { code: "io", remote: false }), false);
  assert.equal(settlement.entries.fail(2, { code: "io", remote: true }), false);
  settlement.finish(finishWithout(2));
  commitAll(settlement);
  assert.deepEqual(kindsOf(settlement), ["finish"]);
  settlement.storeFinished();
  const { root } = finishWithout(2);
  const result = { root, files: 1, bytes: 4, failed: 1, changed: 0, deleted: 0 };
  assert.deepEqual(settlement.poll(), { kind: "receipt", result });
});

Deno.test("a file whose commit fails is failed, and a later one does not wait for it", () => {
  const settlement = settlementOf();
  settlement.poll();
  settlement.placed();
  whole(settlement, 1);
  settlement.poll();
  assert.equal(settlement.entries.fail(1, { code: "conflict", remote: false }), true);
  settlement.commitEnded();
  assert.equal(settlement.entries.wholeFile(1), null);
  whole(settlement, 2);
  settlement.finish(finishWithout());
  commitAll(settlement);
  assert.deepEqual(kindsOf(settlement), ["finish"]);
});

Deno.test("an entry that failed is not announced as committed", () => {
  const settlement = settlementOf();
  settlement.entries.fail(0, { code: "conflict", remote: false });
  assert.equal(settlement.entries.committed(0), null);
  assert.equal(settlement.entries.drainCommitted(9), null);
});

Deno.test("an entry committed twice is announced once", () => {
  const settlement = settlementOf();
  settlement.entries.committed(0);
  settlement.entries.drainCommitted(9);
  settlement.entries.committed(0);
  assert.equal(settlement.entries.drainCommitted(9), null);
});

Deno.test("atomic waits for the finish and for every file, then places", () => {
  const settlement = settlementOf({ atomic: true });
  whole(settlement, 1);
  assert.equal(settlement.poll(), null);
  settlement.entries.seal(2, digest(2));
  settlement.finish(finishWithout());
  assert.equal(settlement.poll(), null, "one file is not whole");
  const file = new ReceiveFile(2, { entry: ENTRIES[2]!, chunks: 1, fresh: true });
  file.sealed = { entry: 2, digest: digest(2), kept: false };
  settlement.entries.whole(file);
  assert.deepEqual(kindsOf(settlement), ["place"]);
});

Deno.test("what was left out counts as failed, and an atomic transfer ends by it", () => {
  const settlement = settlementOf();
  settlement.omit("bad_name");
  whole(settlement, 1);
  whole(settlement, 2);
  settlement.finish(finishWithout());
  assert.deepEqual(settlement.poll(), { kind: "place", leaveOut: [] });
  settlement.placed();
  commitAll(settlement);
  assert.deepEqual(settlement.poll(), { kind: "finish", leaveOut: [] });
  settlement.storeFinished();
  const receipt = settlement.poll();
  assert.equal(receipt?.kind === "receipt" && receipt.result.failed, 1);
  assertThrows(() => settlement.omit("bad_name"), "protocol", /after its finish/);

  const atomic = settlementOf({ atomic: true });
  atomic.omit("bad_name");
  whole(atomic, 1);
  whole(atomic, 2);
  atomic.finish(finishWithout());
  assertThrows(() => atomic.poll(), "bad_name", /all or nothing/);
});

Deno.test("the store is told which entries failed, so that it places none of them", () => {
  const settlement = settlementOf();
  settlement.entries.fail(0, { code: "bad_name", remote: false });
  whole(settlement, 1);
  whole(settlement, 2);
  settlement.finish(finishWithout());
  assert.deepEqual(settlement.poll(), { kind: "place", leaveOut: [0] });
});

Deno.test("atomic ends with the first cause when an entry failed", () => {
  const settlement = settlementOf({ atomic: true });
  whole(settlement, 1);
  settlement.entries.fail(2, { code: "source_unreadable", remote: true });
  settlement.entries.fail(0, { code: "io", remote: false });
  settlement.finish(finishWithout(2));
  assertThrows(() => settlement.poll(), "source_unreadable", /all or nothing/);
});

Deno.test("confirm() is refused before the receipt is signed", () => {
  const settlement = settlementOf();
  assertThrows(() => settlement.confirm(), "protocol", /before its receipt/);
  for (const index of [1, 2]) whole(settlement, index);
  settlement.finish(finishWithout());
  assertThrows(() => settlement.confirm(), "protocol", /before its receipt/);
  settlement.poll();
  settlement.placed();
  commitAll(settlement);
  settlement.poll();
  settlement.storeFinished();
  assertThrows(() => settlement.confirm(), "protocol", /before its receipt/);
});

/** Files that may be put in place and are all whole. */
function wholeFiles(sizes: readonly number[]): Settlement {
  const settlement = new Settlement({ hashing: HASHING, atomic: false });
  const entries = sizes.map((bytes, index) => fileEntry(`${10_000 + index}`, bytes));
  for (const entry of entries) settlement.entries.add(entry);
  const [count, bytes] = [sizes.length, sizes.reduce((sum, size) => sum + size, 0)];
  settlement.entries.closeManifest({ ...END, entries: count, files: count, bytes });
  settlement.poll();
  settlement.placed();
  for (const [index, entry] of entries.entries()) {
    const file = new ReceiveFile(index, { entry, chunks: 1, fresh: true });
    file.sealed = { entry: index, digest: digest(1), kept: false };
    settlement.entries.seal(index, digest(1));
    settlement.entries.whole(file);
  }
  return settlement;
}

Deno.test("commits go in batches", () => {
  const count = 1100;
  const settlement = wholeFiles(Array(count).fill(4));
  const first = committedIn(settlement.poll());
  assert.equal(first.length, 1024);
  settlement.commitEnded();
  assert.equal(committedIn(settlement.poll()).length, count - 1024);
});

Deno.test("a commit says whether the file was synced, and whether it stands already", () => {
  const settlement = settlementOf();
  settlement.poll();
  settlement.placed();
  const kept = new ReceiveFile(1, { entry: ENTRIES[1]!, chunks: 1, fresh: false });
  kept.sealed = { entry: 1, digest: digest(1), kept: false };
  kept.standing = { path: "/d/a", stamp: stampOf(4) };
  settlement.entries.seal(1, digest(1));
  settlement.entries.whole(kept);
  whole(settlement, 2);
  assert.deepEqual(settlement.poll(), {
    kind: "commit",
    files: [
      { entry: 1, digest: digest(1), synced: false, keep: true },
      { entry: 2, digest: digest(2), synced: true, keep: false },
    ],
    leaveOut: [],
  });
});

Deno.test("commitsSoon() holds for a whole file once directories are placed", () => {
  const settlement = settlementOf();
  whole(settlement, 1);
  assert.equal(settlement.commitsSoon(1), false);
  settlement.poll();
  settlement.placed();
  assert.equal(settlement.commitsSoon(1), true);
  assert.equal(settlement.commitsSoon(2), false);
});

Deno.test("commitsSoon() holds for no large file while more than a batch is to be committed", () => {
  const settlement = wholeFiles([...Array(3000).fill(4), 65_536, 65_537]);
  const soon = () => [0, 3000, 3001].map((index) => settlement.commitsSoon(index));
  for (const expected of [[true, true, false], [true, true, true]]) {
    assert.equal(committedIn(settlement.poll()).length, 1024);
    settlement.commitEnded();
    assert.deepEqual(soon(), expected);
  }
});

/** A settlement with a pruning, whose files are whole and whose sender finished. */
function pruningSettlement(
  { offered = true, local = false }: { offered?: boolean; local?: boolean } = {},
): { settlement: Settlement; pruning: Pruning } {
  const offer = offerOf({ delete: offered });
  const pruning = new Pruning(offer, { localDelete: local, tellPaths: false });
  const settlement = new Settlement({ hashing: HASHING, atomic: false, pruning });
  for (const entry of ENTRIES) settlement.entries.add(entry);
  settlement.entries.closeManifest(END);
  settlement.poll();
  settlement.placed();
  for (const index of [1, 2]) whole(settlement, index);
  return { settlement, pruning };
}

Deno.test("what is extraneous is removed after the last commit and before the finish", () => {
  const { settlement, pruning } = pruningSettlement();
  commitAll(settlement);
  assert.equal(settlement.poll(), null, "the sender is not done");
  settlement.finish(finishWithout());
  assert.deepEqual(kindsOf(settlement), ["prune"]);
  pruning.take({ deleted: ["x", "y/"], failures: [] });
  settlement.pruned();
  assert.deepEqual(kindsOf(settlement), ["finish"]);
  settlement.storeFinished();
  const action = settlement.poll();
  assert.equal(action?.kind === "receipt" ? action.result.deleted : -1, 2);
});

Deno.test("nothing is removed while a commit is under way", () => {
  const { settlement } = pruningSettlement();
  settlement.finish(finishWithout());
  const committing = committedIn(settlement.poll());
  assert.equal(settlement.poll(), null);
  for (const index of committing) settlement.entries.committed(index);
  settlement.commitEnded();
  assert.deepEqual(kindsOf(settlement), ["prune"]);
});

Deno.test("nothing is removed when an entry failed or was left out, and it is said why", () => {
  const breakages: ((settlement: Settlement) => void)[] = [
    (settlement) => void settlement.entries.fail(0, { code: "conflict", remote: false }),
    (settlement) => settlement.omit("bad_name"),
  ];
  for (const breaks of breakages) {
    const { settlement, pruning } = pruningSettlement();
    breaks(settlement);
    settlement.finish(finishWithout());
    commitAll(settlement);
    assert.deepEqual(kindsOf(settlement), ["finish"]);
    assert.match(pruning.pollNotice() ?? "", /^Nothing was deleted/);
  }
});

Deno.test("a failure of the sender that does not undo a file does not keep what is extraneous", () => {
  const { settlement } = pruningSettlement();
  settlement.entries.fail(1, { code: "source_changed", remote: true });
  settlement.finish(finishWithout(1));
  commitAll(settlement);
  assert.deepEqual(kindsOf(settlement), ["prune"]);
});

Deno.test("the receipt counts what could not be removed, unless that is this end's own matter", () => {
  for (const offered of [true, false]) {
    const { settlement, pruning } = pruningSettlement({ offered, local: !offered });
    settlement.finish(finishWithout());
    commitAll(settlement);
    settlement.poll();
    const failures = [{ path: "x", code: "permission", message: "No" }] as const;
    pruning.take({ deleted: ["y"], failures });
    settlement.pruned();
    settlement.poll();
    settlement.storeFinished();
    const action = settlement.poll();
    assert.ok(action?.kind === "receipt");
    const { failed, deleted } = action.result;
    assert.deepEqual([failed, deleted], offered ? [1, 1] : [0, 0]);
    settlement.confirm();
    assert.deepEqual([settlement.confirmed?.failed, settlement.confirmed?.deleted], [1, 1]);
  }
});

Deno.test("changed entries are counted once, and never when they failed", () => {
  const settlement = settlementOf();
  settlement.poll();
  settlement.placed();
  settlement.entries.changed(0); // made now, in place only at the end
  whole(settlement, 1);
  settlement.entries.unchanged(2, digest(2));
  settlement.finish(finishWithout());
  commitAll(settlement);
  for (const index of [1, 1]) settlement.entries.changed(index);
  settlement.entries.fail(2, { code: "io", remote: false });
  settlement.entries.changed(2);
  settlement.poll();
  settlement.entries.committed(0);
  settlement.storeFinished();
  const action = settlement.poll();
  assert.ok(action?.kind === "receipt");
  assert.equal(action.result.changed, 2);
  assert.equal(action.result.files, 1, "a file that failed after all is not in place");
  assert.equal(action.result.bytes, 4);
  assert.deepEqual(settlement.entries.drainCommitted(9), { entries: [[0, 3]], changed: [[0, 2]] });
});

Deno.test("a destination that is made counts as the one change of a transfer of no entries", () => {
  const changedBy = (entries: readonly Entry[], makesBase: boolean) => {
    const settlement = new Settlement({ hashing: HASHING, atomic: false, makesBase });
    const log = new RootLog();
    for (const entry of entries) {
      settlement.entries.add(entry);
      log.add(entry);
    }
    settlement.entries.closeManifest({ ...END, entries: entries.length, files: 0, bytes: 0 });
    settlement.poll();
    settlement.placed();
    settlement.finish({
      type: "finish",
      transfer: 1,
      root: log.root(HASHING, { leaveOut: () => false }),
      frames: 0,
    });
    settlement.poll();
    settlement.storeFinished();
    const action = settlement.poll();
    assert.ok(action?.kind === "receipt");
    return action.result.changed;
  };
  assert.equal(changedBy([], false), 0);
  assert.equal(changedBy([], true), 1);
  assert.equal(changedBy([directoryEntry("d")], true), 0, "its entries tell");
});

Deno.test("what failed is told to the store once: with its journal, directories or commits", () => {
  const settlement = settlementOf();
  settlement.entries.fail(1, { code: "io", remote: false });
  assert.deepEqual(settlement.entries.takeFailed(), [1]);
  assert.deepEqual(settlement.entries.takeFailed(), []);
  settlement.entries.fail(2, { code: "io", remote: true });
  assert.deepEqual(settlement.poll(), { kind: "place", leaveOut: [1, 2] });
  assert.deepEqual(
    settlement.entries.takeFailed(),
    [],
    "directories are placed without all that failed",
  );
});
