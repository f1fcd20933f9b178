// Transfers to one place, and on one use of a ticket: who has it, who waits for it, and who gives way.

import assert from "node:assert/strict";
import { directoryEntry } from "../../src/engine/_fixture.ts";
import type { Remote, SessionEvent } from "../../src/session/options.ts";
import { loadIdentity } from "../../src/trust/identity.ts";
import type { Offer, Request } from "../../src/wire/messages.ts";
import { makeFile, noise } from "../e2e/trees.ts";
import { assertDone, type ClientRun, codeOf, Place } from "./place.ts";
import { offerOf, rawClient, type RawPeer, requestOf } from "./raw_peer.ts";

const CHUNK_BYTES = 65_536;
const CONTENT = noise(40 * CHUNK_BYTES + 17);

function count(run: ClientRun, kind: SessionEvent["kind"]): number {
  return run.events.items.filter((event) => event.kind === kind).length;
}

/** A client of the same identity that is at the same thing already. */
async function rivalOf(
  place: Place,
  { remote, opener, isAlive }: {
    readonly remote: Remote;
    readonly opener: Offer | Request;
    /** It answers pings. */
    readonly isAlive: boolean;
  },
): Promise<RawPeer> {
  const identity = await loadIdentity(place.path("client/identity"), { create: true });
  const rival = await rawClient(place.network, remote, identity);
  rival.send(opener);
  await rival.take(opener.type === "offer" ? "accept" : "offer");
  if (isAlive) rival.take("bye").catch(() => {}); // Until it is closed.
  return rival;
}

Deno.test("a push waits for another one of the same, and goes on when that has ended", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(place.path("f"), CONTENT);
  const opener = offerOf({ given: [place.path("f")] });
  const rival = await rivalOf(place, { remote: server.remote(), opener, isAlive: true });
  const run = place.push(["f"], server.remote());
  const busy = await run.events.until(({ kind }) => kind === "reconnecting");
  assert.ok(busy.kind === "reconnecting" && busy.code === "busy");
  rival.send({ type: "abort", transfer: 1, code: "failed", message: "" });
  const summary = await run.summary;
  assertDone(summary);
  assert.deepEqual([count(run, "reconnecting"), count(run, "reconnected")], [1, 1]);
  assert.equal(summary.reconnects, 0, "nothing was lost");
  rival.connection.close("none", "");
});

Deno.test("a push that waited in vain is busy, and says how long it waited", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(place.path("f"), CONTENT);
  const opener = offerOf({ given: [place.path("f")] });
  const rival = await rivalOf(place, { remote: server.remote(), opener, isAlive: true });
  const run = place.push(["f"], server.remote(), { timeoutMs: 1500 });
  const { error } = await run.summary;
  assert.deepEqual([error?.code, error?.exit], ["busy", 1]);
  assert.match(error?.message ?? "", /; waited 1.5 s for it$/);
  assert.deepEqual([count(run, "reconnecting"), count(run, "reconnected")], [1, 0]);
  rival.connection.close("none", "");
});

for (const direction of ["push", "pull"] as const) {
  Deno.test(`a ${direction} takes the use of a counted ticket back from its own dead session`, async () => {
    await using place = await Place.open();
    const server = await place.serve({ once: true });
    const way = direction === "push" ? "f" : `${server.root}/f`;
    await makeFile(way === "f" ? place.path("f") : way, CONTENT);
    const opener = direction === "push" ? offerOf({ given: [place.path("f")] }) : requestOf("f");
    const remote = server.remote();
    const rival = await rivalOf(place, { remote, opener, isAlive: false });
    const run = direction === "push"
      ? place.push(["f"], remote)
      : place.pull([{ ...remote, path: "f" }], "f");
    assertDone(await run.summary);
    assert.equal(count(run, "reconnecting"), 0);
    assert.equal((await server.handle.ended)?.error, null);
    await rival.connection.closed;
  });
}

