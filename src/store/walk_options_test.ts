import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { LIMITS } from "../base/limits.ts";
import { comparePaths } from "../base/path.ts";
import { inDirectory, makeTree } from "./_fixture.ts";
import type { WalkNotice, WalkOptions, WalkSource } from "./store.ts";
import { walk } from "./walk.ts";

/** Paths of a walk, and its notices as path and code. */
function walked(sources: readonly WalkSource[], options: WalkOptions) {
  const paths: string[] = [];
  const notices: WalkNotice[] = [];
  for (const batch of walk(sources, options)) {
    assert.ok(batch.entries.length <= LIMITS.entriesPerMessage);
    assert.ok(batch.notices.length <= LIMITS.entriesPerMessage);
    paths.push(...batch.entries.map((entry) => entry.path));
    notices.push(...batch.notices);
  }
  const sorted = [...paths].sort(comparePaths);
  assert.deepEqual(paths, sorted);
  assert.equal(new Set(paths).size, paths.length);
  return { paths, notices: notices.map(({ path, code }) => [path, code]) };
}

function contentsOf(path: string): WalkSource {
  return { path, name: "", contents: true, follow: false };
}

function named(path: string, name: string): WalkSource {
  return { path, name, contents: false, follow: false };
}

const without = (...patterns: string[]): WalkOptions => ({
  filters: patterns.map((pattern) => ({ include: false, pattern })),
});

Deno.test("walk() leaves out what filters exclude, and all that an excluded directory holds", () =>
  inDirectory((root) => {
    makeTree(root, ["d/a.o", "d/a.c", "d/tmp/keep/x", "d/sub/tmp", "d/sub/b.o"]);
    const { paths, notices } = walked([named(join(root, "d"), "d")], without("*.o", "tmp/"));
    assert.deepEqual(paths, ["d", "d/a.c", "d/sub", "d/sub/tmp"]);
    assert.deepEqual(notices, []);
  }));

Deno.test("walk() ties a leading slash to the path as it travels", () =>
  inDirectory((root) => {
    makeTree(root, ["d/a", "d/d/a"]);
    const source = join(root, "d");
    assert.deepEqual(walked([named(source, "d")], without("/d/a")).paths, ["d", "d/d", "d/d/a"]);
    assert.deepEqual(walked([contentsOf(source)], without("/d/a")).paths, ["a", "d"]);
    assert.deepEqual(walked([named(source, "d")], without("/d")).paths, []);
  }));

Deno.test("walk() lets an earlier include rescue what a later rule excludes", () =>
  inDirectory((root) => {
    makeTree(root, ["a.c", "a.h", "sub/b.c", "sub/b.h", "other/x"]);
    const filters = [
      { include: true, pattern: "*.c" },
      { include: true, pattern: "/sub/" },
      { include: false, pattern: "*" },
    ];
    assert.deepEqual(walked([contentsOf(root)], { filters }).paths, ["a.c", "sub", "sub/b.c"]);
  }));

Deno.test("walk() does not open an excluded directory, nor complain about what it leaves out", () =>
  inDirectory((root) => {
    makeTree(root, ["d/bad\\name", "d/ok", "d/closed/x"]);
    assert.equal(spawnSync("mkfifo", [join(root, "d/pipe")]).status, 0);
    spawnSync("sh", ["-c", "touch d/$(printf 'x\\377')"], { cwd: root });
    fs.chmodSync(join(root, "d/closed"), 0o000);
    const { paths, notices } = walked(
      [contentsOf(join(root, "d"))],
      without("bad*", "closed/", "pipe", "x*"),
    );
    assert.deepEqual([paths, notices], [["ok"], []]);
    fs.chmodSync(join(root, "d/closed"), 0o700);
  }));

