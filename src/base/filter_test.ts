import assert from "node:assert/strict";
import fc from "fast-check";
import { PATTERN_PIECES, slowMatches } from "../../tests/fuzz/slow_filter.ts";
import { assertQuick } from "../../tests/quickest.ts";
import { Filter, filterProblem, filtersProblem, filterWeight } from "./filter.ts";
import { LIMITS } from "./limits.ts";

/** Whether one pattern is about a path; a path with a last slash is a directory. */
function matches(pattern: string, path: string): boolean {
  const isDirectory = path.endsWith("/");
  const filter = new Filter([{ include: false, pattern }]);
  return filter.excludes(isDirectory ? path.slice(0, -1) : path, isDirectory);
}

interface Case {
  readonly pattern: string;
  readonly yes: readonly string[];
  readonly no: readonly string[];
}

const CASES: readonly Case[] = [
  { pattern: "foo", yes: ["foo", "a/foo", "a/b/foo", "a/foo/"], no: ["foo/a", "xfoo", "foox"] },
  { pattern: "/foo", yes: ["foo", "foo/"], no: ["a/foo", "foo/a"] },
  { pattern: "foo/", yes: ["foo/", "a/foo/"], no: ["foo", "a/foo"] },
  { pattern: "/foo/", yes: ["foo/"], no: ["foo", "a/foo/"] },
  { pattern: "foo//", yes: ["foo/"], no: ["foo"] },
  { pattern: "sub/foo", yes: ["sub/foo", "a/sub/foo"], no: ["foo", "xsub/foo", "sub/a/foo"] },
  { pattern: "/sub/foo", yes: ["sub/foo"], no: ["a/sub/foo"] },
  { pattern: "*.o", yes: ["x.o", "a/x.o", ".o"], no: ["x.oo", "x.o/a", "o"] },
  { pattern: "*", yes: ["a", "a/b"], no: [] },
  { pattern: "/*", yes: ["a", "b/"], no: ["a/b"] },
  { pattern: "/*/*.c", yes: ["a/x.c"], no: ["x.c", "a/b/x.c"] },
  { pattern: "a*c", yes: ["ac", "abc", "x/abbc"], no: ["ab", "a/c", "abcd"] },
  { pattern: "/foo/*", yes: ["foo/a", "foo/a/"], no: ["foo", "foo/a/b", "x/foo/a"] },
  { pattern: "/foo/**", yes: ["foo/a", "foo/a/b"], no: ["foo", "foo/", "x/foo/a"] },
  { pattern: "foo/**", yes: ["foo/a", "x/foo/a/b"], no: ["foo/", "xfoo/a"] },
  {
    pattern: "foo/***",
    yes: ["foo/", "foo/a", "foo/a/b", "x/foo/"],
    no: ["foo", "xfoo/", "foox/"],
  },
  { pattern: "/foo/***", yes: ["foo/", "foo/a/b"], no: ["x/foo/", "foo"] },
  { pattern: "**/bar", yes: ["bar", "a/bar", "a/b/bar"], no: ["xbar", "a/xbar", "bar/a"] },
  { pattern: "**bar", yes: ["bar", "xbar", "a/b/xbar"], no: ["bar/a"] },
  { pattern: "/**/bar", yes: ["a/bar", "a/b/bar"], no: ["bar"] },
  { pattern: "a/**/z", yes: ["a/b/z", "a/b/c/z", "x/a/b/z"], no: ["a/z", "xa/b/z"] },
  { pattern: "a**z", yes: ["az", "a/b/z", "x/ab/cz"], no: ["a/zy"] },
  { pattern: "**", yes: ["a", "a/b", "a/"], no: [] },
  { pattern: "?", yes: ["a", "x/b", "é", "😀"], no: ["ab", "x/ab"] },
  { pattern: "a?b", yes: ["axb"], no: ["ab", "a/b", "axxb"] },
  { pattern: "/a?b/c", yes: ["a-b/c"], no: ["a/b/c"] },
  { pattern: "[a-c]", yes: ["a", "b", "c"], no: ["d", "-", "B"] },
  { pattern: "[!a-c]", yes: ["d", "-"], no: ["a", "c"] },
  { pattern: "[^a-c]", yes: ["d"], no: ["b"] },
  { pattern: "/x[!a]y", yes: ["x-y"], no: ["x/y", "xay"] },
  { pattern: "[]]", yes: ["]"], no: ["["] },
  { pattern: "[!]]", yes: ["["], no: ["]"] },
  { pattern: "[]-a]", yes: ["]", "^", "a"], no: ["b", "-"] },
  { pattern: "[a-]", yes: ["a", "-"], no: ["b"] },
  { pattern: "[-a]", yes: ["a", "-"], no: ["b"] },
  { pattern: "[\\]x]", yes: ["]", "x"], no: ["\\"] },
  { pattern: "[a\\-c]", yes: ["a", "-", "c"], no: ["b"] },
  { pattern: "[z-a]", yes: [], no: ["a", "m", "z"] },
  { pattern: "[[:digit:]]*", yes: ["1", "7x"], no: ["x1"] },
  { pattern: "[![:alpha:]]", yes: ["1", "é"], no: ["a", "Z"] },
  { pattern: "[[:upper:]_]", yes: ["A", "_"], no: ["a"] },
  { pattern: "[[:space:]]", yes: [" ", "\t"], no: ["a"] },
  { pattern: "[[:punct:]]", yes: ["!", "@", "`", "~"], no: ["a", "1", " "] },
  { pattern: "[[:xdigit:]][[:alnum:]]", yes: ["fz", "9Z"], no: ["gz", "f-"] },
  { pattern: "[[:x]", yes: ["[", ":", "x"], no: ["]"] },
  { pattern: "\\*.o", yes: ["*.o"], no: ["x.o"] },
  { pattern: "a\\?", yes: ["a?"], no: ["ab"] },
  { pattern: "\\[a]", yes: ["[a]"], no: ["a"] },
  { pattern: "é*", yes: ["é", "éa"], no: ["e"] },
  { pattern: "[é-ü]", yes: ["ê"], no: ["z"] },
  { pattern: "[😀-😂]", yes: ["😁"], no: ["😃"] },
  { pattern: "a//b", yes: [], no: ["a/b"] },
];

