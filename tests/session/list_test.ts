// Listings of a real server, and of servers and clients that keep to no rule.

import assert from "node:assert/strict";
import { chmod, mkdir, symlink, utimes } from "node:fs/promises";
import { SftpxError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { list } from "../../src/session/list.ts";
import type { ListOptions, Remote } from "../../src/session/options.ts";
import { grantOfAccess } from "../../src/trust/grant.ts";
import { TicketBook, ticketBookPath } from "../../src/trust/ticket_book.ts";
import type { Entry, Listing } from "../../src/wire/messages.ts";
import { makeFile } from "../e2e/trees.ts";
import { Place, type RunningServer } from "./place.ts";
import { rawClient, rawServer } from "./raw_peer.ts";

interface Listed {
  readonly entries: readonly Entry[];
  readonly omissions: readonly { path: string; code: string; message: string }[];
}

async function listed(
  place: Place,
  remote: Remote,
  more: Partial<ListOptions> = {},
): Promise<Listed> {
  const entries: Entry[] = [];
  const omissions: { path: string; code: string; message: string }[] = [];
  await list({
    ...place.session(),
    remote,
    recursive: false,
    filters: [],
    onEntry: (entry) => void entries.push(entry),
    onOmission: (omission) => void omissions.push(omission),
    ...more,
  });
  return { entries, omissions };
}

function names({ entries }: Listed): readonly string[] {
  return entries.map(({ path, kind }) => kind === "directory" ? `${path}/` : path);
}

async function servedTree(place: Place): Promise<RunningServer> {
  const root = place.path("root");
  await makeFile(`${root}/a.txt`, "one");
  await makeFile(`${root}/dir/b.txt`, "second");
  await makeFile(`${root}/dir/deep/c.log`, "c");
  await symlink("a.txt", `${root}/link`);
  await symlink("dir", `${root}/to-dir`);
  await mkdir(`${root}/.sftpx`, { mode: 0o700 });
  return await place.serve({ access: "read" });
}

Deno.test("list() names what a directory holds, in order, and nothing of sftpx's own", async () => {
  await using place = await Place.open();
  const server = await servedTree(place);
  assert.deepEqual(names(await listed(place, server.remote())), [
    "a.txt",
    "dir/",
    "link",
    "to-dir",
  ]);
  for (const path of ["dir", "dir/"]) {
    assert.deepEqual(names(await listed(place, server.remote(path))), ["b.txt", "deep/"]);
  }
});

Deno.test("list() with recursive names all below", async () => {
  await using place = await Place.open();
  const server = await servedTree(place);
  const all = await listed(place, server.remote("dir"), { recursive: true });
  assert.deepEqual(names(all), ["b.txt", "deep/", "deep/c.log"]);
});

Deno.test("list() tells kind, size, mode, time and target, and no stamp", async () => {
  await using place = await Place.open();
  const server = await servedTree(place);
  await chmod(`${server.root}/a.txt`, 0o640);
  await utimes(`${server.root}/a.txt`, 1000, 1000);
  const { entries } = await listed(place, server.remote());
  const [file, , link] = entries;
  assert.ok(file !== undefined && !("stamp" in file));
  assert.deepEqual([file.kind, file.sizeBytes, file.mode], ["file", 3, 0o640]);
  assert.equal(file.mtimeNs, 1_000_000_000_000n);
  assert.deepEqual([link?.kind, link?.target], ["link", "a.txt"]);
});

Deno.test("list() of a file names the file itself, of a link the link, of link/ what it leads to", async () => {
  await using place = await Place.open();
  const server = await servedTree(place);
  assert.deepEqual(names(await listed(place, server.remote("dir/b.txt"))), ["b.txt"]);
  const link = await listed(place, server.remote("to-dir"));
  assert.deepEqual(link.entries.map(({ path, kind }) => [path, kind]), [["to-dir", "link"]]);
  assert.deepEqual(names(await listed(place, server.remote("to-dir/"))), ["b.txt", "deep/"]);
});

Deno.test("list() passes over what the filters exclude", async () => {
  await using place = await Place.open();
  const server = await servedTree(place);
  const filters = [{ include: false, pattern: "*.log" }, { include: false, pattern: "link" }];
  const all = await listed(place, server.remote(), { recursive: true, filters });
  assert.deepEqual(names(all), ["a.txt", "dir/", "dir/b.txt", "dir/deep/", "to-dir"]);
});

Deno.test("list() says what is not there, and does not lead out of the root", async () => {
  await using place = await Place.open();
  const server = await servedTree(place);
  await makeFile(place.path("outside/secret"), "s");
  await symlink(place.path("outside"), `${server.root}/out`);
  await assert.rejects(listed(place, server.remote("absent")), { code: "source_missing" });
  await assert.rejects(listed(place, server.remote("out/")), { code: "refused" });
  await assert.rejects(listed(place, server.remote("out/secret")), { code: "refused" });
  const client = await rawClient(place.network, server.remote());
  const ask = { type: "list", recursive: false, filters: [] } as const;
  await client.sendSpoiled({ ...ask, transfer: 1, path: "zz/outside" }, "zz/outside", "../outside");
  assert.equal((await client.connection.closed).remote, true);
});

Deno.test("list() needs a grant to read, at the client and at the server", async () => {
  await using place = await Place.open();
  const server = await servedTree(place);
  using book = TicketBook.open(ticketBookPath(place.path("server/identity")));
  const secret = mint(book, { root: server.root, grant: grantOfAccess("write") });
  const remote = { ...server.remote(), ticket: secret };
  await assert.rejects(listed(place, remote), { code: "refused" });
  const client = await rawClient(place.network, remote);
  client.send({ type: "list", transfer: 1, path: "", recursive: false, filters: [] });
  assert.equal((await client.take("abort")).code, "refused");
  client.connection.close("none", "");
});

Deno.test("list() stays below the root of its grant", async () => {
  await using place = await Place.open();
  const server = await servedTree(place);
  using book = TicketBook.open(ticketBookPath(place.path("server/identity")));
  const grant = { ...grantOfAccess("read"), root: "dir" };
  const ticket = mint(book, { root: server.root, grant });
  const remote = (path: string) => ({ ...server.remote(path), ticket });
  assert.deepEqual(names(await listed(place, remote(""))), ["b.txt", "deep/"]);
  assert.deepEqual(names(await listed(place, remote("deep"))), ["c.log"]);
  await assert.rejects(listed(place, remote("a.txt")), { code: "source_missing" });
});

Deno.test("a listing of many entries comes in several messages, each once and in order", async () => {
  await using place = await Place.open();
  const count = LIMITS.entriesPerMessage * 2 + 1;
  const expected = Array.from({ length: count }, (_, i) => `f${String(i).padStart(5, "0")}`);
  for (const name of expected) await makeFile(place.path(`root/${name}`), "");
  const server = await place.serve({ access: "read" });
  assert.deepEqual(names(await listed(place, server.remote())), expected);
  const client = await rawClient(place.network, server.remote());
  client.send({ type: "list", transfer: 1, path: "", recursive: false, filters: [] });
  const sizes: number[] = [];
  for (let last = false; !last;) {
    const listing = await client.take("listing");
    sizes.push(listing.entries.length);
    last = listing.last;
  }
  assert.deepEqual(sizes.slice(0, 2), [LIMITS.entriesPerMessage, LIMITS.entriesPerMessage]);
  client.connection.close("none", "");
});

Deno.test("a client that gives up a listing ends it, and its session goes on", async () => {
  await using place = await Place.open();
  const server = await servedTree(place);
  const client = await rawClient(place.network, server.remote());
  const ask = { type: "list", path: "", recursive: true, filters: [] } as const;
  client.send({ ...ask, transfer: 1 });
  client.send({ type: "abort", transfer: 1, code: "interrupted", message: "enough" });
  client.send({ ...ask, transfer: 2 });
  for (;;) if ((await client.take("listing")).transfer === 2) break;
  client.connection.close("none", "");
});

Deno.test("list() ends with its signal, with the signal's reason", async () => {
  await using place = await Place.open();
  const stop = new AbortController();
  const { remote, served } = await rawServer(place.network, async (peer) => {
    await peer.take("list");
    stop.abort(new SftpxError("interrupted", "enough"));
  });
  await assert.rejects(listed(place, remote, { signal: stop.signal }), { code: "interrupted" });
  await served;
});

Deno.test("list() does not wait for a server that hangs in the middle of it", async () => {
  await using place = await Place.open();
  const { remote } = await rawServer(place.network, async (peer) => {
    await peer.take("list");
    peer.send(listingOf({ last: false }));
    await peer.connection.closed;
  });
  await assert.rejects(listed(place, remote, { timeoutMs: 1000 }), {
    code: "lost",
    message: /has not answered for 1 s$/,
  });
});

const ENTRY: Entry = { path: "b", kind: "file", sizeBytes: 1, mtimeNs: 0n, mode: 0o644 };

function listingOf(more: Partial<Listing> = {}): Listing {
  return { type: "listing", transfer: 1, entries: [ENTRY], omissions: [], last: true, ...more };
}

const LIES: Record<string, readonly Listing[]> = {
  "names an entry twice": [listingOf({ entries: [ENTRY, ENTRY] })],
  "goes back in a later message": [
    listingOf({ last: false }),
    listingOf({ entries: [{ ...ENTRY, path: "a" }] }),
  ],
  "goes deeper than asked": [listingOf({ entries: [{ ...ENTRY, path: "b/c" }] })],
};

for (const [what, messages] of Object.entries(LIES)) {
  Deno.test(`list() does not believe a server that ${what}`, async () => {
    await using place = await Place.open();
    const { remote, served } = await rawServer(place.network, async (peer) => {
      await peer.take("list");
      for (const message of messages) peer.send(message);
    });
    await assert.rejects(listed(place, remote), { code: "protocol", remote: true });
    await served;
  });
}

Deno.test("list() hands a name that cannot be used on as an omission", async () => {
  await using place = await Place.open();
  const bad = { ...ENTRY, path: "../up" };
  const { remote, served } = await rawServer(place.network, async (peer) => {
    await peer.take("list");
    peer.send(listingOf({ entries: [bad, ENTRY] }));
    await peer.take("bye");
    peer.connection.close("none", "");
  });
  const { entries, omissions } = await listed(place, remote);
  assert.deepEqual(entries.map(({ path }) => path), ["b"]);
  assert.deepEqual(omissions.map(({ path, code }) => [path, code]), [["../up", "bad_name"]]);
  await served;
});

Deno.test("list() does not take the end of a session for the end of a listing (I4)", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (peer) => {
    await peer.take("list");
    peer.send(listingOf({ last: false }));
    peer.send({ type: "bye" });
  });
  await assert.rejects(listed(place, remote), { code: "lost" });
  await served;
});

Deno.test("list() passes on why a server does not", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (peer) => {
    const { transfer } = await peer.take("list");
    peer.send({ type: "abort", transfer, code: "busy", message: "not now" });
  });
  await assert.rejects(listed(place, remote), { code: "busy", message: "not now", remote: true });
  await served;
});

function mint(
  book: TicketBook,
  { root, grant }: { root: string; grant: ReturnType<typeof grantOfAccess> },
): Uint8Array {
  const nowMs = Date.now();
  const expiresMs = nowMs + 60_000;
  return book.mint({ root, grant, uses: null, expiresMs, nowMs, standing: true }).secret;
}
