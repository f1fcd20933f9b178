import assert from "node:assert/strict";
import { lstat, mkdir, readdir, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_POLICY, type LinkPolicy } from "../../src/session/options.ts";
import { directory, file, link, makeTree, readTree } from "../e2e/trees.ts";
import { assertDone, codeOf, Place, planOf, wayOf } from "./place.ts";

const TREE = {
  "dir/f": file("contents"),
  "dir/inside": link("../dir/f"),
  "dir/around": link("../dir/../dir/f"),
  "dir/out": link("../../../out"),
  "etc": link("/etc"),
  "hollow": directory(),
};
const LEAVING = ["dir/around", "dir/out", "etc"];

function policyOf(links: LinkPolicy) {
  return { policy: { ...DEFAULT_POLICY, links } };
}

for (const direction of ["push", "pull"] as const) {
  const begin = async (links: LinkPolicy) => {
    const place = await Place.open();
    const server = await place.serve(policyOf(links));
    const { from, to, run } = wayOf(direction, place, server);
    await makeTree(from, TREE);
    return { place, server, from, to, run: (more = {}) => run({ ...policyOf(links), ...more }) };
  };

  Deno.test(`a ${direction} fails the links that lead out, and them alone`, async () => {
    const { place, from, to, run } = await begin("refuse");
    await using _place = place;
    const planned = planOf(await settled(run({ dryRun: true })));
    const going = run();
    const summary = await going.summary;
    assert.deepEqual([codeOf(summary), summary.failed], ["partial", LEAVING.length]);
    const failed = going.events.items.flatMap((event) =>
      event.kind === "entry_failed" ? [[event.path, event.code]] : []
    );
    assert.deepEqual(failed.sort(), LEAVING.map((path) => [path, "refused"]));
    const refused = Object.keys(planned).filter((path) => planned[path] === "fail refused");
    assert.deepEqual(refused.sort(), LEAVING);
    const wanted = Object.keys(await readTree(from)).filter((path) => !LEAVING.includes(path));
    assert.deepEqual(Object.keys(await readTree(to)).sort(), wanted.sort());
    assert.equal(await readlink(join(to, "dir/inside")), "../dir/f");
  });

  Deno.test(`a ${direction} that is all or nothing is nothing where a link leads out`, async () => {
    const { place, to, run } = await begin("refuse");
    await using _place = place;
    const summary = await run({ atomic: true }).summary;
    assert.equal(codeOf(summary), "refused");
    const there = await readdir(to).catch(() => []);
    assert.deepEqual(there.filter((name) => name !== ".sftpx"), []);
  });

  Deno.test(`a ${direction} makes every link where they are kept`, async () => {
    const { place, from, to, run } = await begin("keep");
    await using _place = place;
    assertDone(await run().summary);
    assert.deepEqual(await readTree(to), await readTree(from));
  });

  Deno.test(`a ${direction} makes no link where they are skipped, and nothing failed`, async () => {
    const { place, to, run } = await begin("skip");
    await using _place = place;
    const links = ["dir/around", "dir/inside", "dir/out", "etc"];
    const planned = run({ dryRun: true });
    assertDone(await planned.summary);
    const skipped = Object.entries(planOf(planned)).filter(([, action]) => action === "skip");
    assert.deepEqual(skipped.map(([path]) => path).sort(), links);
    const going = run({ delete: true });
    const summary = await going.summary;
    assertDone(summary);
    assert.equal(summary.failed, 0);
    const told = going.events.items.filter((event) => event.kind === "notice");
    assert.match(
      told.map(({ message }) => message).join(),
      /Skipped link "dir\/around" and 3 more/,
    );
    assert.deepEqual(Object.keys(await readTree(to)).sort(), ["dir", "dir/f", "hollow"]);
    // Nothing is left to do, and nothing of it is a change.
    const again = await run().summary;
    assertDone(again);
    assert.equal(again.changed, 0);
  });

  Deno.test(`a ${direction} that skips links deletes none in their place`, async () => {
    const { place, to, run } = await begin("skip");
    await using _place = place;
    await mkdir(join(to, "dir"), { recursive: true });
    await symlink("mine", join(to, "dir/inside"));
    await writeFile(join(to, "dir/extraneous"), "");
    assertDone(await run({ delete: true }).summary);
    assert.deepEqual((await readdir(join(to, "dir"))).sort(), ["f", "inside"]);
    assert.equal(await readlink(join(to, "dir/inside")), "mine");
  });

  Deno.test(`a ${direction} writes nothing through a link that it makes itself`, async () => {
    const { place, from, to, run } = await begin("keep");
    await using _place = place;
    assertDone(await run().summary);
    // What was a link is a directory at the source by now, with something in it.
    const victim = place.path("victim");
    await mkdir(victim);
    await rm(join(from, "etc"));
    await mkdir(join(from, "etc"));
    await writeFile(join(from, "etc/passwd"), "planted");
    await rm(join(to, "etc"));
    await symlink(victim, join(to, "etc"));
    const summary = await run().summary;
    assert.equal(codeOf(summary), "partial");
    assert.deepEqual(await readdir(victim), []);
    assert.ok((await lstat(join(to, "etc"))).isSymbolicLink());
  });
}

Deno.test("a push offers no links where it is told to skip them", async () => {
  await using place = await Place.open();
  const server = await place.serve(policyOf("keep"));
  const { from, to, run } = wayOf("push", place, server);
  await makeTree(from, TREE);
  const going = run({ links: "skip" });
  assertDone(await going.summary);
  const told = going.events.items.flatMap((e) => e.kind === "notice" ? [e.message] : []);
  assert.equal(told.length, 1, told.join("\n"));
  assert.match(told[0] ?? "", /^Skipped link "[^"]+" and 3 more: no links are sent$/);
  assert.deepEqual(Object.keys(await readTree(to)).sort(), ["dir", "dir/f", "hollow"]);
});

async function settled<R extends { readonly summary: Promise<unknown> }>(run: R): Promise<R> {
  await run.summary;
  return run;
}