Deno.test("a push takes over a place that another client held and no longer does, when that is gone", async () => {
  await using place = await Place.open();
  const server = await place.serve({ takeoverMs: 200 });
  await makeFile(place.path("f"), CONTENT);
  // Other identities, of which one is at the same destination.
  const [rival, bystander] = await Promise.all(["", "elsewhere"].map(async (destination) => {
    const client = await rawClient(place.network, server.remote());
    client.send(offerOf({ destination }));
    await client.take("accept");
    return client;
  }));
  assert.ok(rival !== undefined && bystander !== undefined);
  const run = place.push(["f"], server.remote(), { timeoutMs: 20_000 });
  let hasWaited = false;
  const waited = Promise.race([
    run.events.until(({ kind }) => kind === "reconnecting"),
    run.summary,
  ])
    .then(() => hasWaited = true);
  // It is there until the push was told so, however long that takes, and then says no more.
  for (let token = 1; !hasWaited; token++) {
    rival.send({ type: "ping", token });
    await rival.take("pong");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await waited;
  const summary = await run.summary;
  assertDone(summary);
  await rival.connection.closed;
  const ends = server.summaries.map(codeOf);
  assert.deepEqual(ends.filter((code) => code !== "busy"), ["lost", null]);
  assert.equal(count(run, "reconnecting"), 1);
  // Nobody asked for the place of the other one that said nothing.
  bystander.send({ type: "ping", token: 3 });
  assert.equal((await bystander.take("pong")).token, 3);
  bystander.connection.close("none", "");
});

Deno.test("a client that lets its transfer stand still gives way to another one, and stays", async () => {
  await using place = await Place.open();
  const server = await place.serve({ timeoutMs: 200 });
  await makeFile(place.path("f"), CONTENT);
  const rival = await rawClient(place.network, server.remote());
  rival.send(offerOf());
  await rival.take("accept");
  const told = rival.take("abort"); // It answers pings meanwhile.
  const run = place.push(["f"], server.remote(), { timeoutMs: 20_000 });
  assertDone(await run.summary);
  const { code, message } = await told;
  assert.equal(code, "busy");
  assert.match(message, /nothing came for 0.2 s, and another transfer asks for the place$/);
  rival.send({ type: "ping", token: 3 });
  assert.equal((await rival.take("pong")).token, 3);
  rival.connection.close("none", "");
});

Deno.test("a client whose transfer moves keeps its place, however slowly it moves", async () => {
  await using place = await Place.open();
  const server = await place.serve({ timeoutMs: 1200 });
  await makeFile(place.path("d/f"), CONTENT);
  const rival = await rawClient(place.network, server.remote());
  const sources = [{ name: "d", kind: "directory", contents: false }] as const;
  rival.send(offerOf({ sources }));
  await rival.take("accept");
  const waiting = place.push(["d"], server.remote(), { timeoutMs: 3600 });
  let isOver = false;
  const over = waiting.summary.finally(() => isOver = true);
  for (let first = 0; !isOver; first++) {
    const path = first === 0 ? "d" : `d/${String(first).padStart(6, "0")}`;
    const entries = [directoryEntry(path)];
    rival.send({ type: "entries", transfer: 1, first, entries, sources: [0] });
    rival.send({ type: "ping", token: first });
    await rival.take("pong");
    await new Promise((resolve) => setTimeout(resolve, 5)); // Slowly.
  }
  assert.equal(codeOf(await over), "busy");
  rival.connection.close("none", "");
});

Deno.test("a client that lets its transfer stand still keeps its place while nobody asks for it", async () => {
  await using place = await Place.open();
  const server = await place.serve({ timeoutMs: 1 });
  const rival = await rawClient(place.network, server.remote());
  rival.send(offerOf());
  await rival.take("accept");
  await makeFile(place.path("g"), CONTENT);
  assertDone(await place.push(["g"], server.remote()).summary);
  rival.send({ type: "manifest_end", transfer: 1, entries: 0, files: 0, bytes: 0 });
  rival.send({ type: "ping", token: 3 });
  await rival.take("pong");
  assert.deepEqual(server.summaries.map(codeOf), [null]);
  rival.connection.close("none", "");
});
