// Disks that are full, too small or read-only, at either end.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { assertBad, expectBad, mayMount, SmallDisk } from "./bad_input.ts";
import { Scratch } from "./sftpx_process.ts";
import { digestOf, makeFile, noise } from "./trees.ts";

const MiB = 2 ** 20;
const BIG_BYTES = 24 * MiB;
const SKIPPED = "(where root may mount a file system)";
const ignore = !mayMount();
const CHUNKS = ["--chunk-size", "256KiB", "--compress", "none"];
/** With a hole nobody knows beforehand what a file will take. */
const HOLED_BYTES = BIG_BYTES + MiB;

for (const way of ["send", "get"] as const) {
  Deno.test({
    name:
      `a disk that fills up under a file with a hole takes up a ${way} again once there is room ${SKIPPED}`,
    ignore,
    async fn() {
      await using scratch = await Scratch.open();
      const [source, target] = way === "send" ? ["from", "root"] : ["root", "into"];
      await using disk = await SmallDisk.mount(scratch.path(target), "12m");
      await makeFile(scratch.path(source, "big"), noise(BIG_BYTES));
      await fs.truncate(scratch.path(source, "big"), HOLED_BYTES);
      const server = await scratch.serve("root");
      const args = way === "send"
        ? ["send", "from/big", server.ticket, ...CHUNKS]
        : ["get", `${server.ticket}/big`, "into/", ...CHUNKS];
      await expectBad(scratch, args, { code: "no_space", message: /no space|disk is full/ });
      await assert.rejects(fs.stat(`${disk.path}/big`), "half a file is no file (I1)");
      // As often as a person likes to try.
      await expectBad(scratch, args, { code: "no_space", message: /no space|disk is full/ });
      disk.remount("size=48m");
      const again = await scratch.transfer(args);
      assert.equal(again.code, 0, again.stderr);
      assert.ok(again.summary.reusedBytes > BIG_BYTES / 4, JSON.stringify(again.summary));
      assert.equal(again.summary.reusedBytes + again.summary.wireBytes, HOLED_BYTES);
      assert.equal(await digestOf(`${disk.path}/big`), await digestOf(scratch.path(source, "big")));
      assert.equal((await server.stop()).code, 0);
    },
  });
}

Deno.test({
  name: `a disk without room for anything is full, not broken ${SKIPPED}`,
  ignore,
  async fn() {
    await using scratch = await Scratch.open();
    await using _disk = await SmallDisk.mount(scratch.path("into"), "20k");
    await makeFile(scratch.path("root/f"), "f");
    const server = await scratch.serve("root");
    const full = { code: "no_space", message: /the disk is full/ } as const;
    await expectBad(scratch, ["get", `${server.ticket}/f`, "into/"], full);
    await expectBad(scratch, ["serve", "into", "--listen", "127.0.0.1:0"], full);
  },
});

Deno.test({
  name: `a root that is read-only is served for reading, and refused for all else ${SKIPPED}`,
  ignore,
  async fn(t) {
    await using scratch = await Scratch.open();
    await using disk = await SmallDisk.mount(scratch.path("root"), "4m");
    await makeFile(scratch.path("root/f"), "f");
    await makeFile(scratch.path("other/f"), "f");
    disk.remount("ro");
    const readOnly = { code: "permission", message: /the file system is read-only/ } as const;
    await t.step("serve and recv", async () => {
      const listen = ["--listen", "127.0.0.1:0"];
      await expectBad(scratch, ["serve", "root", ...listen], readOnly);
      await expectBad(scratch, ["recv", "root", ...listen], readOnly);
      await expectBad(scratch, ["serve", "root/new", ...listen], readOnly);
    });
    await t.step("get into it", async () => {
      const server = await scratch.serve("other");
      await expectBad(scratch, ["get", `${server.ticket}/f`, "root/"], readOnly);
      await expectBad(scratch, ["get", `${server.ticket}/f`, "root/new/f"], readOnly);
    });
    await t.step("served for reading", async () => {
      const server = await scratch.serve("root", ["--access", "read"]);
      const got = await scratch.transfer(["get", `${server.ticket}/f`, "got"]);
      assert.equal(got.code, 0, got.stderr);
      const sent = await scratch.transfer(["send", "other/f", server.ticket]);
      assertBad(sent, "refused", /this ticket only allows reading/);
    });
  },
});
