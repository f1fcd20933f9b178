// A command whose server is lost on the way: found again it goes on where it was, and its user sees
// one line; not found again, turned down or waited for in vain, it ends with what happened.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { SftpxError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import type { SessionEvent, TransferSummary } from "../../src/session/options.ts";
import type { Connection, Transport } from "../../src/transport/transport.ts";
import { loadIdentity } from "../../src/trust/identity.ts";
import { Relay } from "../e2e/relay.ts";
import { file, link, makeFile, makeTree, noise, readTree } from "../e2e/trees.ts";
import { quicStacks } from "../quic_stacks.ts";
import { assertDone, type ClientRun, codeOf, Gate, Place, wayOf } from "./place.ts";
import { watched } from "./watched.ts";

const CHUNK_BYTES = 65_536;
const CONTENT = noise(40 * CHUNK_BYTES + 17);

const TREE = {
  "big": file(CONTENT),
  "dir/small": file("small"),
  "dir/link": link("small"),
  "text": file("a line of text\n".repeat(20_000)),
  "z": file(noise(300_000)),
};

function count(run: ClientRun, kind: SessionEvent["kind"]): number {
  return run.events.items.filter((event) => event.kind === kind).length;
}

/** What its user sees never goes back, and says that it looks for the server while it does. */
function assertSteady(run: ClientRun): void {
  let before = { bytesDone: 0, filesDone: 0, wireBytes: 0, reusedBytes: 0 };
  for (const event of run.events.items) {
    if (event.kind !== "progress") continue;
    for (const figure of ["bytesDone", "filesDone", "wireBytes", "reusedBytes"] as const) {
      assert.ok(event[figure] >= before[figure], `${figure} went back`);
    }
    assert.ok(event.bytesTotal === null || event.bytesDone <= event.bytesTotal);
    assert.ok(event.reusedBytes <= event.bytesDone);
    before = event;
  }
  assert.equal(count(run, "start"), 1);
}

function assertFoundAgain(run: ClientRun, summary: TransferSummary, times = 1): void {
  assertDone(summary);
  assertSteady(run);
  const told = [count(run, "reconnecting"), count(run, "reconnected"), summary.reconnects];
  assert.deepEqual(told, [times, times, times]);
  const phases = run.events.items.flatMap((event) =>
    event.kind === "progress" && event.phase === "reconnect" ? [event] : []
  );
  assert.equal(phases.length, times);
}

