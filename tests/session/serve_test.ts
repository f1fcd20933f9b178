import assert from "node:assert/strict";
import { mkdir, readdir, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { LIMITS } from "../../src/base/limits.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { clientGreeting, clientJoin } from "../../src/session/handshake.ts";
import type { Connection } from "../../src/transport/transport.ts";
import { grantOfAccess } from "../../src/trust/grant.ts";
import { TicketBook, ticketBookPath } from "../../src/trust/ticket_book.ts";
import { encodeLaneEnd } from "../../src/wire/frame.ts";
import type { Hello } from "../../src/wire/messages.ts";
import { assertDone, codeOf, Place, type RunningServer } from "./place.ts";
import { offerOf, rawClient } from "./raw_peer.ts";

async function dial(place: Place, server: RunningServer): Promise<Connection> {
  return await place.network.connect({ ...server.remote().addresses[0]!, anchorPem: "" });
}

Deno.test("a client that says nothing is shown out once its time is over", async () => {
  await using place = await Place.open();
  const server = await place.serve({ handshakeMs: 20 });
  const silent = await dial(place, server);
  const shut = await dial(place, server);
  const stream = await shut.openControl();
  await stream.write(Uint8Array.of(0)); // a beginning, and no more
  for (const connection of [silent, shut]) {
    const { code, reason } = await connection.closed;
    assert.deepEqual([code, reason.includes("took too long")], ["refused", true]);
  }
  // One at once, the other with those that follow it.
  assert.deepEqual(refusals(server), ["refused 1"]);
  await server.stop();
  assert.deepEqual(refusals(server), ["refused 1", "refused 1"]);
});

Deno.test("a client of another version is told so", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const connection = await dial(place, server);
  const channel = new ControlChannel(await connection.openControl());
  const nonce = new Uint8Array(32);
  const hello: Hello = { type: "hello", version: 9, capabilities: [], nonce, agent: "" };
  channel.send(hello);
  await assert.rejects(channel.expect("hello"), { code: "version" });
  connection.close("none", "");
});

Deno.test("a client whose first bytes are garbage is refused alone", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const connection = await dial(place, server);
  const stream = await connection.openControl();
  await stream.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  const channel = new ControlChannel(stream);
  await assert.rejects(channel.expect("hello"), { code: "limit" });
  connection.close("none", "");
  const client = await rawClient(place.network, server.remote());
  client.send({ type: "bye" });
  await client.connection.closed;
});

Deno.test("a joined connection's lanes belong to its session", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  client.send(offerOf());
  await client.take("accept");
  const further = await join(place, server, client, 1);
  const lane = await further.openLane();
  // A lane that counts wrong ends the transfer: it was taken for the session's own.
  await lane.write(encodeLaneEnd(1, 99));
  assert.equal((await client.take("abort")).code, "protocol");
  await assert.rejects(join(place, server, client, 1), { code: "refused" });
  await assert.rejects(join(place, server, client, 16), { code: "refused" });
  await join(place, server, client, 15);
  client.send({ type: "bye" });
  await further.closed;
});

Deno.test("no connection joins a session that is over", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  client.send({ type: "bye" });
  await client.connection.closed;
  await assert.rejects(join(place, server, client, 1), { code: "refused" });
});

Deno.test("joins that come too late for their session are neither told of nor count as failures", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  client.send({ type: "bye" });
  await client.connection.closed;
  const most = LIMITS.arrivalsAtOncePerAddress / LIMITS.arrivalsPerFailure;
  for (let number = 1; number < most + 2; number++) {
    await assert.rejects(join(place, server, client, number), { code: "refused" });
  }
  assert.deepEqual(refusals(server), []);
  // To have known its number proves nothing.
  const welcome = { ...client.welcome, key: new Uint8Array(32) };
  await assert.rejects(join(place, server, { welcome, peer: client.peer }, 1), { code: "refused" });
  await server.events.until(({ kind }) => kind === "peer_refused");
  assert.deepEqual(refusals(server), ["refused 1"]);
});

