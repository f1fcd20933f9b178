import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Entry, Message, Offer, PlanStep, TransferMessage } from "../wire/messages.ts";
import { acceptOf, directoryEntry, fileEntry, offerOf } from "./_fixture.ts";
import { PlanSender } from "./plan_sender.ts";

const CREATE: PlanStep = { action: "create" };

function senderWith(entries: readonly Entry[], offer: Partial<Offer> = {}): PlanSender {
  const sender = new PlanSender(offerOf({ dryRun: true, ...offer }));
  sender.handle(acceptOf());
  add(sender, entries);
  sender.endEntries();
  return sender;
}

function add(sender: PlanSender, entries: readonly Entry[]): void {
  const paths = entries.map(({ path }) => `/src/${path}`);
  sender.addEntries({ entries, paths, sources: entries.map(() => 0) });
}

function messagesOf(sender: PlanSender): Message[] {
  const messages: Message[] = [];
  for (let next = sender.pollMessage(); next !== null; next = sender.pollMessage()) {
    messages.push(next);
  }
  return messages;
}

function plan(sender: PlanSender, first: number, steps: readonly PlanStep[]): void {
  sender.handle({ type: "planned", transfer: 1, first, steps });
}

function end(entries: number, deleted = 0): TransferMessage {
  return { type: "plan_end", transfer: 1, entries, deleted };
}

function assertRefused(sender: PlanSender, message: TransferMessage): void {
  assert.throws(
    () => sender.handle(message),
    (error) => error instanceof SftpxError && error.code === "protocol" && error.remote,
  );
}

Deno.test("nothing is announced before the receiver accepts", () => {
  const sender = new PlanSender(offerOf({ dryRun: true }));
  sender.omit({ path: "x", code: "source_missing", message: "No" });
  assert.deepEqual(messagesOf(sender).map(({ type }) => type), ["offer"]);
  assert.equal(sender.wantsEntries, false);
  sender.handle(acceptOf());
  assert.equal(sender.wantsEntries, true);
  assertRefused(sender, acceptOf());
});

Deno.test("omissions come before the end of the manifest, and the plan before done", () => {
  const sender = senderWith([directoryEntry("d"), fileEntry("d/a", 4)]);
  sender.omit({ path: "x", code: "source_missing", message: "No" });
  const types = messagesOf(sender).map(({ type }) => type);
  assert.deepEqual(types, ["offer", "omitted", "entries", "manifest_end"]);
  plan(sender, 0, [{ action: "unchanged" }, { action: "replace" }]);
  assert.equal(sender.result, null);
  sender.handle(end(2));
  assert.deepEqual(sender.result, {
    entries: 2,
    files: 1,
    bytes: 4,
    reusedBytes: 0,
    changed: 1,
    undecided: 0,
    deleted: 0,
    failed: 1,
    firstFailure: { code: "source_missing", message: "No" },
  });
  assert.deepEqual(messagesOf(sender).map(({ type }) => type), ["done"]);
  const lines = [sender.pollLine(), sender.pollLine(), sender.pollLine()];
  assert.deepEqual(lines.map((line) => [line?.path, line?.action, line?.remote]), [
    ["x", "fail", false],
    ["d", "unchanged", true],
    ["d/a", "replace", true],
  ]);
  assert.equal(sender.pollLine(), null);
});

Deno.test("no more is announced than may await its plan, and the rest follows (I8)", () => {
  const count = LIMITS.unplannedEntries + 10;
  const sender = senderWith(
    Array.from({ length: count }, (_, at) => directoryEntry(`d${100_000 + at}`)),
  );
  const announced = () =>
    messagesOf(sender).reduce(
      (sum, message) => message.type === "entries" ? sum + message.entries.length : sum,
      0,
    );
  assert.equal(announced(), LIMITS.unplannedEntries);
  assertRefused(sender, end(LIMITS.unplannedEntries));
  plan(sender, 0, [CREATE, CREATE, CREATE]);
  assert.equal(announced(), 3);
});

Deno.test("a sparse or a huge file needs no stamp and takes no memory for its chunks", () => {
  const { stamp: _, ...huge } = fileEntry("a", Number.MAX_SAFE_INTEGER);
  const sender = senderWith([huge]);
  assert.equal(messagesOf(sender).filter(({ type }) => type === "entries").length, 1);
  plan(sender, 0, [{ action: "fail", code: "limit", message: "Too large" }]);
  sender.handle(end(1));
  assert.equal(sender.result?.failed, 1);
  assert.equal(sender.result?.files, 0);
});

Deno.test("a plan of what was not announced, or out of order, is refused", () => {
  const sender = senderWith([fileEntry("a", 4), fileEntry("b", 4)]);
  messagesOf(sender);
  assertRefused(sender, { type: "planned", transfer: 1, first: 1, steps: [CREATE] });
  assertRefused(sender, {
    type: "planned",
    transfer: 1,
    first: 0,
    steps: [CREATE, CREATE, CREATE],
  });
  plan(sender, 0, [CREATE, CREATE]);
  assertRefused(sender, { type: "planned", transfer: 1, first: 2, steps: [CREATE] });
});

Deno.test("the plan ends when every entry has its step, once, and with its counts", () => {
  const deleted = { type: "deleted", transfer: 1, paths: ["x/"], kept: [] } as const;
  const sender = senderWith([fileEntry("a", 4)], { delete: true });
  assertRefused(sender, end(0));
  messagesOf(sender);
  assertRefused(sender, end(0));
  assertRefused(sender, deleted);
  plan(sender, 0, [CREATE]);
  assertRefused(sender, end(1));
  sender.handle(deleted);
  assertRefused(sender, end(2, 1));
  assertRefused(sender, end(1, 0));
  sender.handle(end(1, 1));
  assertRefused(sender, end(1, 1));
  assertRefused(sender, deleted);
  assert.equal(sender.result?.deleted, 1);
});

Deno.test("what could not be deleted would fail, in the receiver's words", () => {
  const sender = senderWith([], { delete: true });
  messagesOf(sender);
  const kept = [{ path: "x", code: "made_up", message: "No" }];
  sender.handle({ type: "deleted", transfer: 1, paths: [], kept });
  sender.handle(end(0));
  const line = sender.pollLine();
  assert.deepEqual([line?.path, line?.action, line?.code, line?.remote], [
    "x",
    "fail",
    "failed",
    true,
  ]);
  assert.equal(sender.pollNotice(), null, "it was tried");
});