for (const direction of ["push", "pull"] as const) {
  for (const part of [0.05, 0.95]) {
    Deno.test(`a ${direction} that is cut at ${part} of its bytes goes on by itself`, async () => {
      const gate = new Gate(part * CONTENT.byteLength);
      await using place = await Place.open({ deliver: gate.deliver });
      const server = await place.serve();
      const way = wayOf(direction, place, server);
      await makeTree(way.from, TREE);
      const run = way.run({
        connections: 2,
        compression: { kind: "auto", level: 3 },
        tellEntries: true,
      });
      await gate.reached;
      place.network.cut();
      gate.open();
      const summary = await run.summary;
      assertFoundAgain(run, summary);
      assert.deepEqual(await readTree(way.to), await readTree(way.from));
      // What an attempt before sent was not there before the command.
      assert.equal(summary.reusedBytes, 0);
      assert.equal(summary.files, 4);
      // A sender may have been lost before it was told of what was just put in place.
      const { changed } = summary;
      assert.ok(changed === 6 || direction === "push" && changed !== null && changed > 0);
      const entries = run.events.items.flatMap((event) => event.kind === "entry" ? event.path : []);
      assert.deepEqual(entries.toSorted(), [...new Set(entries)].toSorted());
      assert.equal(entries.length, 6);
    });
  }

  Deno.test(`a ${direction} counts as reused what was there before the command, and only that`, async () => {
    const gate = new Gate(CONTENT.byteLength / 2);
    await using place = await Place.open({ deliver: gate.deliver });
    const server = await place.serve();
    const way = wayOf(direction, place, server);
    await makeTree(way.from, { "a": file("a".repeat(100_000)), "b": file("b") });
    assertDone(await way.run().summary);
    await makeTree(way.from, { "big": file(CONTENT) });
    const run = way.run();
    await gate.reached;
    place.network.cut();
    gate.open();
    const summary = await run.summary;
    assertFoundAgain(run, summary);
    assert.equal(summary.reusedBytes, 100_001);
  });

  Deno.test(`a ${direction} survives one loss after the other, at any moment`, async () => {
    let passedBytes = 0;
    let cuts = 0;
    let cutAt = 100_000;
    await using place = await Place.open({
      deliver: (bytes) => {
        passedBytes += bytes;
        if (passedBytes < cutAt || cuts === 3) return;
        cuts++;
        cutAt += 200_000 + Math.floor(Math.random() * 400_000);
        place.network.cut();
      },
    });
    const server = await place.serve();
    const way = wayOf(direction, place, server);
    await makeTree(way.from, TREE);
    const run = way.run({ connections: 3, lanes: 3, timeoutMs: 60_000 });
    const summary = await run.summary;
    assertDone(summary);
    assertSteady(run);
    assert.ok(cuts > 1 && summary.reconnects > 0 && summary.reconnects <= cuts);
    assert.equal(count(run, "reconnecting"), summary.reconnects);
    assert.deepEqual(await readTree(way.to), await readTree(way.from));
  });

  Deno.test(`a ${direction} notices a server that stops answering, and finds it again`, async () => {
    let isMute = false;
    const gate = new Gate(CONTENT.byteLength / 2);
    await using place = await Place.open({
      deliver: async (bytes, connection) => {
        await gate.deliver(bytes);
        if (isMute && connection === 0) await new Promise(() => {});
      },
    });
    const server = await place.serve();
    const way = wayOf(direction, place, server);
    await makeTree(way.from, TREE);
    const timeoutMs = 2000;
    const run = way.run({ timeoutMs });
    await gate.reached;
    isMute = true;
    gate.open();
    const summary = await run.summary;
    assertFoundAgain(run, summary);
    const lost = run.events.items.find((event) => event.kind === "reconnecting");
    assert.ok(lost?.kind === "reconnecting");
    assert.match(lost.message, /has not answered for 1 s/);
    // How much of it is left, `search_test` tells by a clock of its own.
    assert.ok(lost.withinMs > 0 && lost.withinMs <= timeoutMs);
    assert.deepEqual(await readTree(way.to), await readTree(way.from));
  });

  for (const quic of await quicStacks()) {
    Deno.test(`over ${quic.name}, a ${direction} whose connections break goes on by itself`, async () => {
      await using place = await Place.open();
      const cable = new Cable();
      const transport = cable.over(quic);
      const server = await place.serve({ transport });
      // Slow enough that it breaks in the middle, however fast the machine is.
      await using relay = await Relay.open({ rateBytesPerSecond: 4_000_000 });
      await relay.aim({ port: server.handle.address.port });
      const addresses = [{ hostname: "127.0.0.1", port: relay.port }];
      const remote = (path?: string) => ({ ...server.remote(path), addresses });
      const way = wayOf(direction, place, { root: server.root, remote });
      await makeTree(way.from, { ...TREE, "huge": file(noise(8_000_000)) });
      const run = way.run({ transport: quic, connections: 3, lanes: 6 });
      await run.events.until((event) => event.kind === "progress" && event.wireBytes > 0);
      cable.cut();
      assertFoundAgain(run, await run.summary);
      assert.deepEqual(await readTree(way.to), await readTree(way.from));
    });
  }
}

