// `sftpx clean`: what broke off under a directory goes, and nothing else does.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { jsonLines } from "./json_output.ts";
import { isJournalled, SLOW_BYTES_PER_SECOND } from "./line.ts";
import { Relay } from "./relay.ts";
import { type Running, Scratch, type Server } from "./sftpx_process.ts";
import { SLOWLY, STOPPED } from "./slowly.ts";
import { makeFile, prose, readTree } from "./trees.ts";

const MiB = 2 ** 20;
const SIZE = 12 * MiB;

Deno.test("clean removes what broke off, and leaves files and what runs alone", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("one.log"), prose(SIZE));
  await fs.link(scratch.path("one.log"), scratch.path("two.log"));
  await makeFile(scratch.path("whole"), "whole");
  const server = await scratch.serve("root");
  const { root } = server;
  const { identity } = JSON.parse((await scratch.run(["init", "--json"])).stdout);
  assert.equal((await scratch.run(["send", "whole", server.ticket])).code, 0);
  const broken = ["send", "one.log", `${server.ticket}/logs/`, ...STOPPED];
  await breakOff(scratch, server, broken);
  await using relay = await Relay.open({ rateBytesPerSecond: 3 * MiB });
  const next = await scratch.serve("root", ["--advertise", `127.0.0.1:${relay.port}`], {
    listen: `127.0.0.1:${server.port}`,
  });
  await relay.aim({ port: next.port });
  relay.narrowAfter(SIZE / 2, SLOW_BYTES_PER_SECOND);
  const running = scratch.start(["send", "two.log", `${next.ticket}/logs/`, ...SLOWLY, "--json"]);
  await wellUnderWay(running);
  relay.narrow(SLOW_BYTES_PER_SECOND);
  await isJournalled(scratch, { root, transfers: 2 });

  await t.step("a dry run says what would go, and takes nothing", async () => {
    const { code, stdout, stderr } = await scratch.run(["clean", "--dry-run", root]);
    assert.equal(code, 0, stderr);
    const [head, row, ...rest] = stdout.trimEnd().split("\n");
    assert.deepEqual(rest, []);
    assert.match(head ?? "", /^PEER +SOURCES +INTO +HELD +AGE$/);
    const facts = `${identity.slice(0, 12)} +one\\.log +logs +\\S+ [kM]B +\\d+ s`;
    assert.match(row ?? "", new RegExp(`^${facts}$`));
    assert.match(stderr, /^would remove 1 transfer, \S+ [kM]B; 1 transfer stays$/m);
    assert.deepEqual(await sourcesHeld(scratch, root), ["one.log", "two.log"]);
  });
  await t.step("what was worked on since stays with --older-than", async () => {
    const { code, stdout, stderr } = await scratch.run(["clean", "--older-than", "1h", root]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "");
    assert.match(stderr, /^nothing to clean in .*; 2 transfers stay$/m);
    assert.deepEqual(await sourcesHeld(scratch, root), ["one.log", "two.log"]);
  });
  await t.step("each that went is a line of JSON", async () => {
    const { code, stdout, stderr } = await scratch.run(["clean", "--json", root]);
    assert.equal(code, 0, stderr);
    const [line, end, ...rest] = jsonLines(stdout);
    assert.deepEqual(rest, []);
    const { event, peer, sources, destination, files, totalBytes, dryRun } = line!;
    assert.deepEqual({ event, peer, sources, destination, files, totalBytes, dryRun }, {
      event: "cleaned",
      peer: identity,
      sources: ["one.log"],
      destination: "logs",
      files: 1,
      totalBytes: SIZE,
      dryRun: false,
    });
    assert.ok(Number(line!["heldBytes"]) > 0);
    assert.ok(Number(line!["ageSeconds"]) < 120);
    assert.deepEqual([end?.event, end?.["ok"], end?.["count"]], ["end", true, 1]);
    assert.deepEqual(await sourcesHeld(scratch, root), ["two.log"]);
    assert.equal(await fs.readFile(`${root}/whole`, "utf8"), "whole");
  });
  await t.step("what ran goes on, and is whole in the end", async () => {
    relay.narrow(null);
    const { code, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
    assert.ok(await fs.readFile(`${root}/logs/two.log`, "utf8") === prose(SIZE));
  });
  await t.step("and what went begins anew", async () => {
    const again = await scratch.transfer(broken.slice(0, 3));
    assert.equal(again.code, 0, again.stderr);
    assert.equal(again.summary.reusedBytes, 0);
    const parts = Object.values(await readTree(`${root}/.sftpx/parts`));
    assert.deepEqual(parts.filter((line) => !line.startsWith("directory")), []);
  });
});

Deno.test("clean gives back all the room where nothing runs, in the words of a person", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("one.log"), prose(SIZE));
  const server = await scratch.serve("root");
  const command = ["send", "one.log", server.ticket, ...STOPPED];
  await breakOff(scratch, server, command);
  const { code, stdout, stderr } = await scratch.run(["clean", server.root]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, / one\.log +\. +\S+ [kM]B +\d+ s$/m);
  assert.match(stderr, /^removed 1 transfer, \S+ [kM]B$/m);
  const left = Object.values(await readTree(server.root));
  assert.deepEqual(left.filter((line) => line.startsWith("file")), []);
  assert.deepEqual(await sourcesHeld(scratch, server.root), []);
});

Deno.test("clean finds nothing where nothing broke off, and makes nothing", async () => {
  await using scratch = await Scratch.open();
  await fs.mkdir(scratch.path("empty"));
  await makeFile(scratch.path("file"), "f");
  for (const more of [[], ["--dry-run"]]) {
    const { code, stdout, stderr } = await scratch.run(["clean", "empty", ...more]);
    assert.deepEqual({ code, stdout, stderr }, {
      code: 0,
      stdout: "",
      stderr: "nothing to clean in empty\n",
    });
    assert.deepEqual(await fs.readdir(scratch.path("empty")), []);
  }
  const json = await scratch.run(["clean", "empty", "--json"]);
  assert.deepEqual(jsonLines(json.stdout).map(({ event, count }) => [event, count]), [["end", 0]]);
  const silent = await scratch.run(["clean", "empty", "--quiet"]);
  assert.deepEqual(silent, { code: 0, stdout: "", stderr: "" });
  for (
    const [root, text] of [["absent", /nothing of that name/], ["file", /no directory/]] as const
  ) {
    const { code, stderr } = await scratch.run(["clean", root]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, text);
  }
});

/** Kills both ends in mid-transfer; a server alone would take its idle timeout to miss the client. */
async function breakOff(
  scratch: Scratch,
  server: Server,
  command: readonly string[],
): Promise<void> {
  const running = scratch.start([...command, "--json"]);
  await wellUnderWay(running);
  // It stands still meanwhile: it would be through before.
  running.kill("SIGSTOP");
  await isJournalled(scratch, { root: server.root });
  for (const process of [running, server.running]) {
    process.kill("SIGKILL");
    await process.ended;
  }
}

/** Waits until chunks were stored. */
async function wellUnderWay(running: Running): Promise<void> {
  await running.line(({ event, bytesDone }) => event === "progress" && Number(bytesDone) > 0);
}

async function sourcesHeld(scratch: Scratch, root: string): Promise<readonly unknown[]> {
  const { stdout } = await scratch.run(["status", "--json", root]);
  return jsonLines(stdout).flatMap(({ event, sources }) => event === "resumable" ? sources : [])
    .toSorted();
}
