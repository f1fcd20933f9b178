import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import fc from "fast-check";
import { comparePaths, isFromOn } from "../base/path.ts";
import { inDirectory, makeTree } from "./_fixture.ts";
import type { WalkBatch, WalkNotice, WalkOptions, WalkSource } from "./store.ts";
import { walk } from "./walk.ts";

interface Walked {
  readonly paths: string[];
  readonly origins: string[];
  readonly notices: unknown[];
}

function walked(sources: readonly WalkSource[], options: WalkOptions = {}): Walked {
  const out = { paths: [] as string[], origins: [] as string[], notices: [] as unknown[] };
  for (const batch of walk(sources, options)) take(out, batch);
  return out;
}

function take(out: Walked, { entries, paths, sources, notices }: WalkBatch): void {
  out.paths.push(...entries.map((entry) => entry.path));
  out.origins.push(...entries.map((entry, i) => `${entry.path} ${sources[i]} ${paths[i]}`));
  out.notices.push(...notices.map(({ path, code, message }: WalkNotice) => [path, code, message]));
}

function named(path: string, name: string, more: Partial<WalkSource> = {}): WalkSource {
  return { path, name, contents: false, follow: false, ...more };
}

function contentsOf(path: string): WalkSource {
  return named(path, "c", { contents: true });
}

/** The paths of a plain walk in the order of a walk that begins at `from`. */
function inSections(paths: readonly string[], from: string): string[] {
  const sections = [true, false].map((isFirst) =>
    paths.filter((path) => isFromOn(path, from) === isFirst)
  );
  return sections.flatMap((section) => section.sort(comparePaths));
}

/** A walk with `from` says all that a plain one says, each thing once, in its own order. */
function assertSections(sources: readonly WalkSource[], options: WalkOptions, from: string): void {
  const plain = walked(sources, options);
  const found = walked(sources, { ...options, from });
  assert.deepEqual(found.paths, inSections(plain.paths, from), from);
  assert.deepEqual(found.origins.toSorted(), plain.origins.toSorted());
  assert.deepEqual(sortedNotices(found), sortedNotices(plain));
}

function sortedNotices({ notices }: Walked): string[] {
  return notices.map((notice) => JSON.stringify(notice)).sort();
}

const NAME = fc.string({
  unit: fc.constantFrom("a", "b", "-", "0", "!", "é", "😀", "\uffee"),
  minLength: 1,
  maxLength: 2,
});
const PATHS = fc.array(fc.array(NAME, { minLength: 1, maxLength: 4 }), { maxLength: 25 });

/** Where to begin: a path of the tree, one beside it, or anything else. */
const FROM = fc.tuple(fc.nat(), fc.constantFrom("", "!", "/", "/a", "0", "\u{10ffff}"));

function plant(root: string, tree: readonly (readonly string[])[]): string[] {
  return tree.flatMap((names) => {
    try {
      makeTree(root, [names.join("/")]);
    } catch {
      return []; // A file stands where this one needs a directory, or the other way round.
    }
    return names.map((_, i) => names.slice(0, i + 1).join("/"));
  });
}

Deno.test("walk() from a path yields what a plain one does, in two ascending sections", async () => {
  await fc.assert(
    fc.asyncProperty(PATHS, FROM, (tree, [at, more]) =>
      inDirectory((root) => {
        const known = plant(root, tree);
        const from = (known[at % (known.length + 1)] ?? "b/a") + more;
        assertSections([contentsOf(root)], {}, from);
        assertSections([named(root, "b")], {}, `b/${from}`);
        assertSections([named(root, "b")], { recursive: false }, `b/${from}`);
        const filters = [{ include: false, pattern: "/a" }, { include: false, pattern: "b/" }];
        assertSections([contentsOf(root)], { filters }, from);
      })),
    { numRuns: 60 },
  );
});

