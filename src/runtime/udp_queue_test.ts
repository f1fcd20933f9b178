import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { PacketQueue } from "./udp_queue.ts";

const end = { host: "127.0.0.1", port: 9 };
const path = { local: end, remote: end };
const packet = (bytes: number) => ({ bytes: new Uint8Array(bytes), path });

Deno.test("packets come out in order, and then there is none", () => {
  const queue = new PacketQueue();
  const packets = [1, 2, 3].map(packet);
  packets.forEach((one) => queue.push(one));
  assert.deepEqual([queue.shift(), queue.shift(), queue.shift()], packets);
  assert.equal(queue.shift(), null);
});

Deno.test("no more packets and bytes wait than the bounds say (I8)", () => {
  const many = new PacketQueue();
  while (many.hasRoom(1)) many.push(packet(1));
  assert.equal(many.waiting, LIMITS.udpWaitingPackets);
  const long = new PacketQueue();
  while (long.hasRoom(60_000)) long.push(packet(60_000));
  assert.equal(long.waiting, Math.floor(LIMITS.udpWaitingBytes / 60_000));
  long.shift();
  assert.ok(long.hasRoom(60_000));
});

Deno.test("a queue that never runs empty lets go what was taken, and keeps its order (I8)", () => {
  const queue = new PacketQueue();
  let pushed = 0;
  let shifted = 0;
  for (let round = 0; round < 20_000; round++) {
    queue.push(packet(pushed++ % 1000));
    if (round < 10) continue;
    assert.equal(queue.shift()?.bytes.length, shifted++ % 1000);
    assert.ok(queue.places <= 2 * LIMITS.udpWaitingPackets);
  }
  assert.equal(queue.waiting, 10);
});
