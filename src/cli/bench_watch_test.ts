import assert from "node:assert/strict";
import { busyShare, dropRatio, ownShare, watchMachine } from "./bench_watch.ts";

const UDP = { receiveBytes: 1, sendBytes: 1, mostReceiveBytes: 1 };

Deno.test("busyShare() is work by time, and null for no time", () => {
  assert.equal(busyShare({ busy: 10, all: 100 }, { busy: 60, all: 200 }), 0.5);
  assert.equal(busyShare({ busy: 10, all: 100 }, { busy: 10, all: 100 }), null);
  assert.equal(busyShare(null, { busy: 1, all: 2 }), null);
});

Deno.test("ownShare() is what one program took of all processors' time", () => {
  assert.equal(ownShare(500, 2000), 0.25);
  assert.equal(ownShare(2001, 2000), 1);
  assert.equal(ownShare(0, 0), null);
});

Deno.test("dropRatio() is drops of what came, 0 where nothing came", () => {
  const at = (receivedCount: number, droppedCount: number) => ({
    ...UDP,
    receivedCount,
    droppedCount,
  });
  assert.equal(dropRatio(at(100, 5), at(190, 15)), 0.1);
  assert.equal(dropRatio(at(100, 5), at(100, 5)), 0);
  assert.equal(dropRatio(null, at(1, 1)), null);
});

Deno.test("watchMachine() tells what it can, never more than all", () => {
  const look = watchMachine();
  const { busyShare, ownShare, dropRatio } = look();
  assert.notEqual(ownShare, null);
  for (const share of [busyShare, ownShare, dropRatio]) {
    assert.ok(share === null || (share >= 0 && share <= 1), String(share));
  }
});
