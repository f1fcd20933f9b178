import assert from "node:assert/strict";
import { chmod, lutimes, mkdir, rm, utimes } from "node:fs/promises";
import type { ServeEvent, SessionEvent } from "../../src/session/options.ts";
import { identityName, loadIdentity } from "../../src/trust/identity.ts";
import { directory, file, link, makeFile, makeTree, noise } from "../e2e/trees.ts";
import {
  assertDone,
  type ClientRun,
  codeOf,
  entriesOf,
  Place,
  type RunningServer,
} from "./place.ts";
import { rawClient } from "./raw_peer.ts";

const TREE = {
  "big": file(noise(3_000_000)),
  "dir/small": file("small"),
  "hollow": directory(),
  "link": link("big"),
};

type Overrides = Parameters<Place["push"]>[2];

/** Sends or fetches `tree`. */
function copy(
  direction: "push" | "pull",
  { place, server, ...more }: { place: Place; server: RunningServer } & Overrides,
): ClientRun {
  return direction === "push"
    ? place.push(["tree/"], server.remote("into"), more)
    : place.pull([server.remote("tree/")], "into", more);
}

async function scene(direction: "push" | "pull") {
  const place = await Place.open();
  const server = await place.serve();
  const from = direction === "push" ? place.path("tree") : `${server.root}/tree`;
  await makeTree(from, TREE);
  return { place, server, from, [Symbol.asyncDispose]: () => place[Symbol.asyncDispose]() };
}

type Progress = Extract<SessionEvent, { kind: "progress" }>;

function progressOf(run: ClientRun): readonly Progress[] {
  return run.events.items.filter((event) => event.kind === "progress");
}

function accessOf(server: RunningServer): readonly Extract<ServeEvent, { kind: "access" }>[] {
  return server.events.items.filter((event) => event.kind === "access");
}

const ORDER = ["connect", "scan", "send", "receive", "verify", "commit"];

for (const direction of ["push", "pull"] as const) {
  Deno.test(`a ${direction} connects before it says anything else, and its phases are in order`, async () => {
    await using here = await scene(direction);
    const run = copy(direction, here);
    assertDone(await run.summary);
    const kinds = run.events.items.map(({ kind }) => kind);
    assert.deepEqual(kinds.slice(0, 3), ["progress", "connected", "start"]);
    const progress = progressOf(run);
    const phases = progress.map(({ phase }) => phase);
    assert.equal(phases[0], "connect");
    assert.equal(phases.at(-1), "commit");
    assert.ok(!phases.includes(direction === "push" ? "receive" : "send"));
    const ranks = phases.map((phase) => ORDER.indexOf(phase));
    assert.deepEqual(ranks, [...ranks].sort((a, b) => a - b), phases.join());
    for (const field of ["bytesDone", "reusedBytes", "wireBytes", "filesDone"] as const) {
      const figures = progress.map((event) => event[field]);
      assert.deepEqual(figures, [...figures].sort((a, b) => a - b), `${field} only grows`);
    }
    for (const { bytesDone, reusedBytes } of progress) assert.ok(reusedBytes <= bytesDone);
  });

  Deno.test(`a ${direction} tells what each connection carried, once, at its end`, async () => {
    await using here = await scene(direction);
    const run = copy(direction, { ...here, connections: 3, lanes: 6 });
    const summary = await run.summary;
    assertDone(summary);
    const { items } = run.events;
    const used = items.filter((event) => event.kind === "connection");
    assert.deepEqual(used.map(({ connection }) => connection), [0, 1, 2]);
    assert.equal(used.reduce((sum, { wireBytes }) => sum + wireBytes, 0), summary.wireBytes);
    assert.equal(used.reduce((sum, { lanes }) => sum + lanes, 0), 6);
    assert.ok(used[0]!.rttMs !== null && used[0]!.rttMs > 0 && used[0]!.rttMs < 10_000);
    assert.deepEqual(used.slice(1).map(({ rttMs }) => rttMs), [null, null]);
    const connected = items.filter((event) => event.kind === "connected");
    assert.deepEqual(connected.map(({ connection }) => connection).sort(), [0, 1, 2]);
    const addresses = new Set(connected.map(({ address }) => address));
    for (const { address } of used) assert.ok(addresses.has(address), address);
    assert.ok(items.indexOf(used[0]!) > items.findLastIndex(({ kind }) => kind === "progress"));
  });

  Deno.test(`a ${direction} tells each entry when it is asked to, and else none`, async () => {
    await using here = await scene(direction);
    const silent = copy(direction, here);
    assertDone(await silent.summary);
    assert.deepEqual(entriesOf(silent), {});
    await makeTree(here.from, { "dir/small": file("changed") });
    const told = copy(direction, { ...here, tellEntries: true });
    const summary = await told.summary;
    assertDone(summary);
    assert.deepEqual(entriesOf(told), {
      "big": "unchanged",
      "dir": "unchanged",
      "dir/small": "done",
      "hollow": "unchanged",
      "link": "unchanged",
    });
    assert.equal(summary.changed, 1);
  });

  Deno.test(`a ${direction} counts what it changed: content, mode or time, each entry once`, async () => {
    await using here = await scene(direction);
    const changed = async () => {
      const summary = await copy(direction, here).summary;
      assertDone(summary);
      assert.equal(here.server.summaries.at(-1)?.changed, summary.changed, "as the server says");
      return summary.changed;
    };
    assert.equal(await changed(), 5);
    assert.equal(await changed(), 0);
    await chmod(`${here.from}/dir/small`, 0o600);
    assert.equal(await changed(), 1);
    await utimes(`${here.from}/hollow`, 1_600_000_000, 1_600_000_000);
    assert.equal(await changed(), 1);
    await makeFile(`${here.from}/dir/small`, "other");
    await chmod(`${here.from}/dir/small`, 0o640);
    assert.equal(await changed(), 1);
    await lutimes(`${here.from}/link`, 1_600_000_000, 1_600_000_000);
    assert.equal(await changed(), 1);
    assert.equal(await changed(), 0);
  });

  Deno.test(`a ${direction} of nothing counts the destination that it makes, once`, async () => {
    await using here = await scene(direction);
    await rm(here.from, { recursive: true });
    await mkdir(here.from);
    for (const wanted of [1, 0]) {
      const summary = await copy(direction, here).summary;
      assertDone(summary);
      assert.equal(summary.changed, wanted);
      assert.equal(here.server.summaries.at(-1)?.changed, wanted, "as the server says");
    }
  });
}

