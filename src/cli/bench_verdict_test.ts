import assert from "node:assert/strict";
import { neededSocketBytes } from "./bench_path.ts";
import { type BenchFacts, type PathFacts, verdictsOf } from "./bench_verdict.ts";

const MB = 1e6;
const MiB = 1 << 20;

/** A long clean path whose link is what there is. */
const PATH: PathFacts = {
  direction: "down",
  stack: "deno-quic",
  bytesPerSecond: 10 * MB,
  rttMs: 50,
  connections: 4,
  lanes: 16,
  lossRatio: null,
  busyShare: 0.2,
  ownShare: null,
  dropRatio: 0,
};

const FACTS: BenchFacts = {
  paths: [],
  isLoopback: false,
  diskRead: null,
  diskWrite: null,
  hash: null,
  zstd: null,
  socketBytes: 8 * MiB,
  limit: null,
  windowBytes: null,
};

/** The one verdict of a path. */
function verdict(path: Partial<PathFacts>, facts: Partial<BenchFacts> = {}) {
  const others = facts.paths ?? [];
  const [found, ...rest] = verdictsOf({
    ...FACTS,
    ...facts,
    paths: [...others, { ...PATH, ...path }],
  });
  assert.ok(found !== undefined);
  assert.deepEqual(rest, []);
  return found;
}

Deno.test("without a path there is no verdict", () => {
  assert.deepEqual(verdictsOf({ ...FACTS, diskRead: 1, diskWrite: 1, hash: 1 }), []);
});

Deno.test("each direction has its own verdict, sending first", () => {
  const paths = [PATH, { ...PATH, direction: "up", bytesPerSecond: 3 * MB }] as const;
  const found = verdictsOf({ ...FACTS, paths });
  assert.deepEqual(found.map(({ direction, bytesPerSecond }) => [direction, bytesPerSecond]), [
    ["send", 3 * MB],
    ["receive", 10 * MB],
  ]);
});

Deno.test("the fastest stack and shape counts", () => {
  const others = [{ ...PATH, stack: "quiche", bytesPerSecond: 2 * MB }];
  const found = verdict({ bytesPerSecond: 9 * MB, lossRatio: 0 }, { paths: others });
  assert.equal(found.bytesPerSecond, 9 * MB);
});

Deno.test("a path that nothing here explains is the link's, or the peer's", () => {
  const { bound, commands, advice } = verdict({});
  assert.deepEqual([bound, commands, advice], ["link", [], []]);
});

Deno.test("a small socket at the other end cannot be seen, so it is advised for", () => {
  const { bound, advice } = verdict({}, { socketBytes: 212_992 });
  assert.equal(bound, "link");
  assert.match(advice.join(), /rmem_default=4194304.*machine that receives/);
  assert.deepEqual(verdict({ stack: "tls" }, { socketBytes: 212_992 }).advice, []);
  assert.deepEqual(verdict({ rttMs: 1 }, { socketBytes: 212_992 }).advice, []);
});

