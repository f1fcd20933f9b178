import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { compareBytes, encodeUtf8 } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Entry } from "../wire/messages.ts";
import { inDirectory, makeTree } from "./_fixture.ts";
import type { WalkBatch, WalkNotice, WalkOptions, WalkSource } from "./store.ts";
import { walk } from "./walk.ts";

interface Walked {
  readonly entries: Entry[];
  readonly paths: string[];
  readonly sources: number[];
  readonly notices: WalkNotice[];
}

function all(sources: readonly WalkSource[], options: WalkOptions = {}): Walked {
  const out: Walked = { entries: [], paths: [], sources: [], notices: [] };
  for (const batch of walk(sources, options)) {
    out.entries.push(...batch.entries);
    out.paths.push(...batch.paths);
    out.sources.push(...batch.sources);
    out.notices.push(...batch.notices);
  }
  return out;
}

function named(path: string, name = "d", more: Partial<WalkSource> = {}): WalkSource {
  return { path, name, contents: false, follow: false, ...more };
}

function contentsOf(path: string): WalkSource {
  return named(path, "", { contents: true });
}

function pathsOf(walked: Walked): string[] {
  return walked.entries.map((entry) => entry.path);
}

Deno.test("walk() orders full paths by bytes where a dash sorts before a slash", () =>
  inDirectory((root) => {
    makeTree(root, ["a/x", "a/b/y", "a-b/z", "a-b.txt", "a!", "a0", "b"]);
    assert.deepEqual(pathsOf(all([contentsOf(root)])), [
      "a",
      "a!",
      "a-b",
      "a-b.txt",
      "a-b/z",
      "a/b",
      "a/b/y",
      "a/x",
      "a0",
      "b",
    ]);
  }));

const NAME = fc.string({
  unit: fc.constantFrom("a", "b", "-", ".", "0", "!", "é", "\uffee", "😀", " "),
  minLength: 1,
  maxLength: 3,
}).filter((name) => name !== "." && name !== "..");

Deno.test("walk() yields every path once, in strictly ascending byte order", async () => {
  const trees = fc.array(fc.array(NAME, { minLength: 1, maxLength: 4 }), {
    minLength: 1,
    maxLength: 25,
  });
  await fc.assert(
    fc.asyncProperty(trees, (tree) =>
      inDirectory((root) => {
        const expected = new Set<string>();
        for (const names of tree) {
          try {
            fs.mkdirSync(join(root, ...names.slice(0, -1)), { recursive: true });
            fs.writeFileSync(join(root, ...names), "");
          } catch {
            continue; // A file stands where this one needs a directory, or the other way round.
          }
          names.forEach((_, i) => expected.add(names.slice(0, i + 1).join("/")));
        }
        const paths = pathsOf(all([contentsOf(root)]));
        const sorted = [...expected].map((path) => ({ path, bytes: encodeUtf8(path) }))
          .sort((a, b) => compareBytes(a.bytes, b.bytes)).map(({ path }) => path);
        assert.deepEqual(paths, sorted);
      })),
    { numRuns: 60 },
  );
});

Deno.test("walk() fills an entry with size, mode, time and stamp", () =>
  inDirectory((root) => {
    fs.writeFileSync(join(root, "f"), "hello", { mode: 0o640 });
    fs.chmodSync(join(root, "f"), 0o4755);
    fs.utimesSync(join(root, "f"), 1, 1_600_000_000);
    const { entries, paths, sources } = all([named(join(root, "f"), "g")]);
    const stat = fs.lstatSync(join(root, "f"), { bigint: true });
    assert.deepEqual(entries, [{
      path: "g",
      kind: "file",
      sizeBytes: 5,
      mtimeNs: 1_600_000_000_000_000_000n,
      mode: 0o4755,
      stamp: {
        device: stat.dev,
        inode: stat.ino,
        sizeBytes: 5,
        mtimeNs: stat.mtimeNs,
        ctimeNs: stat.ctimeNs,
      },
    }]);
    assert.deepEqual([paths, sources], [[join(root, "f")], [0]]);
  }));

