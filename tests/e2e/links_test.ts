// Links on the command line: what a receiver makes of those that lead out, and how each end says so.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { Scratch } from "./sftpx_process.ts";
import { file, link, makeTree, readTree } from "./trees.ts";

const TREE = { "f": file("contents"), "in": link("f"), "out": link("/etc/hostname") };

Deno.test("a receiver refuses links that lead out, and says how they would be taken", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), TREE);
  const server = await scratch.serve("root");
  const pushed = await scratch.transfer(["send", scratch.path("tree"), server.ticket]);
  assert.equal(pushed.code, 3, pushed.stderr);
  assert.match(
    pushed.stderr,
    /Cannot place link "tree\/out": its target is absolute; .*--links keep/,
  );
  assert.deepEqual(Object.keys(await readTree(`${server.root}/tree`)), ["f", "in"]);
  await fs.symlink("/etc/hostname", `${server.root}/tree/out`);
  const pulled = await scratch.transfer(["get", `${server.ticket}/tree`, scratch.path("got")]);
  assert.equal(pulled.code, 3, pulled.stderr);
  assert.deepEqual(Object.keys(await readTree(scratch.path("got/tree"))), ["f", "in"]);
});

Deno.test("a receiver that skips links succeeds without them, and tells both ends", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), TREE);
  const server = await scratch.serve("root", ["--links", "skip"]);
  const send = ["send", scratch.path("tree"), server.ticket];
  const dry = await scratch.transfer([...send, "--dry-run"]);
  assert.equal(dry.code, 0, dry.stderr);
  const planned = dry.lines.flatMap((line) =>
    line.event === "plan" ? [[line["path"], line["action"]]] : []
  );
  assert.deepEqual(planned, [
    ["tree", "create"],
    ["tree/f", "create"],
    ["tree/in", "skip"],
    ["tree/out", "skip"],
  ]);
  const pushed = await scratch.transfer(send);
  assert.equal(pushed.code, 0, pushed.stderr);
  assert.match(pushed.stderr, /Skipped link "tree\/in" and 1 more/);
  assert.deepEqual(Object.keys(await readTree(`${server.root}/tree`)), ["f"]);
  const again = await scratch.transfer([...send, "--fail-if-unchanged"]);
  assert.equal(again.code, 4, again.stderr);
});

Deno.test("a pull takes its user's word on links from a flag, a variable or the configuration", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("root/tree"), TREE);
  const server = await scratch.serve("root");
  const get = async (to: string, flags: readonly string[], env: Record<string, string> = {}) => {
    const args = ["get", `${server.ticket}/tree/`, scratch.path(to), ...flags];
    const { code, stderr } = await scratch.transfer(args, { env });
    assert.equal(code, 0, stderr);
    return Object.keys(await readTree(scratch.path(to)));
  };
  assert.deepEqual(await get("a", ["--links", "keep"]), ["f", "in", "out"]);
  assert.deepEqual(await get("b", ["--links", "skip"]), ["f"]);
  assert.deepEqual(await get("c", [], { SFTPX_LINKS: "skip" }), ["f"]);
  await fs.writeFile(scratch.path("config.toml"), 'links = "keep"\n', { mode: 0o600 });
  assert.deepEqual(await get("d", ["--config", scratch.path("config.toml")]), ["f", "in", "out"]);
});

Deno.test("a sender that skips links sends none, and leaves other choices to the receiver", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), TREE);
  const server = await scratch.serve("root", ["--links", "keep"]);
  const send = ["send", scratch.path("tree"), server.ticket];
  const skipped = await scratch.transfer([...send, "--links", "skip"]);
  assert.equal(skipped.code, 0, skipped.stderr);
  assert.match(skipped.stderr, /Skipped link "tree\/in" and 1 more: no links are sent/);
  assert.deepEqual(Object.keys(await readTree(`${server.root}/tree`)), ["f"]);
  for (const links of ["refuse", "keep"]) {
    const refused = await scratch.transfer([...send, "--links", links]);
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /the receiving side says which it makes/);
  }
});
