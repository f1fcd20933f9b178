// Disks that fail under a running transfer: a device that answers EIO, a file system the kernel gives up
// (EROFS), a quota that is used up, at the end that writes and at the end that reads. Nothing is lost,
// the cause is told, and once it is gone the same command goes on.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import * as fs from "node:fs/promises";
import { assertBad, assertPlain, failedEntries } from "./bad_input.ts";
import { toolCommand } from "./command.ts";
import { FailingDisk, mayLoop } from "./failing_disk.ts";
import { type Transfer, transferOf } from "./json_output.ts";
import {
  bothWays,
  eventsOf,
  FROM,
  INTO,
  isDone,
  Line,
  shown,
  sideBySide,
  SIZE_BYTES,
  type Way,
} from "./line.ts";
import { Scratch } from "./sftpx_process.ts";
import { file, makeTree, noise, readTree } from "./trees.ts";

const MiB = 2 ** 20;
const SKIPPED = "(where root may make a disk)";
const ignore = !mayLoop();
const DISK_BYTES = 96 * MiB;

Deno.test({
  name: `a disk given up by the kernel in mid-transfer: read-only, and it resumes ${SKIPPED}`,
  ignore,
  async fn() {
    await bothWays(async (way) => {
      await using scratch = await Scratch.open();
      const image = { image: scratch.path("image"), sizeBytes: DISK_BYTES, journal: true };
      await using disk = await FailingDisk.mount(scratch.path(INTO[way]), image);
      await using line = await Line.open(way, { scratch, byKeys: true });
      const running = await line.startJournalled();
      disk.writeBack();
      disk.giveUp();
      line.relay.narrow(null);
      const broken = transferOf(await running.ended);
      assertBroken(broken, "permission", /read-only/);
      await assert.rejects(fs.stat(line.result), "half a file is no file (I1)");
      // Still so, and told as clearly at the start.
      assertBroken(transferOf(await line.start().ended), "permission", /read-only|be written/);
      await mended(line, disk, broken);
    });
  },
});

Deno.test({
  name: `a disk that fails to write in mid-transfer: an I/O error, and it resumes ${SKIPPED}`,
  ignore,
  async fn() {
    await bothWays(async (way) => {
      await using scratch = await Scratch.open();
      const image = { image: scratch.path("image"), sizeBytes: DISK_BYTES, journal: false };
      await using disk = await FailingDisk.mount(scratch.path(INTO[way]), image);
      const workers = { flags: SIDE_BY_SIDE, serve: SIDE_BY_SIDE };
      await using line = await Line.open(way, { scratch, byKeys: true, ...workers });
      const running = await line.startJournalled();
      disk.failFrom(DATA_FROM_MIB);
      line.relay.narrow(null);
      const broken = transferOf(await running.ended);
      assertBroken(broken, "io", /the disk failed|I\/O error/i);
      await assert.rejects(fs.stat(line.result), "half a file is no file (I1)");
      await mended(line, disk, broken);
    });
  },
});

Deno.test({
  name: `a source that cannot be read any more fails by itself, others go on ${SKIPPED}`,
  ignore,
  async fn() {
    await sideBySide({
      "before it begins": () => bothWays((way) => loseSource(way, "before it begins")),
      "in mid-transfer": () => bothWays((way) => loseSource(way, "in mid-transfer")),
    });
  },
});

Deno.test({
  name: "a quota that is used up in mid-transfer: 14, and it resumes (where strace may trace)",
  ignore: !mayTrace(),
  async fn() {
    await using scratch = await Scratch.open();
    await using line = await Line.open("get", { scratch });
    const first = await line.startToMiddle();
    first.kill("SIGKILL");
    await first.ended;
    // There is no quota on this machine: what a used up one answers to a write, the part's writes get.
    const [part = ""] = await partsIn(scratch.path("into"));
    const trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-P", part];
    const quota = [...trace, "-e", "inject=pwrite64:error=EDQUOT:when=8+", ...toolCommand()];
    const running = line.start(line.command, { command: quota });
    const broken = transferOf(await running.ended);
    assertBad(broken, "no_space", /quota is used up/);
    await line.resumes(line.command, broken);
  },
});

