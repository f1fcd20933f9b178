import assert from "node:assert/strict";
import { Held } from "./held.ts";

Deno.test("what is held comes out as it came in, however it is cut", () => {
  const held = new Held();
  const sent = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31 + (i >> 8)) & 0xff);
  const got = new Uint8Array(sent.length);
  let to = 0;
  for (let at = 0, step = 1; at < sent.length; step = step * 7 % 9001 + 1) {
    const end = Math.min(at + step, sent.length);
    while (at < end) {
      const room = held.room(end - at);
      const count = Math.min(room.byteLength, end - at);
      room.set(sent.subarray(at, at + count));
      held.added(count);
      at += count;
    }
    to += held.take(got.subarray(to, to + step * 3));
  }
  while (held.bytes > 0) to += held.take(got.subarray(to, to + 4096));
  assert.deepEqual([to, got], [sent.length, sent]);
});

Deno.test("bytes that come one by one share their memory", () => {
  const held = new Held();
  const buffers = new Set<ArrayBuffer>();
  for (let n = 0; n < 64 * 1024; n++) {
    buffers.add(held.room(1).buffer);
    held.added(1);
  }
  const memory = [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
  assert.equal(held.bytes, 64 * 1024);
  assert.ok(memory <= 80 * 1024, `${memory} bytes of memory`);
});

Deno.test("room that is being filled stays where it is while what came before is taken", () => {
  const held = new Held();
  held.room(10).fill(1);
  held.added(10);
  const room = held.room(10);
  assert.equal(held.take(new Uint8Array(100)), 10);
  room.fill(2);
  held.added(10);
  const got = new Uint8Array(10);
  assert.equal(held.take(got), 10);
  assert.deepEqual(got, new Uint8Array(10).fill(2));
});

Deno.test("memory that was emptied is filled again, and memory that was dropped never is", () => {
  const spare: Uint8Array<ArrayBuffer>[] = [];
  const held = new Held(spare);
  const fill = () => {
    const room = held.room(64 * 1024);
    held.added(room.byteLength);
    return room.buffer;
  };
  const first = fill();
  held.take(new Uint8Array(64 * 1024));
  assert.equal(fill(), first);
  held.drop();
  assert.equal(spare.length, 0);
  assert.notEqual(fill(), first);
});

Deno.test("no more memory is kept for later than a window's worth, however much was held", () => {
  const spare: Uint8Array<ArrayBuffer>[] = [];
  const held = new Held(spare);
  const blockBytes = 64 * 1024;
  for (let n = 0; n < 200; n++) held.added(held.room(blockBytes).byteLength);
  assert.equal(held.take(new Uint8Array(200 * blockBytes)), 200 * blockBytes);
  assert.equal(spare.length, 64);
});
