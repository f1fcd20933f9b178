import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { entryProblem, requestProblem, sourceNameProblem } from "./entry.ts";
import type { Entry, Stamp } from "./messages.ts";

const STAMP: Stamp = { device: 1n, inode: 2n, sizeBytes: 5, mtimeNs: 3n, ctimeNs: 4n };
const FILE: Entry = { path: "a/b", kind: "file", sizeBytes: 5, mtimeNs: 0n, mode: 0o644 };
const DIRECTORY: Entry = { path: "a", kind: "directory", sizeBytes: 0, mtimeNs: 0n, mode: 0o755 };
const LINK: Entry = { path: "l", kind: "link", sizeBytes: 0, mtimeNs: 0n, mode: 0, target: "a/b" };

Deno.test("entryProblem() finds nothing wrong with what a walk makes", () => {
  const fine: readonly Entry[] = [
    FILE,
    { ...FILE, stamp: STAMP, sparse: true },
    { ...FILE, sizeBytes: 0 },
    DIRECTORY,
    LINK,
    // Where a link may point is the store's decision, not the wire's.
    { ...LINK, target: "../../etc/passwd" },
    { ...LINK, target: "/etc/passwd" },
    { ...LINK, target: "t".repeat(LIMITS.linkTargetBytes) },
  ];
  for (const entry of fine) assert.equal(entryProblem(entry), null, JSON.stringify(entry.path));
});

Deno.test("entryProblem() refuses a path that pathProblem() refuses, whatever the kind", () => {
  for (const entry of [FILE, DIRECTORY, LINK]) {
    for (const path of ["", "..", "a/../b", "/a", "a/", "a\\b", ".sftpx/x", "a\nb", "\u202ea"]) {
      assert.notEqual(entryProblem({ ...entry, path }), null, path);
    }
  }
});

Deno.test("entryProblem() refuses an entry at odds with its kind", () => {
  const odd: readonly (readonly [Entry, RegExp])[] = [
    [{ ...FILE, target: "x" }, /file with a link target/],
    [{ ...FILE, stamp: { ...STAMP, sizeBytes: 6 } }, /size differs/],
    [{ ...DIRECTORY, target: "x" }, /directory with a link target/],
    [{ ...DIRECTORY, sizeBytes: 1 }, /directory with a size/],
    [{ ...DIRECTORY, stamp: { ...STAMP, sizeBytes: 0 } }, /directory with a stamp/],
    [{ ...DIRECTORY, sparse: true }, /directory with holes/],
    [{ ...LINK, sizeBytes: 1 }, /link with a size/],
    [{ ...LINK, stamp: { ...STAMP, sizeBytes: 0 } }, /link with a stamp/],
    [{ ...LINK, sparse: true }, /link with holes/],
    [{ ...LINK, target: "" }, /without a target/],
    [{ ...DIRECTORY, kind: "link" }, /without a target/],
    [{ ...LINK, target: "a\0b" }, /NUL/],
    [{ ...LINK, target: "t".repeat(LIMITS.linkTargetBytes + 1) }, /longer than/],
    [{ ...LINK, target: "é".repeat((LIMITS.linkTargetBytes + 1) / 2) }, /longer than/],
  ];
  for (const [entry, problem] of odd) assert.match(entryProblem(entry) ?? "", problem);
});

Deno.test("requestProblem() allows the ways to name a source and to ask for contents", () => {
  for (const path of ["", ".", "a", "a/", "a/b", "a/.", "./a", "a//b", "..a", "a\\b", "a\nb"]) {
    assert.equal(requestProblem(path), null, path);
  }
  assert.equal(requestProblem("x".repeat(LIMITS.pathBytes)), null);
  assert.equal(requestProblem(Array(LIMITS.pathDepth).fill("d").join("/")), null);
});

Deno.test("requestProblem() refuses to climb, to be absolute or to look into .sftpx", () => {
  const cases = [
    ["..", /"\.\."/],
    ["a/..", /"\.\."/],
    ["../a", /"\.\."/],
    ["a/../", /"\.\."/],
    ["/", /absolute/],
    ["/a", /absolute/],
    ["a\0", /NUL/],
    [".sftpx", /reserved/],
    ["a/.SFTPX-x/b", /reserved/],
    ["x".repeat(LIMITS.pathBytes + 1), /longer than/],
    ["é".repeat((LIMITS.pathBytes + 1) / 2), /longer than/],
    [Array(LIMITS.pathDepth + 1).fill("d").join("/"), /deeper/],
  ] as const;
  for (const [path, problem] of cases) assert.match(requestProblem(path) ?? "", problem);
});

Deno.test("sourceNameProblem() wants one component that names something", () => {
  for (const name of ["a", "...", ".a", "é"]) assert.equal(sourceNameProblem(name), null);
  for (const name of ["", ".", "..", "/", "a/b", "a/", "a\0"]) {
    assert.notEqual(sourceNameProblem(name), null, name);
  }
});
