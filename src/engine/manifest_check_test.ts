import assert from "node:assert/strict";
import fc from "fast-check";
import { SftpxError } from "../base/errors.ts";
import { comparePaths, isFromOn } from "../base/path.ts";
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

const FROM = "d/m";
const D = directoryEntry("d");

/** Takes one source's contents after a hint. */
function checkFrom(entries: readonly Entry[], from: string | null = FROM): unknown[] {
  const manifest = new ManifestCheck([CONTENTS], { from });
  return entries.map((entry) => manifest.next(entry, 0));
}

Deno.test("ManifestCheck takes what is missing first, where it said that it may come so", () => {
  const good: readonly (readonly Entry[])[] = [
    [D, fileEntry("d/m", 1), fileEntry("e", 1), fileEntry("a", 1), fileEntry("d/a", 1)],
    // What the hint names is there no more, nor anything behind it.
    [D, fileEntry("c", 1), fileEntry("d/a", 1)],
    [fileEntry("e", 1), fileEntry("a", 1)],
    [D, fileEntry("d/z", 1)],
    [fileEntry("a", 1), fileEntry("b", 1)],
  ];
  for (const entries of good) assert.deepEqual(checkFrom(entries), entries.map(() => null));
});

Deno.test("ManifestCheck takes plain order whatever the hint", () => {
  const plain = [fileEntry("a", 1), D, fileEntry("d/a", 1), fileEntry("d/m", 1), fileEntry("e", 1)];
  for (const from of ["0", "a", "d", "d/m", "d/zz", "e", "zz"]) {
    assert.deepEqual(checkFrom(plain, from), plain.map(() => null), from);
  }
});

Deno.test("ManifestCheck refuses a new beginning that it did not allow, or a second one", () => {
  const order = /ascending order/;
  const sections = [D, fileEntry("d/m", 1), fileEntry("a", 1)];
  assertBroken(() => checkFrom(sections, null), order);
  // Something that belongs behind the new beginning came before it.
  assertBroken(() => checkFrom([D, fileEntry("d/a", 1), fileEntry("d/m", 1), sections[2]!]), order);
  assertBroken(() => checkFrom([...sections, fileEntry("c", 1), fileEntry("b", 1)]), order);
});

Deno.test("ManifestCheck refuses behind the new beginning what belongs before it", () => {
  const found = /behind those that it belongs to/;
  const sections = [D, fileEntry("d/m", 1), fileEntry("a", 1)];
  assert.deepEqual(checkFrom([...sections, fileEntry("d/l", 1)]), [null, null, null, null]);
  for (const late of ["d/n", "d/m/x", "z"]) {
    assertBroken(() => checkFrom([...sections, fileEntry(late, 1)]), found);
  }
  assertBroken(() => checkFrom([fileEntry("e", 1), D]), found);
});

Deno.test("ManifestCheck refuses a path named again behind the new beginning, as whatever", () => {
  const sections = [D, fileEntry("d/m", 1), fileEntry("e", 1), fileEntry("a", 1)];
  for (const again of ["d", "d/m", "e"]) {
    for (const entry of [fileEntry(again, 1), directoryEntry(again), linkEntry(again, "x")]) {
      assertBroken(() => checkFrom([...sections, entry]), /behind those|ascending order/);
    }
  }
  assertBroken(() => checkFrom([...sections, directoryEntry("a")]), /ascending order/);
});

Deno.test("ManifestCheck wants an earlier directory above every entry, over both sections", () => {
  const found = /without its directory/;
  assertBroken(() => checkFrom([fileEntry("d/m", 1), fileEntry("a", 1)]), found);
  assertBroken(() => checkFrom([fileEntry("d", 1), fileEntry("a", 1), fileEntry("d/a", 1)]), found);
  assertBroken(() => checkFrom([D, fileEntry("e", 1), fileEntry("b/a", 1), D]), found);
  assert.deepEqual(
    checkFrom([
      D,
      fileEntry("e", 1),
      directoryEntry("b"),
      fileEntry("b/a", 1),
      fileEntry("d/a", 1),
    ]),
    [null, null, null, null, null],
  );
});

