import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import type { SessionEvent, TransferSummary } from "./options.ts";
import { failedSummary, idleProgress } from "./progress.ts";
import { Telling } from "./telling.ts";

const PATH = { rttMs: 7, lossRatio: 0.5, windowBytes: 20 };
const LOST = new SftpxError("lost", "Lost the peer");

type Progress = Extract<SessionEvent, { kind: "progress" }>;

function progressOf(more: Partial<Progress>): Progress {
  return { ...idleProgress("send"), ...more };
}

function brokenOf(more: Partial<TransferSummary> = {}): TransferSummary {
  return { ...failedSummary(LOST, { chunkBytes: 1, startMs: 0, dryRun: false }), ...more };
}

function wholeOf(more: Partial<TransferSummary> = {}): TransferSummary {
  return { ...brokenOf(), ok: true, root: "00", changed: 0, error: null, ...more };
}

function scene() {
  const told: SessionEvent[] = [];
  const telling = new Telling((event) => void told.push(event));
  return { telling, told, last: () => told.at(-1) as Progress };
}

Deno.test("a command that is never lost tells what its one attempt tells", () => {
  const { telling, told } = scene();
  const events: SessionEvent[] = [
    { kind: "notice", message: "twice" },
    { kind: "notice", message: "twice" },
    progressOf({ bytesDone: 5, wireBytes: 3 }),
    {
      kind: "connection",
      connection: 0,
      address: "a",
      transport: "tls",
      wireBytes: 3,
      lanes: 1,
      ...PATH,
    },
  ];
  for (const event of events) telling.tell(event);
  const summary = wholeOf({ reusedBytes: 2, bytes: 5 });
  assert.deepEqual(telling.summary(summary), { ...summary, transport: "tls" });
  assert.deepEqual(told, events);
});

Deno.test("figures never go back when an attempt begins anew", () => {
  const { telling, last } = scene();
  telling.tell(
    progressOf({ bytesDone: 100, bytesTotal: 200, filesDone: 3, filesTotal: 9, wireBytes: 90 }),
  );
  telling.missing(LOST, 1000);
  assert.deepEqual([last().phase, last().bytesDone, last().wireBytes], ["reconnect", 100, 90]);
  telling.next(brokenOf({ wireBytes: 95 }));
  telling.tell(progressOf({ bytesDone: 40, wireBytes: 2 }));
  assert.deepEqual([last().bytesDone, last().bytesTotal, last().filesDone, last().filesTotal], [
    100,
    200,
    3,
    9,
  ]);
  assert.equal(last().wireBytes, 97);
  // The source may have shrunk meanwhile.
  telling.tell(progressOf({ bytesDone: 40, bytesTotal: 60 }));
  assert.deepEqual([last().bytesDone, last().bytesTotal], [100, 100]);
});

Deno.test("what this command stored before counts again once it is found, not once it is compared", () => {
  const { telling, last } = scene();
  const total = { bytesTotal: 200 };
  // Another command left this in the part: it is done when it is compared.
  telling.tell(progressOf({ ...total, bytesDone: 10, heldBytes: 50 }));
  assert.equal(last().bytesDone, 10);
  telling.tell(progressOf({ ...total, bytesDone: 100, heldBytes: 20 }));
  telling.next(brokenOf());
  telling.tell(progressOf({ ...total, bytesDone: 0, heldBytes: 90 }));
  assert.equal(last().bytesDone, 100);
  telling.tell(progressOf({ ...total, bytesDone: 30, heldBytes: 90 }));
  assert.equal(last().bytesDone, 120);
  // Some of it turned out to differ, and never is it more than all.
  telling.tell(progressOf({ ...total, bytesDone: 150, heldBytes: 90 }));
  assert.equal(last().bytesDone, 200);
  assert.equal("heldBytes" in last(), false);
  telling.tell(progressOf({ ...total, bytesDone: 200 }));
  assert.equal(last().bytesDone, 200);
});

Deno.test("how far it came is known whether or not an attempt came further", () => {
  const { telling } = scene();
  telling.tell(progressOf({ bytesDone: 100 }));
  const mark = telling.mark;
  telling.next(brokenOf());
  telling.tell(progressOf({ bytesDone: 99 }));
  assert.equal(telling.mark, mark);
  telling.tell(progressOf({ bytesDone: 99, filesDone: 1 }));
  assert.ok(telling.mark > mark);
});

Deno.test("one start is told, and no entry, failure or notice twice by two attempts", () => {
  const { telling, told } = scene();
  const start = { kind: "start", direction: "push", chunkBytes: 1, peer: "p" } as const;
  const entry = { kind: "entry", path: "f", entryKind: "file", sizeBytes: 1 } as const;
  const failure = { kind: "entry_failed", path: "g", code: "io", message: "m" } as const;
  const events: SessionEvent[] = [
    start,
    { ...entry, result: "done" },
    failure,
    { kind: "notice", message: "m" },
  ];
  for (const event of events) telling.tell(event);
  telling.next(brokenOf());
  for (const event of events) telling.tell(event);
  telling.tell({ ...entry, result: "unchanged" });
  assert.deepEqual(told, events);
  // These are others.
  const more: SessionEvent[] = [
    { ...failure, path: "f" },
    { ...entry, path: "g", result: "done" },
    { ...entry, result: "deleted" },
    { kind: "notice", message: "f" },
  ];
  for (const event of more) telling.tell(event);
  assert.deepEqual(told.slice(events.length), more);
});

