import assert from "node:assert/strict";
import fc from "fast-check";
import { comparePaths, isFromOn } from "../base/path.ts";
import { directoryEntry, fileEntry, linkEntry, NAMES } from "./_fixture.ts";
import { ManifestGuard } from "./manifest_guard.ts";
import type { NameRules } from "./names.ts";

function guardOf(
  { from = null, ignoresForm = false, ...names }: Partial<Omit<NameRules, "ignoresForm">> & {
    readonly from?: string | null;
    readonly ignoresForm?: boolean;
  } = {},
): ManifestGuard {
  return new ManifestGuard({ ...NAMES, ...names, ignoresForm: () => ignoresForm }, { from });
}

Deno.test("ManifestGuard refuses what lies below a file, with siblings sorted in between", () => {
  const guard = guardOf();
  for (const path of ["a", "a!", "a-b", "a-b-c"]) guard.check(fileEntry(path, 0));
  assert.throws(() => guard.check(fileEntry("a-b/x", 0)), { code: "conflict" });
  assert.throws(() => guard.check(fileEntry("a/x/y", 0)), { code: "conflict" });
  guard.check(fileEntry("a0", 0));
});

Deno.test("ManifestGuard refuses what lies below a link, however deep", () => {
  const guard = guardOf();
  guard.check(directoryEntry("d"));
  guard.check(linkEntry("d/l", "/etc"));
  guard.check(directoryEntry("d/l-"));
  assert.throws(() => guard.check(fileEntry("d/l/m/n", 0)), { code: "conflict" });
  guard.check(fileEntry("d/m", 0));
});

Deno.test("ManifestGuard lets one spelling pass where case is ignored, also of parents", () => {
  const guard = guardOf({ ignoresCase: true });
  guard.check(fileEntry("A/x", 0));
  guard.check(fileEntry("A/z", 0));
  guard.check(fileEntry("STRASSE", 0));
  assert.throws(() => guard.check(directoryEntry("a")), { code: "name_collision" });
  assert.throws(() => guard.check(fileEntry("a/y", 0)), { code: "name_collision" });
  guard.check(fileEntry("cafe\u0301", 0));
  assert.throws(() => guard.check(fileEntry("caf\u00e9", 0)), { code: "name_collision" });
  assert.throws(() => guard.check(fileEntry("stra\u00dfe", 0)), { code: "name_collision" });
});

Deno.test("ManifestGuard sees two names that end with dots or spaces as one where case is ignored", () => {
  const guard = guardOf({ ignoresCase: true });
  guard.check(fileEntry("d", 0));
  assert.throws(() => guard.check(fileEntry("d. ", 0)), { code: "name_collision" });
});

Deno.test("ManifestGuard refuses two forms of a name where form is ignored, and case is not", () => {
  const guard = guardOf({ ignoresForm: true });
  guard.check(fileEntry("A", 0));
  guard.check(fileEntry("a", 0));
  guard.check(directoryEntry("cafe\u0301"));
  guard.check(fileEntry("cafe\u0301/x", 0));
  assert.throws(() => guard.check(directoryEntry("caf\u00e9")), { code: "name_collision" });
  assert.throws(() => guard.check(fileEntry("caf\u00e9/y", 0)), { code: "name_collision" });
  guard.check(fileEntry("caf\u00ea", 0));
});

Deno.test("ManifestGuard asks about form once, at the first name that may have another", () => {
  let asked = 0;
  const ignoresForm = () => ++asked < 0;
  const guard = new ManifestGuard({ ...NAMES, ignoresForm }, { from: null });
  guard.check(fileEntry("a", 0));
  assert.equal(asked, 0);
  for (const path of ["e\u0301", "o\u0301", "\u00e9", "\u00f3"]) guard.check(fileEntry(path, 0));
  assert.equal(asked, 1);
});

Deno.test("ManifestGuard holds no names where case and form are told apart (I8)", () => {
  const guard = guardOf();
  for (let at = 0; at < 10_000; at++) {
    const number = String(at).padStart(5, "0");
    guard.check(fileEntry(`caf\u00e9-${number}`, 0));
    assert.equal(guard.held, 1);
  }
});

Deno.test("ManifestGuard refuses what the platform takes for no name, where it goes", () => {
  const guard = guardOf({ platform: "windows" });
  guard.check(fileEntry("a", 0));
  assert.throws(() => guard.check(fileEntry("b", 0), "d/NUL"), { code: "bad_name" });
  for (const path of ["c.txt:s", "con", "d."]) {
    assert.throws(() => guard.check(fileEntry(path, 0)), { code: "bad_name" }, path);
  }
  guardOf().check(fileEntry("con", 0));
});

Deno.test("ManifestGuard tells spellings apart where case is not ignored", () => {
  const guard = guardOf();
  guard.check(fileEntry("A", 0));
  guard.check(fileEntry("a", 0));
});