Deno.test("walk() from a path takes of listed files the same, and misses each once", async () => {
  await fc.assert(
    fc.asyncProperty(PATHS, PATHS, FROM, (tree, listed, [at, more]) =>
      inDirectory((root) => {
        const known = plant(root, tree);
        const files = listed.map((names) => names.join("/"));
        const from = ([...known, ...files][at % (known.length + files.length + 1)] ?? "a") + more;
        assertSections([contentsOf(root)], { files }, from);
      })),
    { numRuns: 60 },
  );
});

Deno.test("walk() from a path merges several sources as a plain one does", async () => {
  const trees = fc.array(PATHS, { minLength: 3, maxLength: 3 });
  await fc.assert(
    fc.asyncProperty(trees, FROM, (given, [at, more]) =>
      inDirectory((root) => {
        const known = given.flatMap((tree, i) => {
          fs.mkdirSync(join(root, `${i}`));
          return plant(join(root, `${i}`), tree);
        });
        const sources = [
          contentsOf(join(root, "0")),
          named(join(root, "1"), "b"),
          contentsOf(join(root, "2")),
          named(join(root, "missing"), "a"),
        ];
        const from = (known[at % (known.length + 1)] ?? "b/a") + more;
        assertSections(sources, {}, from);
      })),
    { numRuns: 60 },
  );
});

Deno.test("walk() from a path tells what cannot travel once, wherever it lies", () =>
  inDirectory((root) => {
    makeTree(root, ["d/a\\b", "d/c/y", "d/c/z\\", "d/e/x\\", "d/e/.sftpx/x", "d/m"]);
    spawnSync("sh", [
      "-c",
      "touch $(printf 'k\\376') $(printf 'k\\377') e/$(printf 'n\\376') e/$(printf 'n\\377')",
    ], { cwd: join(root, "d") });
    spawnSync("mkfifo", [join(root, "d/f")]);
    const sources = [contentsOf(join(root, "d"))];
    for (const from of ["a", "c/y", "c/z", "e/n", "e/x", "f", "k", "k\ufffd", "l", "zz"]) {
      assertSections(sources, {}, from);
    }
    assert.equal(walked(sources, {}).notices.length, 9);
  }));

Deno.test("walk() from a path visits nothing that lies before it until all behind it was", () =>
  inDirectory((root) => {
    const before = Array.from({ length: 200 }, (_, i) => `d/a${i}/x`);
    makeTree(root, [...before, "d/m/a1", "d/m/a2", "d/m/f", "d/m/g", "d/z"]);
    // One item a step: a batch, perhaps an empty one, for whatever was visited.
    let nowMs = 0;
    const steps = walk([contentsOf(root)], { from: "d/m/f", nowMs: () => nowMs += 1000 });
    const seen: string[][] = [];
    for (const { entries } of steps) seen.push(entries.map(({ path }) => path));
    // Each of the two directories above is an item once more: what it holds.
    const first = seen.slice(0, 7).flat();
    assert.deepEqual(first, ["d", "d/m", "d/m/f", "d/m/g", "d/z"]);
    assert.equal(seen.flat().length, first.length + 200 * 2 + 2);
    assert.deepEqual(seen.flat().slice(-2), ["d/m/a1", "d/m/a2"]);
  }));

Deno.test("walk() from a path that is none begins with what there is", () =>
  inDirectory((root) => {
    makeTree(root, ["a/x", "b"]);
    const paths = (from: string) => walked([contentsOf(root)], { from }).paths;
    assert.deepEqual(paths(""), ["a", "a/x", "b"]);
    assert.deepEqual(paths("a/x/y/z"), ["a", "a/x", "b"]);
    assert.deepEqual(paths("a//"), ["a", "a/x", "b"]);
    assert.deepEqual(paths("../x"), ["a", "a/x", "b"]);
    assert.deepEqual(paths("zzz"), ["a", "a/x", "b"]);
    assert.deepEqual(paths("a/y"), ["a", "b", "a/x"]);
  }));

