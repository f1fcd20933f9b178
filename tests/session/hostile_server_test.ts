import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { escapeText } from "../../src/base/text.ts";
import { receiptSigner, type SessionEnds } from "../../src/session/receipt.ts";
import type { Entry, OfferedSource, Receipt } from "../../src/wire/messages.ts";
import { makeFile, noise } from "../e2e/trees.ts";
import { codeOf, Place } from "./place.ts";
import { offerOf, type RawPeer, rawServer } from "./raw_peer.ts";

const FILE: OfferedSource = { name: "f", kind: "file", contents: false };
const TREE: OfferedSource = { name: "tree", kind: "directory", contents: false };

const OTHERS: Record<string, readonly OfferedSource[]> = {
  "another name": [{ ...FILE, name: ".bashrc" }],
  "a source more": [FILE, { ...FILE, name: "g" }],
  "contents for a name": [{ ...FILE, kind: "directory", contents: true }],
  "nothing": [],
};

for (const [what, sources] of Object.entries(OTHERS)) {
  Deno.test(`pull() refuses an offer of ${what}, and writes nothing`, async () => {
    await using place = await Place.open();
    const { remote, served } = await rawServer(place.network, async (server) => {
      await server.take("request");
      server.send(offerOf({ sources }));
    });
    const run = place.pull([{ ...remote, path: "dir/f" }], "into/");
    assert.equal(codeOf(await run.summary), "refused");
    assert.equal(existsSync(place.path("into")), false);
    await served;
  });
}

Deno.test("pull() refuses a name where contents were asked for", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (server) => {
    await server.take("request");
    server.send(offerOf({ sources: [TREE] }));
  });
  const run = place.pull([{ ...remote, path: "" }], "into/");
  assert.equal(codeOf(await run.summary), "refused");
  await served;
});

/** A directory as an entry. */
function directoryEntry(path: string): Entry {
  return { path, kind: "directory", sizeBytes: 0, mtimeNs: 0n, mode: 0o755 };
}

for (const path of ["../evil", "/tmp/evil", "other", "tree/../../evil", "tree/x/y"]) {
  Deno.test(`pull() ends at an entry "${path}" that was not offered, and tells why`, async () => {
    await using place = await Place.open();
    const { remote, served } = await rawServer(place.network, async (server) => {
      await server.take("request");
      server.send(offerOf({ sources: [TREE] }));
      await server.take("accept");
      const entries = [directoryEntry("tree"), directoryEntry(path)];
      entries.sort((a, b) => a.path < b.path ? -1 : 1);
      server.send({ type: "entries", transfer: 1, first: 0, entries, sources: [0, 0] });
      assert.equal((await server.take("abort")).code, "protocol");
      await server.take("bye");
      server.connection.close("none", "");
    });
    const run = place.pull([{ ...remote, path: "tree" }], "into/");
    assert.equal(codeOf(await run.summary), "protocol");
    await served;
    assert.deepEqual((await readdir(place.directory)).sort(), ["client", "into"]);
    assert.deepEqual(await readdir(place.path("into")), []);
  });
}

for (const name of [".sftpx", ".SFTPX", "a\\b", "a\u202eb"]) {
  Deno.test(`pull() does not place an entry named "${escapeText(name)}"`, async () => {
    await using place = await Place.open();
    const { remote, served } = await rawServer(place.network, async (server) => {
      await server.take("request");
      server.send(offerOf({ sources: [TREE] }));
      await server.take("accept");
      const entries = [directoryEntry("tree"), directoryEntry(`tree/${name}`)];
      server.send({ type: "entries", transfer: 1, first: 0, entries, sources: [0, 0] });
      assert.equal((await server.take("failed")).failures[0]?.code, "bad_name");
      server.connection.close("none", "");
    });
    const run = place.pull([{ ...remote, path: "tree" }], "into/");
    assert.equal(codeOf(await run.summary), "lost");
    await served;
    const failed = run.events.items.find(({ kind }) => kind === "entry_failed");
    assert.ok(failed?.kind === "entry_failed" && failed.code === "bad_name");
    assert.deepEqual(await readdir(place.path("into")), []);
  });
}

