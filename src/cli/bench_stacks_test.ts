import assert from "node:assert/strict";
import { firstShape, nextShape } from "./bench_stacks.ts";

Deno.test("a shape that is left to sftpx begins small, and grows on a long path", () => {
  const auto = { connections: 0, lanes: 0 };
  assert.deepEqual(firstShape(auto), { connections: 1, lanes: 4 });
  assert.equal(nextShape(auto, 0.5), null);
  assert.deepEqual(nextShape(auto, 50), { connections: 4, lanes: 16 });
});

Deno.test("a shape that was asked for is the only one", () => {
  assert.deepEqual(firstShape({ connections: 2, lanes: 3 }), { connections: 2, lanes: 3 });
  assert.deepEqual(firstShape({ connections: 2, lanes: 0 }), { connections: 2, lanes: 8 });
  assert.deepEqual(firstShape({ connections: 0, lanes: 3 }), { connections: 1, lanes: 3 });
  assert.equal(nextShape({ connections: 2, lanes: 3 }, 500), null);
});
