import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { offerOf } from "./_fixture.ts";
import { grantedDestination, underGrant } from "./granted_place.ts";

const UNDER: readonly [grantRoot: string, path: string, wanted: string][] = [
  ["", "", ""],
  ["", "a/b/", "a/b"],
  ["", ".", ""],
  ["a", "", "a"],
  ["a", "./", "a"],
  ["a/b", "c", "a/b/c"],
  ["a/b", "c/d/", "a/b/c/d"],
];

for (const [grantRoot, path, wanted] of UNDER) {
  Deno.test(`under a grant for "${grantRoot}", "${path}" is "${wanted}"`, () => {
    assert.equal(underGrant(grantRoot, path), wanted);
  });
}

Deno.test("an offer to no path goes into the grant's root, or is the one file it is for", async () => {
  const root = await fs.mkdtemp(join(tmpdir(), "sftpx-granted-"));
  try {
    await fs.mkdir(join(root, "dir"));
    await fs.writeFile(join(root, "file"), "");
    await fs.symlink("file", join(root, "link"));
    const into = async (grantRoot: string, destination: string, intoDirectory = false) => {
      const offer = { ...offerOf(1), destination, intoDirectory };
      const place = await grantedDestination(root, { grantRoot, offer });
      return [place.destination, place.intoDirectory];
    };
    assert.deepEqual(await into("", ""), ["", false]);
    assert.deepEqual(await into("", "new"), ["new", false]);
    assert.deepEqual(await into("dir", ""), ["dir", true]);
    assert.deepEqual(await into("absent", ""), ["absent", true]);
    assert.deepEqual(await into("link", ""), ["link", true]);
    assert.deepEqual(await into("file", ""), ["file", false]);
    assert.deepEqual(await into("file", "", true), ["file", true]);
    assert.deepEqual(await into("dir", "new"), ["dir/new", false]);
  } finally {
    await fs.rm(root, { recursive: true });
  }
});
