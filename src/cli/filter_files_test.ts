import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { loadFileList, loadFilters } from "./filter_files.ts";

async function* stdinOf(...pieces: readonly string[]): AsyncGenerator<Uint8Array, void> {
  for (const piece of pieces) yield await Promise.resolve(new TextEncoder().encode(piece));
}

async function inFile<T>(text: string | Uint8Array, work: (path: string) => Promise<T>) {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-filters-"));
  try {
    const path = join(directory, "list");
    await writeFile(path, text);
    return await work(path);
  } finally {
    await rm(directory, { recursive: true });
  }
}

function patternsOf(text: string, include = false) {
  return inFile(text, (path) => loadFilters([{ kind: "file", include, path }]));
}

function pathsOf(text: string | Uint8Array) {
  return inFile(text, (path) => loadFileList(path));
}

function error(code: string, text: RegExp) {
  return (thrown: unknown) =>
    thrown instanceof SftpxError && thrown.code === code && text.test(thrown.message);
}

Deno.test("loadFilters() reads a pattern a line, past comments and blank lines", async () => {
  assert.deepEqual(
    await patternsOf("# all\n*.o\n\n  \n; more\r\n*.tmp\r\n b \n#\n\\#x\n"),
    ["*.o", "*.tmp", " b ", "\\#x"].map((pattern) => ({ include: false, pattern })),
  );
  assert.deepEqual(await patternsOf("a", true), [{ include: true, pattern: "a" }]);
  assert.deepEqual(await patternsOf("\ufeffa\n"), [{ include: false, pattern: "a" }]);
  assert.deepEqual(await patternsOf(""), []);
});

Deno.test("loadFilters() lets a sign say what a pattern does", async () => {
  assert.deepEqual(await patternsOf("+ a\n- b\nc\n-d\n+\n- - e\n", true), [
    { include: true, pattern: "a" },
    { include: false, pattern: "b" },
    { include: true, pattern: "c" },
    { include: true, pattern: "-d" },
    { include: true, pattern: "+" },
    { include: false, pattern: "- e" },
  ]);
});

Deno.test("loadFilters() takes a file with NULs as a list without comments and lines", async () => {
  assert.deepEqual(
    (await patternsOf("#a\0- b\nc\0\0d")).map(({ pattern }) => pattern),
    ["#a", "b\nc", "d"],
  );
});

Deno.test("loadFilters() keeps the order of flags and files", async () => {
  const rules = await inFile("f1\nf2\n", (path) =>
    loadFilters([
      { kind: "rule", include: true, pattern: "a" },
      { kind: "file", include: false, path },
      { kind: "rule", include: false, pattern: "b" },
      { kind: "file", include: true, path: "-" },
    ], { stdin: stdinOf("s", "1\ns2") }));
  assert.deepEqual(rules.map(({ pattern }) => pattern), ["a", "f1", "f2", "b", "s1", "s2"]);
});

