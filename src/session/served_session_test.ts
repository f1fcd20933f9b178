import assert from "node:assert/strict";
import { generateIdentity } from "../trust/identity.ts";
import type { Hub } from "./hub.ts";
import { ServedSession, type ServedSessionOptions } from "./served_session.ts";

Deno.test("a session's further ports are asked for once, however often its client asks", async () => {
  const over = Promise.withResolvers<void>();
  const told: (readonly number[])[] = [];
  const hub = {
    connections: [],
    onOpen: () => {},
    onPorts: (_: readonly number[]) => assert.fail("nobody hears it"),
    start: () => {},
    feelPulse: () => {},
    ended: over.promise,
    close: () => {},
    tellPorts: (ports: readonly number[]) => void told.push(ports),
  };
  let asked = 0;
  const openPorts = () => Promise.resolve([++asked]);
  const options = { hub: hub as unknown as Hub, identity: await generateIdentity(), openPorts };
  const session = new ServedSession(options as unknown as ServedSessionOptions);
  const run = session.run();
  for (let times = 0; times < 3; times++) hub.onPorts([]);
  over.resolve();
  await run;
  assert.deepEqual({ asked, told }, { asked: 1, told: [[1]] });
});
