import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import type { FilterRule } from "../../src/base/filter.ts";
import { directory, file, link, makeFile, makeTree, readTree } from "../e2e/trees.ts";
import {
  assertDone,
  codeOf,
  entriesOf,
  type Overrides,
  Place,
  planOf,
  type RunningServer,
  type Way,
  wayOf,
} from "./place.ts";
import { offerOf, rawClient } from "./raw_peer.ts";

const WANTED = { "a": file("a"), "dir/b": file("b"), "hollow": directory() };
const EXTRA = {
  "old": file("old"),
  "gone/deep/x": file("x"),
  "dir/stray": file("stray"),
  "dangling": link("nowhere"),
};

/** A way whose runs delete unless they are told not to. */
function deletingWay(direction: "push" | "pull", place: Place, server: RunningServer): Way {
  const way = wayOf(direction, place, server);
  return { ...way, run: (more = {}) => way.run({ delete: true, ...more }) };
}

function exclude(...patterns: readonly string[]): readonly FilterRule[] {
  return patterns.map((pattern) => ({ include: false, pattern }));
}

Deno.test("many names that are nearly alike, of any characters, stay what they are", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const { from, to, run } = deletingWay("push", place, server);
  // Characters beyond the basic plane, of which neighbours begin with the same half.
  const names = Array.from({ length: 300 }, (_, at) => String.fromCodePoint(0x1f400 + at));
  await makeTree(from, Object.fromEntries(names.map((name) => [name, file(name)])));
  for (const round of ["first", "unchanged"]) {
    const summary = await run().summary;
    assertDone(summary);
    assert.deepEqual([summary.files, summary.deleted], [300, 0], round);
    assert.deepEqual(await readTree(to), await readTree(from));
  }
});

for (const direction of ["push", "pull"] as const) {
  Deno.test(`a ${direction} with delete leaves the destination as the source is`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const { from, to, run } = deletingWay(direction, place, server);
    await makeTree(from, WANTED);
    await makeTree(to, { ...WANTED, ...EXTRA });
    const deleting = run({ tellEntries: true });
    const summary = await deleting.summary;
    assertDone(summary);
    assert.deepEqual(await readTree(to), await readTree(from));
    // old, gone, gone/deep, gone/deep/x, dir/stray, dangling
    assert.equal(summary.deleted, 6);
    const deleted = Object.entries(entriesOf(deleting)).filter(([, result]) =>
      result === "deleted"
    );
    assert.deepEqual(deleted.map(([path]) => path).sort(), [
      "dangling",
      "dir/stray",
      "gone",
      "gone/deep",
      "gone/deep/x",
      "old",
    ]);
    const again = await run().summary;
    assertDone(again);
    assert.equal(again.deleted, 0);
  });

  Deno.test(`a ${direction} without delete leaves what is extra alone`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const { from, to, run } = deletingWay(direction, place, server);
    await makeTree(from, WANTED);
    await makeTree(to, EXTRA);
    const summary = await run({ delete: false, filters: exclude("nothing") }).summary;
    assertDone(summary);
    assert.equal(summary.deleted, 0);
    for (const path of Object.keys(EXTRA)) assert.ok(path in await readTree(to), path);
  });

  Deno.test(`a ${direction} with delete spares what its filters exclude, and all above it`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const { from, to, run } = deletingWay(direction, place, server);
    await makeTree(from, { ...WANTED, "secret.key": file("not to travel") });
    await makeTree(to, { ...EXTRA, "gone/deep/mine.key": file("mine") });
    const summary = await run({ filters: exclude("*.key") }).summary;
    assertDone(summary);
    const paths = Object.keys(await readTree(to)).sort();
    const wanted = ["a", "dir", "dir/b", "gone", "gone/deep", "gone/deep/mine.key", "hollow"];
    assert.deepEqual(paths, wanted);
  });

  Deno.test(`a ${direction} with delete removes nothing when an entry failed`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const { from, to, run } = deletingWay(direction, place, server);
    await makeTree(from, { ...WANTED, "clash": file("a file") });
    await makeTree(to, { ...EXTRA, "clash/inside": file("") });
    for (const dryRun of [true, false]) {
      const failing = run({ dryRun });
      const summary = await failing.summary;
      assert.deepEqual([codeOf(summary), summary.deleted], ["partial", 0]);
      assert.ok(
        failing.events.items.some((event) =>
          event.kind === "notice" && /Nothing (was|would be) deleted/.test(event.message)
        ),
      );
      if (dryRun) assert.ok(!Object.values(planOf(failing)).includes("delete"));
    }
    for (const path of Object.keys(EXTRA)) assert.ok(path in await readTree(to), path);
  });

  Deno.test(`a ${direction} with delete removes links, and nothing behind them`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const { from, to, run } = deletingWay(direction, place, server);
    await makeTree(from, WANTED);
    await makeFile(place.path("elsewhere/precious"), "precious");
    await mkdir(to, { recursive: true });
    await symlink(place.path("elsewhere"), `${to}/out`);
    assertDone(await run().summary);
    assert.equal(existsSync(`${to}/out`), false);
    assert.deepEqual(await readdir(place.path("elsewhere")), ["precious"]);
  });

  Deno.test(`a ${direction} with delete of a named directory removes only in that`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const { from, to } = deletingWay(direction, place, server);
    await makeTree(from, WANTED);
    await makeTree(`${to}/tree`, EXTRA);
    await makeFile(`${to}/beside`, "beside");
    const run = direction === "push"
      ? place.push(["tree"], server.remote("into/"), { delete: true })
      : place.pull([server.remote("tree")], "into/", { delete: true });
    const summary = await run.summary;
    assertDone(summary);
    assert.deepEqual(await readTree(`${to}/tree`), await readTree(from));
    assert.ok(existsSync(`${to}/beside`));
  });

  Deno.test(`a ${direction} with delete from a source that holds nothing removes nothing`, async () => {
    for (const named of [false, true]) {
      await using place = await Place.open();
      const server = await place.serve();
      const { from, to } = deletingWay(direction, place, server);
      await mkdir(from, { recursive: true });
      await makeTree(named ? `${to}/tree` : to, EXTRA);
      const source = named ? "tree" : "tree/";
      const start = (dryRun: boolean) =>
        direction === "push"
          ? place.push([source], server.remote("into/"), { delete: true, dryRun })
          : place.pull([server.remote(source)], "into/", { delete: true, dryRun });
      for (const dryRun of [true, false]) {
        const run = start(dryRun);
        const summary = await run.summary;
        assert.deepEqual([codeOf(summary), summary.deleted], ["conflict", 0]);
        assert.equal(
          summary.error?.message,
          'Cannot delete at the destination: the source "tree" is empty',
        );
        if (dryRun) assert.ok(!Object.values(planOf(run)).includes("delete"));
      }
      for (const path of Object.keys(EXTRA)) {
        assert.ok(path in await readTree(named ? `${to}/tree` : to), path);
      }
    }
  });

  Deno.test(`a ${direction} with delete removes nothing when one of its sources holds nothing`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const { from, to } = deletingWay(direction, place, server);
    await makeTree(`${from}/full`, WANTED);
    await mkdir(`${from}/hollow`);
    await makeTree(to, EXTRA);
    const sources = ["tree/full/", "tree/hollow/"];
    const run = direction === "push"
      ? place.push(sources, server.remote("into"), { delete: true })
      : place.pull(sources.map((path) => server.remote(path)), "into", { delete: true });
    assert.deepEqual([codeOf(await run.summary), (await run.summary).deleted], ["partial", 0]);
    const paths = Object.keys(await readTree(to));
    for (const path of [...Object.keys(EXTRA), ...Object.keys(WANTED)]) {
      assert.ok(paths.includes(path), path);
    }
  });

  Deno.test(`a ${direction} that cannot mean delete is told so`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    await makeFile(place.path("f"), "f");
    await makeTree(place.path("tree"), WANTED);
    await makeTree(server.root, { "f": file("f"), "tree/a": file("a") });
    const start = (path: string, more: Overrides) =>
      direction === "push"
        ? place.push([path], server.remote("into"), { delete: true, ...more })
        : place.pull([server.remote(path)], "into", { delete: true, ...more });
    assert.equal(codeOf(await start("f", {}).summary), "usage");
    assert.equal(codeOf(await start("tree/", { files: ["a"] }).summary), "usage");
    assert.equal(existsSync(place.path("into")), false);
  });
}

