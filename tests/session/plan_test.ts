import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { WORKERS } from "../../mod.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { resumableIn } from "../../src/session/status.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import type { Entry } from "../../src/wire/messages.ts";
import { directory, file, link, makeFile, makeTree, noise, readTree } from "../e2e/trees.ts";
import { assertDone, codeOf, Gate, Place, planOf, wayOf } from "./place.ts";
import { offerOf, rawClient } from "./raw_peer.ts";

const TREE = {
  "deep/er/b": file(noise(200_000)),
  "same": file("same"),
  "link": link("same"),
  "hollow": directory(),
};

for (const direction of ["push", "pull"] as const) {
  Deno.test(`a dry ${direction} of a new tree tells it all, and makes nothing`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const { from, to, run } = wayOf(direction, place, server);
    await makeTree(from, TREE);
    const dry = run({ dryRun: true });
    const summary = await dry.summary;
    assertDone(summary);
    assert.deepEqual(planOf(dry), {
      "deep": "create",
      "deep/er": "create",
      "deep/er/b": "create",
      "hollow": "create",
      "link": "create",
      "same": "create",
    });
    const { files, bytes, reusedBytes, wireBytes, changed, deleted, root, dryRun } = summary;
    assert.deepEqual({ files, bytes, reusedBytes, wireBytes, changed, deleted, root, dryRun }, {
      files: 2,
      bytes: 200_004,
      reusedBytes: 0,
      wireBytes: 0,
      changed: 6,
      deleted: 0,
      root: null,
      dryRun: true,
    });
    assert.equal(existsSync(to), false);
    assert.ok(server.summaries[0]?.ok && server.summaries[0].dryRun);
  });

  Deno.test(`a dry ${direction} tells what the real one then does`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const { from, to, run } = wayOf(direction, place, server);
    await makeTree(from, TREE);
    assertDone(await run().summary);
    const same = run({ dryRun: true });
    const { changed, reusedBytes } = await same.summary;
    const plan = planOf(same);
    assert.equal(plan["hollow"], "unchanged");
    assert.equal(plan["link"], "unchanged");
    // A pull keeps no record of what it placed: only the content can tell, and a plan reads none.
    const known = direction === "push";
    assert.equal(plan["same"], known ? "unchanged" : "compare");
    assert.deepEqual([changed, reusedBytes], known ? [0, 200_004] : [null, 0]);

    await makeTree(from, {
      "added": file("new"),
      "same": file("other content"),
      "deep/er/b": file(noise(200_000), { mode: 0o600 }),
    });
    await rm(`${from}/link`);
    await makeFile(`${to}/extra/x`, "x");
    const before = await readTree(to);
    const dry = run({ dryRun: true, delete: true });
    const planned = await dry.summary;
    assertDone(planned);
    assert.deepEqual(await readTree(to), before);
    assert.deepEqual(planOf(dry), {
      "added": "create",
      "deep": "unchanged",
      "deep/er": "unchanged",
      "deep/er/b": known ? "update" : "compare",
      "hollow": "unchanged",
      "same": "replace",
      "link": "delete",
      "extra/x": "delete",
      "extra": "delete",
    });
    assert.equal(planned.deleted, 3);

    const real = await run({ delete: true }).summary;
    assertDone(real);
    assert.deepEqual(
      [real.files, real.bytes, real.deleted],
      [planned.files, planned.bytes, planned.deleted],
    );
    assert.deepEqual(await readTree(to), await readTree(from));
  });

  Deno.test(`a dry ${direction} fails as the real one would, entry by entry`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const { from, to, run } = wayOf(direction, place, server);
    await makeTree(from, { "clash": file("a file"), "good": file("good") });
    await mkdir(`${to}/clash`, { recursive: true });
    await makeFile(`${to}/clash/inside`, "");
    const dry = run({ dryRun: true });
    const planned = await dry.summary;
    assert.deepEqual(planOf(dry), { "clash": "fail conflict", "good": "create" });
    assert.deepEqual([planned.ok, codeOf(planned), planned.failed], [false, "partial", 1]);
    const real = await run().summary;
    assert.deepEqual([codeOf(real), real.failed, real.files], ["partial", 1, planned.files]);
    assert.equal(real.error?.exit, planned.error?.exit);
    assert.equal(real.error?.message, planned.error?.message);
  });

  Deno.test(`a dry ${direction} under which nothing goes ends with the first cause`, async () => {
    await using place = await Place.open();
    const server = await place.serve();
    const { from, to, run } = wayOf(direction, place, server);
    await makeTree(from, { "clash": file("a file") });
    await makeFile(`${to}/clash/inside`, "");
    const summary = await run({ dryRun: true }).summary;
    assert.equal(codeOf(summary), "conflict");
    assert.equal(codeOf(await run().summary), "conflict");
  });
}