Deno.test("a transfer goes on when its server is started anew, by its key", async () => {
  for (const direction of ["push", "pull"] as const) {
    const gate = new Gate(CONTENT.byteLength / 2);
    await using place = await Place.open({ deliver: gate.deliver });
    const authorizedKeysPath = place.path("keys");
    const { name } = await loadIdentity(place.path("client/identity"), { create: true });
    await writeFile(authorizedKeysPath, `${name}\n`, { mode: 0o600 });
    const options = { authorizedKeysPath, mintTicket: false };
    const server = await place.serve(options);
    const way = wayOf(direction, place, server);
    await makeTree(way.from, TREE);
    const run = way.run();
    await gate.reached;
    const stopped = server.stop();
    gate.open();
    await stopped;
    await place.serve({ ...options, listen: server.handle.address });
    assertFoundAgain(run, await run.summary);
    assert.deepEqual(await readTree(way.to), await readTree(way.from));
  }
});

Deno.test("a server that stopped in order takes its ticket with it: the refusal says what happened", async () => {
  const gate = new Gate(CONTENT.byteLength / 2);
  await using place = await Place.open({ deliver: gate.deliver });
  const server = await place.serve();
  await makeFile(place.path("f"), CONTENT);
  const run = place.push(["f"], server.remote());
  await gate.reached;
  const stopped = server.stop();
  gate.open();
  await stopped;
  await place.serve({ listen: server.handle.address });
  const { error } = await run.summary;
  assert.equal(error?.code, "refused");
  assert.match(error.message, /^The server stops; then: .*it ended when its server was stopped$/);
  assert.deepEqual([count(run, "reconnecting"), count(run, "reconnected")], [1, 0]);
});

Deno.test("a server that is lost for good ends the command once its time is over", async () => {
  const gate = new Gate(CONTENT.byteLength / 2);
  await using place = await Place.open({ deliver: gate.deliver });
  const server = await place.serve();
  await makeFile(place.path("f"), CONTENT);
  let isGone = false;
  const transport: Transport = {
    ...place.network,
    connect: (options) =>
      isGone
        ? Promise.reject(new SftpxError("unreachable", "Cannot connect: no answer"))
        : place.network.connect(options),
  };
  const run = place.push(["f"], server.remote(), { transport, timeoutMs: 1500 });
  await gate.reached;
  isGone = true;
  place.network.cut();
  gate.open();
  const summary = await run.summary;
  assert.equal(codeOf(summary), "lost");
  assert.equal(summary.error?.exit, 20);
  assert.match(summary.error?.message ?? "", /^Lost the peer.*; not found again within 1.5 s$/);
  assert.ok(summary.wireBytes > 0);
  assert.deepEqual([count(run, "reconnecting"), count(run, "reconnected")], [1, 0]);
  assertSteady(run);
});

Deno.test("a command ends at once when its user has enough of waiting", async () => {
  const gate = new Gate(CONTENT.byteLength / 2);
  await using place = await Place.open({ deliver: gate.deliver });
  const server = await place.serve();
  await makeFile(place.path("f"), CONTENT);
  const stop = new AbortController();
  const more = { signal: stop.signal, timeoutMs: 3_600_000 };
  const run = place.push(["f"], server.remote(), more);
  await gate.reached;
  const lost = run.events.until(({ kind }) => kind === "reconnecting");
  const stopped = server.stop();
  gate.open();
  await lost;
  stop.abort(new SftpxError("interrupted", "Stopped by the user"));
  const { error } = await run.summary;
  assert.deepEqual([error?.code, error?.message], ["interrupted", "Stopped by the user"]);
  await stopped;
});

Deno.test("sessions that are lost before anything new is stored do not go on for ever", async () => {
  await using place = await Place.open({ cutAfterBytes: 30_000 });
  const server = await place.serve();
  await makeFile(place.path("f"), CONTENT);
  const run = place.push(["f"], server.remote(), { timeoutMs: 2500, connections: 1 });
  const { error } = await run.summary;
  assert.equal(error?.code, "lost");
  assert.match(error.message, /; 8 times in a row before anything new was stored$/);
});

