// Authorized keys read anew while the server runs: who comes in from then on, who has to go.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import type { ServeEvent } from "../../src/session/options.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import { makeFile } from "../e2e/trees.ts";
import { Place, type RunningServer } from "./place.ts";
import { offerOf, rawClient } from "./raw_peer.ts";

type Reloaded = Extract<ServeEvent, { kind: "reloaded" }>;

/** Writes the file, reads it anew and answers what was told. */
async function reload(server: RunningServer, path: string, text: string): Promise<Reloaded> {
  await writeFile(path, text, { mode: 0o600 });
  await server.handle.reload();
  const told = server.events.items.findLast((event) => event.kind === "reloaded");
  assert.ok(told?.kind === "reloaded");
  return told;
}

Deno.test("reload() lets a new key in, and no old one that is gone", async () => {
  await using place = await Place.open();
  const [one, two] = [await generateIdentity(), await generateIdentity()];
  const authorizedKeysPath = place.path("keys");
  await writeFile(authorizedKeysPath, `${one.name}\n`, { mode: 0o600 });
  const server = await place.serve({ authorizedKeysPath, mintTicket: false });
  await assert.rejects(rawClient(place.network, server.remote(), two), { code: "refused" });
  const told = await reload(server, authorizedKeysPath, `write ${two.name} new\n`);
  assert.deepEqual([told.keys, told.error], [1, null]);
  const client = await rawClient(place.network, server.remote(), two);
  assert.deepEqual([client.welcome.read, client.welcome.write], [false, true]);
  await assert.rejects(rawClient(place.network, server.remote(), one), { code: "refused" });
  client.connection.close("none", "");
});

Deno.test("reload() of a broken file keeps the keys it had, and says what is wrong", async () => {
  await using place = await Place.open();
  const one = await generateIdentity();
  const authorizedKeysPath = place.path("keys");
  await writeFile(authorizedKeysPath, `${one.name}\n`, { mode: 0o600 });
  const server = await place.serve({ authorizedKeysPath, mintTicket: false });
  const client = await rawClient(place.network, server.remote(), one);
  const told = await reload(server, authorizedKeysPath, "nonsense\n");
  assert.equal(told.keys, null);
  assert.match(told.error?.message ?? "", /line 1/);
  client.send({ type: "ping", token: 5 });
  assert.equal((await client.take("pong")).token, 5);
  (await rawClient(place.network, server.remote(), one)).connection.close("none", "");
  client.connection.close("none", "");
});

Deno.test("reload() ends the sessions of a key that is gone, a running transfer first", async () => {
  await using place = await Place.open();
  const [gone, kept] = [await generateIdentity(), await generateIdentity()];
  const authorizedKeysPath = place.path("keys");
  await writeFile(authorizedKeysPath, `${gone.name}\n${kept.name}\n`, { mode: 0o600 });
  const server = await place.serve({ authorizedKeysPath });
  const busy = await rawClient(place.network, server.remote(), gone);
  busy.send(offerOf());
  await busy.take("accept");
  const other = await rawClient(place.network, server.remote(), kept);
  const bearer = await rawClient(place.network, server.remote());
  await reload(server, authorizedKeysPath, `${kept.name}\n`);
  const { code, message } = await busy.take("abort");
  assert.deepEqual([code, message], ["refused", "Cannot go on: this key is no longer authorized"]);
  busy.send({ type: "bye" });
  await busy.connection.closed;
  for (const client of [other, bearer]) {
    client.send({ type: "ping", token: 5 });
    assert.equal((await client.take("pong")).token, 5);
    client.connection.close("none", "");
  }
});

Deno.test("a session whose key is gone starts nothing more, and is closed", async () => {
  await using place = await Place.open();
  const gone = await generateIdentity();
  const authorizedKeysPath = place.path("keys");
  await writeFile(authorizedKeysPath, `${gone.name}\n`, { mode: 0o600 });
  await makeFile(place.path("root/f"), "f");
  const server = await place.serve({ authorizedKeysPath, mintTicket: false });
  const idle = await rawClient(place.network, server.remote(), gone);
  await reload(server, authorizedKeysPath, "\n");
  idle.send({ type: "list", transfer: 1, path: "", recursive: false, filters: [] });
  const answer = await idle.channel.receive().catch(() => null);
  assert.notEqual(answer?.type, "listing");
  const { code, remote } = await idle.connection.closed;
  assert.deepEqual([code, remote], ["refused", true]);
});

Deno.test("reload() of a server without authorized keys changes nothing", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  await server.handle.reload();
  const told = server.events.items.find(({ kind }) => kind === "reloaded");
  assert.deepEqual(told, { kind: "reloaded", keys: null, error: null });
  client.send({ type: "ping", token: 5 });
  assert.equal((await client.take("pong")).token, 5);
  client.connection.close("none", "");
});