async function loseSource(way: Way, when: "before it begins" | "in mid-transfer"): Promise<void> {
  await using scratch = await Scratch.open();
  const image = { image: scratch.path("image"), sizeBytes: DISK_BYTES, journal: false };
  await using disk = await FailingDisk.mount(scratch.path(FROM[way], "tree"), image);
  await makeTree(disk.path, TREE);
  disk.forgetRead();
  await using line = await Line.open(way, { scratch, flags: SHALLOW, serve: SHALLOW });
  const args = way === "send"
    ? ["send", "from/tree", line.server.ticket]
    : ["get", `${line.server.ticket}/tree`, "into/"];
  if (when === "before it begins") disk.failFrom(DATA_FROM_MIB + 2 * FILE_BYTES / MiB);
  const running = line.start(args);
  if (when === "in mid-transfer") {
    await isDone(running, FILE_BYTES);
    disk.failFrom(DATA_FROM_MIB);
  }
  line.relay.narrow(FAST_BYTES_PER_SECOND);
  const partial = transferOf(await running.ended);
  assert.equal(partial.code, 3, shown(partial));
  assertPlain(partial);
  const failed = failedEntries(partial);
  assert.ok(failed.length > 0 && failed.length < Object.keys(TREE).length, String(failed));
  for (const line of failed) assert.match(line, /^tree\/f\d source_unreadable$/);
  await onlyWhole(scratch.path(INTO[way], "tree"), failed);
  // A running server would keep what it has open.
  await line.stopServer("SIGKILL");
  disk.mend();
  await line.serveAgain();
  const again = transferOf(await line.start(args).ended);
  assert.equal(again.code, 0, shown(again));
  assert.ok(again.summary.reusedBytes > 0, shown(again));
  assert.deepEqual(await readTree(scratch.path(INTO[way], "tree")), await readTree(disk.path));
}

/** Nothing is waited for any more. */
const FAST_BYTES_PER_SECOND = 24 * MiB;

/** Metadata stands before it, data behind it: mkfs puts the one in front, and the disk is young. */
const DATA_FROM_MIB = 12;
/** Chunks are written side by side, in no order. */
const SIDE_BY_SIDE = ["--workers", "2"];

/** A sender that has its time reads far ahead: with so few slots it has not read the last of them. */
const SHALLOW = ["--depth", "2"];
const FILE_BYTES = 4 * MiB;
const TREE = Object.fromEntries(
  Array.from({ length: 6 }, (_, at) => [`f${at}`, file(noise(FILE_BYTES, `f${at}`))]),
);

/** A clear failure of this end or the other, which is no lost peer. */
function assertBroken(broken: Transfer, code: "io" | "permission", message: RegExp): void {
  assertBad(broken, code, message);
  assert.deepEqual(eventsOf(broken.lines, "reconnecting"), [], shown(broken));
}

/** With a sound disk the same command goes on. */
async function mended(line: Line, disk: FailingDisk, broken: Transfer): Promise<void> {
  await line.stopServer("SIGKILL");
  disk.mend();
  await line.serveAgain();
  const { summary } = await line.arrives(line.start());
  assert.ok(broken.summary.wireBytes > 0);
  assert.ok(summary.reusedBytes > 0, "nothing was resumed");
  assert.equal(summary.reusedBytes + summary.wireBytes, SIZE_BYTES);
}

/** What arrived is whole, and what failed did not arrive (I1). */
async function onlyWhole(root: string, failed: readonly string[]): Promise<void> {
  const missing = new Set(failed.map((line) => line.split(/[/ ]/)[1]));
  const names = (await fs.readdir(root)).filter((name) => name !== ".sftpx").sort();
  assert.deepEqual(names, Object.keys(TREE).filter((name) => !missing.has(name)).sort());
  for (const name of names) {
    assert.equal((await fs.stat(`${root}/${name}`)).size, FILE_BYTES);
    const node = TREE[name]!;
    assert.ok(node.kind === "file");
    assert.ok(Buffer.from(node.content).equals(await fs.readFile(`${root}/${name}`)), name);
  }
}

/** Files under construction. */
async function partsIn(root: string): Promise<readonly string[]> {
  const parts = `${root}/.sftpx/parts`;
  const found = Object.entries(await readTree(parts));
  return found.flatMap(([path, line]) => line.startsWith("file") ? [`${parts}/${path}`] : []);
}

function mayTrace(): boolean {
  try {
    execFileSync("strace", ["-f", "-e", "trace=none", "true"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
