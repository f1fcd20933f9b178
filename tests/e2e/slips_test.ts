// Slips of whoever comes new to it: what they meant is in the answer.

import assert from "node:assert/strict";
import { Scratch } from "./sftpx_process.ts";
import { file, link, makeTree } from "./trees.ts";

Deno.test("serve of a file says how to give one file out, and that is how it works", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("root"), { "a file": file("content"), "other": file("other") });
  const { code, stderr } = await scratch.run(["serve", "--once", scratch.path("root/a file")]);
  assert.equal(code, 2, stderr);
  const said = /it is a file, .*: sftpx serve --no-ticket (\S+), .*: sftpx (ticket .*)$/m.exec(
    stderr,
  );
  assert.equal(said?.[1], scratch.path("root"), stderr);
  await scratch.serve("root");
  const words = [...said![2]!.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]!);
  const made = await scratch.run(words);
  assert.equal(made.code, 0, made.stderr);
  const got = await scratch.transfer(["get", made.stdout.trim(), "out/"]);
  assert.equal(got.code, 0, got.stderr);
  assert.equal(got.summary.files, 1);
  const received = await scratch.run(["recv", scratch.path("root/other")]);
  assert.deepEqual(
    [received.code, /it is a file, name the directory to receive into/.test(received.stderr)],
    [2, true],
  );
});

Deno.test("a place behind a link is refused with what to do about the link", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("root"), {
    "dir/a": file("a"),
    "to-dir": link("dir"),
    "out": link(scratch.path("elsewhere")),
  });
  await makeTree(scratch.path("elsewhere"), { "a": file("a") });
  const server = await scratch.serve("root");
  const cases: readonly (readonly [string, RegExp])[] = [
    ["to-dir/a", /leads through a link.*\n {2}Name it by the place that the link leads to\.$/m],
    [
      "out/",
      /leads out of the root.*\n {2}Ask whoever runs the server to have it in the directory/,
    ],
    ["out", /with --links keep$/m],
  ];
  for (const [path, wanted] of cases) {
    const { code, stderr } = await scratch.run(["get", `${server.ticket}/${path}`, "here"]);
    assert.equal(code, 12, stderr);
    assert.match(stderr, wanted);
    assert.doesNotMatch(stderr, /ticket or key/);
  }
});

Deno.test("a path that is encoded where none is decoded is told of", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("root"), { "a b": file("a"), "c%20d": file("c") });
  const server = await scratch.serve("root");
  const run = (...args: string[]) => scratch.run(args, { env: { SFTPX_TICKET: server.ticket } });
  for (const command of [["get", "@/a%20b", "here"], ["ls", "@/a%20b"]]) {
    const { code, stderr } = await run(...command);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /\n {2}After a ticket or "@" a path is taken as it is, write "a b"\.$/m);
  }
  assert.doesNotMatch((await run("get", "@/none", "here")).stderr, /taken as it is/);
  const literal = await run("get", "@/c%20d", "here");
  assert.deepEqual([literal.code, /taken as it is/.test(literal.stderr)], [0, false]);
  const sent = await run("send", "here", "@/my%20dir/");
  assert.equal(sent.code, 0, sent.stderr);
  assert.match(sent.stderr, /warning: "my%20dir\/" is taken as it is, .*: write "my dir\/" if/);
  await makeTree(scratch.path("."), { "e%20f": file("e") });
  assert.doesNotMatch((await run("send", "e%20f", "@/e%20f")).stderr, /taken as it is/);
});

Deno.test("a ticket that was used is listed as used, until it is dropped", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("root"), { "a": file("a") });
  await scratch.serve("root", ["--no-ticket"]);
  const made = await scratch.run(["ticket", "--uses", "1", "root"]);
  assert.equal((await scratch.run(["get", made.stdout.trim(), "here"])).code, 0);
  const states = async () => {
    const { stdout } = await scratch.run(["ticket", "list", "root"]);
    return stdout.split("\n").slice(1, -1).map((line) => line.trim().split(/ +/).at(-1));
  };
  assert.deepEqual(await states(), ["used"]);
  const pruned = await scratch.run(["ticket", "prune"]);
  assert.deepEqual([pruned.code, pruned.stdout], [0, ""], pruned.stderr);
  assert.match(pruned.stderr, /1 ticket forgotten\n$/);
  assert.deepEqual(await states(), []);
  assert.equal((await scratch.run(["get", made.stdout.trim(), "here"])).code, 12);
});

Deno.test("an empty file that is in place is not called sent", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("."), { "empty": file("") });
  const server = await scratch.serve("root");
  const send = () => scratch.run(["send", "empty", server.ticket]);
  assert.match((await send()).stderr, /✓ 1 file, 0 B sent in /);
  assert.match((await send()).stderr, /✓ 1 file, 0 B already there, in /);
});

Deno.test("SFTPX_WITHOUT that names no part is told of", async () => {
  await using scratch = await Scratch.open();
  const { code, stderr } = await scratch.run(["init"], { env: { SFTPX_WITHOUT: "bogus,quiche" } });
  assert.equal(code, 0, stderr);
  assert.match(
    stderr,
    /^warning: SFTPX_WITHOUT leaves out nothing named "bogus"; it knows quiche,/m,
  );
});
