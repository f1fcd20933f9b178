// Counted tickets: what a use is spent by, who keeps it for what, and when it is anyone's again.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { realpath, writeFile } from "node:fs/promises";
import { SftpxError } from "../../src/base/errors.ts";
import type { Remote } from "../../src/session/options.ts";
import { type Access, grantOfAccess } from "../../src/trust/grant.ts";
import { generateIdentity, type Identity } from "../../src/trust/identity.ts";
import { TicketBook, ticketBookPath, type TicketInfo } from "../../src/trust/ticket_book.ts";
import { file, makeFile, makeTree, noise } from "../e2e/trees.ts";
import { assertDone, codeOf, Gate, Place, type RunningServer } from "./place.ts";
import { offerOf, rawClient, type RawPeer, requestOf } from "./raw_peer.ts";

class Scene implements AsyncDisposable {
  readonly place: Place;
  readonly server: RunningServer;
  readonly remote: Remote;
  readonly id: string;
  readonly book: TicketBook;

  private constructor(
    { place, server, remote, id, book }: Pick<
      Scene,
      "place" | "server" | "remote" | "id" | "book"
    >,
  ) {
    this.place = place;
    this.server = server;
    this.remote = remote;
    this.id = id;
    this.book = book;
  }

  /** A server with a ticket for so many transfers. */
  static async open(
    access: Access,
    { uses = 1, gate }: { readonly uses?: number; readonly gate?: Gate } = {},
  ): Promise<Scene> {
    const place = await Place.open(gate === undefined ? {} : { deliver: gate.deliver });
    const server = await place.serve({ mintTicket: false });
    const book = TicketBook.open(ticketBookPath(place.path("server/identity")));
    const nowMs = Date.now();
    const { id, secret } = book.mint({
      root: await realpath(server.root),
      grant: grantOfAccess(access),
      uses,
      expiresMs: nowMs + 60_000,
      nowMs,
      standing: true,
    });
    const remote = { ...server.remote(), ticket: secret };
    return new Scene({ place, server, remote, id, book });
  }

  get info(): TicketInfo {
    return this.book.list({ root: null, nowMs: Date.now() }).find(({ id }) => id === this.id)!;
  }

  /** Settles with the error code of the server's transfer so many. */
  async ended(count: number): Promise<string | null> {
    await this.server.events.until(() => this.server.summaries.length >= count);
    return codeOf(this.server.summaries[count - 1]);
  }

  async client(identity?: Identity): Promise<RawPeer> {
    return await rawClient(this.place.network, this.remote, identity);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.book.close();
    await this.place[Symbol.asyncDispose]();
  }
}

/** Takes a pull up to its first bytes, and breaks it off without a receipt. */
async function takeAndBreakOff(
  scene: Scene,
  peer: RawPeer,
  { path, transfer }: { readonly path: string; readonly transfer: number },
): Promise<void> {
  peer.send({ ...requestOf(path), transfer });
  await peer.take("offer");
  peer.send({ type: "accept", transfer, fresh: [true], chunkBytes: 65_536 });
  const lane = await peer.connection.acceptLane();
  assert.ok(await lane?.read(new Uint8Array(65_536)), "bytes of the file came");
  peer.send({ type: "abort", transfer, code: "failed", message: "no" });
  await scene.ended(transfer);
}

Deno.test("a pull that its client breaks off after the bytes keeps the use, and for that pull alone", async () => {
  await using scene = await Scene.open("read");
  await makeTree(scene.server.root, { "secret": file("secret"), "other": file("other") });
  const thief = await scene.client();
  await takeAndBreakOff(scene, thief, { path: "secret", transfer: 1 });
  assert.deepEqual(scene.info.heldBy, [thief.identity.name]);
  await assert.rejects(scene.client(), { code: "refused" });
  thief.send({ ...requestOf("other"), transfer: 2 });
  assert.equal(await thief.answer(), "refused");
  // The same pull goes on, and to give up at once changes nothing.
  thief.send({ ...requestOf("secret"), transfer: 3 });
  await thief.take("offer");
  thief.send({ type: "abort", transfer: 3, code: "failed", message: "no" });
  await scene.ended(3);
  assert.deepEqual(scene.info.heldBy, [thief.identity.name]);
  thief.connection.close("none", "");
});

Deno.test("a pull that asks with other filters or for other files is another one", async () => {
  await using scene = await Scene.open("read");
  await makeTree(scene.server.root, { "d/a": file("a"), "d/b": file("b") });
  const peer = await scene.client();
  const asked = requestOf("d/", { filters: [{ include: false, pattern: "b" }] });
  peer.send(asked);
  await peer.take("offer");
  peer.send({ type: "accept", transfer: 1, fresh: [true], chunkBytes: 65_536 });
  await (await peer.connection.acceptLane())?.read(new Uint8Array(65_536));
  peer.send({ type: "abort", transfer: 1, code: "failed", message: "no" });
  await scene.ended(1);
  const others = [{ filters: [] }, { files: ["a"] }, { sources: [{ path: "d" }] }];
  for (const [at, other] of others.entries()) {
    peer.send({ ...asked, ...other, transfer: 2 + at });
    assert.equal(await peer.answer(), "refused");
  }
  // How the bytes travel is no part of it.
  peer.send({ ...asked, transfer: 9, chunkBytes: 131_072, compress: "zstd", lanes: 2 });
  assert.equal(await peer.answer(), "offer");
  peer.connection.close("none", "");
});