Deno.test("a dry pull leaves not even a state directory where it would land", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(`${server.root}/f`, "f");
  await mkdir(place.path("dir"));
  assertDone(await place.pull([server.remote("f")], "dir", { dryRun: true }).summary);
  assert.deepEqual(await readdir(place.path("dir")), []);
  assertDone(await place.pull([server.remote("f")], "a/b/c", { dryRun: true }).summary);
  assert.equal(existsSync(place.path("a")), false);
});

Deno.test("a dry run spends no use of a ticket, and does not end a server that serves once", async () => {
  await using place = await Place.open();
  const server = await place.serve({ once: true });
  await makeFile(place.path("f"), "f");
  const remote = server.remote();
  assertDone(await place.push(["f"], remote, { dryRun: true }).summary);
  assertDone(await place.push(["f"], remote, { home: "other", dryRun: true }).summary);
  assertDone(await place.push(["f"], remote).summary);
  assert.ok((await server.handle.ended)?.ok);
});

Deno.test("a dry push takes nothing over, and gives nothing up that a real one holds", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const identity = await generateIdentity();
  const connect = () => rawClient(place.network, server.remote(), identity);
  // It answers no ping: a real transfer under its key would take its place.
  const silent = await connect();
  silent.send(offerOf());
  await silent.take("accept");
  const dry = await connect();
  dry.send(offerOf({ dryRun: true }));
  await dry.take("accept");
  dry.send({ type: "abort", transfer: 1, code: "interrupted", message: "" });
  await server.events.until(({ kind }) => kind === "transfer_done");
  silent.send({ type: "ping", token: 7 });
  assert.equal((await silent.take("pong")).token, 7);
  const real = await connect();
  real.send(offerOf());
  await real.take("accept");
  assert.equal((await silent.connection.closed).remote, true);
  dry.connection.close("none", "");
  real.connection.close("none", "");
});

Deno.test("a plan goes no faster than its reader: what is ahead of it is refused", async () => {
  await using place = await Place.open({ inFlightBytes: 16 * 1024 });
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  const other = await rawClient(place.network, server.remote());
  const sources = [{ name: "x", kind: "directory", contents: true }] as const;
  client.send(offerOf({ sources, intoDirectory: true, given: ["x/"], dryRun: true }));
  await client.take("accept");
  // From here on it reads nothing, and one plan of so many entries is more than is in flight.
  const { entriesPerMessage: count, unplannedEntries } = LIMITS;
  for (let first = 0; first < unplannedEntries + 2 * count; first += count) {
    const entries = Array.from({ length: count }, (_, n) => entryOf(first + n));
    client.send({ type: "entries", transfer: 1, first, entries, sources: entries.map(() => 0) });
    // The store is asked in turn: what it was asked to plan before, it has planned.
    const list = { type: "list", path: "", recursive: false, filters: [] } as const;
    other.send({ ...list, transfer: 1 + first });
    await other.take("listing");
  }
  client.send({ type: "abort", transfer: 1, code: "failed", message: "it could go on for ever" });
  await server.events.until(() => server.summaries.length === 1);
  const { error } = server.summaries[0]!;
  assert.equal(error?.code, "protocol");
  assert.match(error.message, /ahead of their plan/);
  for (const { connection } of [client, other]) connection.close("none", "");
});

