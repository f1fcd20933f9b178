import assert from "node:assert/strict";
import { formatMode, type ListedEntry, listingLine, localTime, utcTime } from "./listing.ts";

/** A local time, so that the test holds in any zone. */
const TIME_NS = BigInt(new Date(2027, 0, 2, 3, 4, 5).getTime()) * 1_000_000n;

function entry(rest: Partial<ListedEntry>): ListedEntry {
  return { path: "a", kind: "file", sizeBytes: 0, mtimeNs: TIME_NS, mode: 0o644, ...rest };
}

Deno.test("listingLine() gives a name alone, with a slash after a directory", () => {
  assert.equal(listingLine(entry({ path: "x/a b" }), { long: false }), "x/a b");
  assert.equal(listingLine(entry({ path: "d", kind: "directory" }), { long: false }), "d/");
  const link = entry({ path: "l", kind: "link", target: "d" });
  assert.equal(listingLine(link, { long: false }), "l");
});

Deno.test("listingLine() gives mode, size and local time before a name, aligned", () => {
  const long = [
    entry({ path: "big", sizeBytes: 3_420_000_000 }),
    entry({ path: "small", sizeBytes: 7, mode: 0o600 }),
    entry({ path: "d", kind: "directory", mode: 0o2755 }),
    entry({ path: "l", kind: "link", mode: 0o777, target: "../x" }),
  ].map((item) => listingLine(item, { long: true }));
  assert.deepEqual(long, [
    "-rw-r--r--  3.42 GB  2027-01-02 03:04  big",
    "-rw-------      7 B  2027-01-02 03:04  small",
    "drwxr-sr-x        -  2027-01-02 03:04  d/",
    "lrwxrwxrwx        -  2027-01-02 03:04  l -> ../x",
  ]);
});

Deno.test("listingLine() escapes what a peer calls its files", () => {
  const line = listingLine(entry({ path: "a\nb\x1b[2J", kind: "link", target: "\u202e" }), {
    long: true,
  });
  assert.ok(line.endsWith("a\\u{a}b\\u{1b}[2J -> \\u{202e}"), line);
});

Deno.test("formatMode() shows every bit", () => {
  const shown = (mode: number) => formatMode({ kind: "file", mode });
  assert.equal(shown(0), "----------");
  assert.equal(shown(0o777), "-rwxrwxrwx");
  assert.equal(shown(0o7777), "-rwsrwsrwt");
  assert.equal(shown(0o7000), "---S--S--T");
  assert.equal(shown(0o421), "-r---w---x");
});

Deno.test("times that no date holds are told as such", () => {
  assert.equal(localTime(TIME_NS).length, localTime(1n << 70n).length);
  assert.equal(localTime(-(1n << 70n)).trim(), "?");
  assert.equal(utcTime(1n << 70n), "1970-01-01T00:00:00.000Z");
  assert.equal(utcTime(1_500_000_000n), "1970-01-01T00:00:01.500Z");
});