Deno.test("a pull that ends before a byte left gives the use back", async () => {
  await using scene = await Scene.open("read");
  await makeTree(scene.server.root, { "f": file("f") });
  const [one, two] = [await scene.client(), await scene.client()];
  for (const code of ["failed", "interrupted"]) {
    const transfer = scene.server.summaries.length + 1;
    one.send({ ...requestOf("f"), transfer });
    await one.take("offer");
    one.send({ type: "abort", transfer, code, message: "no" });
    await scene.ended(transfer);
    assert.deepEqual(scene.info.heldBy, []);
  }
  one.send({ ...requestOf("absent"), transfer: 3 });
  assert.equal(await one.answer(), "source_missing");
  two.send(requestOf("f"));
  assert.equal(await two.answer(), "offer");
  for (const { connection } of [one, two]) connection.close("none", "");
});

Deno.test("a push that committed something and is broken off keeps the use", async () => {
  await using scene = await Scene.open("write", {});
  await makeTree(scene.place.path("tree"), { "a": file("a"), "b": file(noise(30_000_000)) });
  const stop = new AbortController();
  const run = scene.place.push(["tree/"], scene.remote, {
    signal: stop.signal,
    tellEntries: true,
    home: "thief",
  });
  await run.events.until((event) => event.kind === "entry" && event.path === "a");
  stop.abort(new SftpxError("failed", "no"));
  const summary = await run.summary;
  await scene.ended(1);
  assert.ok(existsSync(`${scene.server.root}/a`));
  // It may have been done by then: the use is spent or held, and nobody else's in either case.
  const { usesLeft, heldBy } = scene.info;
  assert.equal((usesLeft ?? 0) - heldBy.length, 0, String(summary.error));
  await assert.rejects(scene.client(), { code: "refused" });
});

Deno.test("a push that was lost with parts in hand keeps the use, and resumes on it", async () => {
  const gate = new Gate(2_000_000);
  await using scene = await Scene.open("write", { gate });
  await makeFile(scene.place.path("big"), noise(6_000_000));
  const stop = new AbortController();
  const run = scene.place.push(["big"], scene.remote, { signal: stop.signal });
  await gate.reached;
  // Its user gives up before it is back.
  const lost = run.events.until(({ kind }) => kind === "reconnecting");
  scene.place.network.cut();
  await lost;
  stop.abort(new SftpxError("interrupted", "enough"));
  gate.open();
  assert.equal(codeOf(await run.summary), "interrupted");
  await scene.ended(1);
  assert.equal(scene.info.heldBy.length, 1);
  await makeFile(scene.place.path("other"), "other");
  assert.equal(codeOf(await scene.place.push(["other"], scene.remote).summary), "refused");
  assertDone(await scene.place.push(["big"], scene.remote).summary);
  assert.deepEqual([scene.info.state, scene.info.heldBy], ["used", []]);
});

Deno.test("a push that ends before anything came gives the use back", async () => {
  await using scene = await Scene.open("write");
  const peer = await scene.client();
  peer.send(offerOf());
  await peer.take("accept");
  peer.send({ type: "abort", transfer: 1, code: "interrupted", message: "" });
  await scene.ended(1);
  assert.deepEqual(scene.info.heldBy, []);
  peer.send(offerOf({ transfer: 2, given: ["g"] }));
  assert.equal(await peer.answer(), "accept");
  peer.connection.close("none", "");
});

Deno.test("a dry run takes no use, and leaves alone one that is held", async () => {
  await using scene = await Scene.open("read");
  await makeTree(scene.server.root, { "secret": file("secret") });
  const holder = await scene.client();
  await takeAndBreakOff(scene, holder, { path: "secret", transfer: 1 });
  for (const path of ["secret", ""]) {
    const transfer = scene.server.summaries.length + 1;
    holder.send({ ...requestOf(path, { dryRun: true }), transfer });
    await holder.take("offer");
    holder.send({ type: "abort", transfer, code: "failed", message: "" });
    await scene.ended(transfer);
  }
  assert.deepEqual(scene.info.heldBy, [holder.identity.name]);
  holder.connection.close("none", "");
});

Deno.test("serve() with once is over for all who are inside when its transfer is", async () => {
  await using place = await Place.open();
  await makeTree(place.path("root"), { "secret": file("secret") });
  const [one, two] = [await generateIdentity(), await generateIdentity()];
  const authorizedKeysPath = place.path("keys");
  await writeFile(authorizedKeysPath, `${one.name}\n${two.name}\n`, { mode: 0o600 });
  for (const keys of [null, authorizedKeysPath]) {
    const server = await place.serve({ once: true, authorizedKeysPath: keys });
    const thief = await rawClient(place.network, server.remote(), one);
    const next = await rawClient(place.network, server.remote(), two);
    thief.send(requestOf("secret"));
    await thief.take("offer");
    if (keys === null) {
      next.send(requestOf("secret"));
      assert.equal(await next.answer(), "refused");
    }
    thief.send({ type: "accept", transfer: 1, fresh: [true], chunkBytes: 65_536 });
    await (await thief.connection.acceptLane())?.read(new Uint8Array(65_536));
    thief.send({ type: "abort", transfer: 1, code: "failed", message: "no" });
    await server.events.until(() => server.summaries.some(({ wireBytes }) => wireBytes > 0));
    next.send({ ...requestOf("secret"), transfer: 2 });
    assert.equal(await next.answer(), "terminated");
    for (const { connection } of [thief, next]) connection.close("none", "");
    assert.equal(codeOf((await server.handle.ended)!), "failed");
  }
});
