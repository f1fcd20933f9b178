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
  const first = { connection: 0, address: "a:1", stack: "tls", stats: () => measured };
  const second = { connection: 1, address: "a:2", stack: "quiche", stats: () => unknown };
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
      transport: "tls",
      wireBytes: 1,
      lanes: 1,
      ...measured,
      rttMs: 1.5,
    },
    {
      kind: "connection",
      connection: 1,
      address: "a:2",
      transport: "quiche",
      wireBytes: 115,
      lanes: 2,
      ...unknown,
    },
  ]);
  // Where this end felt none, the transport's own is told.
  assert.deepEqual(use.events({ rttMs: null }).map((event) => "rttMs" in event && event.rttMs), [
    9,
    null,
  ]);
  // What a busy end felt is no longer than what the transport measured.
  const [busy] = use.events({ rttMs: 40 });
  assert.equal(busy?.kind === "connection" && busy.rttMs, 9);
  assert.deepEqual(new ConnectionUse().events({ rttMs: 1.5 }), []);
});

Deno.test("a summary has the connections that carried, the most lanes at once, and who controlled", () => {
  const pathOf = (connection: number, congestion?: "bbr" | "cubic") => ({
    connection,
    address: "a:1",
    stack: "deno-quic",
    stats: () => ({
      rttMs: null,
      lossRatio: null,
      windowBytes: null,
      ...(congestion === undefined ? {} : { congestion }),
    }),
  });
  const use = new ConnectionUse();
  assert.deepEqual(use.summary, {});
  const [first, second, third] = [pathOf(0, "cubic"), pathOf(1, "bbr"), pathOf(2)];
  const ends = [first, first, second].map((path) => use.addLane(path));
  for (const end of ends) end();
  use.addLane(third);
  use.addFrame(first, [recordOf(1)]);
  assert.deepEqual(use.summary, { connections: 1, lanes: 3, congestion: "cubic" });
  use.addFrame(second, [recordOf(1)]);
  assert.deepEqual(use.summary, { connections: 2, lanes: 3, congestion: "bbr+cubic" });
  const peers = new ConnectionUse();
  peers.addLane(third);
  peers.addFrame(third, [recordOf(1)]);
  assert.deepEqual(peers.summary, { connections: 1, lanes: 1 });
});
