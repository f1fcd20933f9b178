import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Entry, Message, Offer, Omission, PlanStep } from "../wire/messages.ts";
import { encodeMessage } from "../wire/control.ts";
import { directoryEntry, fileEntry, HASHING, offerOf } from "./_fixture.ts";
import {
  PlanReceiver,
  type PlanReceiverAction,
  type PlanReceiverOptions,
} from "./plan_receiver.ts";
import type { PlanLine } from "./plan_report.ts";
import { Settlement } from "./settlement.ts";

const CREATE: PlanStep = { action: "create" };

function receiverOf(
  { offer = {}, ...options }: Partial<PlanReceiverOptions> & { offer?: Partial<Offer> } = {},
): PlanReceiver {
  const dry = offerOf({ dryRun: true, ...offer });
  return new PlanReceiver(dry, { fresh: [true], chunkBytes: 4, ...options });
}

function announce(receiver: PlanReceiver, entries: readonly Entry[], first = 0): void {
  const sources = entries.map(() => 0);
  receiver.handle({ type: "entries", transfer: 1, first, entries, sources });
}

function close(receiver: PlanReceiver, entries: readonly Entry[]): void {
  const files = entries.filter(({ kind }) => kind === "file");
  const bytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const counts = { entries: entries.length, files: files.length, bytes };
  receiver.handle({ type: "manifest_end", transfer: 1, ...counts });
}

function actionsOf(receiver: PlanReceiver): PlanReceiverAction[] {
  const actions: PlanReceiverAction[] = [];
  for (let next = receiver.poll(); next !== null; next = receiver.poll()) actions.push(next);
  return actions;
}

function messagesOf(receiver: PlanReceiver): Message[] {
  return actionsOf(receiver).flatMap((action) => action.kind === "send" ? [action.message] : []);
}

function linesOf(receiver: PlanReceiver): PlanLine[] {
  const lines: PlanLine[] = [];
  for (let next = receiver.pollLine(); next !== null; next = receiver.pollLine()) lines.push(next);
  return lines;
}

function assertBroken(act: () => unknown, found: RegExp): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof SftpxError);
    assert.equal(error.code, "protocol");
    assert.match(error.message, found);
    return true;
  });
}

Deno.test("a plan accepts, asks the store, answers in order, and ends", () => {
  const receiver = receiverOf();
  const entries = [directoryEntry("d"), fileEntry("d/a", 4), fileEntry("d/b", 6)];
  announce(receiver, entries.slice(0, 2));
  announce(receiver, entries.slice(2), 2);
  assert.deepEqual(actionsOf(receiver), [
    { kind: "send", message: { type: "accept", transfer: 1, fresh: [true], chunkBytes: 4 } },
    { kind: "plan", first: 0, entries: entries.slice(0, 2), sources: [0, 0] },
    { kind: "plan", first: 2, entries: entries.slice(2), sources: [0] },
  ]);
  receiver.planned(0, [{ action: "unchanged" }, { action: "unchanged" }]);
  close(receiver, entries);
  assert.deepEqual(messagesOf(receiver).map(({ type }) => type), ["planned"]);
  receiver.planned(2, [{ action: "compare" }]);
  assert.deepEqual(messagesOf(receiver), [
    { type: "planned", transfer: 1, first: 2, steps: [{ action: "compare" }] },
    { type: "plan_end", transfer: 1, entries: 3, deleted: 0 },
  ]);
  assert.equal(receiver.result, null);
  receiver.handle({ type: "done", transfer: 1 });
  assert.deepEqual(receiver.result, {
    entries: 3,
    files: 2,
    bytes: 10,
    reusedBytes: 4,
    changed: 0,
    undecided: 1,
    deleted: 0,
    failed: 0,
    firstFailure: null,
  });
  assert.deepEqual(linesOf(receiver).map(({ path, action }) => [path, action]), [
    ["d", "unchanged"],
    ["d/a", "unchanged"],
    ["d/b", "compare"],
  ]);
});

Deno.test("a name or a size that cannot be taken fails, whatever the store says", () => {
  const receiver = receiverOf();
  const huge = fileEntry("b", 4 * LIMITS.chunksPerFile + 1);
  announce(receiver, [fileEntry(".sftpx", 1), fileEntry("a\\b", 1), huge, fileEntry("c", 4)]);
  receiver.planned(0, [CREATE, CREATE, CREATE, CREATE]);
  const codes = linesOf(receiver).map(({ action, code }) => [action, code]);
  assert.deepEqual(codes, [
    ["fail", "bad_name"],
    ["fail", "bad_name"],
    ["fail", "limit"],
    ["create", undefined],
  ]);
  const planned = messagesOf(receiver).find(({ type }) => type === "planned")!;
  assert.ok(planned.type === "planned");
  assert.deepEqual(planned.steps.map(({ action }) => action), ["fail", "fail", "fail", "create"]);
  encodeMessage(planned);
});

Deno.test("a step of the store travels with a reason when it fails, and without one else", () => {
  const receiver = receiverOf();
  announce(receiver, [fileEntry("a", 4), fileEntry("b", 4), fileEntry("c", 4)]);
  const message = "é".repeat(2 * LIMITS.textBytes);
  receiver.planned(0, [
    { action: "fail", code: "conflict", message },
    { action: "fail" },
    { action: "update", code: "io", message: "stray" },
  ]);
  const [, planned] = messagesOf(receiver);
  assert.ok(planned?.type === "planned");
  encodeMessage(planned);
  assert.deepEqual(planned.steps.slice(1), [
    { action: "fail", code: "failed", message: "" },
    { action: "update" },
  ]);
});

