// `--dry-run`: the plan is what the real run then does, and nothing is touched by making it.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import type { Transfer } from "./json_output.ts";
import { Scratch } from "./sftpx_process.ts";
import { file, link, makeTree, readTree } from "./trees.ts";

const SOURCE = {
  "new": file("new"),
  "same": file("same"),
  "other": file("other content"),
  "blocked": file("a file"),
  "dir/inner": file("inner"),
  "link": link("new"),
};
const STANDING = {
  "same": file("same"),
  "other": file("older"),
  "blocked/holds": file("a directory"),
  "extra": file("extra"),
  "dir/extra": file("extra too"),
};

/** Action by path; directories without their slash. */
function planOf({ lines }: Transfer): Record<string, string> {
  const steps = lines.filter((line) => line.event === "plan");
  return Object.fromEntries(
    steps.map((line) => [String(line["path"]).replace(/\/$/, ""), String(line["action"])]),
  );
}

Deno.test("a dry run tells what the real run then does, and touches nothing", async (t) => {
  for (const way of ["send", "get"] as const) {
    await t.step(way, async () => {
      await using scratch = await Scratch.open();
      const [from, to] = way === "send" ? ["here", "root/there"] : ["root/there", "here"];
      await makeTree(scratch.path(from), SOURCE);
      await makeTree(scratch.path(to), STANDING);
      const server = await scratch.serve("root");
      const args = way === "send"
        ? ["send", "here/", `${server.ticket}/there`]
        : ["get", `${server.ticket}/there/`, "here"];
      const before = await readTree(scratch.path(to), { times: true });
      const dry = await scratch.transfer([...args, "--dry-run"]);
      assert.equal(dry.code, 3, dry.stderr);
      assert.equal(dry.summary["dryRun"], true);
      const plan = planOf(dry);
      assert.equal(plan["new"], "create", dry.stdout);
      // Without a record of our own only a hash could tell.
      assert.equal(plan["same"], "compare");
      assert.equal(plan["other"], "replace");
      assert.equal(plan["blocked"], "fail");
      assert.equal(plan["dir/inner"], "create");
      assert.equal(plan["link"], "create");
      assert.equal(plan["extra"], undefined);
      assert.deepEqual(await readTree(scratch.path(to), { times: true }), before);
      const real = await scratch.transfer(args);
      assert.equal(real.code, dry.code, real.stderr);
      for (const field of ["files", "bytes", "failed", "changed", "deleted"]) {
        assert.equal(real.summary[field], dry.summary[field], field);
      }
      const again = await scratch.transfer([...args, "-n"]);
      // `serve` keeps its records, `get` leaves none behind.
      const known = way === "send" ? "unchanged" : "compare";
      assert.deepEqual([planOf(again)["same"], planOf(again)["other"]], [known, known]);
    });
  }
});

Deno.test("a dry run with --delete names what would go, and keeps it", async () => {
  await using scratch = await Scratch.open();
  const { blocked: _, ...source } = SOURCE;
  await makeTree(scratch.path("here"), source);
  await makeTree(scratch.path("root/there"), STANDING);
  const server = await scratch.serve("root");
  const args = ["send", "here/", `${server.ticket}/there`, "--delete"];
  const dry = await scratch.transfer([...args, "--dry-run"]);
  assert.equal(dry.code, 0, dry.stderr);
  const doomed = Object.entries(planOf(dry)).filter(([, action]) => action === "delete")
    .map(([path]) => path).sort();
  assert.deepEqual(doomed, ["blocked", "blocked/holds", "dir/extra", "extra"]);
  assert.equal(dry.summary["deleted"], 4);
  assert.equal(await fs.readFile(scratch.path("root/there/extra"), "utf8"), "extra");
  const real = await scratch.transfer(args);
  assert.equal(real.code, 0, real.stderr);
  assert.equal(real.summary["deleted"], 4);
});

Deno.test("a dry get makes nothing, not even its destination", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("root/dir"), { "a": file("a") });
  const server = await scratch.serve("root");
  const dry = await scratch.transfer(["get", `${server.ticket}/dir`, "new/place", "--dry-run"]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.equal(dry.summary.files, 1);
  await assert.rejects(fs.stat(scratch.path("new")));
});

Deno.test("a dry run prints its plan for a person, and changes no exit code", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("dir"), { "a": file("a") });
  const server = await scratch.serve("root");
  const dry = await scratch.run(["send", "dir", server.ticket, "--dry-run"]);
  assert.equal(dry.code, 0, dry.stderr);
  assert.match(dry.stdout, /^create +dir\/$/m);
  assert.match(dry.stdout, /^create +dir\/a$/m);
  await assert.rejects(fs.stat(scratch.path("root/dir")));
  const failIfUnchanged = ["send", "dir", server.ticket, "--fail-if-unchanged"];
  assert.equal((await scratch.run([...failIfUnchanged, "--dry-run"])).code, 0);
  assert.equal((await scratch.run(failIfUnchanged)).code, 0);
  assert.equal((await scratch.run([...failIfUnchanged, "--dry-run"])).code, 4);
  assert.equal((await scratch.run(failIfUnchanged)).code, 4);
});

Deno.test("a dry run is refused what the real run would be", async () => {
  await using scratch = await Scratch.open();
  await makeTree(scratch.path("dir"), { "a": file("a") });
  await fs.mkdir(scratch.path("root"));
  const server = await scratch.serve("root", ["--access", "read"]);
  const dry = await scratch.transfer(["send", "dir", server.ticket, "--dry-run"]);
  assert.equal(dry.code, 12, dry.stderr);
});
