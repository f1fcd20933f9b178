// Where a push lands: the grammar of SRC and DEST, as the command-line contract has it.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { Scratch } from "./sftpx_process.ts";
import { file, link, makeFile, makeTree, readTree } from "./trees.ts";

Deno.test("a push puts things where the grammar says", async (t) => {
  await using scratch = await Scratch.open();
  const server = await scratch.serve("root");
  await makeTree(scratch.path("w"), {
    "a.txt": file("the file"),
    "b.txt": file("another"),
    "dir/x": file("x"),
    "dir/sub/y": file("y"),
    "link": link("a.txt"),
    "dirlink": link("dir"),
    "sftpx1abc": file("looks like a ticket"),
  });
  const cwd = scratch.path("w");

  /** Sends SRC... to a place of its own and tells what is there then. */
  const placed = async (sources: readonly string[], place: string, path: string) => {
    const args = ["send", ...sources, `${server.ticket}/${place}/${path}`];
    const { code, stderr } = await scratch.transfer(args, { cwd });
    assert.equal(code, 0, stderr);
    return Object.keys(await readTree(`${server.root}/${place}`));
  };
  const made = (path: string) => fs.mkdir(`${server.root}/${path}`, { recursive: true });
  const text = (path: string) => fs.readFile(`${server.root}/${path}`, "utf8");

  await t.step("no PATH means the root", async () => {
    const { code } = await scratch.transfer(["send", "a.txt", server.ticket], { cwd });
    assert.equal(code, 0);
    assert.equal(await text("a.txt"), "the file");
  });
  await t.step("a file takes the new name", async () => {
    assert.deepEqual(await placed(["a.txt"], "c1", "new"), ["new"]);
  });
  await t.step("a file goes into a directory that is there", async () => {
    await made("c2/there");
    assert.deepEqual(await placed(["a.txt"], "c2", "there"), ["there", "there/a.txt"]);
  });
  await t.step("a file goes into what ends in a slash, made if missing", async () => {
    assert.deepEqual(await placed(["a.txt"], "c3", "made/deep/"), [
      "made",
      "made/deep",
      "made/deep/a.txt",
    ]);
  });
  await t.step("missing parents of a new name are made", async () => {
    assert.deepEqual(await placed(["a.txt"], "c4", "p/q/new"), ["p", "p/q", "p/q/new"]);
  });
  await t.step("with several sources DEST is a directory", async () => {
    assert.deepEqual(await placed(["a.txt", "b.txt", "dir"], "c5", "in"), [
      "in",
      "in/a.txt",
      "in/b.txt",
      "in/dir",
      "in/dir/sub",
      "in/dir/sub/y",
      "in/dir/x",
    ]);
  });
  await t.step("a directory goes under its name", async () => {
    const want = ["in", "in/dir", "in/dir/sub", "in/dir/sub/y", "in/dir/x"];
    assert.deepEqual(await placed(["dir"], "c6", "in"), want);
  });
  await t.step("dir/, dir/. and . mean the contents", async () => {
    const want = ["in", "in/sub", "in/sub/y", "in/x"];
    assert.deepEqual(await placed(["dir/"], "c7", "in"), want);
    assert.deepEqual(await placed(["dir/."], "c8", "in"), want);
    const args = ["send", ".", `${server.ticket}/c9/in`];
    assert.equal((await scratch.transfer(args, { cwd: scratch.path("w/dir") })).code, 0);
    assert.deepEqual(Object.keys(await readTree(`${server.root}/c9`)), want);
  });
  await t.step("a link as SRC is copied as a link, link/ follows", async () => {
    assert.deepEqual(await placed(["link", "dirlink"], "c10", ""), ["dirlink", "link"]);
    assert.equal(await fs.readlink(`${server.root}/c10/link`), "a.txt");
    assert.equal(await fs.readlink(`${server.root}/c10/dirlink`), "dir");
    assert.deepEqual(await placed(["dirlink/"], "c11", "in"), ["in", "in/sub", "in/sub/y", "in/x"]);
  });
  await t.step("./NAME is a local file, however much it looks like a ticket", async () => {
    assert.deepEqual(await placed(["./sftpx1abc"], "c12", "new"), ["new"]);
    const bare = await scratch.transfer(["send", "sftpx1abc", `${server.ticket}/x`], { cwd });
    assert.equal(bare.code, 2);
  });
  await t.step("PATH after a ticket is literal", async () => {
    assert.deepEqual(await placed(["a.txt"], "c13", "a%20b"), ["a%20b"]);
  });
  await t.step("@ takes the ticket from --ticket-file or SFTPX_TICKET", async () => {
    await fs.writeFile(scratch.path("ticket"), `${server.ticket}\n`);
    const byFile = ["send", "a.txt", "@/c14/f", "--ticket-file", scratch.path("ticket")];
    assert.equal((await scratch.transfer(byFile, { cwd })).code, 0);
    const env = { SFTPX_TICKET: server.ticket };
    assert.equal((await scratch.transfer(["send", "a.txt", "@/c14/e"], { cwd, env })).code, 0);
    assert.deepEqual(Object.keys(await readTree(`${server.root}/c14`)), ["e", "f"]);
    assert.equal((await scratch.transfer(["send", "a.txt", "@/c14/g"], { cwd })).code, 2);
  });
  await t.step("a path that climbs is refused before anything is sent", async () => {
    for (const path of ["../up", "a/../../up", "/abs", ".sftpx/x", "x/.SFTPX"]) {
      const { code } = await scratch.transfer(["send", "a.txt", `${server.ticket}/${path}`], {
        cwd,
      });
      assert.equal(code, 2, path);
    }
  });
});

