// What the tool says and where: stdout for data, stderr for the rest, JSON by its contract.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { type JsonLine, jsonLines } from "./json_output.ts";
import { Scratch } from "./sftpx_process.ts";
import { SLOWLY } from "./slowly.ts";
import { file, makeFile, makeTree, noise, prose } from "./trees.ts";

const MiB = 2 ** 20;
const ESCAPE = "\u001b";

Deno.test("JSON lines keep their contract", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), {
    "a": file(noise(100 * MiB)),
    "b": file("b"),
    "bad": file("bad"),
  });
  await makeFile(scratch.path("root/tree/bad/stays"), "stays");
  const server = await scratch.serve("root");
  const sent = await scratch.transfer(["send", "tree", server.ticket]);
  assert.equal(sent.code, 3, sent.stderr);
  checkTransfer(sent.lines);
  await server.stop();
  const [listening, ...rest] = jsonLines((await server.running.ended).stdout);
  assert.deepEqual(
    [listening?.event, typeof listening?.["address"], typeof listening?.["port"]],
    ["listening", "string", "number"],
  );
  assert.match(`${listening?.["ticket"]}`, /^sftpx1[a-z2-7]+$/);
  assert.match(`${listening?.["identity"]}`, /^[a-z2-7]{52}$/);
  checkTransfer(rest.filter((line) => line["transfer"] !== undefined));
  const got = await scratch.serve("root").then(({ ticket }) =>
    scratch.transfer(["get", `${ticket}/tree/a`, "got"])
  );
  assert.equal(got.code, 0, got.stderr);
  checkTransfer(got.lines);
});

Deno.test("data goes to stdout and everything else to stderr", async (t) => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  const path = scratch.path("root");
  const listen = ["--listen", "127.0.0.1:0"];

  const serve = scratch.start(["serve", path, ...listen]);
  await serve.said("sftpx1");
  serve.kill("SIGINT");
  const { stdout, stderr, code } = await serve.ended;
  assert.equal(code, 0);
  await t.step("serve prints its ticket and nothing else on stdout", () => {
    assert.match(stdout, /^sftpx1[a-z2-7]+\n$/);
    assert.equal(stderr.includes(stdout.trim()), false);
    assert.match(stderr, /listening on 127\.0\.0\.1:\d+/);
  });

  await t.step("--no-ticket prints none", async () => {
    const silent = scratch.start(["serve", path, ...listen, "--no-ticket"]);
    await silent.said("listening");
    silent.kill("SIGINT");
    assert.equal((await silent.ended).stdout, "");
  });

  const server = await scratch.serve("root");
  const env = { SFTPX_TICKET: server.ticket };
  await t.step("a transfer prints nothing on stdout, and moves nothing on stderr", async () => {
    const sent = await scratch.run(["send", "f", "@"], { env });
    assert.equal(sent.code, 0);
    assert.equal(sent.stdout, "");
    assert.match(sent.stderr, /1 file/);
    assert.equal(sent.stderr.includes(ESCAPE) || sent.stderr.includes("\r"), false);
  });
  await t.step("--quiet says nothing when all is well, and errors all the same", async () => {
    const sent = await scratch.run(["send", "f", "@", "--quiet"], { env });
    assert.deepEqual(sent, { code: 0, stdout: "", stderr: "" });
    const failed = await scratch.run(["send", "gone", "@", "--quiet"], { env });
    assert.equal(failed.code, 1);
    assert.match(failed.stderr, /Cannot .*gone/);
  });
  await t.step("the ticket is nowhere but in the one place (I9)", async () => {
    for (const more of [["--verbose"], ["--json", "--verbose"], ["--chunk-size", "1"]]) {
      const { stdout, stderr } = await scratch.run(["send", "f", server.ticket, ...more]);
      assert.equal(`${stdout}${stderr}`.includes(server.ticket.slice(0, 40)), false);
    }
    const mangled = await scratch.run(["get", `${server.ticket}aa/f`, "got", "--verbose"]);
    assert.equal(mangled.code, 2);
    assert.equal(mangled.stderr.includes(server.ticket.slice(0, 40)), false);
  });
  await t.step("a ticket in argv works with a warning, @ without", async () => {
    const bare = await scratch.run(["send", "f", server.ticket]);
    assert.equal(bare.code, 0);
    assert.match(bare.stderr, /warning: .*ticket/);
    const { stderr } = await scratch.run(["send", "f", "@"], { env });
    assert.doesNotMatch(stderr, /warning/);
  });
  await t.step("no color with NO_COLOR, nor off a terminal", async () => {
    for (const more of [{}, { NO_COLOR: "1" }]) {
      const { stderr } = await scratch.run(["send", "gone", "@"], { env: { ...env, ...more } });
      assert.equal(stderr.includes(ESCAPE), false);
    }
  });
});

