// What stands before a key in the file of authorized keys, from the door to the disk: what its holder
// may put in place, how much of it, from where and until when; and what every question is answered with.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, realpath, rm, stat, writeFile } from "node:fs/promises";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { clientJoin } from "../../src/session/handshake.ts";
import type { Remote, ServeEvent, ServeOptions } from "../../src/session/options.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { grantOfAccess } from "../../src/trust/grant.ts";
import { generateIdentity, loadIdentity } from "../../src/trust/identity.ts";
import { TicketBook, ticketBookPath } from "../../src/trust/ticket_book.ts";
import type { Message, Welcome } from "../../src/wire/messages.ts";
import { makeFile, noise } from "../e2e/trees.ts";
import { assertDone, codeOf, Place, planOf, type RunningServer } from "./place.ts";
import { offerOf, rawClient, requestOf } from "./raw_peer.ts";

/** A server that the place's own client comes to by its key, under these restrictions. */
async function serveKey(
  place: Place,
  restrictions: string,
  options: Partial<ServeOptions> = {},
): Promise<RunningServer & { readonly keysPath: string; readonly name: string }> {
  const { name } = await loadIdentity(place.path("client/identity"), { create: true });
  const authorizedKeysPath = place.path("keys");
  await writeFile(authorizedKeysPath, `${restrictions} ${name}\n`, { mode: 0o600 });
  const server = await place.serve({ authorizedKeysPath, mintTicket: false, ...options });
  return Object.assign(server, { keysPath: authorizedKeysPath, name });
}

type AccessEvent = Extract<ServeEvent, { kind: "access" }>;

async function accessOf(server: RunningServer, result: string): Promise<AccessEvent> {
  const event = await server.events.until((event) =>
    event.kind === "access" && event.result === result
  );
  assert.ok(event.kind === "access");
  return event;
}

Deno.test("append-only: a log grows, and is never cut, rewritten or removed", async () => {
  await using place = await Place.open();
  const server = await serveKey(place, "read,append-only");
  const push = (more = {}) => place.push(["log"], server.remote(), more).summary;
  await makeFile(place.path("log"), "one\n");
  assertDone(await push());
  await makeFile(place.path("log"), "one\ntwo\n");
  assertDone(await push());
  assert.equal(await readFile(`${server.root}/log`, "utf8"), "one\ntwo\n");
  for (const text of ["one\n", "One\ntwo\nthree\n", ""]) {
    await makeFile(place.path("log"), text);
    const summary = await push();
    assert.equal(codeOf(summary), "refused", JSON.stringify(text));
    assert.match(summary.error?.message ?? "", /append-only/);
  }
  const { reason } = await accessOf(server, "refused");
  assert.match(reason ?? "", /append-only/, "the access log names the restriction");
  await mkdir(place.path("dir"));
  assert.equal(
    codeOf(await place.push(["dir/"], server.remote(), { delete: true }).summary),
    "refused",
  );
  assert.equal(await readFile(`${server.root}/log`, "utf8"), "one\ntwo\n");
});

Deno.test("append-only: of a large file that grew only what is new is sent", async () => {
  await using place = await Place.open();
  const server = await serveKey(place, "read,append-only");
  const bytes = noise(5 * 65_536);
  await writeFile(place.path("big"), bytes);
  assertDone(await place.push(["big"], server.remote()).summary);
  const grown = new Uint8Array(bytes.length + 65_536 * 2);
  grown.set(bytes);
  await writeFile(place.path("big"), grown);
  const summary = await place.push(["big"], server.remote()).summary;
  assertDone(summary);
  assert.equal(summary.reusedBytes, bytes.length);
  assert.deepEqual(new Uint8Array(await readFile(`${server.root}/big`)), grown);
});

Deno.test("append-only without the right to read is no way to try what others' files begin with", async () => {
  await using place = await Place.open();
  const server = await serveKey(place, "append-only");
  await makeFile(`${server.root}/secret`, "password");
  const errors: string[] = [];
  for (const guess of ["password and more", "passwore and more", "pass"]) {
    await makeFile(place.path("secret"), guess);
    const run = place.push(["secret"], server.remote());
    // What it sends before it hears of that is a matter of time: nothing is asked first, see `fresh`.
    const { error } = await run.summary;
    errors.push(`${error?.code} ${error?.message}`);
    const dry = place.push(["secret"], server.remote(), { dryRun: true });
    await dry.summary;
    assert.deepEqual(planOf(dry), { secret: "fail refused" });
  }
  assert.equal(new Set(errors).size, 1, errors.join("\n"));
  assert.equal(await readFile(`${server.root}/secret`, "utf8"), "password");
});

