import assert from "node:assert/strict";
import type { ChunkRecord } from "../wire/frame.ts";
import { ConnectionUse } from "./connection_use.ts";

function recordOf(storedBytes: number): ChunkRecord {
  const digest = new Uint8Array(32);
  return { entry: 0, chunk: 0, rawBytes: 1000, storedBytes, encoding: "zstd", digest };
}

Deno.test("each connection is told once, in order, with its lanes and payload", () => {
  const use = new ConnectionUse();
  const unknown = { rttMs: null, lossRatio: null, windowBytes: null };
  const measured = { rttMs: 9, lossRatio: 0.25, windowBytes: 3000 };
  const first = { connection: 0, address: "a:1", stats: () => measured };
  const second = { connection: 1, address: "a:2", stats: () => unknown };
  use.addLane(second);
  use.addLane(first);
  use.addLane(second);
  use.addFrame(second, [recordOf(10), recordOf(5)]);
  use.addFrame(first, [recordOf(1)]);
  use.addFrame(second, [recordOf(100)]);
  assert.deepEqual(use.events({ rttMs: 1.5 }), [
    {
      kind: "connection",
      connection: 0,
      address: "a:1",
      wireBytes: 1,
      lanes: 1,
      ...measured,
      rttMs: 1.5,
    },
    { kind: "connection", connection: 1, address: "a:2", wireBytes: 115, lanes: 2, ...unknown },
  ]);
  // Where this end felt none, the transport's own is told.
  assert.deepEqual(use.events({ rttMs: null }).map((event) => "rttMs" in event && event.rttMs), [
    9,
    null,
  ]);
  assert.deepEqual(new ConnectionUse().events({ rttMs: 1.5 }), []);
});
