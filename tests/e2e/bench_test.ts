// `sftpx bench` as a whole: rows for a person and a program, and how it ends. Speeds are not judged.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { denoWith, isRunByDeno } from "./command.ts";
import { type JsonLine, jsonLines } from "./json_output.ts";
import { hasPseudoTerminals, PseudoTerminal } from "./pseudo_terminal.ts";
import { Scratch, SilentPort } from "./sftpx_process.ts";

const BYTES = ["--bytes", "4MiB"];
/** What `-P=sftpx` allows: no other program may be started. */
const WITHOUT_RUN = ["read", "write", "net", "env", "sys", "ffi"].map((name) => `--allow-${name}`);

function rowsOf(stdout: string): readonly JsonLine[] {
  const lines = jsonLines(stdout);
  const end = lines.at(-1);
  assert.deepEqual([end?.event, end?.["ok"]], ["end", true]);
  const rows = lines.filter((line) => line.event === "bench");
  assert.equal(end?.["count"], rows.length + verdictsOf(stdout).length);
  return rows;
}

function verdictsOf(stdout: string): readonly JsonLine[] {
  return jsonLines(stdout).filter((line) => line.event === "verdict");
}

Deno.test("bench measures every part of this machine, and leaves nothing behind", async () => {
  await using scratch = await Scratch.open();
  await fs.mkdir(scratch.path("tmp"));
  await fs.mkdir(scratch.path("disk"));
  const { code, stdout, stderr } = await scratch.run(
    ["bench", "--json", ...BYTES, "--directory", "disk"],
    { env: { TMPDIR: scratch.path("tmp") } },
  );
  assert.equal(code, 0, stderr);
  const rows = rowsOf(stdout);
  assert.deepEqual([...new Set(rows.map((row) => row["bench"]))], ["pipe", "hash", "zstd", "disk"]);
  for (const row of rows) assert.ok(Number(row["bytesPerSecond"]) > 0, JSON.stringify(row));
  const directions = verdictsOf(stdout).map((verdict) => verdict["direction"]);
  assert.deepEqual(directions, ["send", "receive"]);
  assert.deepEqual(await leftIn(scratch.path("tmp")), []);
  assert.deepEqual(await fs.readdir(scratch.path("disk")), []);
});

Deno.test("bench says which ends a pipe has, and does without another process", async () => {
  await using scratch = await Scratch.open();
  const apart = await scratch.run(["bench", "pipe", ...BYTES]);
  assert.match(apart.stdout, /^pipe up +\S+ \S+\/s +.*a process for each end/, apart.stderr);
  if (!isRunByDeno()) return;
  const command = denoWith(...WITHOUT_RUN);
  const together = await scratch.run(["bench", "pipe", ...BYTES], { command });
  assert.match(together.stdout, /both ends in this process/, together.stderr);
});

Deno.test("bench measures the path to a server as far as the grant allows", async () => {
  await using scratch = await Scratch.open();
  await fs.mkdir(scratch.path("root"));
  const server = await scratch.serve("root", ["--access", "read"]);
  const { code, stdout, stderr } = await scratch.run(["bench", "--json", ...BYTES, server.ticket]);
  assert.equal(code, 0, stderr);
  assert.equal(jsonLines(stdout)[0]?.event, "connected");
  const rows = rowsOf(stdout);
  assert.ok(rows.length >= 2 && rows.length % 2 === 0);
  for (const [at, row] of rows.entries()) {
    assert.ok(Number(row["rttMs"]) > 0);
    if (at % 2 === 0) {
      assert.deepEqual([row["name"], row["bytesPerSecond"]], ["up", null]);
    } else {
      assert.equal(row["name"], "down");
      assert.ok(Number(row["bytesPerSecond"]) > 0);
    }
  }
  const stacks = rows.map((row) => row["stack"]);
  assert.equal(new Set(stacks).size, rows.length / 2, "each stack that works here, once");
  assert.deepEqual(verdictsOf(stdout).map((verdict) => verdict["direction"]), ["receive"]);
});

Deno.test("bench measures over what was named, and over as much of it as was asked for", async () => {
  await using scratch = await Scratch.open();
  await fs.mkdir(scratch.path("root"));
  const server = await scratch.serve("root");
  const shape = ["--transport", "tcp", "--connections", "2", "--lanes", "3"];
  const args = ["bench", "--json", ...BYTES, ...shape, server.ticket];
  const { code, stdout, stderr } = await scratch.run(args);
  assert.equal(code, 0, stderr);
  const over = rowsOf(stdout).map((row) => [row["stack"], row["connections"], row["lanes"]]);
  assert.deepEqual(over, [["tls", 2, 3], ["tls", 2, 3]]);
});