Deno.test("walk() reads a directory again only where it is the one seen before", () =>
  inDirectory((root) => {
    makeTree(root, ["d/m/a", "d/m/z", "d/z", "outside/secret"]);
    let nowMs = 0;
    const from = "d/m/q";
    const steps = walk([contentsOf(root)], { from, nowMs: () => nowMs += 1000 });
    const out: Walked = { paths: [], origins: [], notices: [] };
    for (const batch of steps) {
      take(out, batch);
      if (batch.entries.at(-1)?.path !== "d/z") continue;
      fs.renameSync(join(root, "d/m"), join(root, "moved"));
      fs.symlinkSync(join(root, "outside"), join(root, "d/m"));
    }
    assert.deepEqual(out.paths.slice(0, 4), ["d", "d/m", "d/m/z", "d/z"]);
    assert.equal(out.paths.includes("d/m/secret") || out.paths.includes("d/m/a"), false);
    const found = 'Cannot send "d/m": it went away during the walk';
    assert.deepEqual(out.notices, [["d/m", "source_missing", found]]);
  }));

Deno.test("walk() tells once that a directory went away, also when it would be read again", () =>
  inDirectory((root) => {
    makeTree(root, ["d/m/a", "d/m/z", "d/z"]);
    let nowMs = 0;
    const steps = walk([contentsOf(root)], { from: "d/m/q", nowMs: () => nowMs += 1000 });
    const out: Walked = { paths: [], origins: [], notices: [] };
    for (const batch of steps) {
      take(out, batch);
      if (batch.entries.at(-1)?.path === "d/m") {
        fs.rmSync(join(root, "d/m"), { recursive: true });
      }
    }
    assert.deepEqual(out.paths, ["d", "d/m", "d/z"]);
    assert.equal(out.notices.length, 1);
  }));

/** To root everything is readable. */
const ignore = process.getuid?.() === 0;

Deno.test({
  name: "walk() tells once that a directory cannot be read, also when it would be read again",
  ignore,
  fn: () =>
    inDirectory((root) => {
      makeTree(root, ["d/m/a", "d/m/z", "d/z", "e/a"]);
      fs.chmodSync(join(root, "d/m"), 0);
      fs.chmodSync(join(root, "e"), 0);
      try {
        assertSections([contentsOf(root)], {}, "d/m/q");
        assertSections([contentsOf(join(root, "d")), contentsOf(join(root, "e"))], {}, "m/q");
      } finally {
        fs.chmodSync(join(root, "d/m"), 0o700);
        fs.chmodSync(join(root, "e"), 0o700);
      }
    }),
});

Deno.test({
  name: "walk() goes on when its only source cannot be read any more in the second section",
  ignore,
  fn: () =>
    inDirectory((root) => {
      makeTree(root, ["a", "z"]);
      const out: Walked = { paths: [], origins: [], notices: [] };
      try {
        let nowMs = 0;
        for (const batch of walk([contentsOf(root)], { from: "q", nowMs: () => nowMs += 1000 })) {
          take(out, batch);
          fs.chmodSync(root, 0o100);
        }
      } finally {
        fs.chmodSync(root, 0o700);
      }
      assert.deepEqual(out.paths, ["z"]);
      assert.deepEqual(out.notices.map((notice) => (notice as string[])[1]), ["source_unreadable"]);
    }),
});

Deno.test("walk() from a path notes the only source when it goes away in between, and keeps what it has", () =>
  inDirectory((root) => {
    makeTree(root, ["d/a", "d/b"]);
    const found = { paths: [], origins: [], notices: [] as unknown[] };
    let looks = 0;
    // Within one step, so that nothing is looked at anew: it began, and the first section is through.
    const nowMs = () => {
      if (++looks === 2) fs.rmSync(join(root, "d"), { recursive: true });
      return 0;
    };
    const source = contentsOf(join(root, "d"));
    for (const batch of walk([source], { from: "b", nowMs })) take(found, batch);
    assert.deepEqual(found.paths, ["b"]);
    assert.deepEqual(found.notices.map((notice) => (notice as string[])[1]), ["source_missing"]);
  }));
