// Names that cannot travel or cannot be held, and what stands in the way of an entry: each fails alone,
// and nothing outside the destination is touched.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs/promises";
import process from "node:process";
import { assertBad, assertPlain, expectBad, failedEntries } from "./bad_input.ts";
import { Scratch } from "./sftpx_process.ts";
import { file, link, makeFile, makeTree } from "./trees.ts";

const LONG = "n".repeat(255);

for (const way of ["send", "get"] as const) {
  Deno.test(`names that cannot travel fail alone in a ${way}`, async () => {
    await using scratch = await Scratch.open();
    const from = scratch.path(way === "send" ? "tree" : "root/tree");
    await makeTree(from, {
      "good": file("good"),
      [LONG]: file("as long as a name may be"),
      "back\\slash": file("x"),
      "new\nline": file("x"),
      "control\u0001": file("x"),
      "sub/tab\there": file("x"),
      "sub/also good": file("good"),
    });
    const notText = process.platform === "linux";
    if (notText) execFileSync("sh", ["-c", `printf x > "$(printf 'bad\\377')"`], { cwd: from });
    const server = await scratch.serve("root");
    const args = way === "send"
      ? ["send", "tree", `${server.ticket}/in/`]
      : ["get", `${server.ticket}/tree`, "root/in/"];
    const run = await scratch.transfer(args);
    assertBad(run, "partial", /^\d entries failed, the first because: /);
    assert.equal(failedEntries(run).length, notText ? 5 : 4);
    assert.ok(failedEntries(run).every((entry) => entry.endsWith(" bad_name")));
    const placed = await fs.readdir(scratch.path("root/in/tree"), { recursive: true });
    assert.deepEqual(placed.sort(), ["good", LONG, "sub", "sub/also good"].sort());
  });

  Deno.test(`file against directory, link against directory: each fails alone in a ${way}`, async () => {
    await using scratch = await Scratch.open();
    const [from, to] = way === "send" ? ["tree", "root/in/tree"] : ["root/tree", "in/tree"];
    await makeTree(scratch.path(from), {
      "file": file("a file here"),
      "dir/inner": file("in a directory here"),
      "link": link("file"),
      "through/hosts": file("must not leave"),
      "good": file("good"),
    });
    await makeTree(scratch.path(to), {
      "file/stays": file("stays"),
      "dir": file("a file there"),
      "link/stays": file("stays"),
      "through": link("../../outside"),
    });
    await fs.mkdir(scratch.path(to, "../../outside"), { recursive: true });
    const server = await scratch.serve("root");
    const args = way === "send"
      ? ["send", "tree", `${server.ticket}/in/`]
      : ["get", `${server.ticket}/tree`, "in/"];
    const run = await scratch.transfer(args);
    assertBad(run, "partial", /entries failed, the first because: Cannot place/);
    assert.deepEqual(failedEntries(run), [
      "tree/dir conflict",
      "tree/dir/inner conflict",
      "tree/file conflict",
      "tree/link conflict",
      "tree/through conflict",
      "tree/through/hosts conflict",
    ]);
    const text = (path: string) => fs.readFile(scratch.path(to, path), "utf8");
    assert.equal(await text("good"), "good");
    assert.equal(await text("file/stays"), "stays");
    assert.equal(await text("dir"), "a file there");
    assert.equal(await text("link/stays"), "stays");
    assert.deepEqual(await fs.readdir(scratch.path(to, "../../outside")), []);
  });
}

Deno.test("of several sources those that are there go, either way", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("a"), "a");
  await makeFile(scratch.path("root/b"), "b");
  const server = await scratch.serve("root");
  const sent = await scratch.transfer(["send", "gone", "a", `${server.ticket}/in/`]);
  assertBad(sent, "partial", /^1 entry failed, .*"gone": there is no such source$/);
  assert.deepEqual(await fs.readdir(scratch.path("root/in")), ["a"]);
  const remote = ["gone", "b"].map((path) => `${server.ticket}/${path}`);
  const got = await scratch.transfer(["get", ...remote, "got"]);
  assertBad(got, "partial", /^1 entry failed, .*"gone": there is no such path$/);
  assert.deepEqual(failedEntries(got), ["gone source_missing"]);
  assert.deepEqual(await fs.readdir(scratch.path("got")), ["b"]);
  await expectBad(scratch, ["get", remote[0]!, "nothing"], {
    code: "source_missing",
    message: /there is no such path/,
  });
  await assert.rejects(fs.stat(scratch.path("nothing")));
});

Deno.test("a destination that cannot be one is refused before anything is made", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  await makeTree(scratch.path("root"), { "file": file("stays"), "out": link("../outside") });
  await fs.mkdir(scratch.path("outside"));
  const server = await scratch.serve("root");
  const wrong: Record<string, readonly ["usage" | "conflict", RegExp]> = {
    "../x": ["usage", /it has a component "\.\."/],
    ".sftpx/x": ["usage", /it has a component reserved for sftpx/],
    ".SFTPX/x": ["usage", /it has a component reserved for sftpx/],
    [`${LONG}n`]: ["usage", /it has a component longer than 255 bytes/],
    ["a/".repeat(3000)]: ["usage", /it is longer than 4095 bytes/],
    "file/x": ["conflict", /"file" is not a directory/],
    "out/x": ["conflict", /"out" is a link/],
  };
  for (const [path, [code, message]] of Object.entries(wrong)) {
    await t.step(path.slice(0, 20), async () => {
      await expectBad(scratch, ["send", "f", `${server.ticket}/${path}`], { code, message });
    });
  }
  assert.deepEqual((await fs.readdir(server.root)).sort(), [".sftpx", "file", "out"]);
  assert.deepEqual(await fs.readdir(scratch.path("outside")), []);
  assert.equal(await fs.readFile(scratch.path("root/file"), "utf8"), "stays");
});

Deno.test("names that differ in case or composition only are two files where the disk says so", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), { "README": file("1"), "readme": file("2") });
  await makeTree(scratch.path("tree"), { "caf\u00e9": file("3"), "cafe\u0301": file("4") });
  const there = (await fs.readdir(scratch.path("tree"))).length;
  const server = await scratch.serve("root");
  const sent = await scratch.run(["send", "tree", server.ticket]);
  assertPlain(sent);
  assert.equal(sent.code, 0, sent.stderr);
  assert.equal((await fs.readdir(scratch.path("root/tree"))).length, there);
});
