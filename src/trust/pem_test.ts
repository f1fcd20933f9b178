import assert from "node:assert/strict";
import { decodePem, encodePem } from "./pem.ts";

const DER = Uint8Array.from({ length: 100 }, (_, i) => i * 7);

Deno.test("decodePem() reads back what encodePem() writes, CRLF included", () => {
  const text = encodePem("THING", DER);
  assert.ok(text.endsWith("-----END THING-----\n"));
  assert.ok(text.split("\n").every((line) => line.length <= 64));
  assert.deepEqual(decodePem("THING", text), DER);
  assert.deepEqual(decodePem("THING", text.replaceAll("\n", "\r\n")), DER);
});

Deno.test("decodePem() refuses every other text", () => {
  const text = encodePem("THING", DER);
  assert.equal(decodePem("OTHER", text), null);
  assert.equal(decodePem("THING", ""), null);
  assert.equal(decodePem("THING", text + text), null);
  assert.equal(decodePem("THING", "before\n" + text), null);
  assert.equal(decodePem("THING", text + "after\n"), null);
  assert.equal(decodePem("THING", text.replace("=", "")), null);
  assert.equal(decodePem("THING", text.replace("==\n", "\n")), null, "padding left out");
  assert.equal(decodePem("THING", text.replace("\nAA", "\nA A")), null, "a blank inside");
  // The character before the padding holds four bits that must be zero.
  const stray = text.replace(/(.)==\n/, (_, last) => `${last === "A" ? "B" : "x"}==\n`);
  assert.notEqual(stray, text);
  assert.equal(decodePem("THING", stray), null, "stray bits");
  assert.equal(decodePem("THING", text.replace("\nA", "\n*")), null);
});

Deno.test("decodePem() refuses a text cut at any byte but its last newline", () => {
  const text = encodePem("THING", DER);
  for (let at = 0; at < text.length - 1; at++) {
    assert.equal(decodePem("THING", text.slice(0, at)), null, `cut at ${at}`);
  }
});
