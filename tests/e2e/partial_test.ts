// Entries that fail beside others that do not, and `--atomic`, which lets nothing through then.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import * as fs from "node:fs/promises";
import process from "node:process";
import { isRunByDeno, toolCommand } from "./command.ts";
import { type Transfer } from "./json_output.ts";
import { Scratch } from "./sftpx_process.ts";
import { file, makeFile, makeTree, noise, readTree } from "./trees.ts";

const MiB = 2 ** 20;

function failures({ lines }: Transfer): Record<string, unknown> {
  const failed = lines.filter((line) => line.event === "entry_failed");
  return Object.fromEntries(failed.map((line) => [line["path"], line["code"]]));
}

Deno.test("a source that changes while it is read fails alone", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), {
    "a": file(noise(MiB)),
    "growing": file(noise(48 * MiB)),
    "z": file("z"),
  });
  const server = await scratch.serve("root");
  const growing = scratch.path("tree/growing");
  const writer = scratch.startProgram([
    ...["sh", "-c"],
    'echo begun; while :; do echo more >> "$0"; done',
    growing,
  ]);
  await writer.said("begun");
  const sent = await scratch.transfer(["send", "tree", server.ticket]);
  writer.kill("SIGKILL");
  await writer.ended;
  assert.equal(sent.code, 3, sent.stderr);
  assert.deepEqual(failures(sent), { "tree/growing": "source_changed" });
  assert.deepEqual(Object.keys(await readTree(`${server.root}/tree`)), ["a", "z"]);

  const again = await scratch.transfer(["send", "tree", server.ticket]);
  assert.equal(again.code, 0, again.stderr);
  assert.deepEqual(await readTree(`${server.root}/tree`), await readTree(scratch.path("tree")));
});

Deno.test({
  name: "a source that may not be read fails alone",
  // Root reads everything, so the tool runs as somebody else, which takes root to begin with.
  ignore: process.getuid?.() !== 0 || !isRunByDeno() || !hasSetpriv(),
  fn: async () => {
    await using scratch = await Scratch.open();
    await makeTree(scratch.path("tree"), {
      "closed": file("closed", { mode: 0o600 }),
      "closed-empty": file("", { mode: 0o600 }),
      "closed-dir/x": file("x"),
      "open": file("open"),
    });
    await fs.chmod(scratch.path("tree/closed-dir"), 0o700);
    const server = await scratch.serve("root");
    await fs.chmod(scratch.directory, 0o755);
    await fs.mkdir(scratch.path("nobody"));
    await fs.chown(scratch.path("nobody"), 65534, 65534);
    await lendPackages(scratch.path("nobody/deno"));
    const asNobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const as = {
      command: [...asNobody, ...toolCommand()],
      env: { SFTPX_HOME: scratch.path("nobody/home"), DENO_DIR: scratch.path("nobody/deno") },
    };
    const wanted = { "tree/closed": "source_unreadable", "tree/closed-dir": "source_unreadable" };
    const dry = await scratch.transfer(["send", "--dry-run", "tree", server.ticket], as);
    const planned = dry.lines.filter(({ event, action }) => event === "plan" && action === "fail");
    assert.deepEqual(Object.fromEntries(planned.map(({ path, code }) => [path, code])), wanted);
    const sent = await scratch.transfer(["send", "tree", server.ticket], as);
    assert.equal(sent.code, 3, sent.stderr);
    assert.deepEqual(failures(sent), wanted);
    const told = (stderr: string) => /^error: .*$/m.exec(stderr)?.[0];
    assert.deepEqual([dry.code, told(dry.stderr)], [sent.code, told(sent.stderr)]);
    assert.equal(await fs.readFile(`${server.root}/tree/open`, "utf8"), "open");
  },
});

Deno.test("when every entry fails the first cause is the exit code", async () => {
  await using scratch = await Scratch.open();
  await makeFile(scratch.path("f"), "f");
  await makeFile(scratch.path("root/f/stays"), "stays");
  const server = await scratch.serve("root");
  const sent = await scratch.transfer(["send", "f", `${server.ticket}/`]);
  assert.equal(sent.code, 1, sent.stderr);
  assert.equal(sent.summary.files, 0);
});

