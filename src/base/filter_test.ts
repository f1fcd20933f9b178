import assert from "node:assert/strict";
import fc from "fast-check";
import { Filter, filterProblem } from "./filter.ts";
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

const PIECES = ["a", "b", "/", "*", "**", "***", "?", "[ab]", "[!a]", "[^b]", "\\*", "\\a", "é"];

/** What the manual says, word by word, trying everything. */
function slowMatches(given: string, path: string, isDirectory: boolean): boolean {
  if (/[^/]\/+$/.test(given) && !isDirectory) return false;
  const isAnchored = given.startsWith("/");
  const pattern = given.replace(/([^/])\/+$/, "$1").replace(/^\//, "");
  // A star behind a backslash is a star, and no pattern made here escapes a slash.
  const bare = pattern.replaceAll("\\*", "x");
  const text = bare.endsWith("***") && isDirectory ? `${path}/` : path;
  if (isAnchored) return slowFrom(pattern, text);
  if (!bare.includes("/") && !bare.includes("**")) {
    return slowFrom(pattern, text.slice(path.lastIndexOf("/") + 1));
  }
  const beginnings = [
    text,
    ...[...text].flatMap((_, i) => text[i] === "/" ? text.slice(i + 1) : []),
  ];
  if (bare.startsWith("**")) beginnings.push(`/${text}`);
  return beginnings.some((beginning) => slowFrom(pattern, beginning));
}

function slowFrom(pattern: string, text: string): boolean {
  if (pattern === "") return text === "";
  const piece = /^(\*+|\?|\[[^\]]+\]|\\.|.)/su.exec(pattern)?.[0] ?? "";
  const rest = pattern.slice(piece.length);
  if (piece.startsWith("*")) {
    const crosses = piece.length > 1;
    for (let i = 0; i <= text.length; i++) {
      if (slowFrom(rest, text.slice(i))) return true;
      if (!crosses && text[i] === "/") return false;
    }
    return false;
  }
  const first = text[0];
  if (first === undefined) return false;
  const takes = piece === "?"
    ? first !== "/"
    : piece === "[ab]"
    ? first === "a" || first === "b"
    : piece === "[!a]"
    ? first !== "a" && first !== "/"
    : piece === "[^b]"
    ? first !== "b" && first !== "/"
    : first === piece.at(-1);
  return takes && slowFrom(rest, text.slice(1));
}

Deno.test("Filter agrees with a matcher that tries everything", () => {
  const patterns = fc.array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 7 })
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

Deno.test("Filter takes pattern times path and no more", () => {
  const path = "a/".repeat(LIMITS.pathBytes / 2 - 1) + "a";
  const evil = ["*a".repeat(200) + "b", "**a*".repeat(100) + "/b", "[!b]*?".repeat(100) + "/**b"];
  const filter = new Filter(evil.map((pattern) => ({ include: false, pattern })));
  const begun = performance.now();
  assert.equal(filter.excludes(path, false), false);
  // A backtracking matcher would need longer than anyone can wait.
  assert.ok(performance.now() - begun < 5000);
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
