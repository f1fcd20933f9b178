// Disks without room, at either end: told before the first byte where that can be known, told clearly
// where it comes in the middle, and resumed once there is room.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { assertBad, expectBad, mayMount, SmallDisk } from "./bad_input.ts";
import { transferOf } from "./json_output.ts";
import { bothWays, eventsOf, FROM, INTO, Line, shown, SIZE_BYTES } from "./line.ts";
import { Scratch } from "./sftpx_process.ts";
import { digestOf, file, makeTree, noise, readTree } from "./trees.ts";

const MiB = 2 ** 20;
const SKIPPED = "(where root may mount a file system)";
const ignore = !mayMount();
/** "25.2 MB are needed and 12.5 MB are free", in whichever units. */
const NEEDED = /\d \w*B (are|is) needed.*\d \w*B (are|is) free/;

Deno.test({
  name: `a file that the disk has no room for fails before any of it is written ${SKIPPED}`,
  ignore,
  async fn() {
    await bothWays(async (way) => {
      await using scratch = await Scratch.open();
      await using disk = await SmallDisk.mount(scratch.path(INTO[way]), "6m");
      await using line = await Line.open(way, { scratch });
      const refused = transferOf(await line.start().ended);
      assertBad(refused, "no_space", NEEDED);
      assert.equal(refused.summary.wireBytes, 0, shown(refused));
      assert.deepEqual(eventsOf(refused.lines, "reconnecting"), []);
      assert.deepEqual(await keptParts(disk), [], "nothing was begun");
      disk.remount("size=96m");
      const { summary } = await line.arrives(line.start());
      assert.equal(summary.wireBytes, SIZE_BYTES);
    });
  },
});

Deno.test({
  name: `a tree that the disk has no room for ends early, and nothing of it stays ${SKIPPED}`,
  ignore,
  async fn() {
    await bothWays(async (way) => {
      await using scratch = await Scratch.open();
      await using disk = await SmallDisk.mount(scratch.path(INTO[way]), "6m");
      const tree = Object.fromEntries(
        Array.from({ length: 160 }, (_, at) => [`dir/f${at}`, file(noise(MiB / 4, `f${at}`))]),
      );
      await makeTree(scratch.path(FROM[way]), tree);
      const server = await scratch.serve("root");
      const args = way === "send"
        ? ["send", "from/dir", server.ticket]
        : ["get", `${server.ticket}/dir`, "into/"];
      const refused = await expectBad(scratch, args, { code: "no_space", message: NEEDED });
      assert.ok(refused.summary.wireBytes < 20 * MiB, shown(refused));
      assert.deepEqual(Object.keys(await readTree(disk.path)), []);
      disk.remount("size=96m");
      const again = await scratch.transfer(args);
      assert.equal(again.code, 0, shown(again));
      assert.deepEqual(
        await readTree(scratch.path(INTO[way], "dir")),
        await readTree(scratch.path(FROM[way], "dir")),
      );
    });
  },
});

Deno.test({
  name: `what stands there already needs no room a second time ${SKIPPED}`,
  ignore,
  async fn() {
    await bothWays(async (way) => {
      await using scratch = await Scratch.open();
      // Room for it once, for its state, and not twice.
      await using _disk = await SmallDisk.mount(scratch.path(INTO[way]), "14m");
      await using line = await Line.open(way, { scratch });
      const running = await line.startToMiddle();
      running.kill("SIGKILL");
      await running.ended;
      const resumed = await line.arrives(line.start());
      assert.ok(resumed.summary.reusedBytes > 0, shown(resumed));
      const unchanged = await line.arrives(line.start());
      assert.equal(unchanged.summary.wireBytes, 0, shown(unchanged));
    });
  },
});

Deno.test({
  name: `a disk that somebody else fills in mid-transfer: 14, and it resumes ${SKIPPED}`,
  ignore,
  async fn() {
    await bothWays(async (way) => {
      await using scratch = await Scratch.open();
      await using disk = await SmallDisk.mount(scratch.path(INTO[way]), "32m");
      await using line = await Line.open(way, { scratch });
      const { command } = line;
      const running = await line.startToMiddle();
      const ballast = `${disk.path}/ballast`;
      await fillDisk(ballast);
      const broken = transferOf(await running.ended);
      assertBad(broken, "no_space", /no space|disk is full/);
      assert.match(broken.stderr, /Free some space and run the same command again/);
      assert.deepEqual(eventsOf(broken.lines, "reconnecting"), [], "it is no lost peer");
      await assert.rejects(fs.stat(line.result), "half a file is no file (I1)");
      // As often as a person likes to try.
      assertBad(transferOf(await line.start().ended), "no_space", /./);
      assert.deepEqual(await fs.readdir(disk.path).then(visible), ["ballast"]);
      await fs.rm(ballast);
      const { summary } = await line.arrives(line.start(command));
      assert.ok(summary.reusedBytes > SIZE_BYTES / 8, `${summary.reusedBytes} are reused`);
      assert.equal(summary.reusedBytes + summary.wireBytes, SIZE_BYTES);
      if (way === "send") assert.equal((await line.server.stop()).code, 0);
    });
  },
});

Deno.test({
  name: `a server whose disk is full still serves what it has ${SKIPPED}`,
  ignore,
  async fn() {
    await using scratch = await Scratch.open();
    await using disk = await SmallDisk.mount(scratch.path("root"), "8m");
    await makeTree(disk.path, { "there": file(noise(MiB, "there")) });
    await makeTree(scratch.directory, { "f": file(noise(2 * MiB, "f")) });
    const server = await scratch.serve("root");
    await fillDisk(`${disk.path}/ballast`);
    const full = { code: "no_space", message: /./ } as const;
    await expectBad(scratch, ["send", "f", server.ticket], full);
    const got = await scratch.transfer(["get", `${server.ticket}/there`, "got"]);
    assert.equal(got.code, 0, shown(got));
    assert.equal(await digestOf(scratch.path("got")), await digestOf(`${disk.path}/there`));
  },
});

/** Writes until nothing more goes in. */
async function fillDisk(path: string): Promise<void> {
  const handle = await fs.open(path, "w");
  const block = new Uint8Array(MiB);
  try {
    for (let bytes = block.length; bytes >= 1024;) {
      try {
        await handle.write(block, 0, bytes);
      } catch (thrown) {
        assert.match(String(thrown), /No space/);
        bytes /= 2;
      }
    }
  } finally {
    await handle.close();
  }
}

async function keptParts(disk: SmallDisk): Promise<readonly string[]> {
  const parts = `${disk.path}/.sftpx/parts`;
  const left = await readTree(parts).catch(() => ({}));
  return Object.values(left).filter((line) => String(line).startsWith("file"));
}

function visible(names: readonly string[]): readonly string[] {
  return names.filter((name) => name !== ".sftpx");
}
