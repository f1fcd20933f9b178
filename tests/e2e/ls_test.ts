// `sftpx ls`: what a person and a program are told of a server's directory.

import assert from "node:assert/strict";
import { jsonLines, transferOf } from "./json_output.ts";
import { Scratch } from "./sftpx_process.ts";
import { directory, file, link, makeTree, SOME_TIME_MS } from "./trees.ts";

const TREE = {
  "a.txt": file("12345"),
  "dir": directory(),
  "dir/b": file("", { mode: 0o600 }),
  "dir/deep/c.log": file("c"),
  "to-a": link("a.txt"),
  "odd\ue000name": file("x"),
};

async function openWith(args: readonly string[] = []) {
  const scratch = await Scratch.open();
  await makeTree(scratch.path("root"), TREE);
  return { scratch, server: await scratch.serve("root", args) };
}

Deno.test("ls names what a directory holds, one a line, and marks directories", async (t) => {
  const { scratch, server } = await openWith();
  await using _ = scratch;
  await t.step("of the root", async () => {
    const { code, stdout, stderr } = await scratch.run(["ls", server.ticket]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "a.txt\ndir/\nodd\\u{e000}name\nto-a\n");
  });
  await t.step("of a directory, and all below it", async () => {
    const flat = await scratch.run(["ls", `${server.ticket}/dir`]);
    assert.equal(flat.stdout, "b\ndeep/\n", flat.stderr);
    const deep = await scratch.run(["ls", "-r", `${server.ticket}/dir`]);
    assert.equal(deep.stdout, "b\ndeep/\ndeep/c.log\n", deep.stderr);
  });
  await t.step("of a single file, which is itself", async () => {
    const { code, stdout, stderr } = await scratch.run(["ls", `${server.ticket}/dir/b`]);
    assert.deepEqual([code, stdout], [0, "b\n"], stderr);
  });
  await t.step("without what is excluded", async () => {
    const { stdout } = await scratch.run([
      "ls",
      "-r",
      server.ticket,
      "--include",
      "a.*",
      "--exclude",
      "deep",
      "--exclude",
      "*o*",
    ]);
    assert.equal(stdout, "a.txt\ndir/\ndir/b\n");
  });
});

Deno.test("ls --long shows mode, size, local time and where links lead", async () => {
  const { scratch, server } = await openWith();
  await using _ = scratch;
  const { stdout, stderr } = await scratch.run(["ls", "-l", server.ticket], {
    env: { TZ: "UTC" },
  });
  const time = new Date(SOME_TIME_MS).toISOString().slice(0, 16).replace("T", " ");
  const [a, dir, , toA] = stdout.split("\n");
  assert.equal(a, `-rw-r--r--      5 B  ${time}  a.txt`, stderr);
  assert.match(dir ?? "", /^drwxr-xr-x {8}- {2}\S+ \S+ {2}dir\/$/);
  assert.match(toA ?? "", /^l\S{9} {8}- {2}\S+ \S+ {2}to-a -> a\.txt$/);
});

Deno.test("ls --json gives a program every name as it is", async () => {
  const { scratch, server } = await openWith();
  await using _ = scratch;
  const { code, stdout, stderr } = await scratch.run(["ls", "-r", "--json", server.ticket]);
  assert.equal(code, 0, stderr);
  const lines = jsonLines(stdout);
  const listed = lines.filter((line) => line.event === "listing");
  assert.deepEqual(listed.map(({ path, kind }) => [path, kind]), [
    ["a.txt", "file"],
    ["dir", "directory"],
    ["dir/b", "file"],
    ["dir/deep", "directory"],
    ["dir/deep/c.log", "file"],
    ["odd\ue000name", "file"],
    ["to-a", "link"],
  ]);
  const [a, , b] = listed;
  assert.deepEqual([a?.["bytes"], a?.["mode"], a?.["mtime"]], [
    5,
    "0644",
    new Date(SOME_TIME_MS).toISOString(),
  ]);
  assert.equal(b?.["mode"], "0600");
  assert.equal(listed.at(-1)?.["target"], "a.txt");
  const { event, ok, count } = lines.at(-1)!;
  assert.deepEqual([event, ok, count], ["end", true, 7]);
});

Deno.test("ls answers what is not there, and what it may not see, with an error", async (t) => {
  const { scratch, server } = await openWith(["--access", "write"]);
  await using _ = scratch;
  await t.step("12 for a ticket that only writes", async () => {
    const { code, summary } = transferOf(await scratch.run(["ls", "--json", server.ticket]));
    assert.equal(code, 12);
    assert.equal(summary.error?.code, "refused");
  });
  await t.step("1 for a name that is not there", async () => {
    const readable = await scratch.serve("root2");
    const { code, stderr } = await scratch.run(["ls", `${readable.ticket}/absent`]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /absent/);
  });
  await t.step("2 for a local name", async () => {
    const { code, stderr } = await scratch.run(["ls", "root"]);
    assert.equal(code, 2, stderr);
  });
});

Deno.test("ls goes on where an entry cannot be told, and ends with 3", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("root"), { "bad\u0001name": file("x"), "good": file("g") });
  const server = await scratch.serve("root");
  const { code, stdout, stderr } = await scratch.run(["ls", server.ticket]);
  assert.deepEqual([code, stdout], [3, "good\n"], stderr);
  assert.match(stderr, /failed: bad\\u\{1\}name/);
  const lines = jsonLines((await scratch.run(["ls", "--json", server.ticket])).stdout);
  assert.deepEqual(lines.map(({ event }) => event), [
    "connected",
    "listing",
    "entry_failed",
    "end",
  ]);
  const { ok, count, failed } = lines.at(-1)!;
  assert.deepEqual([ok, count, failed], [false, 1, 1]);
});