Deno.test("a push meets what stands at its destination", async (t) => {
  await using scratch = await Scratch.open();
  const server = await scratch.serve("root");
  const send = (source: string, path: string) =>
    scratch.transfer(["send", scratch.path(source), `${server.ticket}/${path}`]);

  await t.step("a different file is replaced as a whole", async () => {
    await makeFile(scratch.path("new"), "the new content");
    await makeFile(`${server.root}/old`, "what was there before, and longer");
    const before = await fs.open(`${server.root}/old`);
    const { code, stderr } = await send("new", "old");
    assert.equal(code, 0, stderr);
    assert.equal(await fs.readFile(`${server.root}/old`, "utf8"), "the new content");
    // Whoever had the old file open still reads the old file: it was not written into.
    assert.equal(await before.readFile("utf8"), "what was there before, and longer");
    await before.close();
  });
  await t.step("a link at the final name is replaced itself, its target untouched", async () => {
    await makeFile(`${server.root}/target`, "precious");
    await fs.symlink("target", `${server.root}/alias`);
    const { code, stderr } = await send("new", "alias");
    assert.equal(code, 0, stderr);
    assert.equal((await fs.lstat(`${server.root}/alias`)).isFile(), true);
    assert.equal(await fs.readFile(`${server.root}/target`, "utf8"), "precious");
  });
  await t.step("a way through a linked directory is refused", async () => {
    await fs.mkdir(scratch.path("outside"));
    await fs.symlink(scratch.path("outside"), `${server.root}/door`);
    for (const path of ["door/in", "door/deep/in", "door/"]) {
      const { code, summary } = await send("new", path);
      assert.notEqual(code, 0, path);
      assert.equal(summary.ok, false);
    }
    assert.deepEqual(await fs.readdir(scratch.path("outside")), []);
  });
  await t.step("a file against a directory fails that entry, others go: exit 3", async () => {
    await makeTree(scratch.path("mixed"), { "good": file("good"), "bad": file("bad") });
    await makeFile(`${server.root}/mixed/bad/stays`, "stays");
    const { code, summary, lines } = await send("mixed", "");
    assert.equal(code, 3);
    assert.equal(summary.error?.code, "partial");
    assert.equal(summary.error?.exit, 3);
    assert.deepEqual(
      lines.filter((line) => line.event === "entry_failed").map((line) => line["path"]),
      ["mixed/bad"],
    );
    assert.equal(await fs.readFile(`${server.root}/mixed/good`, "utf8"), "good");
    assert.equal(await fs.readFile(`${server.root}/mixed/bad/stays`, "utf8"), "stays");
  });
  await t.step("a directory against a file fails, and the file stays", async () => {
    await makeFile(`${server.root}/tree`, "a file");
    await makeTree(scratch.path("tree"), { "x": file("x") });
    const { code, summary } = await send("tree", "");
    assert.notEqual(code, 0);
    assert.equal(summary.ok, false);
    assert.equal(await fs.readFile(`${server.root}/tree`, "utf8"), "a file");
  });
  await t.step("nothing extra is deleted", async () => {
    await makeFile(`${server.root}/kept/extra`, "extra");
    await makeTree(scratch.path("kept"), { "mine": file("mine") });
    assert.equal((await send("kept", "")).code, 0);
    assert.deepEqual(Object.keys(await readTree(`${server.root}/kept`)), ["extra", "mine"]);
  });
});
