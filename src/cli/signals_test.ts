import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { SftpxError } from "../base/errors.ts";
import { listenForSignals } from "./signals.ts";

Deno.test("listenForSignals() aborts with interrupted, then exits at once", () => {
  const source = new EventEmitter();
  const exits: number[] = [];
  using signals = listenForSignals((code) => exits.push(code), source);
  source.emit("SIGINT");
  assert.ok(signals.signal.reason instanceof SftpxError);
  assert.equal(signals.signal.reason.code, "interrupted");
  assert.deepEqual(exits, []);
  source.emit("SIGINT");
  assert.deepEqual(exits, [130]);
});

Deno.test("listenForSignals() aborts with terminated and keeps the first reason", () => {
  const source = new EventEmitter();
  const exits: number[] = [];
  using signals = listenForSignals((code) => exits.push(code), source);
  source.emit("SIGTERM");
  source.emit("SIGTERM");
  assert.equal(signals.signal.reason.code, "terminated");
  assert.deepEqual(exits, []);
});

Deno.test("listenForSignals() leaves no listener behind", () => {
  const source = new EventEmitter();
  listenForSignals(() => {}, source)[Symbol.dispose]();
  assert.equal(source.listenerCount("SIGINT") + source.listenerCount("SIGTERM"), 0);
});
