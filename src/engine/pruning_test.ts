import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import type { Deleted } from "../wire/messages.ts";
import { encodeMessage } from "../wire/control.ts";
import { offerOf } from "./_fixture.ts";
import { Pruning, type PruningOptions } from "./pruning.ts";

const LOCAL = { deleted: ["x"], failures: [] };

function pruningOf(asked: boolean, options: Partial<PruningOptions> = {}): Pruning {
  const offer = offerOf({ delete: asked });
  return new Pruning(offer, { localDelete: false, tellPaths: false, ...options });
}

function messagesOf(pruning: Pruning): Deleted[] {
  const messages: Deleted[] = [];
  for (let next = pruning.pollMessage(); next !== null; next = pruning.pollMessage()) {
    messages.push(next);
  }
  return messages;
}

Deno.test("it is due once, when the offer or this end asks for it", () => {
  assert.equal(pruningOf(false).isDue, false);
  assert.equal(pruningOf(false, { localDelete: true }).isDue, true);
  const pruning = pruningOf(true);
  assert.equal(pruning.isDue, true);
  pruning.take(LOCAL);
  assert.equal(pruning.isDue, false);
});

Deno.test("the sender hears of every path, in messages of bounded count", () => {
  const pruning = pruningOf(true);
  const deleted = Array.from({ length: LIMITS.pathsPerMessage + 1 }, (_, i) => `d${i}/`);
  pruning.take({ deleted, failures: [] });
  const messages = messagesOf(pruning);
  assert.deepEqual(messages.map(({ paths }) => paths.length), [LIMITS.pathsPerMessage, 1]);
  assert.deepEqual(messages.flatMap(({ paths }) => paths), deleted);
  assert.equal(pruning.counts.deleted, deleted.length);
});

Deno.test("one message says that there was nothing to delete (I4)", () => {
  const pruning = pruningOf(true);
  assert.deepEqual(messagesOf(pruning), []);
  pruning.take({ deleted: [], failures: [] });
  assert.deepEqual(messagesOf(pruning), [{ type: "deleted", transfer: 1, paths: [], kept: [] }]);
});

Deno.test("what this end deletes of its own accord the sender hears nothing of", () => {
  const pruning = pruningOf(false, { localDelete: true });
  const failure = { path: "y", code: "permission", message: "No" } as const;
  pruning.take({ ...LOCAL, failures: [failure] });
  assert.deepEqual(messagesOf(pruning), []);
  assert.deepEqual(pruning.counts, { deleted: 1, kept: 1 });
  assert.deepEqual(pruning.countsTold, { deleted: 0, kept: 0 });
});

Deno.test("what could not be deleted is reported at both ends, a mere notice at this one", () => {
  const pruning = pruningOf(true);
  const failure = { path: "y\ud800", code: "permission", message: "No" } as const;
  const notice = { path: "fifo", code: null, message: "Left a pipe alone" } as const;
  pruning.take({ deleted: [], failures: [failure, notice] });
  assert.deepEqual(pruning.pollReport(), { ...failure, remote: false });
  assert.equal(pruning.pollReport(), null);
  assert.deepEqual(messagesOf(pruning).flatMap(({ kept }) => kept), [
    { ...failure, path: "y\ufffd" },
  ]);
  assert.equal(pruning.pollNotice(), "Left a pipe alone");
  assert.deepEqual(pruning.counts, { deleted: 0, kept: 1 });
});

Deno.test("a name that no transfer brings is told with what is bad in it replaced", () => {
  const names = [
    ["a\\b", "a\ufffdb"],
    ["a\x1b[2J/\u202ex/", "a\ufffd[2J/\ufffdx/"],
    ["\ud800.txt", "\ufffd.txt"],
    ["d/.sftpx-old", "\ufffd"],
    [`${"x".repeat(256)}/`, "\ufffd/"],
    ["é/日本", "é/日本"],
  ] as const;
  const pruning = pruningOf(true, { tellPaths: true });
  pruning.take({ deleted: names.map(([name]) => name), failures: [] });
  const messages = messagesOf(pruning);
  assert.deepEqual(messages.flatMap(({ paths }) => paths), names.map(([, shown]) => shown));
  for (const message of messages) encodeMessage(message);
  assert.deepEqual(names.map(() => pruning.pollPath()), names.map(([name]) => name));
});

const READY = { failed: 0, hollow: [], notice: "Nothing was deleted" };

Deno.test("it begins when it is due, nothing failed and every source has something", () => {
  assert.equal(pruningOf(false).begins(READY), false);
  const pruning = pruningOf(true);
  assert.equal(pruning.begins(READY), true);
  pruning.take(LOCAL);
  assert.equal(pruning.begins(READY), false);
});

Deno.test("it goes on while there is more, whatever fails meanwhile, and counts all of it", () => {
  const pruning = pruningOf(true, { tellPaths: true });
  assert.equal(pruning.begins(READY), true);
  pruning.take({ deleted: ["x"], failures: [], more: true });
  assert.deepEqual(messagesOf(pruning).map(({ paths }) => paths), [["x"]]);
  assert.equal(pruning.isDue, true);
  assert.equal(pruning.begins({ ...READY, failed: 1 }), true);
  pruning.take({ deleted: [], failures: [], more: true });
  assert.deepEqual(messagesOf(pruning), [], "nothing came, and the end is not said yet");
  pruning.take({ deleted: ["y/"], failures: [] });
  assert.deepEqual(messagesOf(pruning).map(({ paths }) => paths), [["y/"]]);
  assert.deepEqual([pruning.isDue, pruning.begins(READY)], [false, false]);
  assert.deepEqual(pruning.counts, { deleted: 2, kept: 0 });
  assert.deepEqual([pruning.pollNotice(), pruning.pollPath()], [null, "x"]);
});

Deno.test("with failed entries it does not begin, says why, and nothing is told of paths", () => {
  const pruning = pruningOf(true, { tellPaths: true });
  assert.equal(pruning.begins({ ...READY, failed: 1, hollow: ["x"] }), false);
  assert.equal(pruning.isDue, false);
  assert.equal(pruning.pollNotice(), "Nothing was deleted");
  assert.equal(pruning.pollNotice(), null);
  assert.deepEqual([messagesOf(pruning), pruning.pollPath()], [[], null]);
});

Deno.test("with a source that holds nothing it does not begin, and that is a failure at both ends", () => {
  const message = 'Cannot delete at the destination: the source "m\\u{1b}" is empty';
  const failure = { path: "m\x1b", code: "conflict", message } as const;
  for (const asked of [true, false]) {
    const pruning = pruningOf(asked, { localDelete: !asked, tellPaths: true });
    assert.equal(pruning.begins({ ...READY, hollow: ["m\x1b"] }), false);
    assert.equal(pruning.isDue, false);
    assert.deepEqual(pruning.pollReport(), { ...failure, remote: false });
    assert.deepEqual(pruning.counts, { deleted: 0, kept: 1 });
    const told = asked ? [{ type: "deleted", transfer: 1, paths: [], kept: [failure] }] : [];
    assert.deepEqual(messagesOf(pruning), told);
  }
});

Deno.test("the name of a source that holds nothing travels, however long its escapes are", () => {
  const pruning = pruningOf(true);
  pruning.begins({ ...READY, hollow: ["\u{e0001}".repeat(63)] });
  for (const message of messagesOf(pruning)) encodeMessage(message);
});
