import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readFile, realpath, writeFile } from "node:fs/promises";
import { grantOfAccess } from "../../src/trust/grant.ts";
import { parseIdentityName } from "../../src/trust/identity.ts";
import { loadIdentity } from "../../src/trust/identity.ts";
import { TicketBook, ticketBookPath } from "../../src/trust/ticket_book.ts";
import { file, makeFile, makeTree } from "../e2e/trees.ts";
import { assertDone, codeOf, Place } from "./place.ts";
import { offerOf, rawClient, requestOf } from "./raw_peer.ts";

Deno.test("a grant to read refuses a push, at the client and at the server", async () => {
  await using place = await Place.open();
  await makeFile(place.path("root/there"), "there");
  const server = await place.serve({ access: "read" });
  await makeFile(place.path("f"), "f");
  const summary = await place.push(["f"], server.remote()).summary;
  assert.equal(codeOf(summary), "refused");
  assert.equal(summary.error?.exit, 12);
  const client = await rawClient(place.network, server.remote());
  assert.equal(client.welcome.write, false);
  client.send(offerOf());
  assert.equal((await client.take("abort")).code, "refused");
  client.connection.close("none", "");
  assert.equal(existsSync(`${server.root}/f`), false);
});

Deno.test("a grant to write refuses a pull, at the client and at the server", async () => {
  await using place = await Place.open();
  const server = await place.serve({ access: "write" });
  await makeFile(`${server.root}/f`, "f");
  assert.equal(codeOf(await place.pull([server.remote("f")], "got").summary), "refused");
  const client = await rawClient(place.network, server.remote());
  client.send(requestOf("f"));
  assert.equal((await client.take("abort")).code, "refused");
  client.connection.close("none", "");
});

Deno.test("nobody comes in without a ticket or an authorized key", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(place.path("f"), "f");
  for (const [ticket, code] of [[null, "unauthorized"], [new Uint8Array(32), "refused"]] as const) {
    const run = place.push(["f"], { ...server.remote(), ticket });
    assert.equal(codeOf(await run.summary), code);
  }
  await server.stop();
  const refused = server.events.items.flatMap((event) =>
    event.kind === "peer_refused" ? [event.count] : []
  );
  assert.deepEqual(refused, [1, 1]); // One line each: they are not the same.
});

Deno.test("an authorized key comes in without a ticket, under its restrictions", async () => {
  await using place = await Place.open();
  const { name } = await loadIdentity(place.path("client/identity"), { create: true });
  await writeFile(place.path("keys"), `write-once ${name} drop box\n`);
  const server = await place.serve({
    authorizedKeysPath: place.path("keys"),
    mintTicket: false,
  });
  assert.equal(server.handle.ticket, null);
  assert.equal(parseIdentityName(server.handle.identity).byteLength, 32);
  await makeTree(place.path("tree"), { "new": file("new"), "old": file("mine") });
  await makeFile(`${server.root}/tree/old`, "theirs");
  const summary = await place.push(["tree"], server.remote()).summary;
  assert.equal(codeOf(summary), "partial");
  assert.equal(summary.failed, 1);
  assert.equal(await readFile(`${server.root}/tree/old`, "utf8"), "theirs");
  assert.equal(await readFile(`${server.root}/tree/new`, "utf8"), "new");
  assert.equal(codeOf(await place.pull([server.remote("tree/old")], "got").summary), "refused");
  const stranger = place.push(["tree"], server.remote(), { home: "stranger" });
  assert.equal(codeOf(await stranger.summary), "unauthorized");
  // A stranger has any number of names: none fills the log.
  const told = await server.events.until(({ kind }) => kind === "peer_refused");
  assert.ok(told.kind === "peer_refused" && told.identity === null);
});

Deno.test("serve() with once ends with its transfer, and its ticket with it", async () => {
  await using place = await Place.open();
  const server = await place.serve({ once: true });
  await makeFile(place.path("f"), "f");
  const remote = server.remote();
  assertDone(await place.push(["f"], remote).summary);
  const summary = await server.handle.ended;
  assert.ok(summary?.ok);
  assert.equal(codeOf(await place.push(["f"], remote).summary), "unreachable");
  const again = await place.serve();
  const revived = { ...again.remote(), ticket: remote.ticket };
  assert.equal(codeOf(await place.push(["f"], revived).summary), "refused");
});

Deno.test("a ticket for one transfer is one identity's while that transfer runs", async () => {
  await using place = await Place.open();
  const server = await place.serve({ once: true });
  const first = await rawClient(place.network, server.remote());
  first.send(offerOf());
  await first.take("accept");
  // It may not even come in.
  await assert.rejects(rawClient(place.network, server.remote()), { code: "refused" });
  // The same identity may, but runs nothing else beside it.
  const again = await rawClient(place.network, server.remote(), first.identity);
  again.send(offerOf({ given: ["g"] }));
  assert.equal((await again.take("abort")).code, "busy");
  first.connection.close("none", "");
  again.connection.close("none", "");
});

Deno.test("several clients are served at once, each its own", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const names = ["a", "b", "c"];
  for (const name of names) await makeFile(place.path(name), name.repeat(200_000));
  const runs = names.map((name) =>
    place.push([name], server.remote(`${name}/`), { home: `home-${name}`, connections: 2 }).summary
  );
  for (const summary of await Promise.all(runs)) assertDone(summary);
  for (const name of names) {
    assert.equal(await readFile(`${server.root}/${name}/${name}`, "utf8"), name.repeat(200_000));
  }
});

Deno.test("a pull that the client's own disk refuses is told to the server, and spends no use", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(`${server.root}/f`, "f");
  await makeFile(place.path("plain"), "stands");
  using book = TicketBook.open(ticketBookPath(place.path("server/identity")));
  const nowMs = Date.now();
  const { secret: ticket } = book.mint({
    root: await realpath(server.root),
    grant: grantOfAccess("read"),
    uses: 1,
    expiresMs: nowMs + 60_000,
    nowMs,
    standing: true,
  });
  const remote = { ...server.remote("f"), ticket };
  assert.equal(codeOf(await place.pull([remote], "plain/").summary), "conflict");
  assert.equal(codeOf(server.summaries[0]), "conflict");
  assert.ok(!server.summaries[0]?.error?.message.includes("plain"));
  // The use is anyone's: nothing was begun that could be resumed.
  assertDone(await place.pull([remote], "got", { home: "other" }).summary);
  assert.equal(codeOf(await place.pull([remote], "again", { home: "other" }).summary), "refused");
});
