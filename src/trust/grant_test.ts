import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type Access,
  accessOf,
  type Grant,
  grantOfAccess,
  narrowGrant,
  requireRead,
  requireWrite,
} from "./grant.ts";

const ALL: Grant = { read: true, write: true, writeOnce: false, root: "" };

Deno.test("grantOfAccess() grants what the word says, on all of the root", () => {
  const none = { read: false, write: false, writeOnce: false, root: "" };
  assert.deepEqual(grantOfAccess("read"), { ...none, read: true });
  assert.deepEqual(grantOfAccess("write"), { ...none, write: true });
  assert.deepEqual(grantOfAccess("write-once"), { ...none, write: true, writeOnce: true });
  assert.deepEqual(grantOfAccess("both"), ALL);
});

Deno.test("accessOf() is the word that grantOfAccess() takes", () => {
  for (const word of ["read", "write", "write-once", "both"] satisfies Access[]) {
    assert.equal(accessOf(grantOfAccess(word)), word);
  }
});

Deno.test("requireRead() and requireWrite() say what was shown and what it allows", () => {
  const [reads, writes] = [grantOfAccess("read"), grantOfAccess("write")];
  requireRead({ grant: reads, by: "key" }, "list");
  requireWrite({ grant: writes, by: "ticket" }, "push");
  const refused = (message: string) => ({ code: "refused", message });
  assert.throws(
    () => requireWrite({ grant: reads, by: "ticket" }, "push"),
    refused("Cannot push: this ticket only allows reading"),
  );
  assert.throws(
    () => requireRead({ grant: writes, by: "key" }, "list"),
    refused("Cannot list: this key only allows writing"),
  );
  const grant = narrowGrant(reads, writes);
  const nothing = /: this key allows nothing here$/;
  assert.throws(() => requireRead({ grant, by: "key" }, "pull"), nothing);
  assert.throws(() => requireWrite({ grant, by: "key" }, "push"), nothing);
});

Deno.test("narrowGrant() never adds a right, in either order", () => {
  const sides = [true, false];
  const grants = sides.flatMap((read) =>
    sides.flatMap((write) => sides.map((writeOnce) => ({ read, write, writeOnce, root: "a" })))
  );
  for (const a of grants) {
    for (const b of grants) {
      const both = narrowGrant(a, b);
      assert.deepEqual(both, narrowGrant(b, a));
      assert.equal(both.read, a.read && b.read);
      assert.equal(both.write, a.write && b.write);
      assert.equal(both.writeOnce, a.writeOnce || b.writeOnce);
      assert.equal(both.root, "a");
    }
  }
});

Deno.test("narrowGrant() keeps the deeper root of two, one above the other", () => {
  const cases: [string, string, string][] = [
    ["", "", ""],
    ["", "a", "a"],
    ["a", "a", "a"],
    ["a", "a/b", "a/b"],
    ["a/b", "a/b/c/d", "a/b/c/d"],
  ];
  for (const [a, b, root] of cases) {
    assert.deepEqual(narrowGrant({ ...ALL, root: a }, { ...ALL, root: b }), { ...ALL, root });
    assert.deepEqual(narrowGrant({ ...ALL, root: b }, { ...ALL, root: a }), { ...ALL, root });
  }
});

Deno.test("narrowGrant() leaves no right where the roots share nothing", () => {
  const cases = [["a", "b"], ["a/b", "a/c"], ["a/b", "a/bc"], ["a", "ab"], ["a", "A"], [
    "b",
    "a/b",
  ]];
  for (const [a = "", b = ""] of cases) {
    for (const [x, y] of [[a, b], [b, a]] as const) {
      const { read, write } = narrowGrant({ ...ALL, root: x }, { ...ALL, root: y });
      assert.deepEqual([read, write], [false, false], `${x} and ${y}`);
    }
  }
});

Deno.test("narrowGrant() reaches no path that either root leaves out", () => {
  const path = fc.array(fc.constantFrom("a", "b", "ab"), { maxLength: 3 }).map((p) => p.join("/"));
  const holds = (grant: Grant, at: string) =>
    grant.read && (grant.root === "" || at === grant.root || at.startsWith(`${grant.root}/`));
  fc.assert(fc.property(path, path, path, (a, b, at) => {
    const [first, second] = [{ ...ALL, root: a }, { ...ALL, root: b }];
    assert.equal(holds(narrowGrant(first, second), at), holds(first, at) && holds(second, at));
  }));
});

Deno.test("narrowGrant() keeps the tighter of two bounds, and that what grows only grows", () => {
  const one: Grant = { ...ALL, quotaBytes: 5, appendOnly: true };
  const other: Grant = { ...ALL, quotaBytes: 7, maxFileBytes: 3 };
  const both = { ...ALL, appendOnly: true, quotaBytes: 5, maxFileBytes: 3 };
  assert.deepEqual(narrowGrant(one, other), both);
  assert.deepEqual(narrowGrant(other, one), both);
  assert.deepEqual(narrowGrant(ALL, ALL), ALL);
});
