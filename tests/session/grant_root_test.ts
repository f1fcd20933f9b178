import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, readFile, realpath, symlink } from "node:fs/promises";
import type { Remote } from "../../src/session/options.ts";
import { type Access, grantOfAccess } from "../../src/trust/grant.ts";
import { TicketBook, ticketBookPath } from "../../src/trust/ticket_book.ts";
import { directory, file, link, makeFile, makeTree, readTree } from "../e2e/trees.ts";
import { assertDone, codeOf, Place, planOf, type RunningServer } from "./place.ts";
import { offerOf, rawClient, requestOf } from "./raw_peer.ts";

/** A server, and remotes by a ticket for one path under its root. */
async function scene(grantRoot: string, access: Access = "both") {
  const place = await Place.open();
  const server = await place.serve();
  await makeTree(server.root, {
    "outside": file("outside"),
    "in/box/a": file("a"),
    "in/box/sub/b": file("b"),
    "in/boxes/other": file("other"),
  });
  const ticket = await mint(place, { server, grantRoot, access });
  return {
    place,
    server,
    remote: (path = ""): Remote => ({ ...server.remote(path), ticket }),
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  };
}

async function mint(
  place: Place,
  { server, grantRoot, access }: { server: RunningServer; grantRoot: string; access: Access },
): Promise<Uint8Array> {
  using book = TicketBook.open(ticketBookPath(place.path("server/identity")));
  const nowMs = Date.now();
  return book.mint({
    root: await realpath(server.root),
    grant: { ...grantOfAccess(access), root: grantRoot },
    uses: null,
    expiresMs: nowMs + 60_000,
    nowMs,
    standing: true,
  }).secret;
}

Deno.test("under a grant for a directory, a pull's paths are below it", async () => {
  await using here = await scene("in/box");
  const { place, remote } = here;
  assertDone(await place.pull([remote()], "all").summary);
  assert.deepEqual(Object.keys(await readTree(place.path("all"))).sort(), ["a", "sub", "sub/b"]);
  assertDone(await place.pull([remote("sub/b")], "b").summary);
  assert.equal(await readFile(place.path("b"), "utf8"), "b");
});

const OUT = ["../outside", "../../outside", "../boxes/other", "sub/../../outside"];

Deno.test("under a grant for a directory, no link is made that leads out of it", async () => {
  await using here = await scene("in/box");
  const { place, server, remote } = here;
  const tree = { "f": file(""), "in": link("../a"), "out": link("../../outside") };
  await makeTree(place.path("tree"), tree);
  const summary = await place.push(["tree"], remote()).summary;
  assert.deepEqual([codeOf(summary), summary.failed], ["partial", 1]);
  const made = Object.keys(await readTree(`${server.root}/in/box/tree`));
  assert.deepEqual(made, ["f", "in"]);
});

for (const path of OUT) {
  Deno.test(`under a grant for a directory, nobody pulls or pushes "${path}"`, async () => {
    await using here = await scene("in/box");
    const { place, server, remote } = here;
    // An honest client's own encoder refuses such a path: a hostile one writes it all the same.
    const spoiled = path.replaceAll("..", "zz");
    for (const message of [requestOf(spoiled), offerOf({ destination: spoiled })]) {
      const client = await rawClient(place.network, remote());
      await client.sendSpoiled(message, spoiled, path);
      assert.equal((await client.connection.closed).remote, true);
    }
    assert.equal(await readFile(`${server.root}/outside`, "utf8"), "outside");
    assert.equal(await readFile(`${server.root}/in/boxes/other`, "utf8"), "other");
  });
}

Deno.test("under a grant for a directory, the rest of the root is not there", async () => {
  await using here = await scene("in/box");
  const { place, remote } = here;
  for (const path of ["outside", "in/box/a", "boxes/other"]) {
    assert.equal(codeOf(await place.pull([remote(path)], "x").summary), "source_missing", path);
  }
});

