// What travels: patterns and lists, in both directions, from the command line, from files and stdin.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { Scratch } from "./sftpx_process.ts";
import { file, makeFile, makeTree, readTree } from "./trees.ts";

const TREE = {
  "src/main.ts": file("main"),
  "src/main_test.ts": file("test"),
  "src/deep/x.ts": file("x"),
  "node_modules/a/index.js": file("a"),
  "notes.log": file("log"),
  "important.log": file("important"),
  "README": file("read me"),
};

/** Paths of files below a directory. */
async function filesIn(path: string): Promise<readonly string[]> {
  const found = await readTree(path, { except: [".sftpx"] });
  return Object.entries(found).filter(([, text]) => text.startsWith("file"))
    .map(([name]) => name).sort();
}

Deno.test("filters say what travels, the first that matches decides", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), TREE);
  const server = await scratch.serve("root");
  const cases: Readonly<Record<string, readonly [readonly string[], readonly string[]]>> = {
    "an include before an exclude": [
      ["--include", "important.*", "--exclude", "*.log", "--exclude", "node_modules/"],
      ["README", "important.log", "src/deep/x.ts", "src/main.ts", "src/main_test.ts"],
    ],
    "an exclude before an include": [
      ["--exclude", "*.log", "--include", "important.*", "--exclude", "node_modules/"],
      ["README", "src/deep/x.ts", "src/main.ts", "src/main_test.ts"],
    ],
    "an anchored pattern": [
      ["--exclude", "/src/*.ts", "--exclude", "/node_modules"],
      ["README", "important.log", "notes.log", "src/deep/x.ts"],
    ],
    "only what is included": [
      ["--include", "*/", "--include", "*.ts", "--exclude", "*"],
      ["src/deep/x.ts", "src/main.ts", "src/main_test.ts"],
    ],
  };
  let number = 0;
  for (const [name, [flags, expected]] of Object.entries(cases)) {
    number += 1;
    await t.step(`${name}, sent`, async () => {
      const sent = await scratch.transfer([
        "send",
        "tree/",
        `${server.ticket}/${number}`,
        ...flags,
      ]);
      assert.equal(sent.code, 0, sent.stderr);
      assert.deepEqual(await filesIn(`${server.root}/${number}`), expected);
    });
    await t.step(`${name}, fetched`, async () => {
      await makeTree(scratch.path("root/all"), TREE);
      const got = await scratch.transfer([
        "get",
        `${server.ticket}/all/`,
        `got${number}`,
        ...flags,
      ]);
      assert.equal(got.code, 0, got.stderr);
      assert.deepEqual(await filesIn(scratch.path(`got${number}`)), expected);
    });
  }
  await t.step("a pattern file, with comments and signs", async () => {
    await makeFile(
      scratch.path("patterns"),
      "# not these\n\n*_test.ts\n; nor these\nnode_modules\n+ important.log\n*.log\n",
    );
    const flags = ["--exclude-from", "patterns"];
    const sent = await scratch.transfer(["send", "tree", `${server.ticket}/from`, ...flags]);
    assert.equal(sent.code, 0, sent.stderr);
    assert.deepEqual(await filesIn(`${server.root}/from/tree`), [
      "README",
      "important.log",
      "src/deep/x.ts",
      "src/main.ts",
    ]);
  });
});

Deno.test("--files-from takes what a list names, and fails alone what is not there", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), TREE);
  await makeTree(scratch.path("root/tree"), TREE);
  const server = await scratch.serve("root");
  await makeFile(scratch.path("list"), "src/main.ts\nREADME\nsrc/deep\n");
  const expected = ["README", "src/deep/x.ts", "src/main.ts"];
  await t.step("sent", async () => {
    const flags = ["--files-from", "list"];
    const sent = await scratch.transfer(["send", "tree", `${server.ticket}/listed`, ...flags]);
    assert.equal(sent.code, 0, sent.stderr);
    assert.deepEqual(await filesIn(`${server.root}/listed`), expected);
  });
  await t.step("fetched", async () => {
    const flags = ["--files-from", "list"];
    const got = await scratch.transfer(["get", `${server.ticket}/tree`, "listed", ...flags]);
    assert.equal(got.code, 0, got.stderr);
    assert.deepEqual(await filesIn(scratch.path("listed")), expected);
  });
  await t.step("from stdin, separated by NULs", async () => {
    const words = ["sh", "-c", `printf 'README\\0src/main.ts\\0' | "$@"`, "sh"];
    const { toolCommand } = await import("./command.ts");
    const flags = ["--files-from", "-", "--json"];
    const args = ["send", "tree", `${server.ticket}/piped`, ...flags];
    const { code, stderr } = await scratch.startProgram([...words, ...toolCommand(), ...args])
      .ended;
    assert.equal(code, 0, stderr);
    assert.deepEqual(await filesIn(`${server.root}/piped`), ["README", "src/main.ts"]);
  });
  await t.step("all of the source where it names that", async () => {
    await makeFile(scratch.path("whole"), ".\n");
    const flags = ["--files-from", "whole"];
    const sent = await scratch.transfer(["send", "tree", `${server.ticket}/whole`, ...flags]);
    assert.equal(sent.code, 0, sent.stderr);
    assert.deepEqual(await filesIn(`${server.root}/whole`), await filesIn(scratch.path("tree")));
  });
  await t.step("one that is not there fails alone", async () => {
    await makeFile(scratch.path("list"), "README\nabsent\n");
    const flags = ["--files-from", "list"];
    const sent = await scratch.transfer(["send", "tree", `${server.ticket}/some`, ...flags]);
    assert.equal(sent.code, 3, sent.stderr);
    assert.ok(
      sent.lines.some((line) => line.event === "entry_failed" && line["path"] === "absent"),
    );
    assert.deepEqual(await filesIn(`${server.root}/some`), ["README"]);
  });
  await t.step("a list that climbs is refused, with its line", async () => {
    await makeFile(scratch.path("list"), "README\n../secret\n");
    const flags = ["--files-from", "list"];
    const sent = await scratch.transfer(["send", "tree", server.ticket, ...flags]);
    assert.equal(sent.code, 2, sent.stderr);
    assert.match(sent.summary.error?.message ?? "", /line 2/);
  });
});

Deno.test("a filter file that cannot be read, or says nonsense, is a clear error", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await scratch.serve("root");
  await makeFile(scratch.path("bad"), "fine\n[open\n");
  for (
    const [flags, text] of [
      [["--exclude-from", "absent"], /absent/],
      [["--exclude-from", "bad"], /line 2/],
      [["--exclude", "[open"], /\[open/],
    ] as const
  ) {
    const sent = await scratch.transfer(["send", "f", server.ticket, ...flags]);
    assert.equal(sent.code, 2, sent.stderr);
    assert.match(sent.summary.error?.message ?? "", text);
  }
  await assert.rejects(fs.stat(`${server.root}/f`));
});
