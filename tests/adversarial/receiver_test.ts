// A receiver that lies to an honest sender, as a server that is pushed to and as a client that pulls:
// what it says it holds, wants, stored, put in place or signed. Nothing of it is believed, and the
// sender ends with `protocol`, or with `integrity` where a signature is missing.

import assert from "node:assert/strict";
import { LIMITS } from "../../src/base/limits.ts";
import type { Message } from "../../src/wire/messages.ts";
import { codeOf } from "../session/place.ts";
import { rawClient, type RawPeer, rawServer, requestOf } from "../session/raw_peer.ts";
import { Ground } from "./ground.ts";
import { ROLES, within } from "./hostile_sender.ts";

const PATIENCE_MS = 20_000;
const DIGEST = new Uint8Array(32).fill(7);

const t = { transfer: 1 } as const;
const accept: Message = { type: "accept", ...t, fresh: [false], chunkBytes: 65_536 };
const all: Message = { type: "need", ...t, verdicts: [{ entry: 0, want: "all" }] };

/** Said after the accept, once the one file was announced. */
const LIES: Readonly<Record<string, readonly Message[]>> = {
  "chunks held past the end of a file": [have([[1, 1]])],
  "chunks held far past the end": [have([[LIMITS.chunksPerFile - 1, 1]])],
  "chunks held of an entry that never came": [have([[0, 1]], 7)],
  "chunks held that it named before": [have([[0, 1]]), have([[0, 1]])],
  "chunks held once it was decided": [all, have([[0, 1]])],
  "the need of a file twice": [all, all],
  "the need of an entry that never came": [
    { type: "need", ...t, verdicts: [{ entry: 7, want: "all" }] },
  ],
  "an accept twice": [accept],
  "frames stored that were never sent": [{ type: "stored", ...t, frames: [[0, 0xffff_ffff]] }],
  "frames stored past those that were sent": [{ type: "stored", ...t, frames: [[1000, 1]] }],
  "an entry put in place that never came": [
    { type: "committed", ...t, entries: [[7, 1]], changed: [] },
  ],
  "an entry put in place twice": [
    { type: "committed", ...t, entries: [[0, 1]], changed: [] },
    { type: "committed", ...t, entries: [[0, 1]], changed: [] },
  ],
  "an entry changed that is not in place": [
    { type: "committed", ...t, entries: [], changed: [[0, 1]] },
  ],
  "the failure of an entry that never came": [
    { type: "failed", ...t, failures: [{ entry: 7, code: "io", message: "" }] },
  ],
  "a deletion that nobody asked for": [{ type: "deleted", ...t, paths: ["x"], kept: [] }],
  "a plan in a real run": [{ type: "planned", ...t, first: 0, steps: [{ action: "create" }] }],
  "the end of a plan in a real run": [{ type: "plan_end", ...t, entries: 1, deleted: 0 }],
  "entries of its own": [
    { type: "entries", ...t, first: 0, entries: [], sources: [] },
  ],
};

for (const role of ROLES) {
  const sender = role === "client" ? "a push" : "a server";
  Deno.test(`${sender} does not believe a receiver that lies`, async (test) => {
    await using ground = await Ground.open();
    for (const [what, lies] of Object.entries(LIES)) {
      const tell = async () => assert.equal(await sent(ground, role, lies), "protocol");
      if (!await test.step(what, tell)) return;
    }
    const receipt: Message = {
      type: "receipt",
      ...t,
      root: DIGEST,
      files: 1,
      bytes: 6,
      failed: 0,
      changed: 1,
      deleted: 0,
      identity: DIGEST,
      signature: new Uint8Array(64),
    };
    await test.step("a receipt that nobody signed", async () => {
      assert.equal(await sent(ground, role, [receipt]), "integrity");
    });
    await test.step("sources that were not offered", async () => {
      assert.equal(await sent(ground, role, [], { ...accept, fresh: [false, true] }), "protocol");
    });
    if (role === "server") await ground.assertServes();
    await ground.assertUntouched();
  });
}

Deno.test("a client that floods with pings and reads no answer is held to what it takes", async () => {
  await using ground = await Ground.open({ inFlightBytes: 4096 });
  const server = await ground.server();
  const client = await rawClient(ground.place.network, server.remote());
  for (let token = 1; token <= 20_000; token++) client.send({ type: "ping", token });
  await client.channel.flushed();
  await ground.assertServes();
  // The flood was heard to its end, and the session lives.
  client.send({ type: "ping", token: 99_999 });
  let answers = 0;
  for (;;) {
    const { token } = await client.take("pong");
    if (token === 99_999) break;
    answers++;
  }
  assert.ok(answers <= 20_000);
  client.connection.close("none", "");
  await client.connection.closed;
});

function have(ranges: readonly (readonly [number, number])[], entry = 0): Message {
  const chunks = ranges.reduce((sum, [, count]) => sum + count, 0);
  return { type: "have", ...t, entry, ranges, digests: new Uint8Array(32 * chunks) };
}

/** The code with which an honest sender ends that is told these. */
async function sent(
  ground: Ground,
  role: "client" | "server",
  lies: readonly Message[],
  first = accept,
): Promise<string> {
  const { place } = ground;
  const tell = async (peer: RawPeer) => {
    await peer.take("offer");
    peer.send(first);
    if (first === accept) await peer.take("entries");
    for (const lie of lies) peer.send(lie);
    return await within(PATIENCE_MS, async () => (await peer.take("abort")).code);
  };
  if (role === "server") {
    const server = await ground.server();
    const peer = await rawClient(place.network, server.remote());
    peer.send(requestOf("mine"));
    const code = await tell(peer);
    peer.connection.close("none", "");
    await peer.connection.closed;
    return code;
  }
  const { remote, served } = await rawServer(place.network, async (peer) => {
    const code = await tell(peer);
    await peer.take("bye").catch(() => {});
    peer.connection.close("none", "");
    assert.equal(codeOf(await run.summary), code);
  });
  const run = place.push(["honest"], { ...remote, path: "f" });
  const { error } = await run.summary;
  await served;
  return error?.code ?? "ok";
}
