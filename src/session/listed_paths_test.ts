import assert from "node:assert/strict";
import { isCode } from "./_fixture.ts";
import { listedPaths } from "./listed_paths.ts";

Deno.test("listedPaths() takes what rsync takes for the same path as one", () => {
  const given = ["a", "./a", "/a", "a/", "b//c", "b/./c/", "...", " "];
  assert.deepEqual(listedPaths(given), ["a", "b/c", "...", " "]);
  assert.deepEqual(listedPaths([]), []);
});

for (const whole of [".", "./", "/", ""]) {
  Deno.test(`listedPaths() takes "${whole}" for all of the source`, () => {
    assert.equal(listedPaths(["a", whole]), null);
  });
}

for (const unfit of ["..", "../a", "a/../b", "a/..", "a/.sftpx/b", "a\nb", "a\\b"]) {
  Deno.test(`listedPaths() refuses ${JSON.stringify(unfit)}`, () => {
    assert.throws(() => listedPaths(["a", unfit]), isCode("usage"));
  });
}