Deno.test("a disk slower than the path bounds the direction that it is for", () => {
  const disks = { diskRead: 5 * MB, diskWrite: 50 * MB };
  assert.equal(verdict({}, disks).bound, "link", "it takes enough");
  const found = verdict({ direction: "up" }, disks);
  assert.deepEqual([found.bound, found.bytesPerSecond], ["disk", 5 * MB]);
  assert.match(found.message, /gives 5.00 MB\/s, less than the path's 10.0 MB\/s/);
  assert.equal(verdict({}, { diskRead: 50 * MB, diskWrite: 5 * MB }).bound, "disk");
});

Deno.test("hashing slower than path and disk is the processors' bound", () => {
  const slow = { hash: 4 * MB, diskRead: 20 * MB, diskWrite: 20 * MB };
  const found = verdict({}, slow);
  assert.deepEqual([found.bound, found.bytesPerSecond], ["cpu", 4 * MB]);
  assert.equal(verdict({}, { ...slow, diskWrite: 3 * MB }).bound, "disk");
});

Deno.test("windows that are full bound the rate, by lanes or by connections", () => {
  // 4 x 1.25 MB over 50 ms are 100 MB/s at most; 80 of them are near enough.
  const one = { connections: 1, lanes: 4, bytesPerSecond: 80 * MB };
  const found = verdict(one);
  assert.equal(found.bound, "window");
  assert.match(found.message, /^5.00 MB under way at once, over 50 ms/);
  assert.match(found.advice.join(), /auto, or --connections 2 --lanes 16/);
  assert.equal(verdict({ ...one, bytesPerSecond: 70 * MB }).bound, "link");
  // Sixteen lanes of one connection have its 10 MB, not 20.
  assert.equal(verdict({ ...one, lanes: 16, bytesPerSecond: 160 * MB }).bound, "window");
  assert.equal(verdict({ ...one, stack: "tls" }).bound, "link", "its windows grow");
  const asked = verdict({ ...one, stack: "quiche" }, { windowBytes: 1 * MB });
  assert.equal(asked.bound, "window");
  assert.match(asked.advice.join(), /raise --window/);
});

Deno.test("datagrams lost at a full socket are answered by what the path holds", () => {
  const drops = { dropRatio: 0.004, rttMs: 100, bytesPerSecond: 62 * MB };
  const found = verdict(drops, { socketBytes: 212_992 });
  assert.equal(found.bound, "kernel_buffer");
  assert.match(found.message, /^0.4 % of datagrams found the socket full, which holds 208 KiB/);
  // Twice 6.2 MB, as a power of two.
  assert.deepEqual(found.commands, [
    "sysctl -w net.core.rmem_default=16777216 net.core.wmem_default=16777216",
    "sysctl -w net.core.rmem_max=33554432 net.core.wmem_max=33554432",
  ]);
  const enough = verdict(drops, { socketBytes: 16 * MiB });
  assert.deepEqual([enough.bound, enough.commands], ["kernel_buffer", []]);
  assert.equal(verdict({ ...drops, stack: "tls" }).bound, "link", "they were not this path's");
  assert.equal(verdict({ ...drops, dropRatio: 1e-5 }).bound, "link");
  assert.equal(verdict({ ...drops, dropRatio: null }).bound, "link");
});

Deno.test("busy processors bound what no window and no socket does", () => {
  assert.equal(verdict({ busyShare: 0.95 }).bound, "cpu");
  assert.equal(verdict({ busyShare: null }).bound, "link");
  const here = verdict({ busyShare: 0.95, rttMs: 0.2 }, { isLoopback: true });
  assert.match(here.message, /both ends/);
});

Deno.test("busy processors are told as this program's or as what else runs here", () => {
  const ours = verdict({ busyShare: 0.98, ownShare: 0.7 });
  assert.match(ours.message, /are 98 % busy, 70 % by this program$/);
  assert.doesNotMatch(ours.advice.join(), /other work/);
  const others = verdict({ busyShare: 0.98, ownShare: 0.3 });
  assert.match(others.advice.join(), /leave other work for later: it takes most of them/);
  const here = (ownShare: number) =>
    verdict({ busyShare: 1, ownShare, rttMs: 0.2 }, { isLoopback: true }).advice;
  assert.doesNotMatch(here(0.4).join(), /other work/, "the other end takes as much");
  assert.match(here(0.1).join(), /other work/);
  assert.doesNotMatch(verdict({ busyShare: 0.98, ownShare: null }).advice.join(), /other work/);
});

Deno.test("within one machine no link is to blame", () => {
  assert.equal(verdict({ rttMs: 0.2 }, { isLoopback: true }).bound, "cpu");
});

Deno.test("loss is told by the stack, or by what more connections bring", () => {
  const told = verdict({ lossRatio: 0.01 });
  assert.equal(told.bound, "loss");
  assert.match(told.message, /^1 % of packets get lost, over 50 ms/);
  assert.equal(verdict({ lossRatio: 1e-4 }).bound, "link");
  assert.equal(verdict({ lossRatio: 0.01, rttMs: 0.3 }).bound, "link", "too short to feel it");
  const one = { ...PATH, connections: 1, lanes: 4, bytesPerSecond: 5 * MB };
  assert.equal(verdict({}, { paths: [one] }).bound, "loss");
  assert.equal(verdict({}, { paths: [{ ...one, bytesPerSecond: 9 * MB }] }).bound, "link");
  assert.equal(verdict({ lossRatio: 0 }, { paths: [one] }).bound, "link", "it says there is none");
});

Deno.test("a limit that was asked for is why, before anything else", () => {
  const facts = { limit: 10 * MB, diskWrite: 9.9 * MB, hash: 1 * MB };
  const found = verdict({ bytesPerSecond: 9.8 * MB, busyShare: 1 }, facts);
  assert.equal(found.bound, "limit");
  assert.equal(verdict({ bytesPerSecond: 5 * MB }, { limit: 10 * MB }).bound, "link");
});

Deno.test("what else is worth knowing: another stack, and what shrinks", () => {
  const slower = { ...PATH, stack: "deno-quic", bytesPerSecond: 4 * MB };
  const found = verdict({ stack: "tls", bytesPerSecond: 10 * MB }, { paths: [slower] });
  assert.match(found.advice.join(), /receiving, tls carries 2.5 times as much as deno-quic/);
  const alike = { ...slower, bytesPerSecond: 9 * MB };
  assert.deepEqual(verdict({ stack: "tls" }, { paths: [alike] }).advice, []);
  const zstd = { bytesPerSecond: 100 * MB, ratio: 0.25 };
  assert.match(verdict({}, { zstd }).advice.join(), /text can go at 40.0 MB\/s/);
  const slow = { ...zstd, bytesPerSecond: 11 * MB };
  assert.deepEqual(verdict({}, { zstd: slow }).advice, []);
});

Deno.test("neededSocketBytes() is a power of two within its bounds", () => {
  assert.equal(neededSocketBytes(1, 1), 4 * MiB);
  assert.equal(neededSocketBytes(125 * MB, 50), 16 * MiB);
  assert.equal(neededSocketBytes(1e12, 500), 64 * MiB);
});