for (const direction of ["push", "pull"] as const) {
  const start = async (place: Place, serve: (server: RawPeer) => Promise<void>) => {
    const { remote, served } = await rawServer(place.network, serve);
    await makeFile(place.path("f"), "f");
    const more = { timeoutMs: 200 };
    const run = direction === "push"
      ? place.push(["f"], remote, more)
      : place.pull([{ ...remote, path: "f" }], "into/", more);
    return { run, served };
  };
  const first = direction === "push" ? "offer" : "request";

  Deno.test(`${direction}() is lost when the server falls silent after the handshake`, async () => {
    await using place = await Place.open();
    const { run, served } = await start(place, async (server) => void await server.take(first));
    const { error } = await run.summary;
    assert.equal(error?.code, "lost");
    assert.match(error.message, /not answered for 0\.2 s/);
    await served;
  });

  Deno.test(`${direction}() has patience with a server that answers pings`, async () => {
    await using place = await Place.open();
    const { run, served } = await start(place, async (server) => {
      await server.take(first);
      for (let pings = 0; pings < 4; pings++) {
        const { token } = await server.take("ping");
        server.send({ type: "pong", token });
      }
      server.send({ type: "abort", transfer: 1, code: "busy", message: "" });
      await server.take("bye").catch(() => {}); // A pull leaves without.
      server.connection.close("none", "");
    });
    assert.equal(codeOf(await run.summary), "busy");
    await served;
  });
}

Deno.test("pull() ends with the reason a server gives", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (server) => {
    await server.take("request");
    server.send({ type: "abort", transfer: 1, code: "permission", message: "not today" });
  });
  const summary = await place.pull([{ ...remote, path: "f" }], "f").summary;
  assert.equal(codeOf(summary), "permission");
  await served;
});

Deno.test("pull() is lost when the server leaves in place of an offer", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (server) => {
    await server.take("request");
    server.send({ type: "bye" });
  });
  assert.equal(codeOf(await place.pull([{ ...remote, path: "f" }], "f").summary), "lost");
  await served;
});

/** Takes an offer of an empty file up to its finish, and answers with a receipt of the test's. */
async function receive(server: RawPeer, receipt: (honest: Receipt) => Receipt): Promise<void> {
  const { transfer } = await server.take("offer");
  server.send({ type: "accept", transfer, fresh: [true], chunkBytes: 65_536 });
  const { root } = await server.take("finish");
  const ends: SessionEnds = {
    serverIdentity: server.identity.publicKey,
    clientIdentity: server.peer,
  };
  const sign = receiptSigner(ends, { transfer, identity: server.identity });
  server.send(receipt(await sign({ root, files: 1, bytes: 0, failed: 0 })));
}

Deno.test("push() believes a receipt that is signed, and says done", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (server) => {
    await receive(server, (honest) => honest);
    await server.take("done");
    await server.take("bye");
    server.connection.close("none", "");
  });
  await makeFile(place.path("f"), "");
  const summary = await place.push(["f"], remote).summary;
  assert.equal(codeOf(summary), null);
  assert.equal(summary.files, 1);
  await served;
});

const FORGERIES: Record<string, (honest: Receipt) => Receipt> = {
  "more files than were signed": (honest) => ({ ...honest, files: 2 }),
  "another signature": (honest) => ({ ...honest, signature: new Uint8Array(64).fill(1) }),
  "another identity": (honest) => ({ ...honest, identity: new Uint8Array(32).fill(9) }),
  "another root": (honest) => ({ ...honest, root: new Uint8Array(32) }),
};

for (const [what, forge] of Object.entries(FORGERIES)) {
  Deno.test(`push() takes a receipt with ${what} for no success`, async () => {
    await using place = await Place.open();
    const { remote, served } = await rawServer(place.network, async (server) => {
      await receive(server, forge);
      assert.equal((await server.take("abort")).code, "integrity");
      await server.take("bye");
      server.connection.close("none", "");
    });
    await makeFile(place.path("f"), "");
    const summary = await place.push(["f"], remote).summary;
    assert.equal(codeOf(summary), "integrity");
    assert.equal(summary.error?.exit, 13);
    assert.equal(summary.root, null);
    await served;
  });
}

Deno.test("push() takes no end of a session for success", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (server) => {
    const { transfer } = await server.take("offer");
    server.send({ type: "accept", transfer, fresh: [true], chunkBytes: 65_536 });
    await server.take("finish");
    server.send({ type: "bye" });
  });
  await makeFile(place.path("f"), "");
  assert.equal(codeOf(await place.push(["f"], remote).summary), "lost");
  await served;
});

Deno.test("push() ends with its reason at a server that reads no lane", async () => {
  await using place = await Place.open({ inFlightBytes: 1000 });
  const stop = new AbortController();
  const { remote, served } = await rawServer(place.network, async (server) => {
    const { transfer } = await server.take("offer");
    server.send({ type: "accept", transfer, fresh: [true], chunkBytes: 65_536 });
    await server.connection.acceptLane();
    stop.abort(new Error("enough"));
    await server.take("bye");
    server.connection.close("none", "");
  });
  await makeFile(place.path("f"), noise(1_000_000));
  const run = place.push(["f"], remote, { signal: stop.signal });
  assert.equal((await run.summary).error?.message, "enough");
  await served;
});