for (const { pattern, yes, no } of CASES) {
  Deno.test(`Filter reads ${JSON.stringify(pattern)} as rsync does`, () => {
    for (const path of yes) assert.equal(matches(pattern, path), true, `${path} is meant`);
    for (const path of no) assert.equal(matches(pattern, path), false, `${path} is not meant`);
  });
}

Deno.test("Filter lets the first rule that matches decide, and keeps what none is about", () => {
  const filter = new Filter([
    { include: true, pattern: "keep.o" },
    { include: false, pattern: "*.o" },
    { include: true, pattern: "*/" },
    { include: false, pattern: "/out/*" },
  ]);
  const excluded = (path: string, isDirectory = false) => filter.excludes(path, isDirectory);
  assert.deepEqual([excluded("a/keep.o"), excluded("a/x.o"), excluded("a/x.c")], [
    false,
    true,
    false,
  ]);
  assert.deepEqual([excluded("out/x"), excluded("out/x", true)], [true, false]);
  assert.equal(new Filter([]).excludes("a", false), false);
});

Deno.test("Filter agrees with a matcher that tries everything", () => {
  const patterns = fc.array(fc.constantFrom(...PATTERN_PIECES), { minLength: 1, maxLength: 7 })
    .map((pieces) => pieces.join("")).filter((pattern) => filterProblem(pattern) === null);
  const names = fc.string({
    unit: fc.constantFrom("a", "b", "*", "é"),
    minLength: 1,
    maxLength: 3,
  });
  const paths = fc.array(names, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
  fc.assert(
    fc.property(patterns, paths, fc.boolean(), (pattern, path, isDirectory) => {
      const filter = new Filter([{ include: false, pattern }]);
      assert.equal(filter.excludes(path, isDirectory), slowMatches(pattern, path, isDirectory));
    }),
    { numRuns: 20_000 },
  );
});

const exclude = (pattern: string) => ({ include: false, pattern });

/** As many as are let pass together, of the dearest kinds there are. */
const DEAREST: readonly (readonly [name: string, pattern: string, rules: number])[] = [
  ["of whole paths", "**" + "a*".repeat(29) + "b?", 100],
  ["of names", "a*".repeat(29) + "?b*", LIMITS.filterRules],
  ["of long ones", "**" + "a".repeat(600) + "*?", 5],
  ["of characters beyond ASCII", "**[\u0100-\u0110]*é?", 50],
  ["of text behind text", "a/".repeat(1000) + "*" + "b", 32],
];

for (const [name, pattern, count] of DEAREST) {
  Deno.test(`Filter is done with the longest path in no time, whatever rules it has: ${name}`, () => {
    const rules = Array.from({ length: count }, () => exclude(pattern));
    assert.equal(filtersProblem(rules), null);
    const filter = new Filter(rules);
    const paths = ["a".repeat(255) + "/", "a/", "é", "a".repeat(254) + "b/"].map((part) =>
      part.repeat(LIMITS.pathBytes).slice(0, part === "é" ? 2047 : LIMITS.pathBytes - 1) + "b"
    );
    // A millisecond a path where nothing else runs.
    assertQuick(() => paths.forEach((path) => filter.excludes(path, false)), { withinMs: 100 });
  });
}

Deno.test("filterWeight() is of what a pattern has besides text and a run of characters", () => {
  const weights: readonly (readonly [pattern: string, weight: number])[] = [
    ["name", 0],
    ["/a/b/", 0],
    ["a/b", 0],
    ["**/name", 0],
    ["*.o", 0],
    ["a*b", 0],
    ["a/*.o", 0],
    ["/a/**", 0],
    ["/dir/***", 0],
    ["**/*.o", 0],
    ["a**", 16],
    ["dir/***", 16],
    ["?", 1],
    ["*.[ch]", 1],
    ["a*b*", 1],
    ["/a*b*", 16],
    ["a/b?", 16],
    ["?" + "a".repeat(30), 1],
    ["?" + "a".repeat(31), 2],
    ["**" + "a".repeat(64), 48],
    ["[a-zA-Z0-9_]", 1],
    ["[a-é]", 2],
    ["[é-üА-я]", 3],
    ["[", 0],
  ];
  for (const [pattern, weight] of weights) assert.equal(filterWeight(pattern), weight, pattern);
});

Deno.test("filtersProblem() bounds rules by number, bytes and weight together", () => {
  const many = (count: number, pattern: string) =>
    Array.from({ length: count }, () => exclude(pattern));
  const { filterRules, filterBytes, filterWeight: most } = LIMITS;
  assert.equal(filtersProblem([]), null);
  assert.equal(filtersProblem(many(filterRules, "*.o")), null);
  assert.match(filtersProblem(many(filterRules + 1, "*.o")) ?? "", /^they are more than 1024$/);
  const long = many(filterRules, "x".repeat(filterBytes / filterRules));
  assert.equal(filtersProblem(long), null);
  const longer = [...long.slice(1), exclude("x".repeat(filterBytes / filterRules + 1))];
  assert.match(filtersProblem(longer) ?? "", /^their patterns have more than 65536 bytes$/);
  const heavy = many(most / 16, "/a?b");
  assert.equal(filtersProblem(heavy), null);
  const heavier = filtersProblem([...heavy, exclude("?")]);
  assert.equal(heavier, `their wildcards weigh ${most + 1}, and ${most} is the most`);
  assert.match(filtersProblem(many(filterRules, "**" + "a*".repeat(29) + "b?")) ?? "", /weigh/);
});

Deno.test("filterProblem() says why a pattern is refused, and Filter refuses it", () => {
  const refused: readonly (readonly [pattern: string, problem: RegExp])[] = [
    ["", /empty/],
    ["/", /slashes only/],
    ["///", /slashes only/],
    ["a\0b", /NUL/],
    ["[", /without its \]/],
    ["a[b", /without its \]/],
    ["[]", /without its \]/],
    ["[!]", /without its \]/],
    ["[a-", /without its \]/],
    ["[a\\", /without its \]/],
    ["[a\\]", /without its \]/],
    ["[[:digit:]", /without its \]/],
    ["[[:digits:]]", /unknown name/],
    ["a\\", /lone backslash/],
    ["a\\/", /lone backslash/],
    ["x".repeat(LIMITS.pathBytes + 1), /longer than/],
    ["é".repeat(LIMITS.pathBytes / 2 + 1), /longer than/],
  ];
  for (const [pattern, problem] of refused) {
    assert.match(filterProblem(pattern) ?? "", problem, JSON.stringify(pattern.slice(0, 20)));
    assert.throws(() => new Filter([{ include: true, pattern }]), RangeError);
  }
  for (const pattern of ["a", "/a/", "]", "a]", "[a]", "\\[", "!a", "x".repeat(LIMITS.pathBytes)]) {
    assert.equal(filterProblem(pattern), null, pattern);
  }
});