Deno.test("a grant to write only answers no question about what stands there", async () => {
  for (const restrictions of ["write", "write-once", "append-only", "append-only,quota=1MB"]) {
    await using place = await Place.open();
    const server = await serveKey(place, restrictions);
    await makeFile(`${server.root}/f`, "contents of it");
    const identity = await loadIdentity(place.path("client/identity"), { create: false });
    const client = await rawClient(place.network, server.remote(), identity);
    const asked: Message[] = [
      { type: "list", transfer: 1, path: "", recursive: true, filters: [] },
      { type: "list", transfer: 2, path: "f", recursive: false, filters: [] },
      { type: "measure", transfer: 3, direction: "down", bytes: 1000, lanes: 1 },
      requestOf("f", { transfer: 4 }),
      requestOf("f", { transfer: 5, dryRun: true }),
    ];
    const lane = client.connection.acceptLane().then((lane) => lane === null ? "" : "bytes");
    for (const message of asked) {
      client.send(message);
      const answer = await Promise.race([client.answer(), lane]);
      assert.equal(answer, "refused", `${restrictions}: ${message.type}`);
    }
    client.send(offerOf({ transfer: 6, dryRun: true }));
    assert.equal(await client.answer(), "accept");
    client.connection.close("none", "");
  }
});

Deno.test("root= confines every question to its place, and keys in nested places do not see each other", async () => {
  await using place = await Place.open();
  const server = await serveKey(place, 'root="team a/in"');
  const outer = await generateIdentity();
  await writeFile(server.keysPath, `root="team a" ${outer.name}\n`, { flag: "a" });
  await server.handle.reload();
  await makeFile(`${server.root}/beside`, "beside");
  await makeFile(`${server.root}/team a/above`, "above");
  await makeFile(place.path("f"), "f");
  assertDone(await place.push(["f"], server.remote()).summary);
  assert.equal(await readFile(`${server.root}/team a/in/f`, "utf8"), "f");
  const identity = await loadIdentity(place.path("client/identity"), { create: false });
  const client = await rawClient(place.network, server.remote(), identity);
  client.send({ type: "list", transfer: 1, path: "", recursive: true, filters: [] });
  assert.deepEqual((await client.take("listing")).entries.map(({ path }) => path), ["f"]);
  for (const [n, path] of ["beside", "above", "team a/above"].entries()) {
    client.send(requestOf(path, { transfer: 10 + n }));
    assert.equal(await client.answer(), "source_missing", path);
  }
  client.connection.close("none", "");
  const above = await rawClient(place.network, server.remote(), outer);
  above.send({ type: "list", transfer: 1, path: "", recursive: true, filters: [] });
  const paths = (await above.take("listing")).entries.map(({ path }) => path);
  assert.deepEqual(paths, ["above", "in", "in/f"]);
  above.connection.close("none", "");
});

Deno.test("quota= ends a push, says whose figures, and holds after a restart", async () => {
  await using place = await Place.open();
  const server = await serveKey(place, "write,quota=1KB");
  await makeFile(place.path("a"), "a".repeat(700));
  await makeFile(place.path("b"), "b".repeat(400));
  assertDone(await place.push(["a"], server.remote()).summary);
  const refused = await place.push(["b"], server.remote()).summary;
  assert.equal(codeOf(refused), "quota");
  assert.equal(refused.error?.exit, 14);
  assert.match(refused.error?.message ?? "", /quota is 1\.00 kB, 700 B of it are used/);
  assert.equal(refused.wireBytes, 0, "before a byte was sent");
  assert.match((await accessOf(server, "quota")).reason ?? "", /quota/);
  await server.stop();
  const again = await serveKey(place, "write,quota=1KB", {
    listen: { hostname: "127.0.0.1", port: 0 },
  });
  assert.equal(codeOf(await place.push(["b"], again.remote()).summary), "quota");
  await rm(`${again.root}/a`);
  assertDone(await place.push(["b"], again.remote()).summary);
});

