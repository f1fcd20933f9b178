// Deno and Bun are one tool: what one of them began, the other ends. They tell times of files to
// different resolutions and speak different QUIC stacks; the journal and the identity are the same.

import assert from "node:assert/strict";
import { QUICHE_RUNS } from "../quiche_addon.ts";
import { bunWith, denoWith, isRunByDeno } from "./command.ts";
import { isDone, Line, shown, SIZE_BYTES } from "./line.ts";
import { transferOf } from "./json_output.ts";
import { bunProgram } from "./stacks.ts";

const BUN = bunProgram();
const DENO = denoWith("-A");

for (const first of ["Deno", "Bun"] as const) {
  const second = first === "Deno" ? "Bun" : "Deno";
  Deno.test({
    name: `a pull that broke off under ${first} is resumed under ${second}, and done for both` +
      (BUN === null ? " (needs Bun: in PATH or named by SFTPX_BUN)" : ""),
    ignore: BUN === null || !isRunByDeno() || !QUICHE_RUNS,
    async fn() {
      const commands = { Deno: DENO, Bun: bunWith(BUN ?? "") };
      await using line = await Line.open("get");
      const running = line.start(line.command, { command: commands[first] });
      await isDone(running, SIZE_BYTES * 3 / 8);
      running.kill("SIGKILL");
      await running.ended;
      const resumed = await line.arrives(line.start(line.command, { command: commands[second] }));
      const { reusedBytes, wireBytes } = resumed.summary;
      assert.ok(reusedBytes > 0, "what was journalled is reused");
      assert.equal(reusedBytes + wireBytes, SIZE_BYTES);
      for (const command of Object.values(commands)) {
        const again = transferOf(await line.start(line.command, { command }).ended);
        assert.equal(again.code, 0, shown(again));
        assert.deepEqual([again.summary.wireBytes, again.summary["changed"]], [0, 0]);
      }
    },
  });
}
