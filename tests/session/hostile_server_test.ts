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

Deno.test("pull() takes what is offered in the order it was asked for, and no source twice", async () => {
  const orders: Record<string, readonly OfferedSource[]> = {
    "another order": [{ ...FILE, name: "g" }, FILE],
    "one twice": [FILE, FILE],
  };
  for (const [what, sources] of Object.entries(orders)) {
    await using place = await Place.open();
    const { remote, served } = await rawServer(place.network, async (server) => {
      await server.take("request");
      server.send(offerOf({ sources }));
    });
    const remotes = ["f", "g"].map((path) => ({ ...remote, path }));
    assert.equal(codeOf(await place.pull(remotes, "into").summary), "refused", what);
    assert.equal(existsSync(place.path("into")), false);
    await served;
  }
});

Deno.test("pull() does not pass over a source that the server left out and said nothing of", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (server) => {
    const { transfer } = await server.take("request");
    server.send(offerOf({ transfer, sources: [TREE], dryRun: true }));
    await server.take("accept");
    const entries = [directoryEntry("tree")];
    server.send({ type: "entries", transfer, first: 0, entries, sources: [0] });
    server.send({ type: "manifest_end", transfer, entries: 1, files: 0, bytes: 0 });
    await server.take("plan_end");
    server.send({ type: "done", transfer });
    await server.take("bye");
    server.connection.close("none", "");
  });
  const remotes = ["tree", "gone"].map((path) => ({ ...remote, path }));
  assert.equal(codeOf(await place.pull(remotes, "into", { dryRun: true }).summary), "protocol");
  await served;
});

const UNASKED: Record<string, Parameters<Place["pull"]>[2]> = {
  "what its filters exclude": { filters: [{ include: false, pattern: ".ssh" }] },
  "what its list does not name": { files: ["a"] },
};

for (const [what, overrides] of Object.entries(UNASKED)) {
  for (const dryRun of [false, true]) {
    Deno.test(`a ${dryRun ? "dry " : ""}pull() refuses entries of ${what}, and writes nothing`, async () => {
      await using place = await Place.open();
      const { remote, served } = await rawServer(place.network, async (server) => {
        const { transfer } = await server.take("request");
        const sources = [{ name: "home", kind: "directory", contents: true }] as const;
        server.send(offerOf({ transfer, sources, dryRun }));
        await server.take("accept");
        const entries = [directoryEntry(".ssh"), linkEntry(".ssh/authorized_keys"), linkEntry("a")];
        server.send({ type: "entries", transfer, first: 0, entries, sources: [0, 0, 0] });
        server.send({ type: "manifest_end", transfer, entries: 3, files: 0, bytes: 0 });
        assert.equal((await server.take("abort")).code, "refused");
      });
      const run = place.pull([{ ...remote, path: "home/" }], "into", { ...overrides, dryRun });
      const { error } = await run.summary;
      assert.equal(error?.code, "refused");
      assert.match(error.message, /the server offers what was not asked for/);
      assert.deepEqual(dryRun ? [] : await readdir(place.path("into")), []);
      await served;
    });
  }
}

Deno.test("pull() with delete removes nothing while a source is not there", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(`${server.root}/one/a`, "a");
  await makeFile(place.path("into/of-the-other"), "precious");
  const remotes = ["one/", "gone/"].map((path) => server.remote(path));
  const run = place.pull(remotes, "into", { delete: true });
  assert.equal(codeOf(await run.summary), "partial");
  assert.deepEqual((await readdir(place.path("into"))).sort(), ["a", "of-the-other"]);
});

Deno.test("pull() with delete removes nothing where the server leaves a source out in silence", async () => {
  await using place = await Place.open();
  await makeFile(place.path("into/of-the-other"), "precious");
  const { remote, served } = await rawServer(place.network, async (server) => {
    const { transfer } = await server.take("request");
    const sources = [{ name: "one", kind: "directory", contents: true }] as const;
    server.send(offerOf({ transfer, sources, dryRun: true }));
    await server.take("accept");
    const entries = [linkEntry("a")];
    server.send({ type: "entries", transfer, first: 0, entries, sources: [0] });
    server.send({ type: "manifest_end", transfer, entries: 1, files: 0, bytes: 0 });
    await server.take("plan_end");
    server.send({ type: "done", transfer });
    await server.take("bye");
    server.connection.close("none", "");
  });
  const remotes = ["one/", "gone/"].map((path) => ({ ...remote, path }));
  const run = place.pull(remotes, "into", { delete: true, dryRun: true });
  assert.deepEqual([codeOf(await run.summary), (await run.summary).deleted], ["protocol", 0]);
  assert.ok(
    run.events.items.some((event) =>
      event.kind === "notice" && /because a source is not there/.test(event.message)
    ),
  );
  await served;
});

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