Deno.test("ManifestGuard refuses a path that is not behind the one before it", () => {
  for (const paths of [["b", "a"], ["a", "a"], ["a/x", "a"], ["a/x", "a-"]]) {
    const guard = guardOf();
    const [first = "", second = ""] = paths;
    guard.check(directoryEntry(first));
    assert.throws(() => guard.check(fileEntry(second, 0)), { code: "protocol" });
  }
});

Deno.test("ManifestGuard takes a manifest in two sections, or in one, as it may begin", () => {
  const inOne = ["a", "a-", "a/b", "a/d", "a/d/x", "b"];
  const inTwo = ["a", "a/d", "a/d/x", "b", "a-", "a/b"];
  for (const paths of [inOne, inTwo]) {
    const guard = guardOf({ from: "a/d" });
    for (const path of paths) guard.check(directoryEntry(path));
  }
});

Deno.test("ManifestGuard refuses a path of the first section in the second, in any form", () => {
  for (const again of ["a", "a/d", "a/d/x", "a/e", "z"]) {
    const guard = guardOf({ from: "a/d" });
    for (const path of ["a", "a/d", "a/d/x", "b"]) guard.check(directoryEntry(path));
    guard.check(fileEntry("a-", 0));
    assert.throws(() => guard.check(fileEntry(again, 0)), { code: "protocol" }, again);
    guard.check(fileEntry("a/b", 0));
  }
});

Deno.test("ManifestGuard begins no second section with what is of the first", () => {
  for (const again of ["a", "a/d", "a/e", "b"]) {
    const guard = guardOf({ from: "a/d" });
    for (const path of ["a", "a/d", "a/d/x", "b"]) guard.check(directoryEntry(path));
    assert.throws(() => guard.check(directoryEntry(again)), { code: "protocol" }, again);
  }
});

Deno.test("ManifestGuard refuses a second beginning where the first named what lies before", () => {
  const guard = guardOf({ from: "b" });
  guard.check(fileEntry("a", 0));
  guard.check(fileEntry("c", 0));
  assert.throws(() => guard.check(fileEntry("aa", 0)), { code: "protocol" });
});

Deno.test("ManifestGuard refuses a third section", () => {
  const guard = guardOf({ from: "c" });
  for (const path of ["c", "a", "b"]) guard.check(fileEntry(path, 0));
  assert.throws(() => guard.check(fileEntry("aa", 0)), { code: "protocol" });
});

Deno.test("ManifestGuard refuses in the second section what lies below a file or link of the first", () => {
  for (const above of [fileEntry("a/d", 0), linkEntry("a/d", "x")]) {
    const guard = guardOf({ from: "a/d/m/x" });
    guard.check(directoryEntry("a"));
    guard.check(above);
    guard.check(fileEntry("b", 0));
    guard.check(fileEntry("a/d-", 0));
    assert.throws(() => guard.check(fileEntry("a/d/c", 0)), { code: "conflict" });
    assert.throws(() => guard.check(fileEntry("a/d/e/x", 0)), { code: "conflict" });
  }
});

Deno.test("ManifestGuard tells spellings apart across the sections", () => {
  const guard = guardOf({ ignoresCase: true, from: "b" });
  guard.check(fileEntry("b", 0));
  guard.check(directoryEntry("d"));
  assert.throws(() => guard.check(fileEntry("B", 0)), { code: "name_collision" });
  assert.throws(() => guard.check(fileEntry("D/x", 0)), { code: "name_collision" });
});

const NAME = fc.string({
  unit: fc.constantFrom("a", "b", "-", "0"),
  minLength: 1,
  maxLength: 2,
});
const PATH = fc.array(NAME, { minLength: 1, maxLength: 3 }).map((names) => names.join("/"));

Deno.test("ManifestGuard says of files below files what it says of a plain manifest", () => {
  fc.assert(
    fc.property(fc.uniqueArray(PATH, { maxLength: 30 }), PATH, (paths, from) => {
      const refusedOf = (order: readonly string[], from: string | null) => {
        const guard = guardOf({ from });
        return order.filter((path) => {
          try {
            guard.check(fileEntry(path, 0));
            return false;
          } catch {
            return true;
          }
        }).sort();
      };
      const plain = paths.toSorted(comparePaths);
      const sections = [true, false].flatMap((isFirst) =>
        plain.filter((path) => isFromOn(path, from) === isFirst)
      );
      const expected = paths.filter((path) => paths.some((above) => path.startsWith(`${above}/`)))
        .sort();
      assert.deepEqual(refusedOf(plain, null), expected);
      assert.deepEqual(refusedOf(plain, from), expected);
      assert.deepEqual(refusedOf(sections, from), expected);
    }),
    { numRuns: 300 },
  );
});
