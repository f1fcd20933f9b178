// Grants that change while the server runs: who comes in from then on, who has to go, and what those
// who are inside may still ask for.

import assert from "node:assert/strict";
import { realpath, writeFile } from "node:fs/promises";
import type { ServeEvent } from "../../src/session/options.ts";
import { grantOfAccess } from "../../src/trust/grant.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import { TicketBook, ticketBookPath } from "../../src/trust/ticket_book.ts";
import type { Message } from "../../src/wire/messages.ts";
import { makeFile } from "../e2e/trees.ts";
import { assertDone, Place, type RunningServer } from "./place.ts";
import { offerOf, rawClient, requestOf } from "./raw_peer.ts";

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
  await assert.rejects(rawClient(place.network, server.remote(), two), {
    code: "unauthorized",
  });
  const told = await reload(server, authorizedKeysPath, `write ${two.name} new\n`);
  assert.deepEqual([told.keys, told.error], [1, null]);
  const client = await rawClient(place.network, server.remote(), two);
  assert.deepEqual([client.welcome.read, client.welcome.write], [false, true]);
  await assert.rejects(rawClient(place.network, server.remote(), one), {
    code: "unauthorized",
  });
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
  const byKey = { ...server.remote(), ticket: null };
  const busy = await rawClient(place.network, byKey, gone);
  busy.send(offerOf());
  await busy.take("accept");
  const other = await rawClient(place.network, byKey, kept);
  // A ticket that is shown decides, whatever becomes of the key that it is shown with.
  const bearer = await rawClient(place.network, server.remote(), gone);
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

Deno.test("a key that reload() narrows counts from the next thing that is asked for", async () => {
  await using place = await Place.open();
  const one = await generateIdentity();
  const authorizedKeysPath = place.path("keys");
  await writeFile(authorizedKeysPath, `${one.name}\n`, { mode: 0o600 });
  await makeFile(place.path("root/in/f"), "f");
  const server = await place.serve({ authorizedKeysPath, mintTicket: false });
  const client = await rawClient(place.network, server.remote(), one);
  const sources = [{ name: "x", kind: "directory", contents: true }] as const;
  const wiping = offerOf({ sources, intoDirectory: true, given: ["x/"], delete: true });
  const list = { type: "list", path: "", recursive: false, filters: [] } as const;
  client.send({ ...list, transfer: 1 });
  assert.deepEqual((await client.take("listing")).entries.map(({ path }) => path), ["in"]);
  await reload(server, authorizedKeysPath, `write-once ${one.name}\n`);
  client.send({ ...list, transfer: 3 });
  assert.equal(await client.answer(), "refused");
  for (const [transfer, dryRun] of [[4, true], [5, false]] as const) {
    client.send({ ...wiping, transfer, dryRun });
    assert.equal(await client.answer(), "refused");
  }
  client.connection.close("none", "");
});

Deno.test("a ticket that is revoked or used up ends all that an open session may ask for", async () => {
  for (const how of ["revoked", "used"] as const) {
    await using place = await Place.open();
    await makeFile(place.path("root/f"), "f");
    const server = await place.serve({ mintTicket: false });
    using book = TicketBook.open(ticketBookPath(place.path("server/identity")));
    const nowMs = Date.now();
    const { id, secret } = book.mint({
      root: await realpath(server.root),
      grant: grantOfAccess("both"),
      uses: 1,
      expiresMs: nowMs + 60_000,
      nowMs,
      standing: true,
    });
    const remote = { ...server.remote("f"), ticket: secret };
    const client = await rawClient(place.network, remote);
    client.send({ type: "list", transfer: 1, path: "", recursive: true, filters: [] });
    await client.take("listing");
    if (how === "revoked") book.revoke(id);
    else assertDone(await place.pull([remote], "f").summary);
    const asked: Message[] = [
      { type: "list", transfer: 2, path: "", recursive: true, filters: [] },
      { type: "measure", transfer: 3, direction: "down", bytes: 1000, lanes: 1 },
      requestOf("f", { transfer: 4, dryRun: true }),
      requestOf("f", { transfer: 5 }),
      offerOf({ transfer: 6, dryRun: true }),
      offerOf({ transfer: 7 }),
    ];
    const lane = client.connection.acceptLane().then((lane) => lane === null ? "" : "bytes");
    for (const message of asked) {
      client.send(message);
      const answer = await Promise.race([client.answer(), lane]);
      assert.equal(answer, "refused", `${message.type} after ${how}`);
    }
    client.connection.close("none", "");
  }
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
