// Where a pull lands, what it may ask for, and URLs: the grammar the other way round.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { Scratch } from "./sftpx_process.ts";
import { file, link, makeFile, makeTree, readTree } from "./trees.ts";

Deno.test("a pull puts things where the grammar says", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("root"), {
    "a.txt": file("the file"),
    "b.txt": file("another"),
    "dir/x": file("x"),
    "dir/sub/y": file("y"),
    "link": link("a.txt"),
    "dirlink": link("dir"),
    "way-out": link("/etc"),
    "a b%.txt": file("percent"),
  });
  const server = await scratch.serve("root");

  /** Gets PATHs into a place of its own and tells what is there then. */
  const placed = async (paths: readonly string[], place: string, destination: string) => {
    const cwd = scratch.path("got", place);
    await fs.mkdir(cwd, { recursive: true });
    const sources = paths.map((path) => path === "" ? server.ticket : `${server.ticket}/${path}`);
    const args = ["get", ...sources, destination, "--links", "keep"];
    const outcome = await scratch.transfer(args, { cwd });
    assert.equal(outcome.code, 0, outcome.stderr);
    return Object.keys(await readTree(cwd, { except: [] }));
  };

  await t.step("a file takes the new name", async () => {
    assert.deepEqual(await placed(["a.txt"], "c1", "new"), ["new"]);
  });
  await t.step("a file goes into a directory that is there", async () => {
    assert.deepEqual(await placed(["a.txt"], "c2", "."), ["a.txt"]);
  });
  await t.step("missing parents and a trailing slash make directories", async () => {
    const want = ["p", "p/q", "p/q/a.txt"];
    assert.deepEqual(await placed(["a.txt"], "c3", "p/q/"), want);
    assert.deepEqual(await placed(["a.txt"], "c4", "p/q/new"), ["p", "p/q", "p/q/new"]);
  });
  await t.step("a directory goes under its name, dir/ and dir/. are its contents", async () => {
    const under = ["in", "in/dir", "in/dir/sub", "in/dir/sub/y", "in/dir/x"];
    const contents = ["in", "in/sub", "in/sub/y", "in/x"];
    assert.deepEqual(await placed(["dir"], "c5", "in"), under);
    assert.deepEqual(await placed(["dir/"], "c6", "in"), contents);
    assert.deepEqual(await placed(["dir/."], "c7", "in"), contents);
  });
  await t.step("several sources go into DEST", async () => {
    assert.deepEqual(await placed(["a.txt", "b.txt"], "c8", "in"), ["in", "in/a.txt", "in/b.txt"]);
  });
  await t.step("no PATH is the root's contents", async () => {
    const names = await placed([""], "c9", "all");
    for (const name of ["all/a.txt", "all/dir/sub/y", "all/link"]) assert.ok(names.includes(name));
    assert.ok(!names.some((name) => name.includes(".sftpx")));
  });
  await t.step("a link is copied as a link, link/ follows within the root only", async () => {
    assert.deepEqual(await placed(["link"], "c10", "."), ["link"]);
    assert.equal(await fs.readlink(scratch.path("got/c10/link")), "a.txt");
    assert.deepEqual(await placed(["dirlink/"], "c11", "in"), ["in", "in/sub", "in/sub/y", "in/x"]);
    const out = await scratch.transfer(["get", `${server.ticket}/way-out/`, scratch.path("out")]);
    assert.equal(out.code, 12, out.stderr);
    const through = `${server.ticket}/way-out/hostname`;
    assert.equal((await scratch.transfer(["get", through, scratch.path("out")])).code, 12);
  });
  await t.step("a link at the local name is replaced itself", async () => {
    await makeFile(scratch.path("got/c12/target"), "precious");
    await fs.symlink("target", scratch.path("got/c12/alias"));
    assert.deepEqual(await placed(["a.txt"], "c12", "alias"), ["alias", "target"]);
    assert.equal(await fs.readFile(scratch.path("got/c12/target"), "utf8"), "precious");
  });
  await t.step("state of the server cannot be asked for", async () => {
    const args = ["get", `${server.ticket}/.sftpx/tickets.json`, scratch.path("stolen")];
    const { code } = await scratch.transfer(args);
    assert.ok(code !== 0 && code !== 3, `exit ${code}`);
    await assert.rejects(fs.stat(scratch.path("stolen")));
  });
});

Deno.test("a URL reaches a server that authorizes the client's key", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("root"), { "a b%.txt": file("percent") });
  await makeFile(scratch.path("mine"), "mine");
  const init = await scratch.run(["init", "--json"]);
  const { identity } = JSON.parse(init.stdout);
  assert.match(identity, /^[a-z2-7]{52}$/);
  await fs.writeFile(scratch.path("keys"), `# friends\n${identity} this one\n`);
  const home = { SFTPX_HOME: scratch.path("server-home") };
  const keys = ["--authorized-keys", scratch.path("keys")];
  const server = await scratch.serve("root", keys, { env: home });
  const listening = server.running.lines[0];
  assert.equal(listening?.["ticket"], null);

  await t.step("its path is percent-decoded", async () => {
    const args = ["get", server.url("a%20b%25.txt"), scratch.path("got")];
    const { code, stderr } = await scratch.transfer(args);
    assert.equal(code, 0, stderr);
    assert.equal(await fs.readFile(scratch.path("got"), "utf8"), "percent");
    const sent = await scratch.transfer(["send", scratch.path("mine"), server.url("%C3%A9")]);
    assert.equal(sent.code, 0, sent.stderr);
    assert.equal(await fs.readFile(`${server.root}/é`, "utf8"), "mine");
  });
  await t.step("--pin stands in for the identity", async () => {
    const url = `sftpx://127.0.0.1:${server.port}/pinned`;
    const pinned = ["send", scratch.path("mine"), url, "--pin", server.identity];
    assert.equal((await scratch.transfer(pinned)).code, 0);
  });
  await t.step("a known host needs neither", async () => {
    const line = `127.0.0.1:${server.port} ${server.identity}\n`;
    await fs.writeFile(scratch.path("home/known_hosts"), line);
    const url = `sftpx://127.0.0.1:${server.port}/known`;
    const { code, stderr } = await scratch.transfer(["send", scratch.path("mine"), url]);
    assert.equal(code, 0, stderr);
  });
  await t.step("a key that is not on the list is refused", async () => {
    const env = { SFTPX_HOME: scratch.path("stranger") };
    const sent = await scratch.transfer(["send", scratch.path("mine"), server.url("x")], { env });
    assert.equal(sent.code, 12, sent.stderr);
    assert.equal(sent.summary.error?.code, "unauthorized");
    await assert.rejects(fs.stat(`${server.root}/x`));
  });
});
