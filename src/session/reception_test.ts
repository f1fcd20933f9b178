import assert from "node:assert/strict";
import type { Connection } from "../transport/transport.ts";
import { generateIdentity } from "../trust/identity.ts";
import { Reception } from "./reception.ts";

Deno.test("who came too often by the first port is not heard at a further one", async () => {
  await using reception = new Reception({
    identity: await generateIdentity(),
    handshakeMs: 1_000,
    admit: () => assert.fail("it joins"),
    isKnown: () => false,
    sessionOf: () => null,
    check: () => {},
    onSession: () => assert.fail("it joins"),
    refusalsToldMs: 1_000,
    onRefused: () => {},
  });
  const remoteAddress = "192.0.2.1:5";
  let most = 10_000;
  while (reception.screen(remoteAddress)) assert.ok(most-- > 0, "it may come for ever");
  const told: string[] = [];
  const closed = Promise.withResolvers<{ code: null; reason: string; remote: boolean }>();
  const connection = {
    remoteAddress,
    protocol: "sftpx/1",
    closed: closed.promise,
    close: (code: string) => {
      told.push(code);
      closed.resolve({ code: null, reason: "", remote: false });
    },
    acceptControl: () => Promise.reject(new TypeError("it is heard")),
    acceptLane: () => Promise.resolve(null),
  };
  reception.takeIn(connection as unknown as Connection, { joinsOnly: true });
  await closed.promise;
  assert.deepEqual(told, ["busy"]);
});
