import assert from "node:assert/strict";
import { nearest } from "./nearest.ts";

const WORDS = ["send", "serve", "recv", "get", "--timeout"];

Deno.test("nearest() finds a letter left out, put in, changed or swapped", () => {
  for (const word of ["snd", "ssend", "sand", "sned"]) {
    assert.equal(nearest(word, WORDS), "send", word);
  }
  assert.equal(nearest("--tiemout", WORDS), "--timeout");
});

Deno.test("nearest() suggests nothing for a word that is far from all", () => {
  assert.equal(nearest("upload", WORDS), null);
  assert.equal(nearest("", WORDS), null);
  assert.equal(nearest("x".repeat(100_000), WORDS), null);
});
