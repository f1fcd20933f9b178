import assert from "node:assert/strict";
import fc from "fast-check";
import { compareBytes, encodeUtf8 } from "./bytes.ts";
import { LIMITS } from "./limits.ts";
import {
  comparePaths,
  foldPath,
  isFromOn,
  isReservedName,
  isReservedShortName,
  pathProblem,
  platformProblem,
  targetProblem,
} from "./path.ts";

Deno.test("pathProblem() judges plain paths as it judges those beside a name that is not", () => {
  const piece = fc.constantFrom(
    ..."a b . .. ~ / // \\ ~1 .a .z- .S .sftpx .SFTPX-x sftpx~1 } \x7f \x1f \0 * : x.".split(" "),
    "n".repeat(LIMITS.nameBytes),
    "a/".repeat(LIMITS.pathDepth / 2),
  );
  const path = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(path, (path) => {
      const beside = pathProblem(`${path}/é`);
      const isShort = path.split("/").length < LIMITS.pathDepth;
      if (path !== "" && isShort) assert.equal(pathProblem(path), beside);
    }),
    { numRuns: 1000 },
  );
  assert.equal(pathProblem("a/".repeat(LIMITS.pathDepth - 1) + "a"), null);
  assert.match(pathProblem("a/".repeat(LIMITS.pathDepth) + "a") ?? "", /deeper/);
  assert.match(pathProblem("a".repeat(LIMITS.nameBytes + 1)) ?? "", /component longer/);
});

Deno.test("pathProblem() accepts what file systems hold", () => {
  const fine = [
    "a",
    "a/b",
    ".hidden",
    "...",
    "..a",
    "a..",
    "a b",
    "~",
    "-rf",
    "C:",
    "é",
    "e\u0301",
    "日本",
    "😀/🙂",
    "\ufeffa",
    ".sftp",
    ".sftpxx",
    "sftpx",
    "x.sftpx",
    "a\u00adb",
  ];
  for (const path of fine) assert.equal(pathProblem(path), null, path);
});

Deno.test("pathProblem() refuses each way to climb, to escape or to deceive", () => {
  const refused: readonly (readonly [path: string, problem: RegExp])[] = [
    ["", /empty$/],
    ["/", /absolute/],
    ["/a", /absolute/],
    ["//a", /absolute/],
    [".", /component "\."/],
    ["..", /component "\.\."/],
    ["a/./b", /component "\."/],
    ["a/../b", /component "\.\."/],
    ["../a", /component "\.\."/],
    ["a/..", /component "\.\."/],
    ["a/", /empty component/],
    ["a//b", /empty component/],
    ["a\0b", /NUL/],
    ["a\nb", /control/],
    ["a\x1bb", /control/],
    ["a\x7fb", /control/],
    ["a\x9bb", /control/],
    ["a\\b", /backslash/],
    ["..\\a", /backslash/],
    ["a\u202eb", /reorders/],
    ["a\u2066b", /reorders/],
    ["a\u200fb", /reorders/],
    ["a\u061cb", /reorders/],
    ["a\ud800", /Unicode/],
    ["\udc00a", /Unicode/],
    [".sftpx", /reserved/],
    ["a/.sftpx/b", /reserved/],
    ["a/.SFTPX", /reserved/],
    [".sftpx-part", /reserved/],
    ["a/.Sftpx-1", /reserved/],
    ["SFTPX~1", /reserved/],
    ["a/sftpx-~2/b", /reserved/],
  ];
  for (const [path, problem] of refused) {
    assert.match(pathProblem(path) ?? "", problem, JSON.stringify(path));
  }
});

Deno.test("pathProblem() holds a component, a depth and a path to their limits", () => {
  const name = "é".repeat(LIMITS.nameBytes >> 1) + "x";
  assert.equal(encodeUtf8(name).byteLength, LIMITS.nameBytes);
  assert.equal(pathProblem(name), null);
  assert.match(pathProblem(name + "x") ?? "", /component longer/);

  const deep = Array.from({ length: LIMITS.pathDepth }, () => "d").join("/");
  assert.equal(pathProblem(deep), null);
  assert.match(pathProblem(deep + "/d") ?? "", /deeper/);

  const long = Array.from({ length: LIMITS.pathBytes + 1 >> 8 }, () => "é".repeat(127) + "x")
    .join("/");
  assert.equal(encodeUtf8(long).byteLength, LIMITS.pathBytes);
  assert.equal(pathProblem(long), null);
  assert.match(pathProblem(long + "x") ?? "", /^it is longer than/);
});

Deno.test("pathProblem() judges a long path by its length alone", () => {
  assert.match(pathProblem("/".repeat(LIMITS.pathBytes + 1)) ?? "", /^it is longer than/);
  assert.match(pathProblem("x".repeat(1 << 24)) ?? "", /^it is longer than/);
});

