// A server's life: several clients, one transfer only, host names, and how it ends.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { transferOf } from "./json_output.ts";
import { Line, SLOW_BYTES_PER_SECOND, wideTicket } from "./line.ts";
import { Scratch } from "./sftpx_process.ts";
import { file, makeFile, makeTree, noise, readTree } from "./trees.ts";

const MiB = 2 ** 20;

Deno.test("serve ends with 0 when a signal stops it, and forgets its ticket", async (t) => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    await t.step(signal, async () => {
      await using scratch = await Scratch.open();
      const server = await scratch.serve("root");
      server.running.kill(signal);
      const { code, stderr } = await server.running.ended;
      assert.equal(code, 0, stderr);
    });
  }
});

Deno.test("serve --once ends with its transfer's code", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  await t.step("0 for one that went well", async () => {
    const server = await scratch.serve("root", ["--once"]);
    const sent = await scratch.transfer(["send", "f", server.ticket]);
    assert.equal(sent.code, 0, sent.stderr);
    const ended = await server.running.ended;
    assert.equal(ended.code, 0, ended.stderr);
    const { summary } = transferOf(ended);
    assert.equal(summary.files, 1);
    assert.equal(summary.root, sent.summary.root);
    assert.equal(typeof summary["transfer"], "number");
  });
  await t.step("3 for one that went well in part", async () => {
    await makeTree(scratch.path("tree"), { "good": file("good"), "bad": file("bad") });
    await makeFile(scratch.path("root3/tree/bad/stays"), "stays");
    const server = await scratch.serve("root3", ["--once"]);
    assert.equal((await scratch.transfer(["send", "tree", server.ticket])).code, 3);
    const ended = await server.running.ended;
    assert.equal(ended.code, 3, ended.stderr);
    assert.equal(transferOf(ended).summary.error?.code, "partial");
  });
  await t.step("the ticket of --once is spent by it", async () => {
    const server = await scratch.serve("root4", ["--once"]);
    assert.equal((await scratch.transfer(["send", "f", server.ticket])).code, 0);
    assert.equal((await server.running.ended).code, 0);
    const again = await scratch.serve("root4", ["--once"], {
      listen: `127.0.0.1:${server.port}`,
    });
    const reused = await scratch.transfer(["send", "f", server.ticket]);
    assert.equal(reused.code, 12, reused.stderr);
    assert.equal(reused.summary.error?.code, "refused");
    assert.equal((await scratch.transfer(["send", "f", again.ticket])).code, 0);
  });
});

Deno.test("several clients are served at once", async () => {
  // On a path this long a busy machine has its time to say that it is there, when it is asked.
  await using line = await Line.open("send", { delayMs: 60 });
  const { scratch, server } = line;
  await makeFile(scratch.path("root/there"), noise(3 * MiB));
  await makeTree(scratch.path("tree"), { "a": file("a"), "b": file(noise(MiB)) });
  const slow = await line.startToMiddle();
  // Under way while the others come and go.
  line.relay.narrow(2 * SLOW_BYTES_PER_SECOND);
  const wide = await wideTicket(line);
  // The same command again is not let in beside it, and does not throw it out.
  const twice = scratch.transfer(["send", "from/big", `${wide}/copy`, "--timeout", "2s"], {
    env: { SFTPX_HOME: scratch.path("client") },
  });
  const [sent, got, other] = await Promise.all([
    scratch.transfer(["send", "tree", wide]),
    scratch.transfer(["get", `${wide}/there`, "got"]),
    scratch.transfer(["send", "tree", `${wide}/other`], {
      env: { SFTPX_HOME: scratch.path("someone-else") },
    }),
  ]);
  for (const { code, stderr } of [sent, got, other]) assert.equal(code, 0, stderr);
  const { code, stderr, summary } = await twice;
  assert.equal(summary.error?.code, "busy", stderr);
  assert.equal(code, 1);
  assert.equal(slow.lines.some((line) => line.event === "summary"), false);
  line.relay.narrow(null);
  await line.arrives(slow);
  const tree = await readTree(scratch.path("tree"));
  assert.deepEqual(await readTree(`${server.root}/tree`), tree);
  assert.deepEqual(await readTree(`${server.root}/other/tree`), tree);
  const numbers = server.running.lines.filter((line) => line.event === "summary")
    .map((line) => line["transfer"]);
  assert.equal(new Set(numbers).size, numbers.length);
});