Deno.test("what each connection carried is told once, all attempts together", () => {
  const { telling, told } = scene();
  const use = {
    kind: "connection",
    connection: 0,
    address: "a",
    transport: "tls",
    lanes: 2,
  } as const;
  const unknown = { rttMs: null, lossRatio: null, windowBytes: null };
  telling.tell({ ...use, wireBytes: 3, ...PATH });
  telling.next(brokenOf());
  telling.tell({ ...use, wireBytes: 4, ...unknown });
  assert.deepEqual(told, []);
  telling.summary(wholeOf());
  assert.deepEqual(told, [{ ...use, wireBytes: 7, lanes: 4, ...PATH }]);
});

Deno.test("the summary names what carried bytes, over all attempts", () => {
  const use = { kind: "connection", address: "a", lanes: 1, ...PATH } as const;
  const quic = { ...use, connection: 0, transport: "deno-quic", wireBytes: 3 };
  const spare = { ...use, connection: 1, transport: "tls", wireBytes: 0 };
  const named = (...attempts: SessionEvent[][]) => {
    const { telling, told } = scene();
    for (const [at, events] of attempts.entries()) {
      if (at > 0) telling.next(brokenOf());
      for (const event of events) telling.tell(event);
    }
    const { transport } = telling.summary(wholeOf());
    return { transport, told };
  };
  assert.equal(named([quic, spare]).transport, "deno-quic");
  assert.equal(named([quic, { ...spare, wireBytes: 1 }]).transport, "deno-quic+tls");
  const changed = named([quic], [{ ...quic, transport: "tls" }], [quic]);
  assert.equal(changed.transport, "deno-quic+tls");
  assert.deepEqual(changed.told, [{ ...quic, transport: "deno-quic+tls", wireBytes: 9, lanes: 3 }]);
});

Deno.test("where nothing was carried, the summary names what its session went over, if any", () => {
  const { telling } = scene();
  assert.equal("transport" in telling.summary(wholeOf()), false);
  const connected = { kind: "connected", address: "a", transport: "tls", connection: 0 } as const;
  telling.tell(connected);
  telling.tell({ ...connected, transport: "deno-quic", connection: 1 });
  assert.equal(telling.summary(wholeOf()).transport, "tls");
});

Deno.test("what an attempt moved is not reused by its successor, what was there before is", () => {
  const { telling } = scene();
  telling.tell(progressOf({ bytesDone: 150, reusedBytes: 50 }));
  telling.carried(120); // Twenty of them were not acknowledged.
  telling.next(brokenOf({ wireBytes: 120 }));
  const summary = telling.summary(wholeOf({ bytes: 300, reusedBytes: 170, wireBytes: 130 }));
  assert.deepEqual([summary.reusedBytes, summary.wireBytes], [50, 250]);
});

Deno.test("a receiver knows what it stored", () => {
  const { telling } = scene();
  telling.tell(progressOf({ bytesDone: 100, reusedBytes: 0 }));
  telling.next(brokenOf());
  assert.equal(telling.summary(wholeOf({ bytes: 300, reusedBytes: 140 })).reusedBytes, 40);
});

Deno.test("a summary is of all attempts", () => {
  const { telling } = scene();
  telling.missing(LOST, 1000);
  telling.next(brokenOf({ wireBytes: 10, deleted: 2, failed: 3 }));
  telling.found({ address: "a", seconds: 1, wasLost: true });
  telling.found({ address: "a", seconds: 1, wasLost: false });
  const summary = telling.summary(wholeOf({ wireBytes: 5, deleted: 1 }));
  assert.deepEqual(
    [summary.wireBytes, summary.deleted, summary.failed, summary.reconnects],
    [15, 3, 0, 1],
  );
});

Deno.test("a command that ends without a receipt keeps what it had come to", () => {
  const { telling } = scene();
  telling.tell(progressOf({ filesDone: 4, bytesDone: 10 }));
  telling.next(brokenOf({ failed: 3, files: 4 }));
  const summary = telling.summary(brokenOf());
  assert.deepEqual([summary.files, summary.failed, summary.reusedBytes], [4, 3, 0]);
});

Deno.test("entries that were changed count over all attempts, and nobody is shown how many so far", () => {
  const { telling, last } = scene();
  for (const changed of [3, 5]) telling.tell(progressOf({ changed }));
  assert.ok(!("changed" in last()));
  telling.next(brokenOf());
  telling.tell(progressOf({}));
  telling.next(brokenOf());
  telling.tell(progressOf({ changed: 2 }));
  assert.equal(telling.summary(wholeOf({ changed: 4 })).changed, 9);
  assert.equal(telling.summary(brokenOf()).changed, null);
});

Deno.test("what an attempt before put in place counts as a change", () => {
  const { telling } = scene();
  telling.carried(1);
  telling.next(brokenOf());
  assert.equal(telling.summary(wholeOf({ changed: 0 })).changed, 1);
  const idle = scene().telling;
  idle.next(brokenOf());
  assert.equal(idle.summary(wholeOf({ changed: 0 })).changed, 0);
});