Deno.test("pathProblem() accepts a path only if every component stands as it is", () => {
  const piece = fc.constantFrom("a", ".", "..", "", "/", "\\", "\0", "\u202e", ".sftpx", "b/c");
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 6 }), (pieces) => {
      const path = pieces.join("");
      if (pathProblem(path) !== null) return;
      const resolved = new URL("file:///root/" + path.split("/").map(encodeURIComponent).join("/"));
      assert.ok(resolved.pathname.startsWith("/root/"), path);
      assert.equal(decodeURIComponent(resolved.pathname), "/root/" + path);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("isReservedShortName() knows what FAT and NTFS call the reserved names", () => {
  for (const name of ["SFTPX~1", "sftpx~9", "Sftpx-~1", "SF3A0C~1", "sftpx~1.", "s\u200bftpx~1"]) {
    assert.equal(isReservedShortName(name), true, name);
  }
  for (
    const name of ["sftpx", "sftpx~", "sftpx~a", "asftpx~1", "sf~1", "sftpx~1.txt", "sfzzzz~1"]
  ) {
    assert.equal(isReservedShortName(name), false, name);
  }
});

Deno.test("platformProblem() refuses on Windows what is no name there, or another one", () => {
  const refused: readonly (readonly [path: string, problem: RegExp])[] = [
    ...["CON", "prn", "Aux", "NUL", "COM0", "com1", "COM9", "LPT1", "lpt9"],
    ...["COM\u00b9", "com\u00b2", "LPT\u00b3", "CONIN$", "conout$", "CLOCK$"],
    ...["nul.txt", "CON.tar.gz", "aux .txt", "d/COM1/f"],
  ].map((path) => [path, /device/]);
  const more: typeof refused = [
    ["C:", /character/],
    ["C:/f", /character/],
    ["f:stream", /character/],
    ["d/f::$DATA", /character/],
    ["a*", /character/],
    ["what?", /character/],
    ['"a"', /character/],
    ["a|b", /character/],
    ["<a>", /character/],
    ["a.", /dot or a space/],
    ["a ", /dot or a space/],
    ["d /f", /dot or a space/],
    ["...", /dot or a space/],
  ];
  for (const [path, problem] of [...refused, ...more]) {
    assert.match(platformProblem(path, "windows") ?? "", problem, path);
    assert.equal(platformProblem(path, "posix"), null, path);
  }
});

Deno.test("platformProblem() lets ordinary names pass on Windows", () => {
  for (
    const path of ["a", "a.b", ".a", "a b", "console", "COM", "COM10", "nulls", "d/com1x", "\u00e9"]
  ) {
    assert.equal(platformProblem(path, "windows"), null, path);
  }
});

Deno.test("targetProblem() refuses what no link may lead to, and asks not where it leads", () => {
  for (const target of ["a", "/etc", "../..", "a/../b", ".sftpx", "C:", "é"]) {
    assert.equal(targetProblem(target), null, target);
  }
  const refused: readonly (readonly [target: string, problem: RegExp])[] = [
    ["", /empty/],
    ["a\0b", /NUL/],
    ["a\nb", /control/],
    ["\x1b[2J", /control/],
    ["a\x9bb", /control/],
    ["a\u202eb", /reorders/],
    ["..\\..\\a", /backslash/],
    ["a\ud800", /Unicode/],
    ["x".repeat(LIMITS.linkTargetBytes + 1), /longer/],
  ];
  for (const [target, problem] of refused) {
    assert.match(targetProblem(target) ?? "", problem, JSON.stringify(target.slice(0, 20)));
  }
  assert.equal(targetProblem("x".repeat(LIMITS.linkTargetBytes)), null);
});

Deno.test("isReservedName() sees through case, composition and what file systems drop", () => {
  const reserved = [
    ".sftpx",
    ".SFTPX",
    ".sFtPx",
    ".\u017fftpx",
    ".s\u200bftpx",
    ".sftp\u00adx",
    "\ufeff.sftpx",
    ".sftpx.",
    ".sftpx ",
    ".sftpx . .",
    ".sftpx:stream",
    ".sftpx::$DATA",
    ".sftpx-",
    ".SFTPX-a",
    ".sftpx-\u0301",
  ];
  for (const name of reserved) assert.equal(isReservedName(name), true, name);
  for (const name of [".sftp", "sftpx", ".sftpxy", "..sftpx", ".sftpx_", "a.sftpx", ""]) {
    assert.equal(isReservedName(name), false, name);
  }
});

Deno.test("foldPath() makes one of names that some file system holds for one", () => {
  const same = [
    ["README", "readme"],
    ["\u00e9", "e\u0301"],
    ["\u00c9", "e\u0301"],
    ["STRASSE", "stra\u00dfe"],
    ["\u1e9e", "ss"],
    ["\u212a", "k"],
    ["\u03a3\u0391\u03a3", "\u03c3\u03b1\u03c2"],
    ["\ufb01le", "FILE"],
    ["a.", "a"],
    ["a. ./b ", "A/B"],
    ["a\u200db", "ab"],
  ] as const;
  for (const [a, b] of same) assert.equal(foldPath(a), foldPath(b), `${a} ${b}`);
  assert.notEqual(foldPath("a"), foldPath("b"));
  assert.notEqual(foldPath("..."), foldPath(".."));
  assert.notEqual(foldPath("a.b"), foldPath("ab"));
  assert.notEqual(foldPath("e"), foldPath("\u00e9"));
});

Deno.test("foldPath() of a fold is that fold", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (text) => {
    assert.equal(foldPath(foldPath(text)), foldPath(text));
  }));
});

