import assert from "node:assert/strict";
import { linesOf } from "./lines.ts";

Deno.test("linesOf() joins what was cut anywhere, also within a character", async () => {
  const bytes = new TextEncoder().encode("one\ntwö\r\n\nlast");
  for (let cut = 0; cut <= bytes.length; cut++) {
    const stream = ReadableStream.from([bytes.subarray(0, cut), bytes.subarray(cut)]);
    const lines: string[] = [];
    for await (const line of linesOf(stream)) lines.push(line);
    assert.deepEqual(lines, ["one", "twö", "", "last"]);
  }
});