Deno.test("who leaves in order in the middle of its handshake is not told of as turned away", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const left = async (code: "none" | "io") => {
    const connection = await dial(place, server);
    const channel = new ControlChannel(await connection.openControl());
    const nonce = new Uint8Array(32);
    channel.send({ type: "hello", version: 1, capabilities: [], nonce, agent: "" });
    await channel.expect("hello");
    connection.close(code, "");
  };
  await left("none");
  await left("io");
  const told = await server.events.until(({ kind }) => kind === "peer_refused");
  await server.stop();
  assert.deepEqual([told.kind === "peer_refused" && told.code, refusals(server)], [
    "lost",
    ["lost 1"],
  ]);
});

Deno.test("a server that stops closes idle sessions and those half way in", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  const halfway = await dial(place, server);
  const patient = client.take("bye").catch(() => {});
  const stopped = server.stop();
  client.send({ type: "bye" });
  assert.equal(await stopped, null);
  await patient;
  await halfway.closed;
  await client.connection.closed;
});

Deno.test("a server says where it serves while it does, and its ticket ends with it", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  using book = TicketBook.open(ticketBookPath(place.path("server/identity")));
  const root = await realpath(server.root);
  const remote = server.remote();
  const { port } = server.handle.address;
  assert.deepEqual(book.announced(root), { port, addresses: remote.addresses });
  await server.stop();
  assert.equal(book.announced(root), null);
  assert.deepEqual(book.list({ root, nowMs: Date.now() }).map(({ state }) => state), ["ended"]);
  const again = await place.serve();
  await assert.rejects(rawClient(place.network, { ...again.remote(), ticket: remote.ticket }), {
    code: "refused",
  });
});

Deno.test("a ticket that another process makes lets its bearer in at once, and none it revokes", async () => {
  await using place = await Place.open();
  const server = await place.serve({ mintTicket: false });
  using book = TicketBook.open(ticketBookPath(place.path("server/identity")));
  const nowMs = Date.now();
  const { id, secret } = book.mint({
    root: await realpath(server.root),
    grant: grantOfAccess("read"),
    uses: null,
    expiresMs: nowMs + 60_000,
    nowMs,
    standing: true,
  });
  const remote = { ...server.remote(), ticket: secret };
  const client = await rawClient(place.network, remote);
  assert.deepEqual([client.welcome.read, client.welcome.write], [true, false]);
  client.connection.close("none", "");
  book.revoke(id);
  await assert.rejects(rawClient(place.network, remote), { code: "refused" });
});

Deno.test("a ticket of another root is unknown here", async () => {
  await using place = await Place.open();
  const [one, other] = [await place.serve(), await place.serve({ root: place.path("other") })];
  const remote = { ...one.remote(), ticket: other.remote().ticket };
  await assert.rejects(rawClient(place.network, remote), { code: "refused" });
});

Deno.test("a ticket book planted in the served directory lets nobody in", async () => {
  await using place = await Place.open();
  const nowMs = Date.now();
  const root = place.path("root");
  await mkdir(`${root}/.sftpx`, { recursive: true, mode: 0o700 });
  using planted = TicketBook.open(`${root}/.sftpx/tickets.db`);
  const grant = grantOfAccess("both");
  const ticket = planted.mint({
    root: await realpath(root),
    grant,
    uses: null,
    expiresMs: nowMs + 60_000,
    nowMs,
    standing: true,
  });
  const server = await place.serve();
  const remote = { ...server.remote(), ticket: ticket.secret };
  await assert.rejects(rawClient(place.network, remote), { code: "refused" });
});

Deno.test("two servers of one user do not serve one root at once", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await assert.rejects(place.serve({ root: server.root }), { code: "busy" });
  const client = await rawClient(place.network, server.remote());
  client.connection.close("none", "");
});

