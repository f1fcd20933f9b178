import assert from "node:assert/strict";
import { grantOfAccess, narrowGrant } from "./grant.ts";

Deno.test("grantOfAccess() grants what the word says", () => {
  assert.deepEqual(grantOfAccess("read"), { read: true, write: false, writeOnce: false });
  assert.deepEqual(grantOfAccess("write"), { read: false, write: true, writeOnce: false });
  assert.deepEqual(grantOfAccess("both"), { read: true, write: true, writeOnce: false });
});

Deno.test("narrowGrant() never adds a right, in either order", () => {
  const sides = [true, false];
  const grants = sides.flatMap((read) =>
    sides.flatMap((write) => sides.map((writeOnce) => ({ read, write, writeOnce })))
  );
  for (const a of grants) {
    for (const b of grants) {
      const both = narrowGrant(a, b);
      assert.deepEqual(both, narrowGrant(b, a));
      assert.equal(both.read, a.read && b.read);
      assert.equal(both.write, a.write && b.write);
      assert.equal(both.writeOnce, a.writeOnce || b.writeOnce);
    }
  }
});
