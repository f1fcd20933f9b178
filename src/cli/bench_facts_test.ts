import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { factsOf, type Known } from "./bench_facts.ts";
import type { BenchLine } from "./json_line.ts";

const KNOWN: Known = { cores: 4, udp: null, hasFfi: true, limit: 7, windowBytes: 9 };

function row(bench: string, name: string, more: Partial<BenchLine> = {}): BenchLine {
  return { bench, name, bytesPerSecond: 100, bytes: 1, seconds: 1, ...more };
}

const UP = { stack: "tls", connections: 2, lanes: 8, rttMs: 3 } as const;

Deno.test("factsOf() of nothing knows nothing", () => {
  assert.deepEqual(factsOf([], KNOWN), {
    paths: [],
    isLoopback: true,
    diskRead: null,
    diskWrite: null,
    hash: null,
    zstd: null,
    socketBytes: null,
    limit: 7,
    windowBytes: 9,
  });
});

Deno.test("a path to a server counts alone, and only directions that have a rate", () => {
  const rows = [
    row("pipe", "up", UP),
    row("peer", "up", { ...UP, lossRatio: 0.5, busyShare: 0.25, ownShare: 0.2, dropRatio: 0.125 }),
    row("peer", "down", { ...UP, bytesPerSecond: null }),
    row("peer", "reach", { bytesPerSecond: null, stack: "quiche", problem: "no answer" }),
  ];
  const { paths, isLoopback } = factsOf(rows, KNOWN);
  assert.equal(isLoopback, false);
  const seen = { lossRatio: 0.5, busyShare: 0.25, ownShare: 0.2, dropRatio: 0.125 };
  assert.deepEqual(paths, [{ direction: "up", bytesPerSecond: 100, ...UP, ...seen }]);
  assert.equal(factsOf(rows.slice(0, 1), KNOWN).isLoopback, true);
});

Deno.test("a server at an address of this machine is within it", () => {
  const isLoopback = (address: string) =>
    factsOf([row("peer", "up", { ...UP, address })], KNOWN).isLoopback;
  assert.deepEqual(["127.0.0.1:4443", "[::1]:1", "192.0.2.1:1"].map(isLoopback), [
    true,
    true,
    false,
  ]);
});

Deno.test("a disk is what the device gives, and hashing what all workers do", () => {
  const { diskRead, diskWrite, hash, zstd } = factsOf([
    row("disk", "write and sync", { bytesPerSecond: 5 }),
    row("disk", "read, just written", { bytesPerSecond: 500 }),
    row("disk", "read, from device", { bytesPerSecond: 6 }),
    row("hash", "blake3", { bytesPerSecond: 900 }),
    row("hash", "a file, 1 worker", { bytesPerSecond: 70 }),
    row("hash", "a file, 2 workers", { bytesPerSecond: 130 }),
    row("zstd", "compress text", { bytesPerSecond: 10, ratio: 0.25 }),
  ], KNOWN);
  assert.deepEqual([diskRead, diskWrite, hash], [6, 5, 130]);
  assert.deepEqual(zstd, { bytesPerSecond: 40, ratio: 0.25 });
  const cached = [row("disk", "read, just written", { bytesPerSecond: 500 })];
  assert.equal(factsOf(cached, KNOWN).diskRead, null);
});

Deno.test("a socket holds the default, or what it may ask for and is given", () => {
  const udp = { receiveBytes: 212_992, sendBytes: 1, receivedCount: 0, droppedCount: 0 };
  const holds = (mostReceiveBytes: number, hasFfi: boolean) =>
    factsOf([], { ...KNOWN, hasFfi, udp: { ...udp, mostReceiveBytes } }).socketBytes;
  assert.equal(holds(4 << 20, false), 212_992);
  assert.equal(holds(1 << 20, true), 2 << 20);
  assert.equal(holds(1 << 30, true), 2 * LIMITS.udpReceiveBufferBytes);
  assert.equal(holds(1024, true), 212_992);
});
