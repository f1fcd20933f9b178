import assert from "node:assert/strict";
import { showV6, unscoped, v4Bytes, v6Bytes, zoneOf } from "./udp_address.ts";

Deno.test("an IPv6 address is shown as RFC 5952 writes it, whatever way it was written", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["::", "::"],
    ["::1", "::1"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["fe80::", "fe80::"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["::ffff:192.0.2.1", "192.0.2.1"],
    ["192.0.2.1", "192.0.2.1"],
  ];
  for (const [written, shown] of cases) assert.equal(showV6(v6Bytes(written)), shown, written);
});

Deno.test("an address that is none is a programmer's mistake", () => {
  const wrong = ["", ":::", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "12345::", "g::"];
  for (const host of [...wrong, "1:2:3:4:5:6:7::8", "::256.0.0.1", "localhost"]) {
    assert.throws(() => v6Bytes(host), TypeError, host);
  }
  for (const host of ["", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.x", "-1.2.3.4"]) {
    assert.throws(() => v4Bytes(host), TypeError, host);
  }
});

Deno.test("a zone is told apart from its address", () => {
  assert.deepEqual([unscoped("fe80::1%eth0"), zoneOf("fe80::1%eth0")], ["fe80::1", "eth0"]);
  assert.deepEqual([unscoped("fe80::1"), zoneOf("fe80::1")], ["fe80::1", ""]);
});
