// `sftpx status`: what broke off under a directory, seen without a server and without a peer.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { jsonLines } from "./json_output.ts";
import { clientIdentity, Line, SIZE_BYTES } from "./line.ts";
import { Scratch } from "./sftpx_process.ts";
import { makeFile } from "./trees.ts";

async function statusOf(scratch: Scratch, root: string) {
  const { code, stdout, stderr } = await scratch.run(["status", "--json", root]);
  assert.equal(code, 0, stderr);
  const lines = jsonLines(stdout);
  assert.equal(lines.at(-1)?.event, "end");
  return lines.filter((line) => line.event === "resumable");
}

Deno.test("status shows what broke off and what runs, and nothing once it is done", async (t) => {
  await using line = await Line.open("send");
  const { scratch, server } = line;
  const root = server.root;
  const identity = await clientIdentity(scratch);
  const running = await line.startJournalled();
  await t.step("while it runs", async () => {
    const [line, ...rest] = await statusOf(scratch, root);
    assert.deepEqual(rest, []);
    assert.equal(line?.["running"], true);
    const { stdout, stderr } = await scratch.run(["status", root]);
    assert.match(stdout, / 1 +running$/m);
    assert.doesNotMatch(stderr, /again/);
  });
  // A server alone would take its idle timeout to miss the client.
  for (const process of [running, server.running]) {
    process.kill("SIGKILL");
    await process.ended;
  }
  await t.step("once it broke off", async () => {
    const [line, ...rest] = await statusOf(scratch, root);
    assert.deepEqual(rest, []);
    assert.equal(line?.["running"], false);
    assert.equal(line?.["peer"], identity);
    assert.deepEqual(line?.["sources"], ["from/big"]);
    assert.equal(line?.["destination"], "copy");
    assert.equal(line?.["files"], 1);
    assert.equal(line?.["totalBytes"], SIZE_BYTES);
    const held = Number(line?.["heldBytes"]);
    assert.ok(held > 0 && held <= SIZE_BYTES, String(held));
    assert.ok(Math.abs(Date.parse(String(line?.["started"])) - Date.now()) < 120_000);
    const [begunMs, workedMs] = [line?.["started"], line?.["lastWorkedOn"]].map((time) =>
      Date.parse(String(time))
    );
    assert.ok(workedMs! >= begunMs! && workedMs! <= Date.now(), String(line?.["lastWorkedOn"]));
    const age = Number(line?.["ageSeconds"]);
    assert.ok(Number.isInteger(age) && age >= 0 && age < 120, String(age));
  });
  await t.step("as a table for a person", async () => {
    const { code, stdout, stderr } = await scratch.run(["status", root]);
    assert.equal(code, 0, stderr);
    const [head, row, ...rest] = stdout.trimEnd().split("\n");
    assert.deepEqual(rest, []);
    assert.match(head ?? "", /^PEER +SOURCES +INTO +DONE +FILES +AGE$/);
    assert.match(
      row ?? "",
      new RegExp(`^${identity.slice(0, 12)} +from\/big +copy +\\S+ MB of 8\\.39 MB .* 1 +\\d+ s$`),
    );
    assert.match(stderr, /run the same command again/);
  });
  await t.step("and nothing once it is whole", async () => {
    line.relay.narrow(null);
    await line.serveAgain();
    const again = await line.arrives(line.start());
    assert.ok(again.summary.reusedBytes > 0);
    assert.deepEqual(await statusOf(scratch, root), []);
    const { stdout, stderr } = await scratch.run(["status", root]);
    assert.equal(stdout, "");
    assert.match(stderr, /nothing to resume in/);
  });
});

Deno.test("status changes nothing, and tells an empty place from none at all", async () => {
  await using scratch = await Scratch.open();
  await fs.mkdir(scratch.path("empty"));
  assert.deepEqual(await statusOf(scratch, "empty"), []);
  assert.deepEqual(await fs.readdir(scratch.path("empty")), []);
  for (
    const [root, text] of [["absent", /nothing of that name/], ["file", /no directory/]] as const
  ) {
    await makeFile(scratch.path("file"), "f");
    const { code, stderr } = await scratch.run(["status", root]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, text);
  }
});
