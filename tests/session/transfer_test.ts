import assert from "node:assert/strict";
import { directory, file, link, makeTree, noise, prose, readTree } from "../e2e/trees.ts";
import { assertDone, Place } from "./place.ts";

const TREE = {
  "a": file("a"),
  "deep/er/b": file(noise(300_000)),
  "deep/text": file(prose(200_000)),
  "empty": file(""),
  "hollow": directory(),
  "link": link("deep/text"),
};

Deno.test("push() and pull() move a tree over several connections and leave nothing running", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeTree(place.path("tree"), TREE);
  const pushed = await place.push(["tree"], server.remote(), { connections: 3, lanes: 4 }).summary;
  assertDone(pushed);
  assert.equal(pushed.files, 4);
  const there = await readTree(`${server.root}/tree`);
  assert.deepEqual(there, await readTree(place.path("tree")));
  const pulled = await place.pull([server.remote("tree/")], "back", { connections: 2 }).summary;
  assertDone(pulled);
  assert.deepEqual(await readTree(place.path("back")), there);
  assert.equal(server.summaries.length, 2);
  for (const summary of server.summaries) assertDone(summary);
});