Deno.test("walk() tells a sparse file", () =>
  inDirectory((root) => {
    fs.writeFileSync(join(root, "holes"), "");
    fs.truncateSync(join(root, "holes"), 1 << 20);
    assert.equal(all([named(join(root, "holes"))]).entries[0]?.sparse, true);
  }));

Deno.test("walk() keeps links and never follows one below a source", () =>
  inDirectory((root) => {
    makeTree(root, ["outside/secret", "d/f", "d/in->../outside", "d/broken->nowhere"]);
    const { entries } = all([named(join(root, "d"))]);
    assert.deepEqual(entries.map(({ path, kind, target }) => [path, kind, target]), [
      ["d", "directory", undefined],
      ["d/broken", "link", "nowhere"],
      ["d/f", "file", undefined],
      ["d/in", "link", "../outside"],
    ]);
  }));

Deno.test("walk() takes a link as a link, and follows it only when asked", () =>
  inDirectory((root) => {
    makeTree(root, ["real/f", "l->real", "lf->real/f"]);
    assert.deepEqual(all([named(join(root, "l"), "l")]).entries.map((e) => e.kind), ["link"]);
    const followed = all([named(join(root, "l"), "l", { follow: true })]);
    assert.deepEqual(pathsOf(followed), ["l", "l/f"]);
    const file = all([named(join(root, "lf"), "lf", { follow: true })]);
    assert.deepEqual([file.entries[0]?.kind, file.paths], ["file", [join(root, "real/f")]]);
    const inside = all([named(join(root, "l"), "l", { follow: true, contents: true })]);
    assert.deepEqual(pathsOf(inside), ["f"]);
  }));

Deno.test("walk() takes no reserved name, at any level and in any spelling, and says so once", () =>
  inDirectory((root) => {
    makeTree(root, [".sftpx/state.db", "a/.SFTPX/x", "a/.sftpx-1f", "a/.sftpxy"]);
    const walked = all([contentsOf(root)]);
    assert.deepEqual(pathsOf(walked), ["a", "a/.sftpxy"]);
    assert.deepEqual(walked.notices, [{
      path: "a/.SFTPX",
      code: null,
      message: 'Skipped "a/.SFTPX" and 1 more: their names are reserved for sftpx',
    }]);
  }));

Deno.test("walk() says nothing of what sftpx itself keeps in a root, or puts beside a file", () =>
  inDirectory((root) => {
    const own = [".sftpx/state.db", "d/.sftpx/state.db", "d/.sftpx-0123456789abcdef"];
    makeTree(root, [...own, "d/f"]);
    assert.deepEqual(all([contentsOf(root)]).notices, []);
    assert.deepEqual(all([named(join(root, "d"))]).notices, []);
    makeTree(root, ["e/.sftpx/mine"]);
    const [notice, ...more] = all([named(join(root, "e"), "e")]).notices;
    assert.equal(notice?.message, 'Skipped "e/.sftpx": its name is reserved for sftpx');
    assert.deepEqual(more, []);
    assert.equal(all([named(join(root, "e/.sftpx"), ".sftpx")]).notices[0]?.path, ".sftpx");
  }));

Deno.test("walk() leaves special files out with a notice that is no failure", () =>
  inDirectory((root) => {
    makeTree(root, ["d/f"]);
    assert.equal(spawnSync("mkfifo", [join(root, "d/pipe")]).status, 0);
    const { entries, notices } = all([named(join(root, "d"))]);
    assert.deepEqual(entries.map((entry) => entry.path), ["d", "d/f"]);
    assert.deepEqual(notices, [
      { path: "d/pipe", code: null, message: 'Skipped "d/pipe": it is a pipe' },
    ]);
  }));

Deno.test("walk() fails names that cannot travel and goes on", () =>
  inDirectory((root) => {
    makeTree(root, ["d/ok", "d/back\\slash", "d/new\nline/inner"]);
    spawnSync("sh", ["-c", "touch d/$(printf 'x\\377') d/$(printf 'x\\376')"], { cwd: root });
    spawnSync("sh", ["-c", "ln -s $(printf 'y\\377') d/link"], { cwd: root });
    const { entries, notices } = all([named(join(root, "d"))]);
    assert.deepEqual(entries.map((entry) => entry.path), ["d", "d/ok"]);
    assert.deepEqual([...new Set(notices.map((notice) => notice.code))], ["bad_name"]);
    assert.equal(notices.length, 5);
  }));