Deno.test("ManifestCheck holds as many directories as a path is deep, however many there are (I8)", () => {
  const paths = Array.from({ length: 20_000 }, (_, at) => {
    const number = String(at).padStart(5, "0");
    return `d${number.slice(0, 2)}/d${number.slice(2, 4)}/d${number[4]}`;
  });
  const ascending = [...new Set(paths.flatMap(withParents))].sort(comparePaths);
  const from = "d10/d50/d5";
  const sections = [true, false].flatMap((first) =>
    ascending.filter((path) => isFromOn(path, from) === first)
  );
  for (const order of [ascending, sections]) {
    const manifest = new ManifestCheck([CONTENTS], { from });
    let most = 0;
    for (const path of order) {
      assert.equal(manifest.next(directoryEntry(path), 0), null);
      most = Math.max(most, manifest.held);
    }
    assert.equal(most, 5, "three levels, and two above where it may begin");
  }
});

Deno.test("ManifestCheck knows an entry's directory as one does who keeps all of them", () => {
  const name = fc.constantFrom("a", "b", "a-", "a0", "é", "\uffff", "𝄞");
  const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join("/"));
  const entry = fc.tuple(path, fc.boolean());
  const seen = { taken: 0, refused: 0 };
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 12 }), path, fc.boolean(), (entries, from, plain) => {
      const kinds = new Map(
        entries.flatMap(([path, isDirectory]): [string, boolean][] => [
          ...withParents(path).slice(0, -1).map((above): [string, boolean] => [above, true]),
          [path, isDirectory],
        ]),
      );
      // Some are left out.
      for (const [path, isDirectory] of entries) if (!isDirectory) kinds.delete(path);
      for (const [path] of entries) if (!kinds.has(path)) kinds.set(path, false);
      const ascending = [...kinds.keys()].sort(comparePaths);
      const [first, second] = [true, false].map((wanted) =>
        ascending.filter((path) => (plain || isFromOn(path, from)) === wanted)
      );
      const known = new Set<string>();
      const manifest = new ManifestCheck([CONTENTS], { from });
      for (const path of [...first!, ...second!]) {
        const isDirectory = kinds.get(path)!;
        const take = () => manifest.next((isDirectory ? directoryEntry : linkTo)(path), 0);
        const above = path.slice(0, path.lastIndexOf("/"));
        if (path.includes("/") && !known.has(above)) {
          assertBroken(take, /without its directory/);
          seen.refused++;
          return;
        }
        take();
        seen.taken++;
        if (isDirectory) known.add(path);
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(seen.taken > 50 && seen.refused > 50, JSON.stringify(seen));
});

Deno.test("ManifestCheck takes an order just when it is plain or in the two sections", () => {
  const name = fc.constantFrom("a", "b", "a-", "a0", "é", "\uffff", "𝄞");
  const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));
  const wanted = fc.uniqueArray(path, { maxLength: 4 });
  const swap = fc.tuple(fc.nat(11), fc.nat(11));
  const seen = { sections: 0, refused: 0 };
  fc.assert(
    fc.property(wanted, path, fc.boolean(), fc.array(swap, { maxLength: 2 }), (
      paths,
      from,
      inSections,
      swaps,
    ) => {
      const ascending = [...new Set(paths.flatMap(withParents))].sort(comparePaths);
      const first = ascending.filter((each) => isFromOn(each, from));
      const second = ascending.filter((each) => !isFromOn(each, from));
      const order = inSections ? [...first, ...second] : [...ascending];
      for (const [a, b] of swaps) {
        if (a < order.length && b < order.length) [order[a], order[b]] = [order[b]!, order[a]!];
      }
      const isRight = [ascending, [...first, ...second]].some((right) =>
        right.every((each, at) => each === order[at])
      );
      const take = () => checkFrom(order.map((each) => directoryEntry(each)), from);
      if (isRight) take();
      else assert.throws(take, (error) => error instanceof SftpxError && error.code === "protocol");
      if (!isRight) seen.refused++;
      else if (second.length > 0 && order[0] !== ascending[0]) seen.sections++;
    }),
    { numRuns: 3000 },
  );
  assert.ok(seen.sections > 50 && seen.refused > 50, JSON.stringify(seen));
});

function withParents(path: string): string[] {
  const names = path.split("/");
  return names.map((_, at) => names.slice(0, at + 1).join("/"));
}

function linkTo(path: string): Entry {
  return linkEntry(path, "x");
}
