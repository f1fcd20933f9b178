import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { generateIdentity } from "../trust/identity.ts";
import type { Hub } from "./hub.ts";
import { ServedSession, type ServedSessionOptions } from "./served_session.ts";

/** A session whose client asks for ports three times. */
async function askThrice(
  openPorts: () => Promise<readonly number[]>,
  tellPorts: (ports: readonly number[]) => void,
): Promise<void> {
  const over = Promise.withResolvers<void>();
  const hub = {
    connections: [],
    onOpen: () => {},
    onPorts: (_: readonly number[]) => assert.fail("nobody hears it"),
    start: () => {},
    feelPulse: () => {},
    ended: over.promise,
    close: () => {},
    tellPorts,
  };
  const options = { hub: hub as unknown as Hub, identity: await generateIdentity(), openPorts };
  const session = new ServedSession(options as unknown as ServedSessionOptions);
  const run = session.run();
  for (let times = 0; times < 3; times++) hub.onPorts([]);
  over.resolve();
  await run;
}

Deno.test("a session's further ports are asked for once, however often its client asks", async () => {
  const told: (readonly number[])[] = [];
  let asked = 0;
  await askThrice(() => Promise.resolve([++asked]), (ports) => void told.push(ports));
  assert.deepEqual({ asked, told }, { asked: 1, told: [[1]] });
});

Deno.test("a client that cannot be told of further ports takes nobody down", async () => {
  const lost = new SftpxError("lost", "Lost the peer: it stopped reading");
  const failing = () => {
    throw lost;
  };
  // What nobody catches would end this process, as it would the server's.
  await askThrice(() => Promise.resolve([1]), failing);
  await askThrice(() => Promise.reject(lost), () => {});
  await new Promise((resolve) => setTimeout(resolve));
});
