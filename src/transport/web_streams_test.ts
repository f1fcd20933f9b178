import assert from "node:assert/strict";
import { WebReceiveStream } from "./web_streams.ts";

/** A stream that brings pieces of these lengths, one a pull, and then ends or breaks. */
function bytesOf(lengths: readonly number[], { breaks = false } = {}): WebReceiveStream {
  const left = [...lengths];
  let value = 0;
  const source: UnderlyingByteSource = {
    type: "bytes",
    pull(controller) {
      const request = controller.byobRequest!;
      const view = request.view!;
      const length = left.shift();
      if (length === undefined) {
        if (breaks) return controller.error(new Error("broken"));
        controller.close();
        return request.respond(0);
      }
      new Uint8Array(view.buffer, view.byteOffset, length).fill(++value);
      request.respond(length);
    },
  };
  const stream = new ReadableStream(source);
  return new WebReceiveStream(stream, (thrown) => Promise.resolve(thrown as Error));
}

const memory = () => new Uint8Array(new ArrayBuffer(8), 1);

Deno.test("a read answers what there is, or waits for as much as is asked for", async () => {
  assert.deepEqual(await bytesOf([2, 3]).read(memory()), Uint8Array.of(1, 1));
  const waited = await bytesOf([2, 3]).read(memory(), { leastBytes: 4 });
  assert.deepEqual(waited, Uint8Array.of(1, 1, 2, 2, 2));
  assert.equal(waited?.byteOffset, 1, "it lies where it was asked for");
});

Deno.test("what came before an end that is too early is told, and then the end", async () => {
  const stream = bytesOf([2]);
  assert.deepEqual(await stream.read(memory(), { leastBytes: 4 }), Uint8Array.of(1, 1));
  assert.equal(await stream.read(memory(), { leastBytes: 4 }), null);
});

Deno.test("a stream that breaks is no end, whatever came before (I4)", async () => {
  await assert.rejects(bytesOf([2], { breaks: true }).read(memory(), { leastBytes: 4 }), /broken/);
});

Deno.test("a stream that was given up is no end (I4)", async () => {
  const stream = bytesOf([]);
  stream.cancel();
  await assert.rejects(stream.read(memory(), { leastBytes: 4 }), /given up/);
});
