import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceManager } from "./notify.ts";
import { DatagramToFile } from "./notify_kernel.ts";

const isLinux = Deno.build.os === "linux";

async function told(name: string, path: string): Promise<readonly string[]> {
  const socket = Deno.listenDatagram({ transport: "unixpacket", path });
  const manager = serviceManager(name);
  try {
    assert.equal(manager?.problem, null);
    const messages: string[] = [];
    for (const state of ["ready", "reloading", "stopping"] as const) {
      await manager?.tell(state, `on\n${state}`);
      const [bytes] = await socket.receive();
      messages.push(new TextDecoder().decode(bytes));
    }
    return messages;
  } finally {
    manager?.close();
    socket.close();
  }
}

const EXPECTED = [
  "READY=1\nSTATUS=on ready",
  "RELOADING=1\nSTATUS=on reloading",
  "STOPPING=1\nSTATUS=on stopping",
];

Deno.test({
  name: "serviceManager() tells states to a socket in a directory",
  ignore: !isLinux,
  async fn() {
    const directory = await mkdtemp(join(tmpdir(), "sftpx-notify-"));
    try {
      const path = join(directory, "notify");
      assert.deepEqual(await told(path, path), EXPECTED);
    } finally {
      await rm(directory, { recursive: true });
    }
  },
});

Deno.test({
  name: "serviceManager() tells states to an abstract socket",
  ignore: !isLinux,
  async fn() {
    const name = `sftpx-test-${randomUUID()}`;
    assert.deepEqual(await told(`@${name}`, `\0${name}`), EXPECTED);
  },
});

Deno.test("serviceManager() is null where nobody asked to be told", () => {
  assert.equal(serviceManager(""), null);
  assert.equal(serviceManager(undefined), null);
});

Deno.test("serviceManager() says why it is silent, and fails nothing", async () => {
  const manager = serviceManager("vsock:2:1234");
  assert.match(manager?.problem ?? "", /kind of socket/);
  await manager?.tell("ready", "");
  manager?.close();
});

Deno.test({
  name: "serviceManager() goes on when the manager is gone",
  ignore: !isLinux,
  async fn() {
    const manager = serviceManager(join(tmpdir(), `sftpx-nobody-${randomUUID()}`));
    await manager?.tell("ready", "");
    manager?.close();
  },
});

Deno.test({
  name: "DatagramToFile says the same by the kernel's calls, to any name, and nothing to nobody",
  ignore: !isLinux,
  async fn() {
    const directory = await mkdtemp(join(tmpdir(), "sftpx-notify-"));
    const path = join(directory, "notify");
    try {
      for (const name of [path, `\0sftpx-test-${randomUUID()}`]) {
        const listener = Deno.listenDatagram({ transport: "unixpacket", path: name });
        try {
          using socket = DatagramToFile.open(name);
          for (const text of ["READY=1\nSTATUS=on ü", "STOPPING=1"]) {
            socket?.send(text);
            const [bytes] = await listener.receive();
            assert.equal(new TextDecoder().decode(bytes), text);
          }
        } finally {
          listener.close();
        }
      }
      using nobody = DatagramToFile.open(join(directory, "nobody"));
      assert.doesNotThrow(() => nobody?.send("READY=1"));
      assert.equal(DatagramToFile.open(`/${"x".repeat(108)}`), null);
    } finally {
      await rm(directory, { recursive: true });
    }
  },
});