Deno.test("names cannot speak to the terminal", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), { [`evil${ESCAPE}[2Jname`]: file("x"), "ok": file("ok") });
  const server = await scratch.serve("root");
  const sent = await scratch.run(["send", "tree", server.ticket]);
  assert.equal(sent.code, 3, sent.stderr);
  assert.equal(sent.stderr.includes(ESCAPE), false);
  assert.match(sent.stderr, /evil/);
});

Deno.test("a reader that leaves early is no failure", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), prose(8 * MiB));
  const server = await scratch.serve("root");
  const running = scratch.start(["send", "f", server.ticket, "--json", "--compress", "zstd:15"]);
  await running.line((line) => line.event === "start");
  running.closeStdout();
  const { code, stderr } = await running.ended;
  assert.equal(code, 0, stderr);
  assert.equal((await fs.stat(`${server.root}/f`)).size, 8 * MiB);
});

Deno.test("a dry run prints its plan on stdout, and what it comes to on stderr", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), {
    "same": file("same"),
    "new": file("new"),
    "other": file("other"),
  });
  await makeTree(scratch.path("root/tree"), { "other": file("another"), "extra": file("e") });
  const server = await scratch.serve("root");
  const env = { SFTPX_TICKET: server.ticket };
  await makeTree(scratch.path("some/tree"), { "same": file("same") });
  assert.equal((await scratch.run(["send", "some/tree", "@"], { env })).code, 0);
  const args = ["send", "tree", "@", "--delete", "--dry-run"];

  await t.step("as lines", async () => {
    const plan = await scratch.run(args, { env });
    assert.equal(plan.code, 0, plan.stderr);
    const lines = plan.stdout.trimEnd().split("\n");
    for (const line of ["create     tree/new", "replace    tree/other", "delete     tree/extra"]) {
      assert.ok(lines.includes(line), `${line} in\n${plan.stdout}`);
    }
    assert.equal(plan.stdout.includes("tree/same"), false);
    assert.match(plan.stderr.trimEnd(), /✓ dry run: would change \d entries and delete 1; 3 files/);
    const all = await scratch.run([...args, "--verbose"], { env });
    assert.match(all.stdout, /^unchanged {2}tree\/same$/m);
  });
  await t.step("as JSON", async () => {
    const { lines, summary } = await scratch.transfer(args, { env });
    const actions = lines.filter(({ event }) => event === "plan").map((line) => line["action"]);
    assert.ok(actions.includes("delete") && actions.includes("unchanged"), `${actions}`);
    const { ok, dryRun, deleted, wireBytes } = summary;
    assert.deepEqual({ ok, dryRun, deleted, wireBytes }, {
      ok: true,
      dryRun: true,
      deleted: 1,
      wireBytes: 0,
    });
  });
  await t.step("to a reader that leaves early, which is no failure", async () => {
    const running = scratch.start(args, { env });
    running.closeStdout();
    const { code, stderr } = await running.ended;
    assert.equal(code, 0, stderr);
  });
  assert.deepEqual((await fs.readdir(`${server.root}/tree`)).sort(), ["extra", "other", "same"]);
});

Deno.test("-v names each entry on stderr, and marks those that stayed", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), { "a": file("a"), "sub/b": file("bb") });
  const server = await scratch.serve("root");
  const args = ["send", "-v", "tree", "@"];
  const env = { SFTPX_TICKET: server.ticket };
  const first = await scratch.run(args, { env });
  assert.equal(first.stdout, "");
  for (const line of ["tree/", "tree/a  1 B", "tree/sub/", "tree/sub/b  2 B"]) {
    assert.ok(first.stderr.split("\n").includes(line), `${line} in\n${first.stderr}`);
  }
  assert.match(
    first.stderr,
    /^connection 0 to 127\.0\.0\.1:\d+ over (tls|deno-quic|quiche) carried /m,
  );
  assert.match(first.stderr.trimEnd().split("\n").at(-1) ?? "", /^✓ 2 files, 3 B sent in /);
  const second = await scratch.run(args, { env });
  assert.match(second.stderr, /^tree\/sub\/b {2}2 B {2}unchanged$/m);
  assert.match(second.stderr.trimEnd().split("\n").at(-1) ?? "", /^✓ 2 files, 3 B already there/);
});

