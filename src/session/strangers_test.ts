import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { isCode } from "./_fixture.ts";
import { sourceOf, Strangers } from "./strangers.ts";

Deno.test("Strangers bounds who comes from one address, and gives places back", () => {
  const strangers = new Strangers();
  const places = Array.from(
    { length: LIMITS.unauthenticatedPerAddress },
    (_, index) => strangers.enter(`192.0.2.1:${1000 + index}`),
  );
  assert.throws(() => strangers.enter("192.0.2.1:9"), isCode("limit"));
  using _other = strangers.enter("192.0.2.2:9");
  places.pop()![Symbol.dispose]();
  using _again = strangers.enter("192.0.2.1:9");
  assert.throws(() => strangers.enter("192.0.2.1:10"), isCode("limit"));
});

Deno.test("Strangers bounds how many come from anywhere", () => {
  const strangers = new Strangers();
  const places = Array.from(
    { length: LIMITS.unauthenticatedPeers },
    (_, index) => strangers.enter(`[2001:db8:0:${index.toString(16)}::1]:1`),
  );
  assert.throws(() => strangers.enter("192.0.2.1:9"), isCode("limit"));
  for (const place of places) place[Symbol.dispose]();
  strangers.enter("192.0.2.1:9")[Symbol.dispose]();
});

const SOURCES: readonly [string, string][] = [
  ["192.0.2.1:443", "192.0.2.1"],
  ["[2001:DB8:0:1:2:3:4:5]:443", "2001:db8:0:1"],
  ["[2001:db8::1]:443", "2001:db8:0:0"],
  ["[2001:db8:0:0001::1]:443", "2001:db8:0:1"],
  ["[::1]:443", "0:0:0:0"],
  ["[fe80::1%eth0]:443", "fe80:0:0:0"],
];

for (const [address, source] of SOURCES) {
  Deno.test(`sourceOf() takes ${address} for ${source}`, () => {
    assert.equal(sourceOf(address), source);
  });
}
