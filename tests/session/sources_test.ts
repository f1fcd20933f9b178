import assert from "node:assert/strict";
import { chmod, mkdir, open, readdir, rename, rm, truncate, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { file, makeFile, makeTree, noise, readTree } from "../e2e/trees.ts";
import { assertDone, type ClientRun, codeOf, Gate, Place, type RunningServer } from "./place.ts";

/** More than the pipeline holds: when its first bytes arrive its last are not read yet. */
const BIG_BYTES = 24 * 2 ** 20;

function copy(
  direction: "push" | "pull",
  { place, server }: { place: Place; server: RunningServer },
): ClientRun {
  return direction === "push"
    ? place.push(["tree/"], server.remote("into"))
    : place.pull([server.remote("tree/")], "into");
}

async function scene(direction: "push" | "pull", gate = new Gate(Infinity)) {
  const place = await Place.open({ deliver: gate.deliver, inFlightBytes: 2 ** 20 });
  const server = await place.serve();
  const [from, to] = direction === "push"
    ? [place.path("tree"), `${server.root}/into`]
    : [`${server.root}/tree`, place.path("into")];
  return { place, server, from, to, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
}

function failuresOf(run: ClientRun): string[] {
  return run.events.items.flatMap((event) =>
    event.kind === "entry_failed" ? [`${event.path} ${event.code}`] : []
  );
}

/** What may happen to a file while it is read. */
const MISHAPS: Record<string, (path: string) => Promise<void>> = {
  "is cut short": (path) => truncate(path, 1000),
  "is overwritten": async (path) => {
    const handle = await open(path, "r+");
    await handle.write(noise(1000, "other"), 0, 1000, BIG_BYTES - 1000);
    await handle.close();
  },
  "is replaced": async (path) => {
    const other = join(path, "../../other");
    await writeFile(other, noise(BIG_BYTES, "another"));
    await rename(other, path);
  },
  "grows": (path) => writeFile(path, "more", { flag: "a" }),
};

for (const direction of ["push", "pull"] as const) {
  for (const [what, mishap] of Object.entries(MISHAPS)) {
    Deno.test(`a source that ${what} while a ${direction} reads it fails alone`, async () => {
      const gate = new Gate(2 ** 20);
      await using here = await scene(direction, gate);
      await makeTree(here.from, { "big": file(noise(BIG_BYTES)), "small": file("small") });
      const run = copy(direction, here);
      await gate.reached;
      await mishap(`${here.from}/big`);
      gate.open();
      const summary = await run.summary;
      assert.deepEqual([codeOf(summary), summary.failed], ["partial", 1], failuresOf(run).join());
      assert.deepEqual(failuresOf(run), ["big source_changed"]);
      assert.deepEqual(Object.keys(await readTree(here.to)), ["small"]);
      assert.equal(codeOf(here.server.summaries[0]), "partial");
    });
  }

  Deno.test(`a source that vanished before a ${direction} reads it fails alone`, async () => {
    const gate = new Gate(2 ** 20);
    await using here = await scene(direction, gate);
    // The later one is walked at once, and not read before the first one is on its way.
    await makeTree(here.from, { "big": file(noise(BIG_BYTES)), "later": file(noise(BIG_BYTES)) });
    const run = copy(direction, here);
    await gate.reached;
    await rm(`${here.from}/later`);
    gate.open();
    const summary = await run.summary;
    assert.deepEqual([codeOf(summary), summary.files], ["partial", 1]);
    assert.match(failuresOf(run).join(), /^later source_(missing|changed)$/);
    assert.deepEqual(await readdir(here.to), ["big"]);
  });

  Deno.test(`what is special or cannot travel is told in a ${direction}, the rest goes`, async () => {
    await using here = await scene(direction);
    await makeTree(here.from, { "good": file("good"), "a\\b": file("backslash") });
    const socket = createServer().listen(`${here.from}/socket`);
    await new Promise((resolve) => socket.once("listening", resolve));
    try {
      const run = copy(direction, here);
      const summary = await run.summary;
      assert.deepEqual([codeOf(summary), summary.failed], ["partial", 1]);
      assert.deepEqual(failuresOf(run), ["a\\b bad_name"]);
      assert.deepEqual(await readdir(here.to), ["good"]);
    } finally {
      await new Promise((resolve) => socket.close(resolve));
    }
  });

  Deno.test(`an unreadable source fails alone in a ${direction}`, async () => {
    if (Deno.uid() === 0) return; // Who may read anything is stopped by no mode.
    await using here = await scene(direction);
    await makeTree(here.from, {
      "good": file("good"),
      "shut": file("shut"),
      "closed/x": file("x"),
    });
    await chmod(`${here.from}/shut`, 0);
    await chmod(`${here.from}/closed`, 0);
    const run = copy(direction, here);
    const summary = await run.summary;
    assert.equal(codeOf(summary), "partial");
    assert.ok(failuresOf(run).every((line) => /source_unreadable|permission/.test(line)));
    assert.ok((await readdir(here.to)).includes("good"));
  });

  Deno.test(`a destination that is a file refuses a ${direction} of a tree, and stands`, async () => {
    await using here = await scene(direction);
    await makeTree(here.from, { "a": file("a") });
    await makeFile(here.to, "stands");
    const summary = await copy(direction, here).summary;
    assert.equal(codeOf(summary), "conflict");
    assert.equal(summary.root === null || summary.files === 0, true);
  });
}

Deno.test("what is not there of several sources fails alone in a pull, dry or not", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(`${server.root}/a`, "a");
  await makeFile(`${server.root}/b`, "b");
  const remotes = ["gone", "a", "gone too", "b"].map((path) => server.remote(path));
  for (const dryRun of [true, false]) {
    const run = place.pull(remotes, "into", { dryRun });
    const summary = await run.summary;
    assert.equal(codeOf(summary), "partial");
    assert.equal(summary.failed, 2);
  }
  assert.deepEqual((await readdir(place.path("into"))).sort(), ["a", "b"]);
  const none = place.pull(remotes.filter((_, index) => index % 2 === 0), "nothing");
  assert.equal(codeOf(await none.summary), "source_missing");
  await assert.rejects(readdir(place.path("nothing")));
});

Deno.test("a destination that leads through a link is refused, and nothing is written there", async () => {
  await using here = await scene("push");
  const { place, server } = here;
  await mkdir(place.path("elsewhere"));
  await Deno.symlink(place.path("elsewhere"), `${server.root}/out`);
  await makeFile(place.path("f"), "f");
  for (const destination of ["out/", "out/sub/f"]) {
    const summary = await place.push(["f"], server.remote(destination)).summary;
    assert.equal(summary.ok, false, destination);
    assert.notEqual(summary.error?.message, "");
  }
  assert.deepEqual(await readdir(place.path("elsewhere")), []);
  assertDone(await place.push(["f"], server.remote("in/")).summary);
});