Deno.test("a client reaches a server by IPv6, by name, and by advertised address", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const { identity } = JSON.parse((await scratch.run(["init", "--json"])).stdout);
  await fs.writeFile(scratch.path("keys"), `${identity}\n`);
  const keys = ["--authorized-keys", scratch.path("keys")];
  const dual = await scratch.serve("root", keys, { listen: "[::]:0" });
  for (const host of ["[::1]", "127.0.0.1", "localhost"]) {
    await t.step(`at ${host}`, async () => {
      const url = `sftpx://${dual.identity}@${host}:${dual.port}/${host.length}`;
      const { code, stderr } = await scratch.transfer(["send", "f", url]);
      assert.equal(code, 0, stderr);
      assert.equal(await fs.readFile(`${dual.root}/${host.length}`, "utf8"), "f");
    });
  }
  await t.step("an IPv6 listener alone, by its ticket", async () => {
    const server = await scratch.serve("root6", [], { listen: "[::1]:0" });
    const { code, stderr } = await scratch.transfer(["send", "f", server.ticket]);
    assert.equal(code, 0, stderr);
  });
  await t.step("localhost finds the one family that listens", async () => {
    const server = await scratch.serve("root7");
    const url = `sftpx://${server.identity}@localhost:${server.port}/x`;
    const { code, stderr } = await scratch.transfer(["send", "f", url]);
    assert.equal(code, 12, stderr);
  });
});

Deno.test("a ticket outlives a killed server, and not one that was stopped", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const first = await scratch.serve("root");
  first.running.kill("SIGKILL");
  await first.running.ended;
  const listen = `127.0.0.1:${first.port}`;
  const second = await scratch.serve("root", [], { listen });
  const sent = await scratch.transfer(["send", "f", first.ticket]);
  assert.equal(sent.code, 0, sent.stderr);
  assert.equal((await second.stop()).code, 0);
  await scratch.serve("root", [], { listen });
  assert.equal((await scratch.transfer(["send", "f", first.ticket])).code, 12);
});

Deno.test("serve warns when its root holds its own identity, and serves", async () => {
  await using scratch = await Scratch.open();
  const warning = /holds sftpx's own ".*\/home": who may read there gets the identity/;
  const open = await scratch.serve("");
  const beside = await scratch.serve("root");
  const { stderr } = await open.stop();
  assert.match(stderr, warning);
  assert.doesNotMatch((await beside.stop()).stderr, /own/);
});

Deno.test("a client hears that the served directory is gone, and no path of the server", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await scratch.serve("root");
  await fs.rm(server.root, { recursive: true });
  const { code, stderr } = await scratch.run(["send", "f", server.ticket]);
  assert.equal(code, 1, stderr);
  assert.match(stderr, /: the receiving directory does not exist any more/);
  assert.doesNotMatch(stderr, new RegExp(scratch.directory));
});

Deno.test("a name reserved for sftpx is told of by who sends it, a served root's state is not", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("root"), { "d/f": file("f"), "d/.sftpx-mine": file("m") });
  const server = await scratch.serve("root");
  const told = /Skipped "d\/\.sftpx-mine": its name is reserved for sftpx/;
  const got = await scratch.run(["get", server.ticket, "got"]);
  assert.equal(got.code, 0, got.stderr);
  assert.doesNotMatch(got.stderr, /"\.sftpx"/);
  const sent = await scratch.run(["send", `${server.root}/`, `${server.ticket}/copy`]);
  assert.equal(sent.code, 0, sent.stderr);
  assert.match(sent.stderr, told);
  assert.doesNotMatch(sent.stderr, / more|"\.sftpx"/);
  const served = await server.stop();
  assert.match(served.stderr, told);
  assert.doesNotMatch(served.stderr, / more|"\.sftpx"/);
});