Deno.test("bench says of a stack that does not get through why, and measures the others", async () => {
  await using scratch = await Scratch.open();
  await fs.mkdir(scratch.path("root"));
  const server = await scratch.serve("root", ["--transport", "tcp"]);
  const args = ["bench", "--json", ...BYTES, "--timeout", "3s", server.ticket];
  const { code, stdout, stderr } = await scratch.run(args);
  assert.equal(code, 0, stderr);
  const [up, down, ...blocked] = rowsOf(stdout);
  assert.deepEqual([up?.["stack"], down?.["stack"]], ["tls", "tls"]);
  for (const row of blocked) {
    assert.deepEqual([row["name"], row["bytesPerSecond"]], ["reach", null]);
    assert.notEqual(row["stack"], "tls");
    assert.match(String(row["problem"]), /^Cannot reach/);
  }
});

Deno.test("bench writes a report, of one file that asks for nothing", async () => {
  await using scratch = await Scratch.open();
  const args = ["bench", "zstd", "disk", ...BYTES, "--directory", ".", "--report", "page.html"];
  const { code, stderr } = await scratch.run(args);
  assert.equal(code, 0, stderr);
  const html = await fs.readFile(scratch.path("page.html"), "utf8");
  assert.match(html, /^<!doctype html>[^]*<h2>Disk<\/h2>[^]*<svg [^]*<h2>Compression<\/h2>/);
  assert.doesNotMatch(html, /<script|https?:/);
  const nowhere = await scratch.run(["bench", "zstd", ...BYTES, "--report", "absent/page.html"]);
  assert.equal(nowhere.code, 2, nowhere.stderr);
  assert.match(nowhere.stderr, /Cannot write the report "absent\/page\.html"/);
  // It is tried before anything is measured, and the try leaves nothing.
  assert.equal(nowhere.stdout, "");
  const early = await scratch.run([
    "bench",
    "disk",
    "--directory",
    "absent",
    "--report",
    "new.html",
  ]);
  assert.notEqual(early.code, 0);
  await assert.rejects(fs.stat(scratch.path("new.html")), { code: "ENOENT" });
});

Deno.test("bench goes on after one that fails, and fails as a whole where all do", async () => {
  await using scratch = await Scratch.open();
  const some = await scratch.run(["bench", "disk", "zstd", ...BYTES, "--directory", "absent"]);
  assert.equal(some.code, 3, some.stderr);
  assert.match(some.stdout, /^zstd compress/);
  assert.match(some.stderr, /Cannot measure the disk at/);
  const all = await scratch.run(["bench", "disk", ...BYTES, "--directory", "absent", "--json"]);
  assert.equal(all.code, 2, all.stderr);
  assert.equal(jsonLines(all.stdout).at(-1)?.event, "summary");
  // The first cause is the exit code, as it is of a transfer.
  const silent = await SilentPort.open();
  const url = `sftpx://${"a".repeat(51)}q@127.0.0.1:${silent.port}/`;
  const both = ["bench", "disk", url, "--directory", "absent", "--timeout", "100ms"];
  const none = await scratch.run(both);
  silent.close();
  assert.equal(none.code, 2, none.stderr);
  assert.match(none.stderr, /Cannot measure the disk[^]*Cannot reach/);
});

Deno.test({
  name: "bench on a terminal says what it is at, and ends cleanly on Ctrl-C",
  ignore: !hasPseudoTerminals,
  fn: async () => {
    await using scratch = await Scratch.open();
    await fs.mkdir(scratch.path("tmp"));
    const args = ["bench", "pipe", "disk", "--bytes", "8GiB"];
    await using terminal = PseudoTerminal.open(scratch, args, {
      env: { TMPDIR: scratch.path("tmp") },
    });
    await terminal.said("measuring pipe");
    terminal.interrupt();
    assert.equal(await terminal.ended, 130, terminal.text);
    assert.deepEqual(await leftIn(scratch.path("tmp")), []);
  },
});

/** What is left in a directory, but for the addons that a binary keeps there for its next start. */
async function leftIn(directory: string): Promise<readonly string[]> {
  const names = await fs.readdir(directory);
  return names.filter((name) => !/^\.bun-\d+-[0-9a-f]+\.node$/.test(name));
}
