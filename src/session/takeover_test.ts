import assert from "node:assert/strict";
import { pairOf } from "./_fixture.ts";
import { Hub } from "./hub.ts";
import { Takeover } from "./takeover.ts";

const KEY = new Uint8Array(32).fill(1);

async function scene() {
  const pair = await pairOf();
  const hub = new Hub(pair.far, pair.server);
  hub.start();
  return { ...pair, hub, takeover: new Takeover() };
}

Deno.test("clear() of a key that nobody holds asks nobody", async () => {
  const { takeover, hub } = await scene();
  takeover.hold(new Uint8Array(32), hub);
  await takeover.clear(KEY);
  hub.close("none", "");
});

Deno.test("clear() leaves a holder alone whose client answers", async () => {
  const { takeover, hub, near, client } = await scene();
  takeover.hold(KEY, hub);
  const cleared = takeover.clear(KEY);
  const { token } = await near.expect("ping");
  near.send({ type: "pong", token });
  await cleared;
  let isClosed = false;
  client.closed.then(() => isClosed = true);
  near.send({ type: "ping", token: 5 });
  await near.expect("pong");
  assert.equal(isClosed, false);
  hub.close("none", "");
});

Deno.test("clear() ends a holder whose client is gone, and waits until it let go", async () => {
  const { takeover, hub, near, client } = await scene();
  const held = takeover.hold(KEY, hub);
  let isCleared = false;
  const cleared = takeover.clear(KEY).then(() => isCleared = true);
  await near.expect("ping");
  await near.close(); // The session ends, the transfer does not yet.
  assert.equal((await client.closed).remote, true);
  assert.equal(isCleared, false);
  held[Symbol.dispose]();
  await cleared;
});