Deno.test("planned() out of order, or for more than awaits it, is a mistake of the caller", () => {
  const receiver = receiverOf();
  announce(receiver, [fileEntry("a", 4)]);
  assert.throws(() => receiver.planned(1, [CREATE]), RangeError);
  assert.throws(() => receiver.planned(0, [CREATE, CREATE]), RangeError);
});

Deno.test("no more entries are taken than may await their plan (I8)", () => {
  const receiver = receiverOf();
  const count = LIMITS.unplannedEntries;
  const entries = Array.from({ length: count }, (_, at) => directoryEntry(`d${100_000 + at}`));
  announce(receiver, entries);
  const more = [directoryEntry("e")];
  assertBroken(() => announce(receiver, more, count), /ahead of their plan/);
  receiver.planned(0, [CREATE]);
  const roomy = receiverOf();
  announce(roomy, entries);
  roomy.planned(0, [CREATE]);
  announce(roomy, more, count);
});

Deno.test("what would be deleted is asked for once nothing would fail, and told before the end", () => {
  const receiver = receiverOf({ offer: { delete: true } });
  const entries = [fileEntry("a", 4)];
  announce(receiver, entries);
  close(receiver, entries);
  receiver.planned(0, [CREATE]);
  const kinds = actionsOf(receiver).map(({ kind }) => kind);
  assert.deepEqual(kinds, ["send", "plan", "send", "prune"]);
  assert.equal(receiver.poll(), null, "it is not yet known");
  const failure = { path: "z", code: "permission", message: "No" } as const;
  receiver.pruned({ deleted: ["x/y", "x/"], failures: [failure] });
  assert.deepEqual(messagesOf(receiver), [
    { type: "deleted", transfer: 1, paths: ["x/y", "x/"], kept: [failure] },
    { type: "plan_end", transfer: 1, entries: 1, deleted: 2 },
  ]);
  assert.deepEqual(linesOf(receiver).slice(1), [
    { path: "x/y", kind: "file", sizeBytes: 0, action: "delete", remote: false },
    { path: "x", kind: "directory", sizeBytes: 0, action: "delete", remote: false },
    { ...failure, kind: "file", sizeBytes: 0, action: "fail", remote: false },
  ]);
});

Deno.test("nothing would be deleted when something would fail or is left out", () => {
  for (const isOmission of [false, true]) {
    const receiver = receiverOf({ localDelete: true });
    const omissions = [{ path: "x", code: "io", message: "No" }];
    if (isOmission) receiver.handle({ type: "omitted", transfer: 1, omissions });
    const entries = [fileEntry("a", 4)];
    announce(receiver, entries);
    close(receiver, entries);
    receiver.planned(0, isOmission ? [CREATE] : [{ action: "fail" }]);
    assert.ok(actionsOf(receiver).every(({ kind }) => kind !== "prune"));
    assert.match(receiver.pollNotice() ?? "", /^Nothing would be deleted/);
    receiver.handle({ type: "done", transfer: 1 });
    assert.equal(receiver.result?.failed, 1);
  }
});

Deno.test("an omission is a failure in the sender's words, an unknown code is failed", () => {
  const receiver = receiverOf();
  const omissions = [{ path: "x", code: "made_up", message: "No" }];
  receiver.handle({ type: "omitted", transfer: 1, omissions });
  const [line] = linesOf(receiver);
  assert.deepEqual([line?.action, line?.code, line?.remote], ["fail", "failed", true]);
});

Deno.test("what is left out of a plan, or of a transfer, comes to an end", () => {
  const omissions = Array<Omission>(LIMITS.omissionsPerMessage).fill({
    path: "x",
    code: "io",
    message: "No",
  });
  const plan = receiverOf();
  const settlement = new Settlement({ hashing: HASHING, atomic: false });
  const past = { name: "SftpxError", code: "limit", remote: true };
  const most = LIMITS.entriesPerTransfer / omissions.length;
  for (let message = 0; message < most; message++) {
    plan.handle({ type: "omitted", transfer: 1, omissions });
    while (plan.pollLine() !== null);
    for (const _ of omissions) settlement.omit("io");
  }
  assert.throws(() => plan.handle({ type: "omitted", transfer: 1, omissions }), past);
  assert.throws(() => settlement.omit("io"), past);
});

Deno.test("done is refused before the plan was ended, and a second time", () => {
  const receiver = receiverOf();
  assertBroken(() => receiver.handle({ type: "done", transfer: 1 }), /out of place/);
  close(receiver, []);
  assert.equal(messagesOf(receiver).at(-1)?.type, "plan_end");
  receiver.handle({ type: "done", transfer: 1 });
  assertBroken(() => receiver.handle({ type: "done", transfer: 1 }), /out of place/);
});

Deno.test("why an entry would fail is told as long as may travel, whatever the store says", () => {
  const entries = [fileEntry("a", 1)];
  const receiver = receiverOf();
  announce(receiver, entries);
  actionsOf(receiver);
  const step: PlanStep = { action: "fail", code: "io", message: "\u{1f600}".repeat(10_000) };
  receiver.planned(0, [step]);
  const told = messagesOf(receiver)[0];
  assert.ok(told?.type === "planned");
  const bytes = new TextEncoder().encode(told.steps[0]?.message).byteLength;
  assert.ok(bytes > 0 && bytes <= LIMITS.textBytes);
  encodeMessage(told);
});

Deno.test("a plan names no beginning, and takes no second one", () => {
  const receiver = receiverOf();
  assert.deepEqual(messagesOf(receiver), [
    { type: "accept", transfer: 1, fresh: [true], chunkBytes: 4 },
  ]);
  announce(receiver, [fileEntry("m", 4)]);
  assertBroken(() => announce(receiver, [fileEntry("a", 4)], 1), /ascending order/);
});
