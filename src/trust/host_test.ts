import assert from "node:assert/strict";
import fc from "fast-check";
import { formatHost, formatHostPort, parseHost } from "./host.ts";

function canonical(text: string): string | null {
  const host = parseHost(text);
  return host === null ? null : formatHost(host);
}

Deno.test("parseHost() gives each host one text", () => {
  assert.equal(canonical("Example.ORG"), "example.org");
  assert.equal(canonical("localhost"), "localhost");
  assert.equal(canonical("my_box-1"), "my_box-1");
  assert.equal(canonical("192.0.2.7"), "192.0.2.7");
  assert.equal(canonical("2001:DB8:0:0:0:0:0:1"), "2001:db8::1");
  assert.equal(canonical("[2001:db8::1]"), "2001:db8::1");
  assert.equal(canonical("::"), "::");
  assert.equal(canonical("::1"), "::1");
  assert.equal(canonical("1::"), "1::");
  assert.equal(canonical("1:2:3:4:5:6:7:8"), "1:2:3:4:5:6:7:8");
  assert.equal(canonical("::ffff:192.0.2.7"), "::ffff:c000:207");
});

Deno.test("parseHost() refuses what is no host or means another thing elsewhere", () => {
  const refused = [
    "",
    " ",
    ".",
    "a..b",
    "-a",
    "a-",
    "a b",
    "a/b",
    "a:1",
    "é.org",
    "a\n",
    "[example.org]",
    "[192.0.2.7]",
    "fe80::1%eth0",
    "[fe80::1%eth0]",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "127.1",
    "0x7f000001",
    "127.0.0.0x1",
    "2130706433",
    "a".repeat(64),
    Array(64).fill("abcd").join("."),
  ];
  for (const text of refused) assert.equal(parseHost(text), null, JSON.stringify(text));
});

Deno.test("formatHostPort() brackets IPv6 only", () => {
  const text = (hostname: string) => {
    const host = parseHost(hostname);
    assert.ok(host);
    return formatHostPort(host, 4443);
  };
  assert.equal(text("::1"), "[::1]:4443");
  assert.equal(text("127.0.0.1"), "127.0.0.1:4443");
  assert.equal(text("a.b"), "a.b:4443");
});

Deno.test("any address survives bytes and text", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (raw) => {
    const bytes = new Uint8Array(raw);
    const again = parseHost(formatHost({ kind: "ipv6", bytes }));
    assert.deepEqual(again, { kind: "ipv6", bytes });
  }));
  fc.assert(fc.property(fc.ipV6(), (text) => {
    const once = canonical(text);
    assert.ok(once !== null);
    assert.equal(canonical(once), once);
  }));
});
