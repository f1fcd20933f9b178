// `--delete`: what the sources do not have goes, once everything else is in place; nothing besides.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { Scratch } from "./sftpx_process.ts";
import { file, link, makeTree, readTree } from "./trees.ts";

const SOURCE = { "keep": file("keep"), "dir/inner": file("inner") };
const STANDING = {
  "keep": file("older"),
  "extra": file("extra"),
  "extra-dir/deep/x": file("x"),
  "dir/extra": file("extra"),
  "dir/cache/y": file("y"),
  "a-link": link("../outside"),
};

/** Paths below a directory, our own state aside. */
async function pathsIn(path: string): Promise<readonly string[]> {
  return Object.keys(await readTree(path, { except: [".sftpx"] })).sort();
}

async function openWith(standing: Parameters<typeof makeTree>[1] = STANDING) {
  const scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), SOURCE);
  await makeTree(scratch.path("root/tree"), standing);
  await makeTree(scratch.path("root"), { "beside": file("b"), "outside/stays": file("s") });
  return { scratch, server: await scratch.serve("root") };
}

Deno.test("--delete removes what the source does not have, and only below it", async (t) => {
  await t.step("a named directory, sent", async () => {
    const { scratch, server } = await openWith();
    await using _ = scratch;
    const sent = await scratch.transfer(["send", "tree", server.ticket, "--delete", "-v"]);
    assert.equal(sent.code, 0, sent.stderr);
    assert.deepEqual(await pathsIn(scratch.path("root/tree")), ["dir", "dir/inner", "keep"]);
    assert.deepEqual(await pathsIn(scratch.path("root")), [
      "beside",
      "outside",
      "outside/stays",
      "tree",
      "tree/dir",
      "tree/dir/inner",
      "tree/keep",
    ]);
    assert.equal(sent.summary["deleted"], 8);
    const gone = sent.lines.filter((line) => line["result"] === "deleted");
    assert.equal(gone.length, 8);
    // Another time there is nothing to do.
    const again = await scratch.run([
      "send",
      "tree",
      server.ticket,
      "--delete",
      "--fail-if-unchanged",
    ]);
    assert.equal(again.code, 4, again.stderr);
  });
  await t.step("contents, fetched", async () => {
    await using scratch = await Scratch.open();
    await makeTree(scratch.path("root/tree"), SOURCE);
    await makeTree(scratch.path("copy"), STANDING);
    await makeTree(scratch.path("outside"), { "stays": file("s") });
    const server = await scratch.serve("root");
    const got = await scratch.transfer(["get", `${server.ticket}/tree/`, "copy", "--delete"]);
    assert.equal(got.code, 0, got.stderr);
    assert.equal(got.summary["deleted"], 8);
    assert.deepEqual(await pathsIn(scratch.path("copy")), ["dir", "dir/inner", "keep"]);
    assert.deepEqual(await pathsIn(scratch.path("outside")), ["stays"]);
  });
});

Deno.test("--delete keeps what a filter excludes, and its directory", async () => {
  const { scratch, server } = await openWith();
  await using _ = scratch;
  const args = ["send", "tree", server.ticket, "--delete", "--exclude", "cache/", "--exclude", "x"];
  const sent = await scratch.transfer(args);
  assert.equal(sent.code, 0, sent.stderr);
  assert.deepEqual(await pathsIn(scratch.path("root/tree")), [
    "dir",
    "dir/cache",
    "dir/cache/y",
    "dir/inner",
    "extra-dir",
    "extra-dir/deep",
    "extra-dir/deep/x",
    "keep",
  ]);
});

Deno.test("--delete removes nothing when an entry failed, and says so", async () => {
  const { scratch, server } = await openWith({ ...STANDING, "dir/inner/blocks": file("b") });
  await using _ = scratch;
  const sent = await scratch.transfer(["send", "tree", server.ticket, "--delete"]);
  assert.equal(sent.code, 3, sent.stderr);
  assert.equal(sent.summary["deleted"], 0);
  assert.equal(await fs.readFile(scratch.path("root/tree/extra"), "utf8"), "extra");
  assert.match(sent.stderr, /delet|remov/i);
});

Deno.test("--delete needs a grant to read and replace, and a directory to compare", async (t) => {
  const { scratch, server } = await openWith();
  await using _ = scratch;
  for (const access of ["write", "write-once"]) {
    await t.step(`12 for a ticket of ${access}`, async () => {
      const { stdout } = await scratch.run([
        "ticket",
        "--access",
        access,
        "--advertise",
        `127.0.0.1:${server.port}`,
        server.root,
      ]);
      const sent = await scratch.transfer(["send", "tree", stdout.trim(), "--delete"]);
      assert.equal(sent.code, 12, sent.stderr);
      assert.ok((await pathsIn(scratch.path("root/tree"))).includes("extra"));
    });
  }
  await t.step("2 for a file", async () => {
    const sent = await scratch.transfer(["send", "tree/keep", server.ticket, "--delete"]);
    assert.equal(sent.code, 2, sent.stderr);
  });
  await t.step("2 with --files-from", async () => {
    await makeTree(scratch.directory, { "list": file("keep\n") });
    const args = ["send", "tree", server.ticket, "--delete", "--files-from", "list"];
    const sent = await scratch.transfer(args);
    assert.equal(sent.code, 2, sent.stderr);
  });
});