Deno.test("comparePaths() orders by UTF-8 bytes, beyond the surrogates too", () => {
  assert.ok(comparePaths("\uffff", "\u{10000}") < 0);
  assert.ok(comparePaths("a", "a/b") < 0);
  assert.ok(comparePaths("a-b", "a/b") < 0);
  assert.equal(comparePaths("a/b", "a/b"), 0);
  const text = fc.string({
    unit: fc.constantFrom("a", "/", "\u007f", "\u07ff", "\ud7ff", "\ue000", "\uffff", "😀", "🙂"),
  });
  fc.assert(
    fc.property(text, text, (a, b) => {
      const expected = Math.sign(compareBytes(encodeUtf8(a), encodeUtf8(b)));
      assert.equal(Math.sign(comparePaths(a, b)), expected);
    }),
    { numRuns: 2000 },
  );
});

Deno.test("isFromOn() is true of a path, what comes behind it, and directories above such", () => {
  const from = "a/d/m";
  for (const path of ["a/d/m", "a/d/m/x", "a/d/m!", "a/d/n", "a/d0", "a/e", "b", "a", "a/d"]) {
    assert.equal(isFromOn(path, from), true, path);
  }
  for (const path of ["A", "a!", "a-", "a-/z", "a/", "a/c", "a/c/z", "a/d/", "a/d-", "a/d/l"]) {
    assert.equal(isFromOn(path, from), false, path);
  }
  // "a/x" comes behind "a-b", so "a" has to come with it.
  assert.equal(isFromOn("a", "a-b"), true);
  assert.equal(isFromOn("a", "a0"), false);
  assert.equal(isFromOn("", "a"), false);
  assert.equal(isFromOn("a", ""), true);
});

const NAMES = fc.array(
  fc.string({
    unit: fc.constantFrom("a", "b", "-", "0", "!", "\uffff", "😀"),
    minLength: 1,
    maxLength: 2,
  }),
  { minLength: 1, maxLength: 4 },
);

Deno.test("isFromOn() takes with a path every one above it", () => {
  fc.assert(
    fc.property(NAMES, NAMES, (names, from) => {
      const above = names.map((_, i) => names.slice(0, i + 1).join("/"));
      const path = above.at(-1) ?? "";
      const are = above.map((one) => isFromOn(one, from.join("/")));
      assert.deepEqual(are, are.toSorted((a, b) => Number(b) - Number(a)), path);
      if (comparePaths(path, from.join("/")) >= 0) assert.equal(are.every(Boolean), true);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("isFromOn() takes no directory of which nothing can come from there on", () => {
  fc.assert(
    fc.property(NAMES, NAMES, (names, from) => {
      const [path, at] = [names.join("/"), from.join("/")];
      // The last path that a directory can hold, and the first.
      const holds = comparePaths(`${path}/\u{10ffff}`, at) >= 0;
      assert.equal(isFromOn(path, at), holds);
      if (!isFromOn(path, at)) assert.equal(isFromOn(`${path}/\u{10ffff}`, at), false);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("isFromOn() asks the same of names in a directory as of paths", () => {
  fc.assert(
    fc.property(NAMES, NAMES, NAMES, (prefix, names, from) => {
      const [above, path, at] = [prefix, names, from].map((parts) => parts.join("/"));
      assert.equal(isFromOn(`${above}/${path}`, `${above}/${at}`), isFromOn(path ?? "", at ?? ""));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("plain names are judged as others are: what is quick about them changes no answer", () => {
  // Beside a letter that is not ASCII a path takes the long way; that letter is no part of what is asked.
  const names = [
    ".sftpx",
    ".SFTPX. .",
    ".sftpx-1",
    "sftpx",
    ".sftpx:x",
    "..sftpx",
    "a.",
    "a ",
    "A.b",
    ". .",
  ];
  for (const name of names) {
    const folded = foldPath(`\u00e9/${name}`);
    assert.equal(foldPath(`e/${name}`), folded.replace("\u00e9", "e"), name);
  }
  assert.equal(isReservedName(".SFTPX. ."), true);
  assert.equal(isReservedName("sftpx"), false);
  assert.equal(isReservedName("\uff0esftpx"), false);
  assert.equal(isReservedShortName("SFTPX~1"), true);
  assert.equal(isReservedShortName("sf\u200d12ab~1"), true);
  for (const bad of ["a\\b", "a\tb", "a\u007fb", "a\u0000b"]) {
    assert.notEqual(pathProblem(bad), null, JSON.stringify(bad));
  }
});