Deno.test("one address gets so many connections at the door, and places again when they go", async () => {
  await using place = await Place.open();
  const server = await place.serve({ refusalsToldMs: 1 });
  const waiting = [];
  for (let i = 0; i < LIMITS.unauthenticatedPerAddress; i++) {
    waiting.push(await dial(place, server));
  }
  const { code, remote } = await (await dial(place, server)).closed;
  assert.deepEqual([code, remote], ["busy", true]);
  // Who leaves in order without a word is not told.
  for (const connection of waiting) connection.close("interrupted", "");
  const gone = () =>
    server.events.items.reduce(
      (sum, event) => sum + (event.kind === "peer_refused" ? event.count : 0),
      0,
    );
  await server.events.until(() => gone() === waiting.length + 1);
  // Who is authenticated stands at the door no more.
  const clients = [];
  for (let i = 0; i <= LIMITS.unauthenticatedPerAddress; i++) {
    clients.push(await rawClient(place.network, server.remote()));
  }
  for (const { connection } of clients) connection.close("none", "");
});

Deno.test("connections that are to join a session take no place at the door from one that begins", async () => {
  await using place = await Place.open();
  const server = await place.serve({ refusalsToldMs: 1 });
  const joiners = [];
  for (let i = 0; i < LIMITS.unauthenticatedPerAddress; i++) {
    const connection = await dial(place, server);
    // The server has said hello: it knows what this one is for.
    await clientGreeting(new ControlChannel(await connection.openControl()), "raw");
    joiners.push(connection);
  }
  const clients = [];
  for (let i = 0; i < 2; i++) clients.push(await rawClient(place.network, server.remote()));
  // The last that came went, whose place each client left again.
  const { code, remote } = await joiners.at(-1)!.closed;
  assert.deepEqual([code, remote], ["busy", true]);
  const left = joiners.slice(0, -1).map(({ closed }) => closed.then(() => "closed"));
  assert.equal(await Promise.race([...left, Promise.resolve("open")]), "open");
  for (const connection of [...joiners, ...clients.map(({ connection }) => connection)]) {
    connection.close("none", "");
  }
});

Deno.test("connections that join a session leave what their address may open to those who begin one", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const sessions = Math.ceil(2 * LIMITS.arrivalsAtOncePerAddress / LIMITS.connections);
  for (let n = 0; n < sessions; n++) {
    const client = await rawClient(place.network, server.remote());
    const further = Array.from(
      { length: LIMITS.connections - 1 },
      (_, index) => join(place, server, client, index + 1),
    );
    for (const connection of await Promise.all(further)) connection.close("none", "");
    client.connection.close("none", "");
  }
});

Deno.test("a server that stops amid strangers counts them all, in two lines", async () => {
  await using place = await Place.open();
  const server = await place.serve({ refusalsToldMs: 60_000 });
  const strangers = await Promise.all(Array.from({ length: 8 }, () => dial(place, server)));
  for (const stranger of strangers) {
    const stream = await stranger.openControl();
    await stream.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    // It is told why, and stays: the server is not done with it when it stops.
    await assert.rejects(new ControlChannel(stream).expect("hello"), { code: "limit" });
  }
  assert.deepEqual(refusals(server), []);
  await server.stop();
  assert.deepEqual(refusals(server), ["limit 1", `limit ${strangers.length - 1}`]);
});

Deno.test("a client that opens a lane before it said who it is is shown out at once", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const connection = await dial(place, server);
  const lane = await connection.openLane();
  await lane.write(encodeLaneEnd(1, 0)).catch(() => {});
  const { code, remote } = await connection.closed;
  assert.deepEqual([code, remote], ["protocol", true]);
  const refused = await server.events.until(({ kind }) => kind === "peer_refused");
  assert.ok(refused.kind === "peer_refused" && refused.code === "protocol");
});

Deno.test("serve() ends at once when it was stopped before it began", async () => {
  await using place = await Place.open();
  const stop = new AbortController();
  stop.abort();
  const server = await place.serve({ signal: stop.signal });
  assert.equal(await server.handle.ended, null);
});

Deno.test("serve() that fails leaves nothing running", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const other = place.path("other");
  const again = place.serve({ listen: server.handle.address, root: other });
  await assert.rejects(again, { code: "io" });
  await writeFile(place.path("plain"), "");
  const plain = place.serve({ root: place.path("plain") });
  await assert.rejects(plain, { code: "io", message: /: it is not a directory$/ });
  await assert.rejects(place.serve({ root: other, authorizedKeysPath: place.path("absent") }), {
    code: "failed",
  });
  await place.serve({ root: other }); // Nobody claims it.
});

