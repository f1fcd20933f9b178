// The door of a whole server: who comes too often waits, whoever fails there waits longer, what a stranger
// says is counted, and nobody has all the sessions.

import assert from "node:assert/strict";
import { LIMITS } from "../../src/base/limits.ts";
import { ControlChannel } from "../../src/session/control_channel.ts";
import { loadIdentity } from "../../src/trust/identity.ts";
import { makeFile } from "../e2e/trees.ts";
import { assertDone, codeOf, Place, type RunningServer } from "./place.ts";
import { rawClient } from "./raw_peer.ts";

/** Connects, and leaves; whether it came in. */
async function knock(place: Place, server: RunningServer): Promise<boolean> {
  try {
    const connection = await place.network.connect({
      ...server.remote().addresses[0]!,
      anchorPem: "",
    });
    connection.close("none", "");
    return true;
  } catch {
    return false;
  }
}

Deno.test("an address whose clients come too often is kept out for a moment, and then comes in", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  let tries = 0;
  while (await knock(place, server) && tries < 10 * LIMITS.arrivalsAtOncePerAddress) tries++;
  assert.ok(tries >= LIMITS.arrivalsAtOncePerAddress);
  assert.ok(tries < 10 * LIMITS.arrivalsAtOncePerAddress, "nothing kept it out");
  await makeFile(place.path("f"), "f");
  // Without a word: the client waits for as long as its user allows.
  assertDone(await place.push(["f"], server.remote(), { timeoutMs: 10_000 }).summary);
});

Deno.test("an address whose clients are refused comes less often than others", async () => {
  await using place = await Place.open();
  const startMs = performance.now();
  const server = await place.serve();
  const wrong = { ...server.remote(), ticket: new Uint8Array(32) };
  // Each spends its own arrival, and those of a failure.
  const tries = Math.floor(LIMITS.arrivalsAtOncePerAddress / (LIMITS.arrivalsPerFailure + 1));
  const failing = Array.from(
    { length: tries },
    () => assert.rejects(rawClient(place.network, wrong), { code: "refused" }),
  );
  await Promise.all(failing);
  const left = LIMITS.arrivalsAtOncePerAddress - tries;
  let more = 0;
  while (more < left && await knock(place, server)) more++;
  const spent = tries * (LIMITS.arrivalsPerFailure + 1);
  const seconds = (performance.now() - startMs) / 1000;
  // What comes back meanwhile is all the more on a slow machine.
  const most = LIMITS.arrivalsAtOncePerAddress - spent +
    LIMITS.arrivalsPerSecondPerAddress * seconds;
  assert.ok(more <= most, `${more} of ${left}, in ${seconds} s`);
});

Deno.test("a stranger's bytes are counted, whatever it says", async () => {
  await using place = await Place.open();
  const server = await place.serve({ handshakeMs: 60_000 });
  const address = server.remote().addresses[0]!;
  const connection = await place.network.connect({ ...address, anchorPem: "" });
  const stream = await connection.openControl();
  // One message, well formed as far as it goes, that is longer than all a stranger may say.
  const head = new Uint8Array(6);
  new DataView(head.buffer).setUint16(0, 1);
  new DataView(head.buffer).setUint32(2, LIMITS.unauthenticatedBytes);
  await stream.write(head);
  const channel = new ControlChannel(stream);
  await assert.rejects(channel.expect("hello"), { code: "limit" });
  connection.close("none", "");
});

Deno.test("one identity has so many sessions, and another one comes in beside it", async () => {
  await using place = await Place.open();
  const server = await place.serve();
  await makeFile(place.path("f"), "f");
  const identity = await loadIdentity(place.path("held/identity"), { create: true });
  const held = [];
  for (let n = 0; n < LIMITS.sessionsPerIdentity; n++) {
    held.push(await rawClient(place.network, server.remote(), identity));
  }
  const again = place.push(["f"], server.remote(), { timeoutMs: 1000, home: "held" });
  assert.equal(codeOf(await again.summary), "busy");
  assertDone(await place.push(["f"], server.remote(), { home: "other" }).summary);
  for (const { connection } of held) connection.close("none", "");
});
