import assert from "node:assert/strict";
import { directoryEntry, fileEntry, linkEntry } from "./_fixture.ts";
import { ManifestGuard } from "./manifest_guard.ts";

Deno.test("ManifestGuard refuses what lies below a file, with siblings sorted in between", () => {
  const guard = new ManifestGuard(false);
  for (const path of ["a", "a!", "a-b", "a-b-c"]) guard.check(fileEntry(path, 0));
  assert.throws(() => guard.check(fileEntry("a-b/x", 0)), { code: "conflict" });
  assert.throws(() => guard.check(fileEntry("a/x/y", 0)), { code: "conflict" });
  guard.check(fileEntry("a0", 0));
});

Deno.test("ManifestGuard refuses what lies below a link, however deep", () => {
  const guard = new ManifestGuard(false);
  guard.check(directoryEntry("d"));
  guard.check(linkEntry("d/l", "/etc"));
  guard.check(directoryEntry("d/l-"));
  assert.throws(() => guard.check(fileEntry("d/l/m/n", 0)), { code: "conflict" });
  guard.check(fileEntry("d/m", 0));
});

Deno.test("ManifestGuard lets one spelling pass where case is ignored, also of parents", () => {
  const guard = new ManifestGuard(true);
  guard.check(fileEntry("A/x", 0));
  guard.check(fileEntry("A/z", 0));
  assert.throws(() => guard.check(fileEntry("a/y", 0)), { code: "name_collision" });
  assert.throws(() => guard.check(directoryEntry("a")), { code: "name_collision" });
  guard.check(fileEntry("stra\u00dfe", 0));
  assert.throws(() => guard.check(fileEntry("STRASSE", 0)), { code: "name_collision" });
  guard.check(fileEntry("caf\u00e9", 0));
  assert.throws(() => guard.check(fileEntry("cafe\u0301", 0)), { code: "name_collision" });
});

Deno.test("ManifestGuard tells spellings apart where case is not ignored", () => {
  const guard = new ManifestGuard(false);
  guard.check(fileEntry("A", 0));
  guard.check(fileEntry("a", 0));
});
