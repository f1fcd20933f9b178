import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import type { Entry, OfferedSource } from "../wire/messages.ts";
import { directoryEntry, fileEntry, linkEntry } from "./_fixture.ts";
import { ManifestCheck } from "./manifest_check.ts";

const CONTENTS: OfferedSource = { name: "top", kind: "directory", contents: true };
const DIRECTORY: OfferedSource = { name: "d", kind: "directory", contents: false };
const FILE: OfferedSource = { name: "f", kind: "file", contents: false };

function check(sources: readonly OfferedSource[], entries: readonly [Entry, number][]): unknown[] {
  const manifest = new ManifestCheck(sources);
  return entries.map(([entry, source]) => manifest.next(entry, source));
}

function assertBroken(act: () => unknown, found: RegExp): void {
  assert.throws(act, (error) => {
    assert.ok(error instanceof SftpxError);
    assert.equal(error.code, "protocol");
    assert.equal(error.remote, true);
    assert.match(error.message, found);
    return true;
  });
}

Deno.test("ManifestCheck takes a tree in path-byte order", () => {
  const entries: [Entry, number][] = [
    [directoryEntry("d"), 0],
    [fileEntry("d-x", 1), 0],
    [directoryEntry("d/a"), 0],
    [fileEntry("d/a/b", 1), 0],
    [linkEntry("d/b", "a"), 0],
    [fileEntry("\uffff", 1), 0],
    // After U+FFFF by bytes, before it by UTF-16 units.
    [fileEntry("𝄞", 1), 0],
  ];
  assert.deepEqual(check([CONTENTS], entries), entries.map(() => null));
});

Deno.test("ManifestCheck counts what it has seen", () => {
  const manifest = new ManifestCheck([CONTENTS]);
  assert.equal(manifest.count, 0);
  manifest.next(fileEntry("a", 1), 0);
  manifest.next(fileEntry("b", 1), 0);
  assert.equal(manifest.count, 2);
});

Deno.test("ManifestCheck refuses entries out of order or named twice", () => {
  const order = /ascending order/;
  assertBroken(
    () => check([CONTENTS], [[fileEntry("b", 1), 0], [fileEntry("a", 1), 0]]),
    order,
  );
  assertBroken(
    () => check([CONTENTS], [[fileEntry("a", 1), 0], [fileEntry("a", 1), 0]]),
    order,
  );
  assertBroken(
    () => check([CONTENTS], [[fileEntry("𝄞", 1), 0], [fileEntry("\uffff", 1), 0]]),
    order,
  );
});

Deno.test("ManifestCheck refuses an entry without its directory", () => {
  const found = /without its directory/;
  assertBroken(() => check([CONTENTS], [[fileEntry("d/a", 1), 0]]), found);
  assertBroken(
    () => check([CONTENTS], [[fileEntry("d", 1), 0], [fileEntry("d/a", 1), 0]]),
    found,
  );
  assertBroken(
    () => check([CONTENTS], [[linkEntry("d", "/etc"), 0], [fileEntry("d/a", 1), 0]]),
    found,
  );
  assertBroken(
    () => check([CONTENTS], [[directoryEntry("d"), 0], [fileEntry("d/e/a", 1), 0]]),
    found,
  );
});

Deno.test("ManifestCheck refuses a source that was not offered", () => {
  assertBroken(() => check([CONTENTS], [[fileEntry("a", 1), 1]]), /not offered/);
});

Deno.test("ManifestCheck refuses a top-level name that was not offered", () => {
  const found = /an entry was not offered/;
  assertBroken(() => check([FILE], [[fileEntry("g", 1), 0]]), found);
  assertBroken(() => check([FILE], [[directoryEntry("f"), 0]]), found);
  assertBroken(() => check([DIRECTORY], [[linkEntry("d", "/"), 0]]), found);
  assert.deepEqual(check([FILE], [[fileEntry("f", 1), 0]]), [null]);
});

Deno.test("ManifestCheck refuses what lies under another source's name", () => {
  const sources = [DIRECTORY, { ...DIRECTORY, name: "e" }];
  assertBroken(
    () => check(sources, [[directoryEntry("d"), 0], [fileEntry("d/a", 1), 1]]),
    /an entry was not offered/,
  );
});

Deno.test("ManifestCheck fails a bad name alone", () => {
  const [bad, good] = check([CONTENTS], [[fileEntry(".sftpx", 1), 0], [fileEntry("a", 1), 0]]);
  assert.match(String(bad), /reserved/);
  assert.equal(good, null);
});

Deno.test("ManifestCheck fails what is below a bad name with it", () => {
  const problems = check([CONTENTS], [
    [directoryEntry("a\\b"), 0],
    [fileEntry("a\\b/c", 1), 0],
  ]);
  for (const problem of problems) assert.match(String(problem), /backslash/);
});

Deno.test("ManifestCheck refuses one entry too many", () => {
  const manifest = new ManifestCheck([CONTENTS], { limit: 2 });
  manifest.next(fileEntry("a", 1), 0);
  manifest.next(fileEntry("b", 1), 0);
  assertBroken(() => manifest.next(fileEntry("c", 1), 0), /too many entries/);
});

Deno.test("ManifestCheck refuses what this end did not ask for", () => {
  const manifest = new ManifestCheck([CONTENTS], { isAsked: ({ path }) => path !== "b" });
  assert.equal(manifest.next(fileEntry("a", 1), 0), null);
  assert.throws(() => manifest.next(fileEntry("b", 1), 0), (error) => {
    assert.ok(error instanceof SftpxError);
    assert.deepEqual([error.code, error.remote], ["refused", true]);
    assert.match(error.message, /the server offers what was not asked for/);
    return true;
  });
});

Deno.test("ManifestCheck knows which directories offered hold nothing", () => {
  const other: OfferedSource = { ...CONTENTS, name: "other" };
  const manifest = new ManifestCheck([CONTENTS, DIRECTORY, FILE, other]);
  assert.deepEqual(manifest.hollow, ["top", "d", "other"]);
  manifest.next(fileEntry("a", 1), 0);
  manifest.next(directoryEntry("d"), 1);
  assert.deepEqual(manifest.hollow, ["d", "other"]);
  manifest.next(fileEntry("d/a", 1), 1);
  assert.deepEqual(manifest.hollow, ["other"]);
});
