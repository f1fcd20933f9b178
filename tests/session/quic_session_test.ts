// The same over real QUIC, each stack with itself and with every other one, and over TLS on TCP: a first
// contact, then sessions pinned to what was learned, transfers both ways, and what a client is told where
// the server is another one.

import assert from "node:assert/strict";
import { learnIdentity } from "../../src/session/claim.ts";
import { list } from "../../src/session/list.ts";
import { measure } from "../../src/session/measure.ts";
import type { Remote, SessionEvent, SessionOptions } from "../../src/session/options.ts";
import { tlsTransport } from "../../src/transport/tls/tls.ts";
import type { Transport } from "../../src/transport/transport.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import { directory, file, link, makeFile, makeTree, noise, prose, readTree } from "../e2e/trees.ts";
import { quicPairs } from "../quic_stacks.ts";
import { assertDone, Place } from "./place.ts";

const CHUNK_BYTES = 65_536;
const TREE = {
  "a": file("a"),
  "deep/big": file(noise(20 * CHUNK_BYTES + 17)),
  "deep/text": file(prose(200_000)),
  "empty": file(""),
  "hollow": directory(),
  "link": link("deep/text"),
};

function clientOf(place: Place, transport: Transport): SessionOptions {
  return place.session({ transport, connections: 2 });
}

async function names(options: SessionOptions, remote: Remote): Promise<readonly string[]> {
  const found: string[] = [];
  await list({
    ...options,
    remote,
    recursive: true,
    filters: [],
    onEntry: ({ path }) => void found.push(path),
    onOmission: ({ message }) => assert.fail(message),
  });
  return found;
}

/** This process has read its roots long ago, as for QUIC. */
const TLS: Transport = { ...tlsTransport(), addsToRuntimeRoots: false };
const PAIRS = [...await quicPairs(), { name: "tls", client: TLS, server: TLS }];

for (const { name, client: transport, server: listening } of PAIRS) {
  Deno.test(`${name}: what a first contact learned is what a session is pinned to`, async () => {
    await using place = await Place.open();
    await makeFile(place.path("root/dir/f"), "f");
    const server = await place.serve({ transport: listening, access: "read" });
    const client = clientOf(place, transport);
    const { addresses, ...rest } = server.remote();
    const identity = await learnIdentity({ ...client, addresses });
    assert.deepEqual(await names(client, { ...rest, addresses, identity }), ["dir", "dir/f"]);
  });

  Deno.test(`${name}: another server than the one expected is named with what was expected`, async () => {
    await using place = await Place.open();
    await makeFile(place.path("root/f"), "f");
    const server = await place.serve({ transport: listening, access: "read" });
    const other = await generateIdentity();
    const remote = { ...server.remote(), identity: other.publicKey };
    await assert.rejects(names(clientOf(place, transport), remote), {
      code: "identity_mismatch",
      message: new RegExp(`: the server does not prove the pinned identity ${other.name}$`),
    });
    assert.deepEqual(server.events.items, []);
  });

  Deno.test(`${name}: a path is measured both ways over several connections`, async () => {
    await using place = await Place.open();
    const server = await place.serve({ transport: listening });
    const { rttMs, upBytesPerSecond, downBytesPerSecond } = await measure({
      ...clientOf(place, transport),
      remote: server.remote(),
      lanes: 4,
      bytes: 2 << 20,
    });
    assert.ok(rttMs > 0);
    for (const rate of [upBytesPerSecond, downBytesPerSecond]) assert.ok((rate ?? 0) > 0);
  });

  Deno.test(`${name}: more lanes than a connection has at once are measured all the same`, async () => {
    await using place = await Place.open();
    const server = await place.serve({ transport: listening });
    const { upBytesPerSecond, downBytesPerSecond } = await measure({
      ...clientOf(place, transport),
      connections: 1,
      remote: server.remote(),
      lanes: 40,
      bytes: 2 << 20,
    });
    for (const rate of [upBytesPerSecond, downBytesPerSecond]) assert.ok((rate ?? 0) > 0);
  });

  Deno.test(`${name}: a tree goes there and back, and both ends say what it went over`, async () => {
    await using place = await Place.open();
    const server = await place.serve({ transport: listening });
    await makeTree(place.path("tree"), TREE);
    const way = { transport, connections: 3, lanes: 6 };
    const push = place.push(["tree"], server.remote(), way);
    const pushed = await push.summary;
    assertDone(pushed);
    const there = await readTree(`${server.root}/tree`);
    assert.deepEqual(there, await readTree(place.path("tree")));
    const pulled = await place.pull([server.remote("tree/")], "back", way).summary;
    assertDone(pulled);
    assert.deepEqual(await readTree(place.path("back")), there);
    for (const summary of [pushed, pulled]) assert.equal(summary.transport, transport.name);
    const served = server.summaries.map((summary) => summary.transport);
    assert.deepEqual(served, [listening.name, listening.name]);
    assertMeasured(push.events.items, transport);
  });

  Deno.test(`${name}: the same again sends nothing`, async () => {
    await using place = await Place.open();
    const server = await place.serve({ transport: listening });
    await makeTree(place.path("tree"), TREE);
    assertDone(await place.push(["tree"], server.remote(), { transport }).summary);
    const again = await place.push(["tree"], server.remote(), { transport }).summary;
    assertDone(again);
    assert.deepEqual([again.wireBytes, again.reusedBytes], [0, again.bytes]);
  });
}

/** Each connection is told with what its transport knows; quiche knows all of it, TLS what the kernel tells. */
function assertMeasured(events: readonly SessionEvent[], { name }: Transport): void {
  const told = events.filter((event) => event.kind === "connection");
  assert.ok(told.length > 0);
  for (const { rttMs, lossRatio, windowBytes } of told) {
    if (name !== "quiche") {
      const loses = name === "tls" && lossRatio !== null && lossRatio >= 0 && lossRatio <= 1;
      assert.deepEqual([loses ? null : lossRatio, windowBytes], [null, null]);
      continue;
    }
    assert.ok(rttMs !== null && rttMs > 0);
    assert.ok(lossRatio !== null && lossRatio >= 0 && lossRatio <= 1);
    assert.ok(windowBytes !== null && windowBytes > 0);
  }
}