/** Of a size that cannot be taken, so that its step has a reason. */
function entryOf(index: number): Entry {
  const sizeBytes = LIMITS.chunksPerFile * 65_536 + 1;
  const stamp = { device: 1n, inode: 1n, sizeBytes, mtimeNs: 1n, ctimeNs: 1n };
  const path = String(index).padStart(7, "0");
  return { path, kind: "file", sizeBytes, mtimeNs: 1n, mode: 0o644, stamp };
}

Deno.test("a dry push tells a client that may not read no more than a real one does", async () => {
  await using place = await Place.open();
  const server = await place.serve({ access: "write" });
  await makeTree(place.path("tree"), { "same": file("same"), "new": file("new") });
  await makeTree(`${server.root}/tree`, { "same": file("same") });
  const dry = place.push(["tree/"], server.remote("tree"), { dryRun: true });
  assertDone(await dry.summary);
  assert.deepEqual(planOf(dry), { "new": "create", "same": "create" });
});

Deno.test("a dry push tells what is missing of its sources, as the real one does", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(place.path("f"), "f");
  const dry = place.push(["f", "absent"], server.remote(), { dryRun: true });
  const summary = await dry.summary;
  assert.deepEqual([codeOf(summary), summary.failed], ["partial", 1]);
  assert.equal(planOf(dry)["f"], "create");
  assert.equal(codeOf(await place.push(["f", "absent"], server.remote()).summary), "partial");
});

Deno.test("a dry run is refused by the same grants", async () => {
  await using place = await Place.open();
  const server = await place.serve({ access: "write" });
  await makeFile(`${server.root}/f`, "f");
  const pull = place.pull([server.remote("f")], "f", { dryRun: true });
  assert.equal(codeOf(await pull.summary), "refused");
  const { dryRun } = await pull.summary;
  assert.equal(dryRun, true);
});

Deno.test("a transfer that broke off is planned as resumed, and is what resumableIn() finds", async () => {
  const content = noise(3_000_000);
  const gate = new Gate(content.byteLength / 2);
  await using place = await Place.open({ deliver: gate.deliver });
  const server = await place.serve();
  await makeFile(`${server.root}/f`, content);
  const stop = new AbortController();
  const run = place.pull([server.remote("f")], "into/", { signal: stop.signal });
  await gate.reached;
  await run.events.until((event) => event.kind === "progress" && event.bytesDone > 0);
  stop.abort(new Error("enough"));
  gate.open();
  await run.summary;
  const [held, ...others] = await resumableIn(place.path("into"), { workers: WORKERS });
  assert.ok(held !== undefined && others.length === 0);
  assert.deepEqual([held.given, held.files, held.running], [["f"], 1, false]);
  assert.ok(held.heldBytes > 0 && held.heldBytes < held.totalBytes);
  assert.equal(held.totalBytes, content.byteLength);
  const dry = place.pull([server.remote("f")], "into/", { dryRun: true });
  assertDone(await dry.summary);
  assert.deepEqual(planOf(dry), { "f": "resume" });
  assertDone(await place.pull([server.remote("f")], "into/").summary);
  assert.deepEqual(new Uint8Array(await readFile(place.path("into/f"))), content);
  assert.deepEqual(await resumableIn(place.path("into"), { workers: WORKERS }), []);
});

Deno.test("resumableIn() finds nothing where there is nothing, and makes nothing", async () => {
  await using place = await Place.open();
  await mkdir(place.path("dir"));
  assert.deepEqual(await resumableIn(place.path("dir"), { workers: WORKERS }), []);
  assert.deepEqual(await readdir(place.path("dir")), []);
});