for (const direction of ["push", "pull"] as const) {
  Deno.test(`a ${direction} whose server dies while a further connection is on its way is lost`, async () => {
    let isDead = false;
    await using place = await Place.open({
      deliver: async (_, connection) => {
        if (isDead || connection === 1) await new Promise(() => {});
      },
    });
    const server = await place.serve();
    const way = wayOf(direction, place, server);
    await makeTree(way.from, TREE);
    const run = way.run({ connections: 2, timeoutMs: 2000 });
    await run.events.until(({ kind }) => kind === "start");
    isDead = true;
    const { error } = await run.summary;
    // A session began: it is no server that nobody reached.
    assert.equal(error?.code, "lost");
    assert.match(error.message, /has not answered for 1 s; not found again within 2 s$/);
  });
}

Deno.test("a further connection that does not answer holds up no push", async () => {
  await using place = await Place.open({
    deliver: (_, connection) => connection === 1 ? new Promise(() => {}) : undefined,
  });
  const server = await place.serve({ handshakeMs: 60_000 });
  await makeFile(place.path("f"), CONTENT);
  const startMs = performance.now();
  const run = place.push(["f"], server.remote(), { connections: 2, lanes: 2, timeoutMs: 60_000 });
  assertDone(await run.summary);
  assert.ok(performance.now() - startMs < LIMITS.handshakeMs, "it waited for the connection");
});

for (const direction of ["push", "pull"] as const) {
  Deno.test(`serve() with once waits for the client that a ${direction} lost, and takes one use`, async () => {
    const gate = new Gate(CONTENT.byteLength / 2);
    await using place = await Place.open({ deliver: gate.deliver });
    const server = await place.serve({ once: true });
    const way = wayOf(direction, place, server);
    await makeTree(way.from, TREE);
    const run = way.run();
    await gate.reached;
    place.network.cut();
    gate.open();
    assertFoundAgain(run, await run.summary);
    const ended = await server.handle.ended;
    assert.ok(ended !== null);
    assertDone(ended);
    assert.deepEqual(server.summaries.map(codeOf), ["lost", null]);
  });
}

Deno.test("serve() with once ends as lost when its client does not come back in time", async () => {
  const gate = new Gate(CONTENT.byteLength / 2);
  await using place = await Place.open({ deliver: gate.deliver });
  const server = await place.serve({ once: true, timeoutMs: 300 });
  await makeFile(place.path("f"), CONTENT);
  const stop = new AbortController();
  const run = place.push(["f"], server.remote(), { signal: stop.signal });
  await gate.reached;
  const lost = run.events.until(({ kind }) => kind === "reconnecting");
  place.network.cut();
  await lost;
  stop.abort(new SftpxError("interrupted", "enough"));
  gate.open();
  await run.summary;
  assert.equal((await server.handle.ended)?.error?.exit, 20);
});

Deno.test("serve() with once that waits for a lost client ends with that when it is stopped", async () => {
  const gate = new Gate(CONTENT.byteLength / 2);
  await using place = await Place.open({ deliver: gate.deliver });
  const server = await place.serve({ once: true, timeoutMs: 3_600_000 });
  await makeFile(place.path("f"), CONTENT);
  const stop = new AbortController();
  const run = place.push(["f"], server.remote(), { signal: stop.signal });
  await gate.reached;
  const lost = run.events.until(({ kind }) => kind === "reconnecting");
  place.network.cut();
  await lost;
  stop.abort(new SftpxError("interrupted", "enough"));
  gate.open();
  await run.summary;
  await server.events.until(({ kind }) => kind === "transfer_done");
  assert.equal((await server.stop())?.error?.code, "lost");
});

/** Connections of a server that all break at once. */
class Cable {
  readonly #connections: Connection[] = [];

  over(transport: Transport): Transport {
    return watched(transport, (connection) => this.#connections.push(connection));
  }

  cut(): void {
    for (const connection of this.#connections.splice(0)) connection.close("none", "");
  }
}
