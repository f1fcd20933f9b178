// The same over real QUIC: a first contact, then sessions pinned to what was learned, and what a
// client is told where the server is another one.

import assert from "node:assert/strict";
import { learnIdentity } from "../../src/session/claim.ts";
import { list } from "../../src/session/list.ts";
import { measure } from "../../src/session/measure.ts";
import type { Remote, SessionOptions } from "../../src/session/options.ts";
import { denoQuicTransport } from "../../src/transport/deno_quic.ts";
import { generateIdentity } from "../../src/trust/identity.ts";
import { makeFile } from "../e2e/trees.ts";
import { Place } from "./place.ts";

// This process has read its roots long ago; the e2e suite and root_store_test see to them.
const TRANSPORT = { ...denoQuicTransport(), addsToRuntimeRoots: false };

function client(place: Place): SessionOptions {
  return {
    transport: TRANSPORT,
    identityPath: place.path("client/identity"),
    connections: 2,
    congestion: "auto",
    timeoutMs: 10_000,
    onEvent: () => {},
    signal: new AbortController().signal,
  };
}

async function names(place: Place, remote: Remote): Promise<readonly string[]> {
  const found: string[] = [];
  await list({
    ...client(place),
    remote,
    recursive: true,
    filters: [],
    onEntry: ({ path }) => void found.push(path),
    onOmission: ({ message }) => assert.fail(message),
  });
  return found;
}

Deno.test("over QUIC, what a first contact learned is what a session is pinned to", async () => {
  await using place = await Place.open();
  await makeFile(place.path("root/dir/f"), "f");
  const server = await place.serve({ transport: TRANSPORT, access: "read" });
  const { addresses, ...rest } = server.remote();
  const identity = await learnIdentity({ ...client(place), addresses });
  assert.deepEqual(await names(place, { ...rest, addresses, identity }), ["dir", "dir/f"]);
});

Deno.test("over QUIC, another server than the one expected is named with what was expected", async () => {
  await using place = await Place.open();
  await makeFile(place.path("root/f"), "f");
  const server = await place.serve({ transport: TRANSPORT, access: "read" });
  const { name, publicKey } = await generateIdentity();
  await assert.rejects(names(place, { ...server.remote(), identity: publicKey }), {
    code: "identity_mismatch",
    message: new RegExp(`: the server does not prove the pinned identity ${name}$`),
  });
  assert.deepEqual(server.events.items, []);
});

Deno.test("over QUIC, a path is measured both ways over several connections", async () => {
  await using place = await Place.open();
  const server = await place.serve({ transport: TRANSPORT });
  const { rttMs, upBytesPerSecond, downBytesPerSecond } = await measure({
    ...client(place),
    remote: server.remote(),
    lanes: 4,
    bytes: 8 << 20,
  });
  assert.ok(rttMs > 0 && rttMs < 1000);
  for (const rate of [upBytesPerSecond, downBytesPerSecond]) assert.ok((rate ?? 0) > 1 << 20);
});

Deno.test("over QUIC, more lanes than a connection has at once are measured all the same", async () => {
  await using place = await Place.open();
  const server = await place.serve({ transport: TRANSPORT });
  const { upBytesPerSecond, downBytesPerSecond } = await measure({
    ...client(place),
    connections: 1,
    remote: server.remote(),
    lanes: 40,
    bytes: 8 << 20,
  });
  for (const rate of [upBytesPerSecond, downBytesPerSecond]) assert.ok((rate ?? 0) > 1 << 20);
});
