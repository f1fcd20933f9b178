import assert from "node:assert/strict";
import { isIP } from "node:net";
import { LIMITS } from "../base/limits.ts";
import { advertisedAddresses, ticketAddresses } from "./advertise.ts";

Deno.test("a listener bound to one address advertises it alone", () => {
  for (const hostname of ["127.0.0.1", "::1", "192.0.2.7"]) {
    assert.deepEqual(advertisedAddresses({ hostname, port: 4443 }), [{ hostname, port: 4443 }]);
  }
});

Deno.test("a listener bound to any advertises addresses that can be dialled, IPv4 first", () => {
  const addresses = advertisedAddresses({ hostname: "::", port: 4443 });
  assert.ok(addresses.length >= 1 && addresses.length <= LIMITS.ticketAddresses);
  const families = addresses.map(({ hostname }) => isIP(hostname));
  assert.ok(!families.includes(0));
  assert.deepEqual(families, families.toSorted());
  for (const { hostname, port } of addresses) {
    assert.equal(port, 4443);
    assert.ok(!/^(fe[89ab]|::$|0\.0\.0\.0$)/i.test(hostname), hostname);
  }
});

Deno.test("a listener bound to any IPv4 address advertises no IPv6 one", () => {
  for (const { hostname } of advertisedAddresses({ hostname: "0.0.0.0", port: 1 })) {
    assert.equal(isIP(hostname), 4);
  }
});

Deno.test("tickets name what was given, at the port listened on where none is", () => {
  const bound = { hostname: "127.0.0.1", port: 5 };
  assert.deepEqual(ticketAddresses(bound, []), [bound]);
  const given = [{ hostname: "a", port: 0 }, { hostname: "b", port: 7 }];
  assert.deepEqual(ticketAddresses(bound, given), [{ hostname: "a", port: 5 }, given[1]]);
});
