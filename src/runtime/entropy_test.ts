import assert from "node:assert/strict";
import { gatherEntropy } from "./entropy.ts";
import { isDeno } from "./runtime.ts";

Deno.test("entropy is asked for at once, once only, and where the runtime has to gather it", async () => {
  const made: string[] = [];
  const { generateKey } = crypto.subtle;
  crypto.subtle.generateKey = (async (...args: Parameters<typeof generateKey>) => {
    made.push("begun");
    const key = await generateKey.apply(crypto.subtle, args);
    made.push("made");
    return key;
  }) as typeof generateKey;
  try {
    const first = gatherEntropy();
    assert.deepEqual(made, isDeno() ? ["begun"] : []);
    assert.equal(gatherEntropy(), first);
    await first;
    assert.deepEqual(made, isDeno() ? ["begun", "made"] : []);
  } finally {
    crypto.subtle.generateKey = generateKey;
  }
});
