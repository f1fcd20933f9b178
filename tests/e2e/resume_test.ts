// `kill -9` of either end in mid-transfer, then the same command again: exact, and not from the start.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { transferOf } from "./json_output.ts";
import { Scratch, type Server } from "./sftpx_process.ts";
import { digestOf, makeFile, noise, readTree } from "./trees.ts";

const MiB = 2 ** 20;
const SIZE = 200 * MiB;
/** Enough that the journal has been written, whatever came first of its bytes and its time. */
const ENOUGH = 66 * MiB;

interface Case {
  readonly way: "send" | "get";
  readonly killed: "client" | "server" | "both";
}

Deno.test("a transfer survives kill -9 of either end", async (t) => {
  await using alone = await Scratch.open();
  await using scratch = await Scratch.open();
  let server = await prepare(scratch);
  // The client takes its time to miss its server; the other cases run meanwhile.
  const receiverOfPush = prepare(alone).then((own) =>
    survive(alone, own, { way: "send", killed: "server" })
  );
  const cases: Readonly<Record<string, Case>> = {
    "the sender of a push": { way: "send", killed: "client" },
    "the receiver of a pull": { way: "get", killed: "client" },
    "the sender of a pull, then its receiver": { way: "get", killed: "both" },
  };
  for (const [name, one] of Object.entries(cases)) {
    await t.step(name, async () => {
      server = await survive(scratch, server, one);
    });
  }
  await t.step("the receiver of a push", async () => void await receiverOfPush);
  await t.step("and no part is left over", async () => {
    for (const { root } of [server, await receiverOfPush]) {
      // Empty directories of a resumed run stay until the root is opened anew.
      const left = Object.values(await readTree(`${root}/.sftpx/parts`));
      assert.deepEqual(left.filter((line) => !line.startsWith("directory")), []);
    }
    await assert.rejects(fs.stat(scratch.path(".sftpx")));
  });
});

Deno.test("what was stored before a stop in order is not sent again", async () => {
  await using scratch = await Scratch.open();
  const server = await prepare(scratch);
  const args = ["get", `${server.ticket}/remote`, "copy"];
  const running = scratch.start([...args, "--json"]);
  await running.line(({ event, bytesDone }) => event === "progress" && Number(bytesDone) > 4 * MiB);
  running.kill("SIGINT");
  const broken = await running.ended;
  assert.equal(broken.code, 130, broken.stderr);
  const stored = Math.max(
    ...running.lines.map(({ event, bytesDone }) => event === "progress" ? Number(bytesDone) : 0),
  );
  const again = await scratch.transfer(args);
  assert.equal(again.code, 0, again.stderr);
  assert.ok(again.summary.reusedBytes >= stored, `${again.summary.reusedBytes} of ${stored}`);
  assert.equal(await digestOf(scratch.path("copy")), await digestOf(scratch.path("local")));
});

async function prepare(scratch: Scratch): Promise<Server> {
  await makeFile(scratch.path("root/remote"), noise(SIZE));
  await fs.link(scratch.path("root/remote"), scratch.path("local"));
  return await scratch.serve("root");
}

/** Kills in mid-transfer, runs the same command again, and returns the server that runs then. */
async function survive(
  scratch: Scratch,
  server: Server,
  { way, killed }: Case,
): Promise<Server> {
  const place = `${way}-${killed}`;
  const [args, result] = way === "send"
    ? [["send", "local", `${server.ticket}/${place}`], `${server.root}/${place}`]
    : [["get", `${server.ticket}/remote`, place], scratch.path(place)];
  // Where its server is gone it would look for it.
  const running = scratch.start([...args, "--json", "--timeout", "2s"]);
  await running.line(({ event, bytesDone }) => event === "progress" && Number(bytesDone) > ENOUGH);
  if (killed !== "client") {
    server.running.kill("SIGKILL");
    await server.running.ended;
  }
  if (killed !== "server") running.kill("SIGKILL");
  const broken = await running.ended;
  await assert.rejects(fs.stat(result), "a final name before its bytes were all there");
  if (killed === "server") {
    assert.equal(broken.code, 20, broken.stderr);
    assert.equal(transferOf(broken).summary.error?.code, "lost");
  }
  // The ticket in the command outlives a killed server.
  const next = killed === "client" ? server : await restart(scratch, server);

  const again = await scratch.transfer(args);
  assert.equal(again.code, 0, again.stderr);
  assert.equal(await digestOf(result), await digestOf(scratch.path("local")));
  const { bytes, reusedBytes, wireBytes } = again.summary;
  assert.equal(bytes, SIZE);
  // How much of it was journalled depends on the disk: the kill matrix measures that.
  assert.ok(reusedBytes > 0);
  assert.equal(reusedBytes + wireBytes, SIZE);
  await fs.rm(result);
  return next;
}

async function restart(scratch: Scratch, killed: Server): Promise<Server> {
  const again = await scratch.serve("root", [], { listen: `127.0.0.1:${killed.port}` });
  assert.equal(again.identity, killed.identity);
  return again;
}
