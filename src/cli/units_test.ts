import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import {
  formatBytes,
  formatCount,
  formatDuration,
  formatRate,
  formatSize,
  parseDuration,
  parseRate,
  parseSize,
} from "./units.ts";

function usage(text: RegExp) {
  return (error: unknown) =>
    error instanceof SftpxError && error.code === "usage" && text.test(error.message);
}

Deno.test("parseSize() reads binary and decimal units", () => {
  const cases: [string, number][] = [
    ["64KiB", 65536],
    ["2MiB", 2097152],
    ["2 MiB", 2097152],
    ["1MB", 1e6],
    ["1.5GB", 1.5e9],
    ["0.5KiB", 512],
    ["7B", 7],
    ["1TiB", 2 ** 40],
    ["3kb", 3000],
  ];
  for (const [text, bytes] of cases) assert.equal(parseSize(text), bytes, text);
});

Deno.test("parseSize() refuses a bare number and says which units there are", () => {
  assert.throws(() => parseSize("64"), usage(/"64": it has no unit, write one of KiB/));
});

Deno.test("parseSize() refuses what is no size", () => {
  for (
    const text of ["", "MiB", "-1MiB", "1e3KiB", "2M", "2Mbit", "1/s", "0x10B", "1 2MiB", "1_0KB"]
  ) {
    assert.throws(() => parseSize(text), usage(/Cannot read the size/), text);
  }
});

Deno.test("parseSize() refuses a part of a byte, and leaves what is too large to a flag's bound", () => {
  assert.throws(() => parseSize("1.5B"), usage(/not a whole number/));
  for (const text of ["99999999TiB", `1${"0".repeat(400)}B`]) {
    assert.equal(parseSize(text), Number.MAX_SAFE_INTEGER, text);
  }
});

Deno.test("parseRate() reads bytes and bits a second", () => {
  assert.equal(parseRate("10MB/s"), 1e7);
  assert.equal(parseRate("8MiB/s"), 8388608);
  assert.equal(parseRate("100Mbit/s"), 12_500_000);
});

Deno.test("parseRate() refuses a size, a bare number and another span than a second", () => {
  for (const text of ["10MB", "10", "10MB/m", "10MB/s/s", "/s", "10/s", "Mbit/s"]) {
    assert.throws(() => parseRate(text), usage(/Cannot read the rate/), text);
  }
});

Deno.test("parseDuration() reads milliseconds to days", () => {
  const cases: [string, number][] = [
    ["500ms", 500],
    ["3s", 3000],
    ["1.5s", 1500],
    ["10m", 600_000],
    ["2h", 7_200_000],
    ["1d", 86_400_000],
  ];
  for (const [text, ms] of cases) assert.equal(parseDuration(text), ms, text);
});

Deno.test("parseDuration() refuses a bare number with a hint", () => {
  assert.throws(() => parseDuration("30"), usage(/"30": it has no unit, write one of ms, s, m/));
  assert.throws(() => parseDuration("30sec"), usage(/write a number and one of/));
});

Deno.test("formatSize() echoes a size exactly", () => {
  assert.equal(formatSize(2097152), "2 MiB");
  assert.equal(formatSize(65536), "64 KiB");
  assert.equal(formatSize(1e6), "1 MB");
  assert.equal(formatSize(65537), "65537 B");
  assert.equal(parseSize(formatSize(3 * 2 ** 30)), 3 * 2 ** 30);
});

Deno.test("formatBytes() shows three digits in powers of ten", () => {
  const cases: [number, string][] = [
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.00 kB"],
    [9994, "9.99 kB"],
    [9996, "10.0 kB"],
    [99_960, "100 kB"],
    [999_499, "999 kB"],
    [999_500, "1.00 MB"],
    [3_420_000_000, "3.42 GB"],
    [NaN, "?"],
    [-1, "?"],
  ];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
  assert.equal(formatRate(231e6), "231 MB/s");
});

Deno.test("formatDuration() speaks as people do", () => {
  const cases: [number, string][] = [
    [0, "0 ms"],
    [340, "340 ms"],
    [1000, "1 s"],
    [14_840, "14.8 s"],
    [59_949, "59.9 s"],
    [59_951, "1 m"],
    [200_000, "3 m 20 s"],
    [3_599_600, "1 h"],
    [7_500_000, "2 h 5 m"],
    [97_200_000, "1 d 3 h"],
    [Infinity, "?"],
  ];
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text, String(ms));
});

Deno.test("formatCount() separates thousands", () => {
  assert.equal(formatCount(999), "999");
  assert.equal(formatCount(1204), "1,204");
  assert.equal(formatCount(8000000), "8,000,000");
});