Deno.test("walk() takes a name that only looks like one that is not UTF-8, once", () =>
  inDirectory((root) => {
    makeTree(root, ["d/x\ufffd/in"]);
    spawnSync("sh", ["-c", "touch d/$(printf 'x\\377')"], { cwd: root });
    const { entries, notices } = all([named(join(root, "d"))]);
    assert.deepEqual(entries.map(({ path }) => path), ["d", "d/x\ufffd", "d/x\ufffd/in"]);
    assert.deepEqual(notices.map(({ path, code }) => [path, code]), [["d/x\ufffd", "bad_name"]]);
  }));

Deno.test("walk() merges one directory of two sources and refuses a second file", () =>
  inDirectory((root) => {
    makeTree(root, ["1/d/a", "1/d/same", "1/d/s/x", "2/d/b", "2/d/same", "2/d/s/y"]);
    const { entries, sources, notices } = all([named(join(root, "1/d")), named(join(root, "2/d"))]);
    assert.deepEqual(entries.map((entry, i) => [entry.path, sources[i]]), [
      ["d", 0],
      ["d/a", 0],
      ["d/b", 1],
      ["d/s", 0],
      ["d/s/x", 0],
      ["d/s/y", 1],
      ["d/same", 0],
    ]);
    assert.deepEqual(notices.map(({ path, code }) => [path, code]), [["d/same", "name_collision"]]);
  }));

Deno.test("walk() refuses a file where an earlier source sends a directory, and the reverse", () =>
  inDirectory((root) => {
    makeTree(root, ["1/x/in", "2/x", "2/y", "3/y/in"]);
    const { entries, notices } = all([
      named(join(root, "1/x"), "x"),
      named(join(root, "2/x"), "x"),
      named(join(root, "2/y"), "y"),
      named(join(root, "3/y"), "y"),
    ]);
    assert.deepEqual(entries.map(({ path, kind }) => [path, kind]), [
      ["x", "directory"],
      ["x/in", "file"],
      ["y", "file"],
    ]);
    assert.deepEqual(notices.map(({ path, code }) => [path, code]), [
      ["x", "name_collision"],
      ["y", "name_collision"],
    ]);
  }));

Deno.test("walk() throws for the only source when it is missing, and notes one of several", () =>
  inDirectory((root) => {
    makeTree(root, ["here"]);
    assert.throws(
      () => all([named(join(root, "gone"), "gone")]),
      (e) => e instanceof SftpxError && e.code === "source_missing" && !e.message.includes(root),
    );
    assert.throws(() => all([contentsOf(join(root, "here"))]), { code: "source_missing" });
    const { entries, notices } = all([
      named(join(root, "gone"), "gone"),
      named(join(root, "here"), "here"),
    ]);
    assert.deepEqual(entries.map((entry) => entry.path), ["here"]);
    assert.deepEqual(notices.map(({ path, code }) => [path, code]), [["gone", "source_missing"]]);
  }));

Deno.test("walk() goes deeper than a call stack would like", () =>
  inDirectory((root) => {
    const deep = Array.from({ length: LIMITS.pathDepth - 1 }, () => "n").join("/");
    fs.mkdirSync(join(root, deep, "m", "too-deep"), { recursive: true });
    const { entries, notices } = all([contentsOf(root)]);
    assert.equal(entries.length, LIMITS.pathDepth);
    assert.deepEqual(notices.map((notice) => notice.code), ["bad_name"]);
  }));

Deno.test("walk() hands over batches no larger than a message takes", () =>
  inDirectory((root) => {
    for (let i = 0; i < LIMITS.entriesPerMessage + 1; i++) fs.writeFileSync(join(root, `${i}`), "");
    const batches: WalkBatch[] = [...walk([contentsOf(root)], { nowMs: () => 0 })];
    assert.deepEqual(batches.map((b) => b.entries.length), [LIMITS.entriesPerMessage, 1]);
  }));
