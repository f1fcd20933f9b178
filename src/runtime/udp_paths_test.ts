import assert from "node:assert/strict";
import { localEnd, plainHost, Recent } from "./udp_paths.ts";

Deno.test("what is in use is remembered, however many others come by (I8)", () => {
  const recent = new Recent<number, object>(4);
  const kept = {};
  recent.set(0, kept);
  for (let i = 1; i < 100; i++) {
    recent.set(i, {});
    assert.equal(recent.get(0), kept);
  }
});

Deno.test("no more is remembered than twice the bound (I8)", () => {
  const recent = new Recent<number, object>(4);
  for (let i = 0; i < 100; i++) recent.set(i, {});
  const known = Array.from({ length: 100 }, (_, i) => i).filter((i) => recent.get(i) !== undefined);
  assert.ok(known.length <= 8, `${known.length}`);
  assert.ok(known.includes(99));
});

Deno.test("addresses are shown in plain form, and a bound one as it is", () => {
  assert.equal(plainHost("::ffff:192.0.2.1"), "192.0.2.1");
  assert.equal(plainHost("2001:db8::1"), "2001:db8::1");
  const bound = { host: "192.0.2.1", port: 4 };
  assert.equal(localEnd(bound, { host: "192.0.2.9", port: 5 }), bound);
  const every = { host: "::", port: 4 };
  assert.deepEqual(localEnd(every, { host: "192.0.2.9", port: 5 }), { host: "0.0.0.0", port: 4 });
  assert.deepEqual(localEnd(every, { host: "2001:db8::1", port: 5 }), every);
});
