import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { isCode } from "./_fixture.ts";
import { sourceOf, Strangers } from "./strangers.ts";

const PROVING = { isClaim: false };
const CLAIM = { isClaim: true };

Deno.test("Strangers bounds who comes from one address, and gives places back", () => {
  const strangers = new Strangers();
  const places = Array.from(
    { length: LIMITS.unauthenticatedPerAddress },
    (_, index) => strangers.enter(`192.0.2.1:${1000 + index}`, PROVING),
  );
  assert.throws(() => strangers.enter("192.0.2.1:9", PROVING), isCode("limit"));
  using _other = strangers.enter("192.0.2.2:9", PROVING);
  places.pop()![Symbol.dispose]();
  using _again = strangers.enter("192.0.2.1:9", PROVING);
  assert.throws(() => strangers.enter("192.0.2.1:10", PROVING), isCode("limit"));
});

Deno.test("Strangers bounds how many come from anywhere", () => {
  const strangers = new Strangers();
  const places = Array.from(
    { length: LIMITS.unauthenticatedPeers },
    (_, index) => strangers.enter(`[2001:db8:0:${index.toString(16)}::1]:1`, PROVING),
  );
  assert.throws(() => strangers.enter("192.0.2.1:9", PROVING), isCode("limit"));
  for (const place of places) place[Symbol.dispose]();
  strangers.enter("192.0.2.1:9", PROVING)[Symbol.dispose]();
});

Deno.test("claims leave three of four places to those who prove who they are", () => {
  const strangers = new Strangers();
  const fromOne = LIMITS.unauthenticatedPerAddress / 4;
  const held: Disposable[] = [];
  for (let n = 0; n < fromOne; n++) held.push(strangers.enter(`192.0.2.1:${n}`, CLAIM));
  assert.throws(() => strangers.enter("192.0.2.1:9", CLAIM), isCode("limit"));
  for (let n = fromOne; n < LIMITS.unauthenticatedPerAddress; n++) {
    held.push(strangers.enter(`192.0.2.1:${n}`, PROVING));
  }
  assert.throws(() => strangers.enter("192.0.2.1:9", PROVING), isCode("limit"));
  for (let n = fromOne; n < LIMITS.unauthenticatedPeers / 4; n++) {
    held.push(strangers.enter(`[2001:db8:0:${n.toString(16)}::1]:1`, CLAIM));
  }
  assert.throws(() => strangers.enter("192.0.2.9:1", CLAIM), isCode("limit"));
  for (let n = held.length; n < LIMITS.unauthenticatedPeers; n++) {
    held.push(strangers.enter(`[2001:db8:1:${n.toString(16)}::1]:1`, PROVING));
  }
  assert.throws(() => strangers.enter("192.0.2.9:1", PROVING), isCode("limit"));
  held[0]![Symbol.dispose]();
  strangers.enter("192.0.2.1:9", CLAIM)[Symbol.dispose]();
  strangers.enter("192.0.2.9:1", PROVING)[Symbol.dispose]();
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
