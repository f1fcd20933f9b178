import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { type MemoryOptions, type MemoryTransport, memoryTransport } from "./memory.ts";
import type { Connection, Listener } from "./transport.ts";

Deno.test("cut() loses every connection in silence", async () => {
  const { transport, client, server } = await pair();
  const lane = await client.openLane();
  await lane.write(Uint8Array.of(1));
  const far = await server.acceptLane();
  assert.ok(far !== null);
  await far.read(new Uint8Array(1));
  const reading = far.read(new Uint8Array(1));
  transport.cut();
  await assert.rejects(reading, isLost);
  await assert.rejects(lane.write(Uint8Array.of(1)), isLost);
  for (const end of [client, server]) {
    assert.deepEqual(await end.closed, { code: null, reason: "cut", remote: false });
  }
});

Deno.test("cut() loses one connection by its number, and no other", async () => {
  const delivered: number[] = [];
  const { transport, address, client, listener } = await pair({
    deliver: (_, connection) => void delivered.push(connection),
  });
  const second = await transport.connect({ ...address, anchorPem: "" });
  await listener.accept();
  transport.cut(1);
  assert.equal((await second.closed).code, null);
  await (await client.openLane()).write(Uint8Array.of(1));
  assert.deepEqual(delivered, [0]);
  client.close("none", "");
});

Deno.test("cutAfterBytes cuts once that many bytes went through", async () => {
  const { client, server } = await pair({ cutAfterBytes: 1000 });
  const lane = await client.openLane();
  await lane.write(new Uint8Array(1000));
  const far = await server.acceptLane();
  assert.equal((await far?.read(new Uint8Array(2000)))?.byteLength, 1000);
  await assert.rejects(lane.write(new Uint8Array(1)), isLost);
  assert.equal((await server.closed).code, null);
});

Deno.test("inFlightBytes holds a writer back until the reader took some", async () => {
  const { client, server } = await pair({ inFlightBytes: 100 });
  const lane = await client.openLane();
  await lane.write(new Uint8Array(100));
  let settled = false;
  const writing = lane.write(new Uint8Array(1)).then(() => settled = true);
  const far = await server.acceptLane();
  assert.equal(settled, false);
  assert.equal((await far?.read(new Uint8Array(60)))?.byteLength, 60);
  await writing;
  client.close("none", "");
});

Deno.test("readBytes cuts what one read answers", async () => {
  const { client, server } = await pair({ readBytes: 3 });
  const lane = await client.openLane();
  await lane.write(Uint8Array.of(1, 2, 3, 4));
  const far = await server.acceptLane();
  assert.deepEqual(await far?.read(new Uint8Array(10)), Uint8Array.of(1, 2, 3));
  assert.deepEqual(await far?.read(new Uint8Array(10)), Uint8Array.of(4));
  client.close("none", "");
});

Deno.test("deliver holds bytes back until the test lets them go", async () => {
  const gate = Promise.withResolvers<void>();
  const { client, server } = await pair({ deliver: () => gate.promise });
  const lane = await client.openLane();
  const writing = lane.write(Uint8Array.of(9));
  let arrived = false;
  const accepting = server.acceptLane().then((far) => {
    arrived = true;
    return far;
  });
  await client.openLane();
  assert.equal(arrived, false);
  gate.resolve();
  assert.deepEqual(await (await accepting)?.read(new Uint8Array(4)), Uint8Array.of(9));
  await writing;
  client.close("none", "");
});

Deno.test("two networks do not see each other", async () => {
  const { address } = await pair();
  await assert.rejects(
    memoryTransport().connect({ ...address, anchorPem: "" }),
    (thrown) => thrown instanceof SftpxError && thrown.code === "unreachable",
  );
});

interface MemoryPair {
  readonly transport: MemoryTransport;
  readonly address: { readonly hostname: string; readonly port: number };
  readonly listener: Listener;
  readonly client: Connection;
  readonly server: Connection;
}

async function pair(options: MemoryOptions = {}): Promise<MemoryPair> {
  const transport = memoryTransport(options);
  const at = { hostname: "::", port: 0, certificatePem: "", keyPem: "" };
  const listener = await transport.listen(at);
  const { address } = listener;
  const client = await transport.connect({ ...address, anchorPem: "" });
  const server = await listener.accept();
  assert.ok(server !== null);
  return { transport, address, listener, client, server };
}

function isLost(thrown: unknown): boolean {
  return thrown instanceof SftpxError && thrown.code === "lost";
}