Deno.test("walk() names only what a source's own directory holds when it is not to go deeper", () =>
  inDirectory((root) => {
    makeTree(root, ["d/a", "d/sub/b", "e"]);
    const options = { recursive: false };
    assert.deepEqual(walked([contentsOf(root)], options).paths, ["d", "e"]);
    assert.deepEqual(walked([named(join(root, "d"), "d")], options).paths, ["d", "d/a", "d/sub"]);
    assert.deepEqual(walked([named(join(root, "e"), "e")], options).paths, ["e"]);
    const both = [contentsOf(join(root, "d")), named(join(root, "d/sub"), "sub")];
    assert.deepEqual(walked(both, options).paths, ["a", "sub", "sub/b"]);
  }));

Deno.test("walk() takes of listed files these, what they hold and what is above them", () =>
  inDirectory((root) => {
    makeTree(root, ["a/b/c", "a/b/d", "a/e/f", "a/e/g/h", "a-b/x", "z", "y"]);
    const files = ["z", "a/e", "./a//b/c", "a/e/f", "a-b/x", "z"];
    assert.deepEqual(walked([contentsOf(root)], { files }), {
      paths: ["a", "a-b", "a-b/x", "a/b", "a/b/c", "a/e", "a/e/f", "a/e/g", "a/e/g/h", "z"],
      notices: [],
    });
    assert.deepEqual(walked([contentsOf(root)], { files: [] }).paths, []);
    const everything = walked([contentsOf(root)], {}).paths;
    for (const whole of ["", ".", "./"]) {
      assert.deepEqual(walked([contentsOf(root)], { files: [whole, "z"] }).paths, everything);
    }
  }));

Deno.test("walk() misses every listed path that is not there, and goes on", () =>
  inDirectory((root) => {
    makeTree(root, ["a/b", "file", "whole/x"]);
    const files = [
      "gone",
      "a/b",
      "a/gone",
      "dir/x",
      "dir/y/z",
      "file/x",
      "whole",
      "whole/gone/too",
    ];
    assert.deepEqual(walked([contentsOf(root)], { files }), {
      paths: ["a", "a/b", "whole", "whole/x"],
      notices: [
        ["a/gone", "source_missing"],
        ["dir/x", "source_missing"],
        ["dir/y/z", "source_missing"],
        ["file/x", "source_missing"],
        ["gone", "source_missing"],
        ["whole/gone/too", "source_missing"],
      ],
    });
  }));

Deno.test("walk() never goes through a link in a listed path", () =>
  inDirectory((root) => {
    makeTree(root, ["out/secret", "d/l->../out", "d/both->../out", "d/ok"]);
    const files = ["l/secret", "ok", "both", "both/secret"];
    assert.deepEqual(walked([contentsOf(join(root, "d"))], { files }), {
      paths: ["both", "ok"],
      notices: [["both/secret", "refused"], ["l/secret", "refused"]],
    });
  }));

Deno.test("walk() refuses listed names that climb or are sftpx's own", () =>
  inDirectory((root) => {
    makeTree(root, ["secret", "d/.sftpx/state.db", "d/ok"]);
    const files = ["../secret", "ok", "ok/../../secret", ".sftpx/state.db", "bad\\name"];
    const { paths, notices } = walked([contentsOf(join(root, "d"))], { files });
    assert.deepEqual(paths, ["ok"]);
    assert.deepEqual(notices, [
      ["../secret", "bad_name"],
      [".sftpx/state.db", "bad_name"],
      ["bad\\name", "bad_name"],
      ["ok/../../secret", "source_missing"],
    ]);
  }));

Deno.test("walk() applies filters to listed files too, and misses nothing they exclude", () =>
  inDirectory((root) => {
    makeTree(root, ["a/x.o", "a/x.c", "b/y"]);
    const files = ["a/x.o", "a/x.c", "b/y", "b/gone", "gone.o"];
    assert.deepEqual(walked([contentsOf(root)], { files, ...without("*.o", "b/") }), {
      paths: ["a", "a/x.c"],
      notices: [],
    });
  }));

Deno.test("walk() takes listed files of one source's contents only", () => {
  const [a, b] = [contentsOf("/a"), contentsOf("/b")];
  assert.throws(() => [...walk([a, b], { files: [] })], TypeError);
  assert.throws(() => [...walk([named("/a", "a")], { files: [] })], TypeError);
});

