// Exit codes that no other test has to do with. 1, 2, 10, 11 and 12 are in failure_test, 3 in
// partial_test, 14 in bad_input_disk_test, 20 and 130 in signals_test and resume_test, those of serve
// in serve_test.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { forgeReceipt } from "./forging_server.ts";
import type { Transfer } from "./json_output.ts";
import { Scratch } from "./sftpx_process.ts";
import { file, makeFile, makeTree } from "./trees.ts";

function assertExit({ code, summary, stderr }: Transfer, exit: number, errorCode?: string): void {
  assert.equal(code, exit, stderr);
  assert.equal(summary.error?.code, errorCode, stderr);
  if (errorCode !== undefined) assert.equal(summary.error?.exit, exit);
}

Deno.test("4: nothing to do, with --fail-if-unchanged only", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), { "a": file("a"), "b": file("b") });
  const server = await scratch.serve("root");
  const args = ["send", "tree", server.ticket, "--fail-if-unchanged"];
  assertExit(await scratch.transfer(args), 0);
  assertExit(await scratch.transfer(args), 4);
  await t.step("a mode that changed is something to do", async () => {
    await fs.chmod(scratch.path("tree/a"), 0o600);
    assertExit(await scratch.transfer(args), 0);
    assertExit(await scratch.transfer(args), 4);
  });
  await t.step("so is a file to delete", async () => {
    await fs.rm(scratch.path("tree/b"));
    // Its directory's time is another one now.
    assertExit(await scratch.transfer(args), 0);
    assertExit(await scratch.transfer(args), 4);
    assertExit(await scratch.transfer([...args, "--delete"]), 0);
    assertExit(await scratch.transfer([...args, "--delete"]), 4);
  });
  await t.step("a dry run exits as the real run would", async () => {
    assertExit(await scratch.transfer([...args, "--dry-run"]), 4);
    await makeFile(scratch.path("tree/new"), "new");
    assertExit(await scratch.transfer([...args, "--dry-run"]), 0);
    assertExit(await scratch.transfer(args), 0);
  });
});

Deno.test("13: integrity, at a server whose receipt is not its own", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "");
  const { url, served } = await forgeReceipt();
  const sent = await scratch.transfer(["send", "f", url]);
  assertExit(sent, 13, "integrity");
  assert.equal(sent.summary.root, null);
  await served;
});
