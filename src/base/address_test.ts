import assert from "node:assert/strict";
import { parseAddress, parseTrueAddress, prefixKey, siteOf, sourceOf } from "./address.ts";

/** Forms of one source each. */
const SAME: readonly (readonly string[])[] = [
  [
    "192.0.2.1:443",
    "192.0.2.1",
    "[::ffff:192.0.2.1]:9",
    "[::FFFF:c000:201]:9",
    "[0:0:0:0:0:ffff:192.0.2.1%eth0]:9",
    "[64:ff9b::192.0.2.1]:9",
    "[64:ff9b::c000:0201]:9",
  ],
  ["[::ffff:192.0.2.2]:9", "192.0.2.2:1"],
  ["[2001:DB8:0:1:2:3:4:5]:443", "[2001:db8:0:0001::1]:1", "2001:db8:0:1::"],
  ["[2001:db8::1]:443", "[2001:db8::2]:443"],
  ["[2001:db8:0:2::1]:443"],
  ["[::1]:443", "[::1]:9", "::1"],
  ["[fe80::1%eth0]:443", "[fe80::1%eth1]:443", "[fe80::2]:1"],
  ["[64:ff9b:1::192.0.2.1]:9", "[64:ff9b:1::192.0.2.2]:9"],
  ["localhost:9"],
  ["[192.0.2.1]:9"],
  ["[1::2::3]:9"],
  ["192.0.2.256:9"],
  [""],
];

Deno.test("sourceOf() tells sources apart by their bits, and not by how they are written", () => {
  const keys = SAME.map((forms) => forms.map(sourceOf));
  for (const [index, [first, ...others]] of keys.entries()) {
    for (const other of others) assert.equal(other, first, SAME[index]!.join(" "));
  }
  assert.equal(new Set(keys.map(([first]) => first)).size, SAME.length);
});

Deno.test("siteOf() is the /48 of an IPv6 address, and no other's", () => {
  assert.equal(siteOf("[2001:db8:1:2::3]:4"), siteOf("[2001:db8:1:ffff::9]:1"));
  assert.notEqual(siteOf("[2001:db8:1:2::3]:4"), siteOf("[2001:db8:2:2::3]:4"));
  for (const none of ["192.0.2.1:1", "[::ffff:192.0.2.1]:1", "somewhere"]) {
    assert.equal(siteOf(none), null);
  }
});

Deno.test("parseAddress() refuses what is no address", () => {
  const wrong = [
    "",
    ":",
    "1.2.3",
    "1.2.3.4.5",
    "01.2.3.4444",
    "01.2.3.4",
    "1.2.3.4::",
    "1:2:3",
    "::1::",
    "1:2:3:4:5:6:7:8:9",
  ];
  const more = ["12345::", "g::", "[::1", "::1]", "[::1]x", "1:2:3:4:5:6:7::8:9", "::1.2.3"];
  for (const text of [...wrong, ...more]) assert.equal(parseAddress(text), null, text);
});

Deno.test("prefixKey() compares as many bits as it is told", () => {
  const of = (text: string, bits: number) => prefixKey(parseAddress(text)!, bits);
  assert.equal(of("10.1.2.3", 20), of("10.1.15.9", 20));
  assert.notEqual(of("10.1.2.3", 20), of("10.1.16.9", 20));
  assert.equal(of("10.1.2.3", 0), of("192.0.2.1", 0));
  assert.notEqual(of("10.1.2.3", 32), of("10.1.2.2", 32));
  assert.notEqual(of("::", 0), of("0.0.0.0", 0));
});

Deno.test("parseTrueAddress() takes a translator's address for the IPv6 address that it is", () => {
  for (const text of ["[64:ff9b::192.0.2.1]:9", "64:ff9b::c000:201"]) {
    assert.equal(parseAddress(text)?.family, 4, text);
    assert.equal(parseTrueAddress(text)?.family, 6, text);
  }
  for (const text of ["192.0.2.1:9", "[::ffff:192.0.2.1]:9", "[2001:db8::1]:9", "nowhere"]) {
    assert.deepEqual(parseTrueAddress(text), parseAddress(text), text);
  }
});