Deno.test("a ticket's quota is the ticket's, whoever bears it, and no other's", async () => {
  await using place = await Place.open();
  const server = await place.serve({ mintTicket: false });
  using book = TicketBook.open(ticketBookPath(place.path("server/identity")));
  const nowMs = Date.now();
  const root = await realpath(server.root);
  const mint = () =>
    book.mint({
      root,
      grant: { ...grantOfAccess("write"), quotaBytes: 1000, maxFileBytes: 800 },
      uses: null,
      expiresMs: nowMs + 60_000,
      nowMs,
      standing: true,
    }).secret;
  const [one, other] = [mint(), mint()];
  await makeFile(place.path("a"), "a".repeat(700));
  await makeFile(place.path("b"), "b".repeat(400));
  await makeFile(place.path("large"), "c".repeat(801));
  const push = (file: string, ticket: Uint8Array, home: string) =>
    place.push([file], { ...server.remote(), ticket }, { home }).summary;
  assertDone(await push("a", one, "alice"));
  assert.equal(codeOf(await push("b", one, "bob")), "quota");
  const tooLarge = await push("large", other, "bob");
  assert.equal(codeOf(tooLarge), "refused");
  assert.match(tooLarge.error?.message ?? "", /max-file/);
  assertDone(await push("b", other, "alice"));
});

Deno.test("max-file= fails the file that is too large, and takes the others", async () => {
  await using place = await Place.open();
  const server = await serveKey(place, "write,max-file=10B");
  await makeFile(place.path("d/small"), "0123456789");
  await makeFile(place.path("d/large"), "0123456789a");
  const summary = await place.push(["d"], server.remote()).summary;
  assert.equal(codeOf(summary), "partial");
  assert.equal(existsSync(`${server.root}/d/small`), true);
  assert.equal(existsSync(`${server.root}/d/large`), false);
});

Deno.test("from= and expires= are looked at at the door, and name themselves", async () => {
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  const cases = [
    ["from=198.51.100.0/24", /from=/],
    [`expires=${yesterday}`, /expired/],
    [`expires=${new Date(Date.now() - 1000).toISOString()}`, /expired/],
  ] as const;
  for (const [restrictions, found] of cases) {
    await using place = await Place.open();
    const server = await serveKey(place, restrictions);
    await makeFile(place.path("f"), "f");
    const summary = await place.push(["f"], server.remote()).summary;
    assert.equal(codeOf(summary), "refused", restrictions);
    assert.match(summary.error?.message ?? "", found);
    const told = await server.events.until(({ kind }) => kind === "peer_refused");
    assert.ok(told.kind === "peer_refused" && /^[a-z2-7]{52}$/.test(told.identity ?? ""));
    assert.match(told.message, found);
  }
  await using place = await Place.open();
  const server = await serveKey(place, "from=127.0.0.0/8,::1 expires=2999-12-31");
  await makeFile(place.path("f"), "f");
  assertDone(await place.push(["f"], server.remote(), { connections: 2 }).summary);
});

Deno.test("a further connection of a key with from= comes from there too", async () => {
  await using place = await Place.open();
  const { name, publicKey } = await loadIdentity(place.path("client/identity"), { create: true });
  const keysPath = place.path("keys");
  await writeFile(keysPath, `from=127.0.0.1 ${name}\n`, { mode: 0o600 });
  const server = await place.serve({
    authorizedKeysPath: keysPath,
    mintTicket: false,
    transport: elsewhere(place.network),
  });
  const identity = await loadIdentity(place.path("client/identity"), { create: false });
  assert.deepEqual(identity.publicKey, publicKey);
  const client = await rawClient(place.network, server.remote(), identity);
  await assert.rejects(rawJoin(place.network, server.remote(), client.welcome), {
    code: "refused",
  });
  client.connection.close("none", "");
});

/** A network in which every connection but the first comes from another address. */
function elsewhere(network: Transport): Transport {
  let count = 0;
  return {
    ...network,
    listen: async (options) => {
      const listener = await network.listen(options);
      return {
        get address() {
          return listener.address;
        },
        close: () => listener.close(),
        accept: async () => {
          const connection = await listener.accept();
          if (connection === null || count++ === 0) return connection;
          return new Proxy(connection, {
            get: (target, name) => {
              if (name === "remoteAddress") return "198.51.100.9:1";
              const value = Reflect.get(target, name, target);
              return typeof value === "function" ? value.bind(target) : value;
            },
          });
        },
      };
    },
  };
}