for (const access of ["write", "write-once"] as const) {
  Deno.test(`a grant to ${access} refuses to delete, dry or not`, async () => {
    await using place = await Place.open();
    const server = await place.serve({ access });
    await makeTree(place.path("tree"), WANTED);
    await makeTree(`${server.root}/into`, EXTRA);
    for (const dryRun of [true, false]) {
      const run = place.push(["tree/"], server.remote("into"), { delete: true, dryRun });
      assert.equal(codeOf(await run.summary), "refused");
    }
    const client = await rawClient(place.network, server.remote());
    const sources = [{ name: "tree", kind: "directory", contents: true }] as const;
    client.send(offerOf({ delete: true, destination: "into", sources }));
    assert.equal((await client.take("abort")).code, "refused");
    client.connection.close("none", "");
    assert.deepEqual(Object.keys(await readTree(`${server.root}/into`)).sort(), [
      "dangling",
      "dir",
      "dir/stray",
      "gone",
      "gone/deep",
      "gone/deep/x",
      "old",
    ]);
  });
}

Deno.test("a server deletes for no offer without a directory", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  client.send(offerOf({ delete: true }));
  assert.equal((await client.take("abort")).code, "usage");
  client.connection.close("none", "");
});

Deno.test("a server's own state survives a delete of its whole root", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeTree(place.path("tree"), WANTED);
  await makeTree(server.root, EXTRA);
  assertDone(await place.push(["tree/"], server.remote(), { delete: true }).summary);
  assert.deepEqual(await readTree(server.root), await readTree(place.path("tree")));
  assert.ok(existsSync(`${server.root}/.sftpx`));
  const again = await place.push(["tree/"], server.remote(), { delete: true }).summary;
  assertDone(again);
  assert.deepEqual([again.changed, again.deleted, again.wireBytes], [0, 0, 0]);
});

Deno.test("what cannot be removed is told, and counts as failed", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeTree(place.path("tree"), WANTED);
  await makeTree(`${server.root}/into`, EXTRA);
  const socket = createServer().listen(`${server.root}/into/gone/socket`);
  await new Promise((resolve) => socket.once("listening", resolve));
  try {
    const run = place.push(["tree/"], server.remote("into"), { delete: true });
    const summary = await run.summary;
    assert.equal(codeOf(summary), "partial");
    const failed = run.events.items.flatMap((event) =>
      event.kind === "entry_failed" ? [event.path] : []
    );
    assert.ok(failed.includes("gone/socket"), failed.join());
    assert.equal(existsSync(`${server.root}/into/old`), false, "the rest is removed");
    assert.equal(codeOf(server.summaries[0]), "partial");
  } finally {
    await new Promise((resolve) => socket.close(resolve));
  }
});