Deno.test("special files are passed over", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), { "f": file("f") });
  const { code } = await scratch.startProgram(["mkfifo", scratch.path("tree/pipe")]).ended;
  if (code !== 0) return; // No pipes here.
  const server = await scratch.serve("root");
  const sent = await scratch.transfer(["send", "tree", server.ticket]);
  assert.equal(sent.code, 0, sent.stderr);
  assert.match(sent.stderr, /tree\/pipe/);
  assert.deepEqual(Object.keys(await readTree(server.root)), ["tree", "tree/f"]);
});

Deno.test("--atomic puts everything in place, or nothing", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("tree"), {
    "bad": file("a directory stands here"),
    "big": file(noise(5 * MiB)),
    "new-dir/x": file("x"),
  });

  for (const way of ["push", "pull"] as const) {
    await t.step(`nothing when one entry of a ${way} fails`, async () => {
      const target = scratch.path(way === "push" ? "root/tree" : "got/tree");
      const origin = way === "push" ? "root" : ".";
      await makeFile(`${target}/bad/stays`, "stays");
      await makeFile(`${target}/big`, "old");
      const before = await readTree(target);
      const server = await scratch.serve(origin);
      const args = way === "push"
        ? ["send", "tree", server.ticket]
        : ["get", `${server.ticket}/tree`, "got"];
      const failed = await scratch.transfer([...args, "--atomic"]);
      assert.equal(failed.code, 1, failed.stderr);
      assert.equal(failed.summary.files, 0);
      assert.deepEqual(await readTree(target), before);

      await fs.rm(`${target}/bad`, { recursive: true });
      const done = await scratch.transfer([...args, "--atomic"]);
      assert.equal(done.code, 0, done.stderr);
      assert.deepEqual(await readTree(target), await readTree(scratch.path("tree")));
      await server.stop();
    });
  }
});

Deno.test("what cannot travel is a failure at both ends", async (t) => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("root/tree"), {
    "back\\slash": file("lost"),
    "line\nbreak": file("lost"),
    "fine": file("fine"),
  });
  const server = await scratch.serve("root");
  await t.step("of a pull", async () => {
    const got = await scratch.transfer(["get", `${server.ticket}/tree`, "got"]);
    assert.equal(got.code, 3, got.stderr);
    assert.deepEqual(Object.values(failures(got)), ["bad_name", "bad_name"]);
    assert.equal(got.summary.files, 1);
    assert.equal(await fs.readFile(scratch.path("got/tree/fine"), "utf8"), "fine");
  });
  await t.step("and keeps an atomic one from committing", async () => {
    const got = await scratch.transfer(["get", `${server.ticket}/tree`, "all", "--atomic"]);
    assert.equal(got.code, 1, got.stderr);
    assert.equal(existsSync(scratch.path("all/tree")), false);
  });
  await t.step("as a source that is missing does", async () => {
    await makeFile(scratch.path("good"), "good");
    const sent = await scratch.transfer(["send", "--atomic", "good", "no", `${server.ticket}/at/`]);
    assert.equal(sent.code, 1, sent.stderr);
    assert.equal(existsSync(`${server.root}/at`), false);
  });
});

/** Another user's runtime finds its packages too: one that downloads them reads its roots first. */
async function lendPackages(to: string): Promise<void> {
  const info = new Deno.Command(Deno.execPath(), { args: ["info", "--json"] });
  const { denoDir } = JSON.parse(new TextDecoder().decode((await info.output()).stdout));
  await fs.cp(`${denoDir}/npm`, `${to}/npm`, { recursive: true });
  for (const path of ["", ...await fs.readdir(to, { recursive: true })]) {
    await fs.chown(`${to}/${path}`, 65534, 65534);
  }
}

function hasSetpriv(): boolean {
  const path = (process.env["PATH"] ?? "").split(":");
  return path.some((directory) => existsSync(`${directory}/setpriv`));
}