Deno.test("loadFilters() names file and line of a pattern it cannot use", async () => {
  await assert.rejects(() => patternsOf("a\n# b\n[c\n"), error("usage", /list" line 3: "\[c"/));
  await assert.rejects(() => patternsOf("a\n!\n"), error("usage", /line 2: "!"/));
  await assert.rejects(() => patternsOf("a\n- \n"), error("usage", /line 2/));
  await assert.rejects(() => patternsOf("a\0[c"), error("usage", /item 2/));
  const choice = { kind: "file", include: true, path: "-" } as const;
  await assert.rejects(
    () => loadFilters([choice], { stdin: stdinOf("[c") }),
    error("usage", /Cannot use stdin line 1/),
  );
});

Deno.test("loadFilters() bounds rules, their bytes and the files", async () => {
  const rule = { kind: "rule", include: true, pattern: "a" } as const;
  const most = Array.from({ length: LIMITS.filterRules }, () => rule);
  assert.equal((await loadFilters(most)).length, most.length);
  await assert.rejects(
    () => loadFilters([...most, rule]),
    error("usage", new RegExp(`they are more than ${LIMITS.filterRules}`)),
  );
  const long = { ...rule, pattern: "é".repeat(2000) };
  const bytes = Array.from({ length: LIMITS.filterBytes / 4000 + 1 }, () => long);
  await assert.rejects(
    () => loadFilters(bytes),
    error("usage", new RegExp(`more than ${LIMITS.filterBytes} bytes`)),
  );
  const heavy = Array.from(
    { length: 500 },
    () => ({ ...rule, pattern: "/a*b*c*d*e*f*g*/**/x*y*z" }),
  );
  await assert.rejects(() => loadFilters(heavy), error("usage", /wildcards weigh/));
  await assert.rejects(
    () => patternsOf("#".repeat(LIMITS.trustFileBytes + 1)),
    error("limit", /bytes are the most/),
  );
});

Deno.test("a list that is not there, not text or a directory is told as such", async () => {
  await assert.rejects(
    () => loadFileList("/nonexistent/list"),
    error("usage", /there is nothing of that name/),
  );
  await assert.rejects(
    () => loadFileList(tmpdir()),
    error("usage", /Cannot load file list .*: it is a directory/),
  );
  await assert.rejects(() => pathsOf(new Uint8Array([0xff])), error("usage", /it is no UTF-8/));
});

Deno.test("loadFileList() hands on paths as they stand there, without comments", async () => {
  assert.deepEqual(
    await pathsOf("# these\na\n./b/c\n/d//e/\n\na\n;x\n.\nf g\r\n"),
    ["a", "./b/c", "/d//e/", "a", ".", "f g"],
  );
});

Deno.test("loadFileList() reads what find -print0 writes", async () => {
  assert.deepEqual(await pathsOf(".\0./#a\0./b c\0"), [".", "./#a", "./b c"]);
});

Deno.test("loadFileList() refuses a path that climbs or is not to be sent, by its line", async () => {
  await assert.rejects(() => pathsOf("a\n../b\n"), error("usage", /line 2: "\.\.\/b"/));
  await assert.rejects(() => pathsOf("a/../b\n"), error("usage", /line 1/));
  await assert.rejects(() => pathsOf("x/.sftpx/y\n"), error("usage", /line 1/));
  await assert.rejects(() => pathsOf("a\0b\nc\0"), error("usage", /item 2: "b\\u\{a\}c"/));
});

Deno.test("loadFileList() stops reading where it is told to, and where there is too much", async () => {
  const controller = new AbortController();
  const waiting = Promise.withResolvers<void>();
  const endless = {
    [Symbol.asyncIterator]: () => ({
      next: () => {
        waiting.resolve();
        return new Promise<IteratorResult<Uint8Array>>(() => {});
      },
    }),
  };
  const reading = loadFileList("-", { stdin: endless, signal: controller.signal });
  await waiting.promise;
  controller.abort(new SftpxError("interrupted", "Stopped by SIGINT"));
  await assert.rejects(reading, error("interrupted", /SIGINT/));
  let isClosed = false;
  async function* flood(): AsyncGenerator<Uint8Array, void> {
    try {
      for (;;) yield await Promise.resolve(new Uint8Array(2 ** 22).fill(0x61));
    } finally {
      isClosed = true;
    }
  }
  await assert.rejects(() => loadFileList("-", { stdin: flood() }), error("limit", /the most/));
  assert.ok(isClosed);
});

Deno.test("loadFileList() takes as many paths as one message holds, counting each once", async () => {
  const list = (text: string) => inFile(text, (path) => loadFileList(path, { maxPaths: 3 }));
  assert.deepEqual(await list("a\nb\n./a\nc\n"), ["a", "b", "./a", "c"]);
  await assert.rejects(
    () => list("a\nb\nc\nd\n"),
    error("usage", /^Cannot use ".*list": 3 paths are the most that one get asks for/),
  );
});