Deno.test("under a grant for a directory, a link out of it leads nowhere", async () => {
  await using here = await scene("in/box");
  const { place, server, remote } = here;
  await symlink("..", `${server.root}/in/box/up`);
  await symlink("../../outside", `${server.root}/in/box/sneak`);
  const pulls = ["up/", "up/boxes/other", "sneak/"].map(async (path) =>
    codeOf(await place.pull([remote(path)], "x").summary)
  );
  assert.deepEqual(await Promise.all(pulls), ["refused", "refused", "refused"]);
  await makeFile(place.path("new"), "new");
  const pushed = await place.push(["new"], remote("up/boxes/")).summary;
  assert.equal(codeOf(pushed), "conflict");
  assert.equal(existsSync(`${server.root}/in/boxes/new`), false);
});

Deno.test("under a grant for a directory, a push lands below it, made if it is not there", async () => {
  for (const grantRoot of ["in/box", "in/new/place"]) {
    await using here = await scene(grantRoot);
    const { place, server, remote } = here;
    await makeTree(place.path("tree"), { "x": file("x"), "hollow": directory() });
    const into = `${server.root}/${grantRoot}`;
    const dry = place.push(["tree"], remote(), { dryRun: true });
    assertDone(await dry.summary);
    assert.equal(planOf(dry)["tree/x"], "create");
    assertDone(await place.push(["tree"], remote()).summary);
    assertDone(await place.push(["tree/x"], remote()).summary);
    assertDone(await place.push(["tree/x"], remote("deep/name")).summary);
    for (const path of ["tree/x", "x", "deep/name"]) {
      assert.equal(await readFile(`${into}/${path}`, "utf8"), "x", path);
    }
    assert.equal(await readFile(`${server.root}/outside`, "utf8"), "outside");
  }
});

Deno.test("under a grant for a directory, delete empties that and nothing beside it", async () => {
  await using here = await scene("in/box");
  const { place, server, remote } = here;
  await makeTree(place.path("tree"), { "x": file("x") });
  assertDone(await place.push(["tree/"], remote(), { delete: true }).summary);
  assert.deepEqual(Object.keys(await readTree(server.root)).sort(), [
    "in",
    "in/box",
    "in/box/x",
    "in/boxes",
    "in/boxes/other",
    "outside",
  ]);
});

Deno.test("a grant for one file gives that file, and takes another version of it", async () => {
  await using here = await scene("in/box/a");
  const { place, server, remote } = here;
  assertDone(await place.pull([remote()], "got/").summary);
  assert.equal(await readFile(place.path("got/a"), "utf8"), "a");
  assertDone(await place.pull([remote()], "named").summary);
  assert.equal(await readFile(place.path("named"), "utf8"), "a");
  assert.equal(codeOf(await place.pull([remote("a")], "x").summary), "source_missing");
  await makeFile(place.path("anything"), "new version");
  assertDone(await place.push(["anything"], remote()).summary);
  assert.equal(await readFile(`${server.root}/in/box/a`, "utf8"), "new version");
  await makeFile(place.path("more/x"), "x");
  assert.equal(codeOf(await place.push(["more"], remote()).summary), "conflict");
});

Deno.test("a grant whose root is a link opens nothing, either way", async () => {
  await using here = await scene("in/link");
  const { place, server, remote } = here;
  await mkdir(place.path("elsewhere"));
  await makeFile(place.path("elsewhere/secret"), "secret");
  await symlink(place.path("elsewhere"), `${server.root}/in/link`);
  for (const path of ["", "secret"]) {
    assert.equal(codeOf(await place.pull([remote(path)], "x").summary), "refused");
  }
  await makeFile(place.path("new"), "new");
  const pushed = await place.push(["new"], remote()).summary;
  assert.equal(pushed.ok, false);
  assert.equal(existsSync(place.path("elsewhere/new")), false);
});

Deno.test("two grants for two places hold the same names apart, and resume apart", async () => {
  await using here = await scene("in/box");
  const { place, server, remote } = here;
  const grantRoot = "in/boxes";
  const other = await mint(place, { server, grantRoot, access: "both" });
  const client = await rawClient(place.network, remote());
  const second = await rawClient(place.network, { ...remote(), ticket: other }, client.identity);
  client.send(offerOf());
  await client.take("accept");
  // The same names and the same destination, and yet not the same transfer.
  second.send(offerOf());
  await second.take("accept");
  client.connection.close("none", "");
  second.connection.close("none", "");
});
