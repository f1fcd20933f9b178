import assert from "node:assert/strict";
import { DgramSocket } from "./udp_dgram.ts";
import { openDatagrams } from "./udp_datagrams.ts";

const local = { host: "127.0.0.1", port: 9 };
const datagrams = { local, send: () => {}, close: () => Promise.resolve() };

Deno.test("packets that come before the event loop turns are taken all the same", async () => {
  let taken = 0;
  const socket = new DgramSocket(datagrams, () => socket.receive(() => taken++, 64));
  const packet = new Uint8Array(1200);
  for (let i = 0; i < 10_000; i++) socket.came(packet, "127.0.0.1", 7);
  assert.ok(taken > 9000);
  await socket.close();
});

Deno.test({
  name: "a socket of Deno's that only fails lets other work go on, and closes",
  ignore: typeof Deno === "undefined" || typeof Deno.listenDatagram !== "function",
  fn: async () => {
    const { listenDatagram } = Deno;
    let reads = 0;
    let isClosed = false;
    const failing = {
      addr: { transport: "udp", hostname: "127.0.0.1", port: 9 },
      receive: () => {
        // It gives in at some time: a reader without a brake would never let this test fail.
        const error = isClosed || ++reads > 100_000 ? new Deno.errors.BadResource() : new Error();
        return Promise.reject(error);
      },
      close: () => isClosed = true,
    };
    Object.assign(Deno, { listenDatagram: () => failing });
    try {
      const opened = await openDatagrams({ hostname: "127.0.0.1", port: 9 }, () => {});
      await new Promise((resolve) => setTimeout(resolve, 0));
      assert.ok(reads < 1000, `${reads} reads`);
      await opened.close();
    } finally {
      Object.assign(Deno, { listenDatagram });
    }
  },
});
