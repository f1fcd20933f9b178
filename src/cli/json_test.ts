import assert from "node:assert/strict";
import { Recorder, TestClock } from "../../tests/recorder.ts";
import { SftpxError } from "../base/errors.ts";
import type { SessionEvent } from "../session/options.ts";
import { SUMMARY } from "./_fixture.ts";
import { JsonLines } from "./json.ts";

/** What a transport knows of a path. */
const PATH = { rttMs: null, lossRatio: 0.5, windowBytes: 4096 };
const TIME = "2027-01-02T03:04:05.000Z";

function progress(bytesDone: number): SessionEvent {
  return {
    kind: "progress",
    phase: "send",
    reusedBytes: 3,
    bytesDone,
    bytesTotal: null,
    wireBytes: 5,
    filesDone: 1,
    filesTotal: null,
    bytesPerSecond: 12.7,
  };
}

function setUp() {
  const output = new Recorder();
  const clock = new TestClock();
  return { output, clock, json: new JsonLines(output, clock.now) };
}

Deno.test("JsonLines writes listening as the contract has it", () => {
  const { output, json } = setUp();
  json.tell("listening", { address: "::", port: 4443, identity: "i", ticket: "t" });
  assert.equal(
    output.text,
    `{"v":1,"event":"listening","time":"${TIME}","address":"::","port":4443,"identity":"i","ticket":"t"}\n`,
  );
});

Deno.test("JsonLines writes a null ticket where there is none", () => {
  const { output, json } = setUp();
  json.tell("listening", { address: "::", port: 1, identity: "i", ticket: null });
  assert.equal(output.jsonLines()[0]?.["ticket"], null);
});

Deno.test("JsonLines writes identity as the contract has it", () => {
  const { output, json } = setUp();
  json.tell("identity", { identity: "abc" });
  assert.deepEqual(output.jsonLines(), [{ v: 1, event: "identity", time: TIME, identity: "abc" }]);
});

Deno.test("JsonLines writes start and progress, unknown totals as null", () => {
  const { output, json } = setUp();
  json.event({ kind: "start", direction: "push", chunkBytes: 65536, peer: "p" });
  json.event(progress(7));
  assert.deepEqual(output.jsonLines(), [
    { v: 1, event: "start", time: TIME, direction: "push", chunkBytes: 65536, peer: "p" },
    {
      v: 1,
      event: "progress",
      time: TIME,
      phase: "send",
      reusedBytes: 3,
      bytesDone: 7,
      bytesTotal: null,
      wireBytes: 5,
      filesDone: 1,
      filesTotal: null,
      bytesPerSecond: 13,
    },
  ]);
});

Deno.test("JsonLines writes at most five progress lines in any second", () => {
  const { output, clock, json } = setUp();
  const startMs = clock.ms;
  for (let ms = 0; ms < 3000; ms += 7) {
    clock.ms = startMs + ms;
    json.event(progress(ms));
  }
  // The last one was held back, and comes on top.
  json.summary(SUMMARY);
  const told = output.jsonLines().filter(({ event }) => event === "progress");
  assert.equal(told.at(-1)?.["bytesDone"], 2996);
  const times = told.map((line) => Date.parse(String(line["time"])));
  assert.ok(times.length >= 11, `${times.length} lines in 3 s`);
  for (const time of times) {
    assert.ok(times.filter((other) => other >= time && other < time + 1000).length <= 5);
  }
});

Deno.test("JsonLines writes the last progress of a transfer, held back or not, before its end", () => {
  const { output, clock, json } = setUp();
  const told = () =>
    output.jsonLines().map(({ event, transfer, bytesDone }) =>
      event === "progress" ? `${transfer}:${bytesDone}` : `${transfer}:${event}`
    );
  const carried = {
    connection: 0,
    address: "h:1",
    transport: "tls",
    wireBytes: 9,
    lanes: 2,
    ...PATH,
  };
  for (const done of [1, 2, 3]) json.event(progress(done), { transfer: 1 });
  for (const done of [1, 2]) json.event(progress(done), { transfer: 2 });
  json.event({ kind: "connection", ...carried }, { transfer: 1 });
  json.summary(SUMMARY, { transfer: 1 });
  json.summary(SUMMARY, { transfer: 2 });
  assert.deepEqual(told(), ["1:1", "2:1", "1:3", "1:connection", "1:summary", "2:2", "2:summary"]);
  clock.ms += 1000;
  json.event(progress(7), { transfer: 3 });
  json.summary(SUMMARY, { transfer: 3 });
  assert.deepEqual(told().slice(-2), ["3:7", "3:summary"], "what was told is not told again");
});

Deno.test("JsonLines thins out each transfer of serve by itself", () => {
  const { output, json } = setUp();
  json.event(progress(1), { transfer: 1 });
  json.event(progress(2), { transfer: 2 });
  json.event(progress(3), { transfer: 1 });
  assert.deepEqual(output.jsonLines().map((line) => [line["transfer"], line["bytesDone"]]), [
    [1, 1],
    [2, 2],
  ]);
});