Deno.test("a server that only reads makes nothing, and serves what is there", async () => {
  await using place = await Place.open();
  const absent = place.serve({ access: "read", root: place.path("absent") });
  await assert.rejects(absent, { code: "io", message: /: it does not exist$/ });
  await mkdir(place.path("root"));
  await writeFile(place.path("root/f"), "f");
  const server = await place.serve({ access: "read" });
  const { summary } = place.pull([server.remote("f")], "got/");
  assertDone(await summary);
  assert.deepEqual(await readdir(server.root), ["f"]);
});

Deno.test("access write-once lets a file in and nobody replace it", async () => {
  await using place = await Place.open();
  const server = await place.serve({ access: "write-once" });
  await writeFile(place.path("f"), "first");
  assertDone(await place.push(["f"], server.remote()).summary);
  await writeFile(place.path("f"), "other bytes");
  assert.notEqual(codeOf(await place.push(["f"], server.remote()).summary), null);
  assert.equal(await readFile(`${server.root}/f`, "utf8"), "first");
});

Deno.test("a peer that comes and goes is told both times", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  const client = await rawClient(place.network, server.remote());
  client.send({ type: "bye" });
  const left = await server.events.until(({ kind }) => kind === "peer_left");
  const came = server.events.items.find(({ kind }) => kind === "peer");
  assert.deepEqual(left, { ...came, kind: "peer_left" });
  assert.ok(left.kind === "peer_left" && left.identity === client.identity.name);
});

Deno.test("serve() with once outlives what is no transfer, and what was refused before it began", async () => {
  await using place = await Place.open();
  const server = await place.serve({ once: true });
  await writeFile(place.path("f"), "f");
  assert.equal(
    codeOf(await place.pull([server.remote("absent")], "got").summary),
    "source_missing",
  );
  assert.equal((await place.push(["f"], server.remote(), { dryRun: true }).summary).error, null);
  const client = await rawClient(place.network, server.remote());
  client.send({ type: "list", transfer: 1, path: "", recursive: false, filters: [] });
  assert.equal((await client.take("listing")).last, true);
  client.connection.close("none", "");
  const { summary } = place.push(["f"], server.remote());
  assertDone(await summary);
  assert.equal((await server.handle.ended)?.files, 1);
  assert.notEqual(server.events.items.at(-1)?.kind, "peer_left");
});

/** Who was turned away so far: code and number of each line. */
function refusals({ events }: RunningServer): readonly string[] {
  return events.items.flatMap((event) =>
    event.kind === "peer_refused" ? [`${event.code} ${event.count}`] : []
  );
}

async function join(
  place: Place,
  server: RunningServer,
  { welcome, peer }: Pick<Awaited<ReturnType<typeof rawClient>>, "welcome" | "peer">,
  connection: number,
): Promise<Connection> {
  const further = await dial(place, server);
  const channel = new ControlChannel(await further.openControl());
  try {
    await clientJoin(channel, { welcome, serverIdentity: peer, connection, agent: "raw" });
  } catch (error) {
    further.close("none", "");
    throw error;
  }
  return further;
}

Deno.test("a server takes pushes again once its root, which somebody removed, is made again", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await writeFile(place.path("f"), "f");
  const push = () => place.push(["f"], server.remote()).summary;
  assertDone(await push());
  await rm(server.root, { recursive: true });
  const { error } = await push();
  assert.equal(error?.code, "io");
  assert.match(error.message, /: the receiving directory does not exist any more$/);
  await mkdir(server.root);
  assertDone(await push());
  assert.equal(await readFile(`${server.root}/f`, "utf8"), "f");
  await makeFiles(server.root);
  assertDone(await place.pull([server.remote("many/")], "back").summary);
  assert.deepEqual((await readdir(place.path("back"))).length, 20);
  await server.stop();
  assert.ok((await readdir(`${server.root}/.sftpx`)).includes("state.db"));
});

async function makeFiles(root: string): Promise<void> {
  await mkdir(`${root}/many`);
  await Promise.all(Array.from({ length: 20 }, (_, i) => writeFile(`${root}/many/${i}`, `${i}`)));
}
