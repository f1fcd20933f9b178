// Transfers that never begin: the exit code, the error's code and one summary for each cause.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { type Transfer } from "./json_output.ts";
import { Scratch, SilentPort } from "./sftpx_process.ts";
import { file, makeFile, makeTree, readTree } from "./trees.ts";

function assertFailed({ code, summary, stderr }: Transfer, exit: number, errorCode: string): void {
  assert.equal(code, exit, stderr);
  assert.equal(summary.ok, false);
  assert.deepEqual(
    { code: summary.error?.code, exit: summary.error?.exit },
    { code: errorCode, exit },
  );
  assert.notEqual(summary.error?.message, "");
  // The same is told to a person, once.
  assert.ok(stderr.includes(summary.error?.message ?? "?"), stderr);
}

Deno.test("a command line that is wrong exits 2 with one summary", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const somewhere = `sftpx://127.0.0.1:9/x`;
  const wrong: readonly (readonly [string, readonly string[]])[] = [
    ["no DEST", ["send", "f"]],
    ["no remote side", ["send", "f", "g"]],
    ["an unknown flag", ["send", "f", somewhere, "--frobnicate"]],
    ["an unknown command", ["frobnicate"]],
    ["a size without a unit", ["send", "f", somewhere, "--chunk-size", "65536"]],
    ["a mangled ticket", ["send", "f", "sftpx1aaaaaaaa/x"]],
    ["an identity that is none", ["send", "f", "sftpx://abc@127.0.0.1:9/x"]],
    ["a flag of serve", ["send", "f", somewhere, "--once"]],
  ];
  for (const [what, args] of wrong) {
    await t.step(what, async () => {
      assertFailed(await scratch.transfer(args), 2, "usage");
    });
  }
});

Deno.test("a server that cannot be reached or proved has codes of its own", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await scratch.serve("root");
  const stranger = JSON.parse(
    (await scratch.run(["init", "--json"], { env: { SFTPX_HOME: scratch.path("other") } })).stdout,
  ).identity as string;
  const host = `127.0.0.1:${server.port}`;

  await t.step("nobody at the port: 10, within --timeout", async () => {
    const silent = await SilentPort.open();
    const url = `sftpx://${server.identity}@127.0.0.1:${silent.port}/x`;
    const startMs = performance.now();
    const sent = await scratch.transfer(["send", "f", url, "--timeout", "2s"]);
    silent.close();
    assertFailed(sent, 10, "unreachable");
    assert.ok(performance.now() - startMs < 20_000, "without --timeout it is 30 s");
  });
  await t.step("another identity than the pinned one: 11", async () => {
    const pinned = ["send", "f", `sftpx://${host}/x`, "--pin", stranger];
    assertFailed(await scratch.transfer(pinned), 11, "identity_mismatch");
    const named = ["get", `sftpx://${stranger}@${host}/x`, "got"];
    assertFailed(await scratch.transfer(named), 11, "identity_mismatch");
  });
  await t.step("--pin against the ticket's identity: 11", async () => {
    const args = ["send", "f", server.ticket, "--pin", stranger];
    assertFailed(await scratch.transfer(args), 11, "identity_mismatch");
  });
  await t.step("no identity known: 11, and nothing is sent", async () => {
    assertFailed(
      await scratch.transfer(["send", "f", `sftpx://${host}/x`]),
      11,
      "identity_unknown",
    );
  });
  await t.step("no ticket and no key: 12", async () => {
    assertFailed(await scratch.transfer(["send", "f", server.url("x")]), 12, "unauthorized");
    assertFailed(await scratch.transfer(["get", server.url("x"), "got"]), 12, "unauthorized");
  });
  await t.step("another server's ticket secret: 12", async () => {
    const second = await scratch.serve("root2");
    const old = second.ticket;
    await second.stop();
    const again = await scratch.serve("root2", [], { listen: `127.0.0.1:${second.port}` });
    assert.equal(again.identity, second.identity);
    assertFailed(await scratch.transfer(["send", "f", old]), 12, "refused");
  });
  assert.deepEqual(await readTree(server.root), {});
});

Deno.test("a grant for one way refuses the other: 12", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  await makeTree(scratch.path("read"), { "there": file("there") });
  const readOnly = await scratch.serve("read", ["--access", "read"]);
  assertFailed(await scratch.transfer(["send", "f", readOnly.ticket]), 12, "refused");
  const got = await scratch.transfer(["get", `${readOnly.ticket}/there`, "got"]);
  assert.equal(got.code, 0, got.stderr);
  assert.deepEqual(Object.keys(await readTree(readOnly.root)), ["there"]);

  const path = scratch.path("write");
  const recv = scratch.start(["recv", path, "--json", "--listen", "127.0.0.1:0"]);
  const { ticket } = await recv.line((line) => line.event === "listening");
  const sent = await scratch.transfer(["send", "f", `${ticket}`]);
  assert.equal(sent.code, 0, sent.stderr);
  assertFailed(await scratch.transfer(["get", `${ticket}/f`, "stolen"]), 12, "refused");
  await assert.rejects(fs.stat(scratch.path("stolen")));
});

Deno.test("a source that is missing exits 1", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await scratch.serve("root");
  assertFailed(await scratch.transfer(["send", "gone", server.ticket]), 1, "source_missing");
  const args = ["get", `${server.ticket}/gone`, "got"];
  assertFailed(await scratch.transfer(args), 1, "source_missing");
  const some = await scratch.transfer(["send", "gone", "f", server.ticket]);
  assertFailed(some, 3, "partial");
  assert.equal(await fs.readFile(`${server.root}/f`, "utf8"), "f");
});

Deno.test("serve says why it cannot serve", async (t) => {
  await using scratch = await Scratch.open();
  const server = await scratch.serve("root");
  await t.step("a port that is taken", async () => {
    const listen = ["--listen", `127.0.0.1:${server.port}`];
    const { code, stderr } = await scratch.run(["serve", scratch.path("other"), ...listen]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, new RegExp(`Cannot listen on.*${server.port}.*taken`, "is"));
    assert.doesNotMatch(stderr, /\bat (async )?\S+:\d+/);
  });
  await t.step("a ROOT that is a file", async () => {
    await makeFile(scratch.path("file"), "file");
    const { code, stderr } = await scratch.run([
      "serve",
      scratch.path("file"),
      "--listen",
      "127.0.0.1:0",
    ]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /Cannot serve/);
  });
});
