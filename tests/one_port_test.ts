import assert from "node:assert/strict";
import { once } from "node:events";
import { createSocket } from "node:dgram";
import { readFile } from "node:fs/promises";
import { createServer } from "node:net";
import { atOnePort, lastingPort, tryTcp, tryUdp } from "./one_port.ts";

Deno.test("both are opened again where the number is taken for the second, and the first is left", async () => {
  const stranger = createServer().listen(0, "127.0.0.1");
  await once(stranger, "listening");
  const taken = (stranger.address() as { port: number }).port;
  const left: number[] = [];
  const numbers = [taken, taken, 0];
  try {
    const [first] = await atOnePort(() => Promise.resolve(numbers.shift() ?? 0), {
      second: tryTcp,
      leave: (number) => left.push(number),
    });
    assert.equal(first, 0);
    assert.deepEqual(left, [taken, taken]);
  } finally {
    stranger.close();
  }
});

Deno.test("a number that is never free, or another failure, is told", async () => {
  const socket = createSocket("udp4");
  const bound = once(socket, "listening");
  socket.bind(0, "127.0.0.1");
  await bound;
  const { port } = socket.address();
  let tries = 0;
  const first = () => Promise.resolve(++tries);
  try {
    const leave = () => {};
    await assert.rejects(atOnePort(first, { second: () => tryUdp(port), leave }), {
      code: "EADDRINUSE",
    });
    assert.ok(tries > 1);
    tries = 0;
    const broken = new Error("broken");
    const second = () => Promise.reject(broken);
    await assert.rejects(atOnePort(first, { second, leave }), broken);
    assert.equal(tries, 1);
  } finally {
    socket.close();
  }
});

Deno.test("a lasting port is free for both protocols, and none that a system picks", async () => {
  const port = await lastingPort();
  await tryUdp(port);
  await tryTcp(port);
  if (await firstOfRange() < 32_768) return; // A system that picks among nearly all.
  const picked = createServer().listen(0, "127.0.0.1");
  await once(picked, "listening");
  assert.ok((picked.address() as { port: number }).port > port);
  picked.close();
  await once(picked, "close");
});

/** The least port that this system picks by itself; where it does not say, the usual one. */
async function firstOfRange(): Promise<number> {
  const text = await readFile("/proc/sys/net/ipv4/ip_local_port_range", "utf8").catch(() =>
    "32768"
  );
  return parseInt(text);
}
