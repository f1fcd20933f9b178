// `kill -9` of either end in mid-transfer, then the same command again: exact, and not from the start.
// The kill matrix draws the moment; here it is the middle.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { doneBytes, Line, shown, sideBySide, SIZE_BYTES, type Way } from "./line.ts";
import { transferOf } from "./json_output.ts";
import { readTree } from "./trees.ts";

Deno.test("a transfer survives kill -9 of either end", async () => {
  await sideBySide({
    "the sender of a push": () => survive("send", { client: true, server: false }),
    "the receiver of a push": () => survive("send", { client: false, server: true }),
    "the receiver of a pull": () => survive("get", { client: true, server: false }),
    "the sender of a pull, then its receiver": () => survive("get", { client: true, server: true }),
  });
});

Deno.test("what was stored before a stop in order is not sent again", async () => {
  await using line = await Line.open("get");
  const running = await line.startToMiddle();
  running.kill("SIGINT");
  const broken = transferOf(await running.ended);
  assert.equal(broken.code, 130, shown(broken));
  const { summary } = await line.resumes(line.command, broken);
  assert.ok(summary.reusedBytes >= doneBytes(broken.lines));
});

/** Kills in mid-transfer, and runs the same command again. */
async function survive(way: Way, killed: { client: boolean; server: boolean }): Promise<void> {
  // Where its server is gone and stays away, it gives up by itself.
  await using line = await Line.open(way, { flags: ["--timeout", "2s"] });
  const { command } = line;
  const running = await line.startToMiddle();
  if (killed.server) await line.stopServer("SIGKILL");
  if (killed.client) running.kill("SIGKILL");
  const broken = await running.ended;
  await assert.rejects(fs.stat(line.result), "a final name before its bytes were all there");
  if (!killed.client) {
    const lost = transferOf(broken);
    assert.equal(lost.code, 20, shown(lost));
    assert.equal(lost.summary.error?.code, "lost");
  }
  // The ticket in the command outlives a killed server.
  if (killed.server) await line.serveAgain();
  const { summary } = await line.arrives(line.start(command));
  assert.equal(summary.bytes, SIZE_BYTES);
  // How much of it was journalled by then depends on the disk: the kill matrix measures that.
  assert.equal(summary.reusedBytes + summary.wireBytes, SIZE_BYTES);
  if (way === "send") return await assertNoPartIn(`${line.scratch.path("root")}/.sftpx/parts`);
  await assert.rejects(fs.stat(line.scratch.path("into/.sftpx")), "the state of a pull goes");
}

async function assertNoPartIn(parts: string): Promise<void> {
  // Empty directories of a resumed run stay until the root is opened anew.
  const left = Object.values(await readTree(parts));
  assert.deepEqual(left.filter((line) => !line.startsWith("directory")), []);
}