Deno.test("progress names its phases, in order and never back to an earlier one", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), prose(8 * MiB));
  const server = await scratch.serve("root");
  for (
    const [args, moving] of [
      [["send", "f", server.ticket, ...SLOWLY], "send"],
      [["get", `${server.ticket}/f`, "got", ...SLOWLY], "receive"],
    ] as const
  ) {
    const { code, lines, stderr } = await scratch.transfer(args);
    assert.equal(code, 0, stderr);
    const phases = lines.filter(({ event }) => event === "progress").map((line) => line["phase"]);
    assert.ok(phases.includes(moving), phases.join(" "));
    const order = ["connect", "scan", moving, "verify", "commit"];
    const places = phases.map((phase) => order.indexOf(`${phase}`));
    assert.ok(places.every((place) => place >= 0), phases.join(" "));
    assert.deepEqual(places, places.toSorted((a, b) => a - b), phases.join(" "));
  }
});

Deno.test("help, version and init answer on stdout", async () => {
  await using scratch = await Scratch.open();
  for (const args of [["--help"], ["send", "--help"], ["help", "get"], ["--version"]]) {
    const { code, stdout, stderr } = await scratch.run(args);
    assert.equal(code, 0);
    assert.notEqual(stdout, "");
    assert.equal(stderr, "");
  }
  const [first, second] = [await scratch.run(["init"]), await scratch.run(["init"])];
  assert.match(first.stdout, /^[a-z2-7]{52}\n$/);
  assert.equal(first.stdout, second.stdout);
  const { mode } = await fs.stat(scratch.path("home/identity"));
  assert.equal(mode & 0o077, 0);
});

/** Everything the contract says about the lines of one transfer. */
function checkTransfer(lines: readonly JsonLine[]): void {
  for (const line of lines) {
    assert.equal(line.v, 1);
    assert.match(line.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
  }
  const events = lines.map((line) => line.event);
  assert.equal(events.filter((event) => event === "start").length, 1);
  assert.equal(events.indexOf("summary"), events.length - 1);
  assert.ok(events.indexOf("start") < events.indexOf("progress"));
  assert.equal(
    typeof lines.find((line) => line.event === "start")?.["chunkBytes"],
    "number",
  );
  checkProgress(lines.filter((line) => line.event === "progress"));
  const summary = lines.at(-1)!;
  for (
    const field of [
      ...["files", "bytes", "reusedBytes", "wireBytes", "seconds", "chunkBytes"],
      ...["failed", "changed", "deleted"],
    ]
  ) {
    assert.equal(typeof summary[field], "number", field);
  }
  assert.equal(typeof summary["ok"], "boolean");
  assert.match(`${summary["root"]}`, /^[0-9a-f]{64}$/);
  assert.equal(summary["error"] === undefined, summary["ok"]);
}

/** Progress only grows (I10), names its figures, and comes at most five times a second. */
function checkProgress(lines: readonly JsonLine[]): void {
  assert.ok(lines.length > 0);
  const growing = ["bytesDone", "wireBytes", "filesDone", "reusedBytes"];
  const last: Record<string, number> = {};
  for (const line of lines) {
    for (const field of growing) {
      const value = line[field] as number;
      assert.equal(typeof value, "number", field);
      assert.ok(value >= (last[field] ?? 0), `${field} went back`);
      last[field] = value;
    }
    for (const field of ["bytesTotal", "filesTotal"]) {
      assert.ok(line[field] === null || typeof line[field] === "number", field);
    }
    assert.equal(typeof line["bytesPerSecond"], "number");
  }
  const times = lines.map((line) => Date.parse(line.time));
  const windows = times.filter((time, index) => (times[index + 5] ?? Infinity) < time + 990);
  assert.deepEqual(windows, []);
}
