import assert from "node:assert/strict";
import { KernelMemory } from "./kernel_memory.ts";

/** Memory, and what stands in the first place of it up to the NUL. */
function memoryOf() {
  const bytes = new Uint8Array(256 * 1024).fill(0x78);
  const memory = new KernelMemory({ memory: bytes, address: 1000 });
  return { memory, first: () => new TextDecoder().decode(bytes.subarray(0, bytes.indexOf(0))) };
}

Deno.test("KernelMemory ends a path with a NUL, whatever it is made of", () => {
  const { memory, first } = memoryOf();
  for (
    const path of [
      "a",
      "",
      "dir/a name",
      "é/日本",
      "ab\u{1f600}",
      "long/".repeat(60),
      "a".repeat(5000),
    ]
  ) {
    assert.equal(memory.first(path), 1000);
    assert.equal(first(), path);
  }
});

Deno.test("KernelMemory refuses a path with a NUL, short or long, and one beyond its place", () => {
  const { memory } = memoryOf();
  for (const path of ["a\0b", "é\0b", `${"a".repeat(300)}\0b`]) {
    assert.throws(() => memory.first(path), { code: "ERR_INVALID_ARG_VALUE" });
  }
  for (const path of ["a".repeat(8192), "é".repeat(4096)]) {
    assert.throws(() => memory.first(path), { code: "ENAMETOOLONG" });
  }
});
