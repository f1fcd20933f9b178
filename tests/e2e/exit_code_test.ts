// Every exit code of the contract, one by one, each with what stands in the last JSON line.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs/promises";
import process from "node:process";
import { forgeReceipt } from "./forging_server.ts";
import { type Transfer, transferOf } from "./json_output.ts";
import { type Running, Scratch, SilentPort } from "./sftpx_process.ts";
import { file, makeFile, makeTree, noise, prose } from "./trees.ts";

const MiB = 2 ** 20;
const STRANGER = "a".repeat(51) + "q";
/** Level 19 takes seconds over this file, and little over one chunk: a signal comes in the midst. */
const SLOWLY = ["--compress", "zstd:19", "--workers", "1", "--chunk-size", "256KiB", "--json"];

function assertExit({ code, summary, stderr }: Transfer, exit: number, errorCode?: string): void {
  assert.equal(code, exit, stderr);
  assert.equal(summary.error?.code, errorCode, stderr);
  if (errorCode !== undefined) assert.equal(summary.error?.exit, exit);
}

Deno.test("0: done", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await scratch.serve("root");
  assertExit(await scratch.transfer(["send", "f", server.ticket]), 0);
  // Nothing to do is done as well, unless asked.
  assertExit(await scratch.transfer(["send", "f", server.ticket]), 0);
});

Deno.test("1: failed", async () => {
  await using scratch = await Scratch.open();
  const server = await scratch.serve("root");
  const sent = await scratch.transfer(["send", "gone", server.ticket]);
  assertExit(sent, 1, "source_missing");
});

Deno.test("2: usage", async () => {
  await using scratch = await Scratch.open();
  assertExit(await scratch.transfer(["send"]), 2, "usage");
  assertExit(await scratch.transfer(["sned", "f", "@"]), 2, "usage");
});

Deno.test("3: some entries failed and some succeeded", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), { "bad": file("bad"), "good": file("good") });
  await makeFile(scratch.path("root/tree/bad/stays"), "stays");
  const server = await scratch.serve("root");
  assertExit(await scratch.transfer(["send", "tree", server.ticket]), 3, "partial");
  assert.equal(await fs.readFile(`${server.root}/tree/good`, "utf8"), "good");
});

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

Deno.test("10: unreachable", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const silent = await SilentPort.open();
  const url = `sftpx://${STRANGER}@127.0.0.1:${silent.port}/x`;
  const sent = await scratch.transfer(["send", "f", url, "--timeout", "1s"]);
  silent.close();
  assertExit(sent, 10, "unreachable");
});

Deno.test("11: identity mismatch, or unknown", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const server = await scratch.serve("root");
  const other = JSON.parse(
    (await scratch.run(["init", "--json"], { env: { SFTPX_HOME: scratch.path("other") } })).stdout,
  ).identity;
  const host = `127.0.0.1:${server.port}/x`;
  const mismatched = await scratch.transfer(["send", "f", `sftpx://${other}@${host}`]);
  assertExit(mismatched, 11, "identity_mismatch");
  assertExit(await scratch.transfer(["send", "f", `sftpx://${host}`]), 11, "identity_unknown");
});

Deno.test("12: refused", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  await fs.mkdir(scratch.path("root"));
  const server = await scratch.serve("root", ["--access", "read"]);
  assertExit(await scratch.transfer(["send", "f", server.ticket]), 12, "refused");
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

Deno.test({
  name: "14: no space (on a file system of 4 MiB that root may mount)",
  ignore: !mayMount(),
  async fn() {
    await using scratch = await Scratch.open();
    await makeFile(scratch.path("big"), noise(8 * MiB));
    await makeFile(scratch.path("small"), "small");
    const root = scratch.path("root");
    await fs.mkdir(root);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=4m", "sftpx-test", root]);
    try {
      const server = await scratch.serve("root");
      const sent = await scratch.transfer(["send", "big", server.ticket]);
      assertExit(sent, 14, "no_space");
      await assert.rejects(fs.stat(`${root}/big`));
      await server.stop();
    } finally {
      execFileSync("umount", ["-l", root]);
    }
  },
});

Deno.test("20: lost after it began, resumable; SIGTERM too", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("local"), prose(24 * MiB));
  const server = await scratch.serve("root");
  await t.step("terminated", async () => {
    const running = scratch.start(["send", "local", `${server.ticket}/a`, ...SLOWLY]);
    await underWay(running);
    running.kill("SIGTERM");
    assertExit(transferOf(await running.ended), 20, "terminated");
  });
  await t.step("lost", async () => {
    const args = ["send", "local", `${server.ticket}/b`, ...SLOWLY, "--timeout", "1s"];
    const running = scratch.start(args);
    await underWay(running);
    server.running.kill("SIGKILL");
    assertExit(transferOf(await running.ended), 20, "lost");
  });
});

Deno.test("130: SIGINT", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("local"), prose(24 * MiB));
  const server = await scratch.serve("root");
  const running = scratch.start(["send", "local", server.ticket, ...SLOWLY]);
  await underWay(running);
  running.kill("SIGINT");
  assertExit(transferOf(await running.ended), 130, "interrupted");
});

Deno.test("serve: 0 by a signal, and the transfer's code with --once", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), { "bad": file("bad"), "good": file("good") });
  await t.step("a signal", async () => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      const server = await scratch.serve("root");
      server.running.kill(signal);
      assert.equal((await server.running.ended).code, 0);
    }
  });
  await t.step("--once", async () => {
    await makeFile(scratch.path("root/tree/bad/stays"), "stays");
    const server = await scratch.serve("root", ["--once"]);
    assertExit(await scratch.transfer(["send", "tree", server.ticket]), 3, "partial");
    assert.equal((await server.running.ended).code, 3);
  });
});

/** Waits until bytes were stored. */
async function underWay(running: Running): Promise<void> {
  await running.line((line) => line.event === "progress" && Number(line["bytesDone"]) > 0);
}

/** Whether this process may mount a file system: tried, because root in a container may not. */
function mayMount(): boolean {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return false;
  try {
    execFileSync("unshare", ["-m", "mount", "-t", "tmpfs", "sftpx-test", "/mnt"], {
      stdio: "ignore",
    });
    return true;
  } catch {
    return false;
  }
}
