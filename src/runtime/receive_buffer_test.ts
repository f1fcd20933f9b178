import assert from "node:assert/strict";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import process from "node:process";
import { createServer, type Server } from "node:net";
import { Kernel } from "./kernel.ts";
import { widenReceiveBuffer } from "./receive_buffer.ts";

const hasKernel = process.platform === "linux" && probe();

function probe(): boolean {
  using kernel = Kernel.open({ memoryBytes: 64 });
  return kernel !== null;
}

async function bound(): Promise<{ socket: Socket; port: number }> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return { socket, port: socket.address().port };
}

async function closed(end: Socket | Server): Promise<void> {
  const gone = once(end, "close");
  end.close();
  await gone;
}

/** What a socket that asks for nothing is given. */
function defaultBytes(): number {
  return Number(readFileSync("/proc/sys/net/core/rmem_default", "latin1"));
}

Deno.test({
  name: "a socket's receive buffer is wider afterwards, found by its port alone",
  ignore: !hasKernel,
  fn: async () => {
    const { socket, port } = await bound();
    try {
      const wider = widenReceiveBuffer(port, { bytes: defaultBytes() });
      assert.ok(wider !== null && wider > defaultBytes());
      assert.equal(widenReceiveBuffer(port, { bytes: 4096 }), wider, "never narrower than it was");
    } finally {
      await closed(socket);
    }
  },
});

Deno.test({
  name: "a socket for streams with the same port is left alone",
  ignore: !hasKernel,
  fn: async () => {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    try {
      assert.equal(widenReceiveBuffer((server.address() as { port: number }).port), null);
    } finally {
      await closed(server);
    }
  },
});

Deno.test("where no socket has the port nothing happens", () => {
  assert.equal(widenReceiveBuffer(0xffff + 1), null);
});