/** Joins a session with all that its client knows. */
async function rawJoin(transport: Transport, remote: Remote, welcome: Welcome): Promise<void> {
  const connection = await transport.connect({ ...remote.addresses[0]!, anchorPem: "" });
  try {
    const channel = new ControlChannel(await connection.openControl());
    const options = { welcome, serverIdentity: remote.identity, connection: 1, agent: "raw" };
    await clientJoin(channel, options);
  } finally {
    connection.close("none", "");
  }
}

Deno.test("a key that expires ends what an open session may ask for", async () => {
  await using place = await Place.open();
  let nowMs = Date.UTC(2031, 11, 31);
  const server = await serveKey(place, "expires=2031-12-31", { nowMs: () => nowMs });
  await mkdir(server.root, { recursive: true });
  const identity = await loadIdentity(place.path("client/identity"), { create: false });
  const client = await rawClient(place.network, server.remote(), identity);
  const list = { type: "list", path: "", recursive: false, filters: [] } as const;
  client.send({ ...list, transfer: 1 });
  await client.take("listing");
  nowMs += 86_400_000;
  client.send({ ...list, transfer: 3 });
  assert.equal(await client.answer(), "refused");
  client.connection.close("none", "");
});

Deno.test("a change of the keys' file counts without a signal: at the door and inside", async () => {
  await using place = await Place.open();
  const server = await serveKey(place, "read", { keysLookMs: 0 });
  await makeFile(`${server.root}/f`, "f");
  const identity = await loadIdentity(place.path("client/identity"), { create: false });
  const client = await rawClient(place.network, server.remote(), identity);
  const list = { type: "list", path: "", recursive: false, filters: [] } as const;
  client.send({ ...list, transfer: 1 });
  await client.take("listing");
  await writeFile(server.keysPath, `write ${server.name}\n`);
  client.send({ ...list, transfer: 3 });
  assert.equal(await client.answer(), "refused", "narrowed");
  const reloads = () => server.events.items.filter(({ kind }) => kind === "reloaded").length;
  assert.equal(reloads(), 1);
  await writeFile(server.keysPath, "nonsense\n");
  for (let n = 0; n < 3; n++) {
    const other = await rawClient(place.network, server.remote(), identity);
    assert.equal(other.welcome.write, true, "the old keys hold");
    other.connection.close("none", "");
  }
  assert.equal(reloads(), 2, "what is wrong is told once");
  await writeFile(server.keysPath, "# nobody\n");
  await assert.rejects(rawClient(place.network, server.remote(), identity), {
    code: "unauthorized",
  });
  const { code } = await client.connection.closed;
  assert.equal(code, "refused", "its session ends");
});

Deno.test("two who push at once by one key never pass its quota together", async () => {
  await using place = await Place.open();
  const server = await serveKey(place, "write,quota=1KB");
  const sizes = { a: 600, b: 600, c: 600 };
  for (const [name, size] of Object.entries(sizes)) {
    await makeFile(place.path(name), name.repeat(size));
  }
  const runs = Object.keys(sizes).map((name) =>
    place.push([name], server.remote(name), {}).summary
  );
  const codes = (await Promise.all(runs)).map(codeOf).sort();
  assert.deepEqual(codes, ["quota", "quota", null].sort());
  const there = Object.keys(sizes).filter((name) => existsSync(`${server.root}/${name}`));
  assert.equal(there.length, 1);
  assert.equal((await stat(`${server.root}/${there[0]}`)).size, 600);
});

Deno.test("serve --access append-only narrows every key and ticket", async () => {
  await using place = await Place.open();
  const server = await place.serve({ access: "append-only" });
  await makeFile(place.path("log"), "one\n");
  assertDone(await place.push(["log"], server.remote()).summary);
  await makeFile(place.path("log"), "one\ntwo\n");
  assertDone(await place.push(["log"], server.remote()).summary);
  await makeFile(place.path("log"), "two\n");
  assert.equal(codeOf(await place.push(["log"], server.remote()).summary), "refused");
  assert.equal(codeOf(await place.pull([server.remote("log")], "got").summary), "refused");
});
