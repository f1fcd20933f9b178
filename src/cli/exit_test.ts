import assert from "node:assert/strict";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import type { TransferSummary } from "../session/options.ts";
import { exitOfError, exitOfSummary } from "./exit.ts";

const DONE: TransferSummary = {
  ok: true,
  files: 1,
  bytes: 10,
  reusedBytes: 0,
  wireBytes: 10,
  seconds: 1,
  root: null,
  chunkBytes: 65536,
  failed: 0,
  changed: 1,
  deleted: 0,
  dryRun: false,
  reconnects: 0,
  error: null,
};

function error(code: ErrorCode, remote = false): SftpxError {
  return new SftpxError(code, "Cannot x", { remote });
}

Deno.test("exitOfSummary() is the contract's code for each end", () => {
  assert.equal(exitOfSummary(DONE), 0);
  assert.equal(exitOfSummary({ ...DONE, ok: false }), 1);
  const codes: [ErrorCode, number][] = [
    ["partial", 3],
    ["unreachable", 10],
    ["identity_mismatch", 11],
    ["identity_unknown", 11],
    ["refused", 12],
    ["integrity", 13],
    ["no_space", 14],
    ["lost", 20],
    ["terminated", 20],
    ["interrupted", 130],
  ];
  for (const [code, exit] of codes) {
    assert.equal(exitOfSummary({ ...DONE, ok: false, error: error(code) }), exit, code);
  }
});

Deno.test("exitOfSummary() lets a cause that stopped everything win over failed entries", () => {
  assert.equal(exitOfSummary({ ...DONE, ok: false, failed: 2, error: error("lost") }), 20);
});

Deno.test("exitOfSummary() is 4 for nothing to do only when asked", () => {
  const nothing = { ...DONE, reusedBytes: 10, wireBytes: 0, changed: 0 };
  assert.equal(exitOfSummary(nothing), 0);
  assert.equal(exitOfSummary(nothing, { failIfUnchanged: true }), 4);
  assert.equal(exitOfSummary(DONE, { failIfUnchanged: true }), 0);
});

Deno.test("exitOfSummary() counts what was changed and what was deleted, not what was sent", () => {
  const failIfUnchanged = true;
  const empty = { ...DONE, bytes: 0, wireBytes: 0 };
  assert.equal(exitOfSummary({ ...empty, changed: 1 }, { failIfUnchanged }), 0);
  assert.equal(exitOfSummary({ ...empty, changed: 0 }, { failIfUnchanged }), 4);
  assert.equal(exitOfSummary({ ...empty, changed: 0, deleted: 1 }, { failIfUnchanged }), 0);
  assert.equal(exitOfSummary({ ...DONE, changed: 0 }, { failIfUnchanged }), 4);
});

Deno.test("exitOfSummary() is 4 for a dry run that would do nothing, and for no other", () => {
  const plan = { ...DONE, dryRun: true, wireBytes: 0, reusedBytes: 10 };
  assert.equal(exitOfSummary({ ...plan, changed: 0 }, { failIfUnchanged: true }), 4);
  assert.equal(exitOfSummary({ ...plan, changed: 1 }, { failIfUnchanged: true }), 0);
  assert.equal(exitOfSummary({ ...plan, changed: 0, deleted: 2 }, { failIfUnchanged: true }), 0);
});

Deno.test("exitOfSummary() goes by what was sent where no receipt counted", () => {
  const failIfUnchanged = true;
  const unknown = { ...DONE, changed: null };
  assert.equal(exitOfSummary(unknown, { failIfUnchanged }), 0);
  const nothing = { ...unknown, wireBytes: 0, reusedBytes: 10 };
  assert.equal(exitOfSummary(nothing, { failIfUnchanged }), 4);
});

Deno.test("exitOfError() takes a signal as the end of serve, and of nothing else", () => {
  assert.equal(exitOfError(error("interrupted")), 130);
  assert.equal(exitOfError(error("terminated")), 20);
  assert.equal(exitOfError(error("interrupted"), { serving: true }), 0);
  assert.equal(exitOfError(error("terminated"), { serving: true }), 0);
  assert.equal(exitOfError(error("terminated", true), { serving: true }), 20);
  assert.equal(exitOfError(error("io"), { serving: true }), 1);
});
