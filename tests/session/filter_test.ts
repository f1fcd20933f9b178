import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import type { FilterRule } from "../../src/base/filter.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { directory, file, makeFile, makeTree, readTree } from "../e2e/trees.ts";
import { assertDone, type ClientRun, codeOf, Place, planOf, type RunningServer } from "./place.ts";
import { rawClient, requestOf } from "./raw_peer.ts";

const TREE = {
  "a.txt": file("a"),
  "b.log": file("b"),
  "keep/c.log": file("c"),
  "keep/d.txt": file("d"),
  "skip/e.txt": file("e"),
  "empty": directory(),
};

type Overrides = Parameters<Place["push"]>[2];

/** Copies `tree` (by this name) into `into`. */
function copy(
  direction: "push" | "pull",
  { place, server, path = "tree/", ...more }:
    & { place: Place; server: RunningServer; path?: string }
    & Overrides,
): ClientRun {
  return direction === "push"
    ? place.push([path], server.remote("into/"), more)
    : place.pull([server.remote(path)], "into/", more);
}

async function scene(direction: "push" | "pull") {
  const place = await Place.open();
  const server = await place.serve();
  const [from, to] = direction === "push"
    ? [place.path("tree"), `${server.root}/into`]
    : [`${server.root}/tree`, place.path("into")];
  await makeTree(from, TREE);
  return {
    place,
    server,
    from,
    /** What arrived, one path after the other. */
    arrived: async () => Object.keys(await readTree(to)).sort().join(" "),
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  };
}

const RULES: Record<string, { rules: readonly FilterRule[]; path?: string; wanted: string }> = {
  "a pattern without a slash, at any depth": {
    rules: [{ include: false, pattern: "*.log" }],
    wanted: "a.txt empty keep keep/d.txt skip skip/e.txt",
  },
  "a directory, with all it holds": {
    rules: [{ include: false, pattern: "skip/" }],
    wanted: "a.txt b.log empty keep keep/c.log keep/d.txt",
  },
  "the first rule that matches": {
    rules: [{ include: true, pattern: "c.log" }, { include: false, pattern: "*.log" }],
    wanted: "a.txt empty keep keep/c.log keep/d.txt skip skip/e.txt",
  },
  "an anchor at the transfer's root": {
    rules: [{ include: false, pattern: "/tree/keep/c.log" }, { include: false, pattern: "/skip" }],
    path: "tree",
    wanted: "tree tree/a.txt tree/b.log tree/empty tree/keep tree/keep/d.txt tree/skip " +
      "tree/skip/e.txt",
  },
};

for (const direction of ["push", "pull"] as const) {
  for (const [what, { rules, path = "tree/", wanted }] of Object.entries(RULES)) {
    Deno.test(`a ${direction} filters by ${what}, dry or not`, async () => {
      await using here = await scene(direction);
      const dry = copy(direction, { ...here, path, filters: rules, dryRun: true });
      assertDone(await dry.summary);
      assert.equal(Object.keys(planOf(dry)).sort().join(" "), wanted);
      assertDone(await copy(direction, { ...here, path, filters: rules }).summary);
      assert.equal(await here.arrived(), wanted);
    });
  }

  Deno.test(`a ${direction} of listed files takes these, what they hold and what is above`, async () => {
    await using here = await scene(direction);
    const files = ["./keep/d.txt", "skip", "a.txt", "a.txt"];
    const run = copy(direction, { ...here, path: "tree", files });
    assertDone(await run.summary);
    assert.equal(await here.arrived(), "a.txt keep keep/d.txt skip skip/e.txt");
  });

  Deno.test(`a ${direction} of listed files fails those alone that are not there`, async () => {
    await using here = await scene(direction);
    const run = copy(direction, { ...here, files: ["a.txt", "absent", "keep/absent"] });
    const summary = await run.summary;
    assert.deepEqual([codeOf(summary), summary.failed], ["partial", 2]);
    const failed = run.events.items.flatMap((event) =>
      event.kind === "entry_failed" ? [`${event.path} ${event.code}`] : []
    );
    assert.deepEqual(failed.sort(), ["absent source_missing", "keep/absent source_missing"]);
    assert.equal(await here.arrived(), "a.txt keep");
  });

  Deno.test(`a ${direction} of listed files leads through no link`, async () => {
    await using here = await scene(direction);
    await makeFile(here.place.path("elsewhere/secret"), "secret");
    await symlink(here.place.path("elsewhere"), `${here.from}/out`);
    const summary = await copy(direction, { ...here, files: ["out/secret", "a.txt"] }).summary;
    assert.equal(codeOf(summary), "partial");
    assert.ok(!(await here.arrived()).includes("secret"));
  });

  Deno.test(`a ${direction} refuses a list that no source can have`, async () => {
    await using here = await scene(direction);
    const usage = async (more: Overrides & { path?: string }) =>
      assert.equal(codeOf(await copy(direction, { ...here, ...more }).summary), "usage");
    await usage({ files: ["../secret"] });
    await usage({ files: ["keep/../../secret"] });
    if (direction === "push") return await usage({ path: "tree/a.txt", files: ["a"] });
    await usage({ files: [".sftpx/state.db"] });
    const many = Array.from({ length: LIMITS.filesPerRequest + 1 }, (_, at) => `f${at}`);
    await usage({ files: many });
    assert.equal(
      codeOf(
        await here.place.pull([1, 2].map(() => here.server.remote("tree/")), "x", {
          files: ["a"],
        }).summary,
      ),
      "usage",
    );
    const ofFile = copy(direction, { ...here, path: "tree/a.txt", files: ["a"] });
    assert.equal(codeOf(await ofFile.summary), "source_missing");
  });

  Deno.test(`a ${direction} that filters everything out is done, with nothing in place`, async () => {
    await using here = await scene(direction);
    const filters = [{ include: false, pattern: "*" }];
    const summary = await copy(direction, { ...here, filters }).summary;
    assertDone(summary);
    assert.deepEqual([summary.files, summary.changed], [0, 1], "the destination is made");
  });
}

Deno.test("a server's filters are its client's: a request names them, the walk obeys", async () => {
  await using here = await scene("pull");
  const client = await rawClient(here.place.network, here.server.remote());
  const filters = [{ include: false, pattern: "*.log" }];
  client.send(requestOf("tree/", { filters, files: ["keep"] }));
  await client.take("offer");
  client.send({ type: "accept", transfer: 1, fresh: [true], chunkBytes: 65_536 });
  const paths: string[] = [];
  for (let message = await client.channel.receive(); message?.type !== "manifest_end";) {
    // One message or two: a walk has its time, and no more, for a step.
    if (message?.type === "entries") paths.push(...message.entries.map(({ path }) => path));
    assert.ok(message !== null);
    message = await client.channel.receive();
  }
  assert.deepEqual(paths, ["keep", "keep/d.txt"]);
  client.connection.close("none", "");
});

Deno.test("a request of listed files below what is no directory's contents is refused", async () => {
  await using here = await scene("pull");
  const client = await rawClient(here.place.network, here.server.remote());
  client.send(requestOf("tree", { files: ["a.txt"] }));
  assert.equal((await client.take("abort")).code, "usage");
  client.connection.close("none", "");
});