const NAME = fc.constantFrom("a", "a-", "b", "b!", "é", "c");
const LISTED = fc.array(fc.array(NAME, { minLength: 1, maxLength: 3 }), { maxLength: 8 });

Deno.test("walk() of listed files is the walk of all, less what was not listed", async () => {
  const trees = fc.array(fc.array(NAME, { minLength: 1, maxLength: 3 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(trees, LISTED, (tree, listed) =>
      inDirectory((root) => {
        for (const names of tree) {
          try {
            makeTree(root, [names.join("/")]);
          } catch {
            continue; // A file stands where this one needs a directory, or the other way round.
          }
        }
        const files = listed.map((names) => names.join("/"));
        const everything = walked([contentsOf(root)], {}).paths;
        const expected = everything.filter((path) =>
          files.some((file) =>
            file === path || path.startsWith(`${file}/`) || file.startsWith(`${path}/`)
          )
        );
        const { paths, notices } = walked([contentsOf(root)], { files });
        const missed = notices.map(([path]) => path).sort();
        assert.deepEqual(missed, [...new Set(files)].filter((f) => !everything.includes(f)).sort());
        // What lies only above paths that are missing is a directory all the same, or a file left out.
        const isDirectory = (path: string) => fs.statSync(join(root, path)).isDirectory();
        const named = (path: string) =>
          files.some((file) => file === path || path.startsWith(`${file}/`));
        assert.deepEqual(paths, expected.filter((path) => named(path) || isDirectory(path)));
      })),
    { numRuns: 80 },
  );
});

Deno.test("walk() takes a list of a hundred thousand paths without going over it again and again", () =>
  inDirectory((root) => {
    makeTree(root, ["d/there"]);
    const files = Array.from({ length: 100_000 }, (_, i) => `gone/${i % 300}/${i}`);
    const { paths, notices } = walked([contentsOf(root)], { files: [...files, "d/there"] });
    assert.deepEqual([paths, notices.length], [["d", "d/there"], files.length]);
  }));

Deno.test("walk() says nothing of a reserved name that filters exclude, or that was listed", () =>
  inDirectory((root) => {
    makeTree(root, ["d/.sftpx-a", "d/.sftpx-b/x", "d/f"]);
    const told = (options: WalkOptions) => walked([contentsOf(join(root, "d"))], options).notices;
    assert.deepEqual(told({}), [[".sftpx-a", null]]);
    assert.deepEqual(told(without(".sftpx-a")), [[".sftpx-b", null]]);
    assert.deepEqual(told(without(".sftpx-a", ".sftpx-b/")), []);
    assert.deepEqual(told({ files: [".sftpx-a"] }), [[".sftpx-a", "bad_name"]]);
    assert.deepEqual(told({ files: ["f"] }), []);
    assert.deepEqual(told({ from: "f" }), [[".sftpx-a", null]], "once in both sections");
  }));

Deno.test("walk() passes over links where it is told to, and says so once", () =>
  inDirectory((root) => {
    makeTree(root, ["d/f", "d/l->f", "m->d", "o->/etc"]);
    const { paths, notices } = walked([contentsOf(root)], { links: false });
    assert.deepEqual(paths, ["d", "d/f"]);
    assert.deepEqual(notices, [["d/l", null]]);
    assert.equal(walked([contentsOf(root)], {}).paths.length, 5);
    // Excluded, they are not even that.
    const others = walked([contentsOf(root)], { ...without("l"), links: false });
    assert.deepEqual(others.notices, [["m", null]]);
  }));

Deno.test("walk() sends no link whose target no receiver takes", () =>
  inDirectory((root) => {
    const targets = ["a\nb", "\x1b[2J", "a\u202eb", "..\\a"];
    targets.forEach((target, i) => fs.symlinkSync(target, join(root, `l${i}`)));
    const { paths, notices } = walked([contentsOf(root)], {});
    assert.deepEqual(paths, []);
    assert.deepEqual(notices, targets.map((_, i) => [`l${i}`, "bad_name"]));
  }));