Deno.test("pull() takes one file for no path, from a grant for it, under a plain name only", async () => {
  const names = { "f": null, "a/": "protocol", "..": "protocol", ".sftpx": "refused" };
  for (const [name, code] of Object.entries(names)) {
    await using place = await Place.open();
    const { remote, served } = await rawServer(place.network, async (server) => {
      await server.take("request");
      const offer = offerOf({ sources: [{ ...FILE, name: "zz" }] });
      if (code === "protocol") {
        // Its own encoder would not let it through.
        return await server.sendSpoiled(offer, "zz", name);
      }
      server.send({ ...offer, sources: [{ ...FILE, name }] });
      await server.take("accept");
      server.send({ type: "abort", transfer: 1, code: "limit", message: "" });
      await server.take("bye").catch(() => {});
      server.connection.close("none", "");
    });
    const run = place.pull([{ ...remote, path: "" }], "into/");
    assert.equal(codeOf(await run.summary), code ?? "limit", name);
    await served.catch(() => {});
  }
});

for (const dryRun of [true, false]) {
  Deno.test(`pull() refuses a run that is ${dryRun ? "" : "not "}dry where it asked for the other`, async () => {
    await using place = await Place.open();
    const { remote, served } = await rawServer(place.network, async (server) => {
      await server.take("request");
      server.send(offerOf({ dryRun }));
    });
    const run = place.pull([{ ...remote, path: "f" }], "into/", { dryRun: !dryRun });
    assert.equal(codeOf(await run.summary), "refused");
    assert.equal(existsSync(place.path("into")), false);
    await served;
  });
}

Deno.test("pull() refuses an offer that would delete at this end, and nothing is gone", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (server) => {
    await server.take("request");
    server.send(offerOf({ sources: [TREE], delete: true }));
  });
  await makeFile(place.path("into/tree/mine"), "mine");
  const run = place.pull([{ ...remote, path: "tree" }], "into/");
  assert.equal(codeOf(await run.summary), "refused");
  assert.deepEqual(await readdir(place.path("into/tree")), ["mine"]);
  await served;
});

Deno.test("what a server plans for a dry push is made safe to show", async () => {
  await using place = await Place.open();
  const { remote, served } = await rawServer(place.network, async (server) => {
    const { transfer } = await server.take("offer");
    server.send({ type: "accept", transfer, fresh: [true], chunkBytes: 65_536 });
    await server.take("manifest_end");
    const message = "\u001b[2J";
    const steps = [{ action: "fail", code: "io", message }] as const;
    server.send({ type: "planned", transfer, first: 0, steps });
    server.send({ type: "plan_end", transfer, entries: 1, deleted: 0 });
    await server.take("done");
    await server.take("bye");
    server.connection.close("none", "");
  });
  await makeFile(place.path("f"), "f");
  const run = place.push(["f"], remote, { dryRun: true });
  const summary = await run.summary;
  assert.equal(codeOf(summary), "io");
  assert.ok(!summary.error?.message.includes("\u001b"));
  const told = run.events.items.flatMap((event) => event.kind === "plan" ? [event.message] : []);
  assert.equal(told.length, 1);
  assert.ok(!told.join().includes("\u001b"));
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
    const run = place.pull([{ ...remote, path: "tree" }], "into/", { timeoutMs: 1000 });
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
    // Long enough for a busy machine to start its workers, which it does beside the handshake.
    const more = { timeoutMs: 1000 };
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
    assert.match(error.message, /not answered for 0.5 s; not found again within 1 s$/);
    await served;
  });

  Deno.test(`${direction}() is lost when the server falls silent in the middle`, async () => {
    await using place = await Place.open();
    const { run, served } = await start(place, async (server) => {
      await server.take(first);
      if (direction === "pull") return server.send(offerOf({}));
      server.send({ type: "accept", transfer: 1, fresh: [true], chunkBytes: 65_536 });
    });
    const { error } = await run.summary;
    assert.equal(error?.code, "lost");
    assert.match(error.message, /not answered for 0.5 s; not found again within 1 s$/);
    await served;
  });

  Deno.test(`${direction}() has patience with a server that answers pings`, async () => {
    await using place = await Place.open();
    const { run, served } = await start(place, async (server) => {
      await server.take(first);
      for (let pings = 0; pings < 3; pings++) {
        const { token } = await server.take("ping");
        server.send({ type: "pong", token });
      }
      server.send({ type: "abort", transfer: 1, code: "limit", message: "" });
      await server.take("bye").catch(() => {}); // A pull leaves without.
      server.connection.close("none", "");
    });
    assert.equal(codeOf(await run.summary), "limit");
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
  const run = place.pull([{ ...remote, path: "f" }], "f", { timeoutMs: 1000 });
  assert.equal(codeOf(await run.summary), "lost");
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
  server.send(receipt(await sign({ root, files: 1, bytes: 0, failed: 0, changed: 0, deleted: 0 })));
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
  assert.equal(codeOf(await place.push(["f"], remote, { timeoutMs: 1000 }).summary), "lost");
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

function linkEntry(path: string): Entry {
  return { path, kind: "link", sizeBytes: 0, mtimeNs: 0n, mode: 0o777, target: "b" };
}