Deno.test("JsonLines writes failed entries, notices and peers", () => {
  const { output, json } = setUp();
  json.event({ kind: "entry_failed", path: "a", code: "io", message: "m" });
  json.event({ kind: "notice", message: "n" });
  json.event({ kind: "connected", address: "a:1", transport: "quic", connection: 0 });
  json.tell("peer", { address: "a:1", identity: "i" });
  json.tell("peer_refused", {
    address: "a:1",
    identity: null,
    code: "refused",
    message: "m",
    count: 1,
  });
  assert.deepEqual(output.jsonLines().map((line) => line["event"]), [
    "entry_failed",
    "notice",
    "connected",
    "peer",
    "peer_refused",
  ]);
});

Deno.test("JsonLines writes a summary with every field of the contract and no error", () => {
  const { output, json } = setUp();
  json.summary(SUMMARY);
  assert.deepEqual(output.jsonLines(), [{
    v: 1,
    event: "summary",
    time: TIME,
    ok: true,
    files: 2,
    bytes: 100,
    reusedBytes: 40,
    wireBytes: 30,
    seconds: 1.5,
    root: "f".repeat(64),
    chunkBytes: 65536,
    failed: 0,
    changed: 2,
    deleted: 0,
    dryRun: false,
    reconnects: 0,
  }]);
});

Deno.test("JsonLines writes code, message and exit of an error", () => {
  const { output, json } = setUp();
  json.summary({ ...SUMMARY, ok: false, error: new SftpxError("lost", "Cannot go on: gone") });
  assert.deepEqual(output.jsonLines()[0]?.["error"], {
    code: "lost",
    message: "Cannot go on: gone",
    exit: 20,
  });
});

Deno.test("JsonLines writes one summary, whatever comes after it", () => {
  const { output, json } = setUp();
  assert.equal(json.summarized, false);
  json.summary(SUMMARY);
  json.summary(SUMMARY);
  json.failure(new SftpxError("usage", "Cannot x"));
  assert.equal(output.jsonLines().length, 1);
  assert.equal(json.summarized, true);
});

Deno.test("JsonLines writes a summary for each transfer of serve", () => {
  const { output, json } = setUp();
  json.summary(SUMMARY, { transfer: 1 });
  json.summary(SUMMARY, { transfer: 2 });
  assert.deepEqual(output.jsonLines().map((line) => line["transfer"]), [1, 2]);
});

Deno.test("JsonLines tells a usage error as a summary", () => {
  const { output, json } = setUp();
  json.failure(new SftpxError("usage", "Cannot run: no"));
  const [line] = output.jsonLines();
  assert.equal(line?.["event"], "summary");
  assert.equal(line?.["ok"], false);
  assert.deepEqual(line?.["error"], { code: "usage", message: "Cannot run: no", exit: 2 });
});

Deno.test("JsonLines escapes what an error carries and keeps tickets out", () => {
  const { output, json } = setUp();
  json.failure(new SftpxError("usage", `Cannot \u202e sftpx1${"ab23".repeat(20)}`));
  assert.doesNotMatch(output.text, /ab23|\u202e/);
});

Deno.test("JsonLines writes entries and plan steps with their kind and bytes", () => {
  const { output, json } = setUp();
  json.event({ kind: "entry", path: "a", entryKind: "file", sizeBytes: 5, result: "done" });
  json.event({ kind: "plan", path: "b", entryKind: "link", sizeBytes: 0, action: "create" });
  const failed = { action: "fail", code: "conflict", message: "m" } as const;
  json.event({ kind: "plan", path: "c", entryKind: "file", sizeBytes: 7, ...failed });
  const head = { v: 1, time: TIME };
  assert.deepEqual(output.jsonLines(), [
    { ...head, event: "entry", path: "a", kind: "file", bytes: 5, result: "done" },
    { ...head, event: "plan", path: "b", kind: "link", bytes: 0, action: "create" },
    { ...head, event: "plan", path: "c", kind: "file", bytes: 7, ...failed },
  ]);
});

Deno.test("JsonLines writes what each connection carried", () => {
  const { output, json } = setUp();
  const carried = {
    connection: 1,
    address: "h:1",
    transport: "tls",
    wireBytes: 9,
    lanes: 2,
    ...PATH,
  };
  json.event({ kind: "connection", ...carried }, { transfer: 3 });
  assert.deepEqual(output.jsonLines(), [
    { v: 1, event: "connection", time: TIME, transfer: 3, ...carried },
  ]);
});

Deno.test("JsonLines writes no character that a terminal acts on or an eye misreads, and loses none", () => {
  const { output, json } = setUp();
  const target =
    "a\u001b\u007f\u009b2J\u00ad\u202e\u200b\u2028\u2029\ufeff\u{e0041}\u{1d173}z é 漢 😀";
  const listed = { path: "l", kind: "link", bytes: 0, mode: "0777", mtime: TIME, target } as const;
  json.tell("listing", listed);
  assert.doesNotMatch(output.text.trimEnd(), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  assert.equal(output.jsonLines()[0]?.["target"], target);
  assert.ok(output.text.includes("z é 漢 😀"), output.text);
});