Deno.test("every transfer leaves its line in the access log, however it ends", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeTree(place.path("tree"), TREE);
  assertDone(await place.push(["tree"], server.remote("a/b/")).summary);
  assertDone(await place.pull([server.remote("a/b/tree/dir/"), server.remote("a/b")], "x").summary);
  assert.equal(codeOf(await place.pull([server.remote("absent")], "x").summary), "source_missing");
  assertDone(await place.push(["tree"], server.remote(), { dryRun: true }).summary);
  const lines = accessOf(server).map(({ asked, paths, files, bytes, wireBytes, result }) =>
    `${asked} ${paths.join("+")} ${files} ${bytes} ${wireBytes > 0} ${result}`
  );
  assert.deepEqual(lines, [
    "push a/b 2 3000005 true ok",
    "pull a/b/tree/dir+a/b 3 3000010 true ok",
    "pull absent 0 0 false source_missing",
    "push . 2 3000005 false ok",
  ]);
  const { name } = await loadIdentity(place.path("client/identity"), { create: false });
  for (const { identity, address, transfer, seconds } of accessOf(server)) {
    assert.equal(identity, name);
    assert.match(address, /^127\.0\.0\.1:\d+$/);
    assert.ok(transfer !== null && seconds >= 0 && seconds < 60);
  }
});

Deno.test("a list and a measurement leave their lines too, refused or not", async () => {
  await using place = await Place.open();
  const server = await place.serve({ access: "write" });
  await makeFile(`${server.root}/f`, "f");
  const client = await rawClient(place.network, server.remote());
  const list = { type: "list", path: "d\u202ee", recursive: false, filters: [] } as const;
  client.send({ ...list, transfer: 1, path: "" });
  assert.equal((await client.take("abort")).code, "refused");
  client.send({ type: "measure", transfer: 2, direction: "down", bytes: 1000, lanes: 1 });
  assert.equal((await client.take("abort")).code, "refused");
  await server.events.until(() => accessOf(server).length === 2);
  client.connection.close("none", "");
  assert.deepEqual(
    accessOf(server).map((
      { asked, paths, transfer, result, identity },
    ) => [asked, ...paths, transfer, result, identity === identityName(client.identity.publicKey)]),
    [
      ["list", ".", null, "refused", true],
      ["measure", null, "refused", true],
    ],
  );
});
