import assert from "node:assert/strict";
import { PendingWrites } from "./pending_writes.ts";

/** Writes of a stream whose connection a test ends. */
function scene() {
  const host = { over: false, explain: (found: string) => new Error(found) };
  let firsts = 0;
  const writes = new PendingWrites(host, () => firsts++);
  return { host, writes, firsts: () => firsts };
}

Deno.test("writes wait in order, the end behind them, and only the first one wakes its stream", async () => {
  const { writes, firsts } = scene();
  const settled: string[] = [];
  const written = [3, 4].map((length) =>
    writes.write(new Uint8Array(length)).then(() => settled.push(`${length}`))
  );
  const closed = writes.close().then(() => settled.push("end"));
  assert.equal(firsts(), 1);
  const taken: [number, boolean][] = [];
  while (writes.first !== undefined) {
    const write = writes.shift();
    taken.push([write.bytes.byteLength, write.end]);
    write.resolve();
  }
  await Promise.all([...written, closed]);
  assert.deepEqual(taken, [[3, false], [4, false], [0, true]]);
  assert.deepEqual(settled, ["3", "4", "end"]);
});

Deno.test("an empty write waits for nobody", async () => {
  const { writes, firsts } = scene();
  await writes.write(new Uint8Array(0));
  assert.deepEqual([writes.first, firsts()], [undefined, 0]);
});

Deno.test("what is written after the end, or given away before, is its writer's mistake", async () => {
  const { writes } = scene();
  const bytes = new Uint8Array(1);
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  await assert.rejects(writes.write(bytes), /^TypeError: Cannot write: the buffer is detached$/);
  const closing = writes.close();
  await assert.rejects(writes.write(new Uint8Array(1)), /^TypeError: Cannot write: the stream is/);
  await assert.rejects(writes.close(), /^TypeError: Cannot close: the stream is closed$/);
  writes.shift().resolve();
  await closing;
  const shut = scene().writes;
  shut.shut();
  await assert.rejects(shut.write(new Uint8Array(1)), TypeError);
});

Deno.test("a stream that is gone takes all who wait along, and tells later ones why it first went", async () => {
  const { writes } = scene();
  const [taken, waiting] = [writes.write(new Uint8Array(1)), writes.write(new Uint8Array(1))];
  writes.fail("reset", writes.shift());
  writes.fail("later");
  for (const lost of [taken, waiting, writes.write(new Uint8Array(1)), writes.close()]) {
    await assert.rejects(lost, /^Error: reset$/);
  }
  assert.deepEqual([writes.gone, writes.first], ["reset", undefined]);
});

Deno.test("nothing is taken where the connection is over", async () => {
  const { host, writes, firsts } = scene();
  host.over = true;
  await assert.rejects(writes.write(new Uint8Array(1)), /^Error: the stream is gone$/);
  assert.equal(firsts(), 0);
});
