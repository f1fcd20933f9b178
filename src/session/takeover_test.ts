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

Deno.test("clear() ends all holders of a key whose clients are gone, and no other", async () => {
  const [alive, gone] = [await scene(), await scene()];
  const { takeover } = alive;
  const holds = [takeover.hold(KEY, alive.hub), takeover.hold(KEY, gone.hub)];
  const cleared = takeover.clear(KEY);
  const { token } = await alive.near.expect("ping");
  alive.near.send({ type: "pong", token });
  gone.near.close();
  await gone.client.closed;
  holds[1]![Symbol.dispose]();
  await cleared;
  // The one that is left is still held.
  alive.cut();
  await takeover.clear(new Uint8Array(32));
  const again = takeover.clear(KEY).then(() => true);
  assert.equal(await Promise.race([again, alive.client.closed.then(() => false)]), false);
  holds[0]![Symbol.dispose]();
  assert.ok(await again);
});

Deno.test("clearSilent() asks nobody who said something a moment ago", async () => {
  const { takeover, hub, near, client } = await scene();
  takeover.hold(KEY, hub);
  near.send({ type: "ping", token: 1 });
  await near.expect("pong");
  assert.equal(await takeover.clearSilent(), false);
  near.send({ type: "ping", token: 5 });
  assert.equal((await near.expect("pong")).token, 5); // And not a question.
  hub.close("none", "");
  await client.closed;
});

Deno.test("clear() waits no longer for a client than its path is known to take", async () => {
  const takeover = new Takeover();
  for (const [rttMs, patienceMs] of [[null, 2000], [1, 300], [50, 1000], [500, 2000]] as const) {
    const asked: number[] = [];
    const gone = {
      rttMs,
      heardMs: 0,
      answers: (withinMs: number) => Promise.resolve(asked.push(withinMs) < 0),
      close: () => held[Symbol.dispose](),
    };
    const held = takeover.hold(KEY, gone);
    await takeover.clear(KEY);
    assert.deepEqual(asked, [patienceMs]);
  }
});
