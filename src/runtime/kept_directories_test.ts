import assert from "node:assert/strict";
import { KeptDirectories } from "./kept_directories.ts";

/** Directories whose descriptors are numbers in order, and those that are open. */
function scene() {
  const open = new Map<number, string>();
  let next = 1;
  const kept = new KeptDirectories({
    open: (path) => {
      open.set(next, path);
      return next++;
    },
    close: (fd) => assert.ok(open.delete(fd), `${fd} is closed once`),
  });
  return { kept, paths: () => [...open.values()] };
}

Deno.test("a directory is opened once in a turn of the loop, and closed when the turn ends", async () => {
  const { kept, paths } = scene();
  assert.equal(kept.directory("a"), kept.directory("a"));
  kept.directory("a/b");
  assert.deepEqual(paths(), ["a", "a/b"]);
  await Promise.resolve();
  assert.deepEqual(paths(), []);
  assert.equal(kept.directory("a"), 3);
  await Promise.resolve();
  assert.deepEqual(paths(), []);
  assert.equal(kept.directory("a"), 4);
  kept.forget();
});

Deno.test("no more stay open than a deep walk uses, and those that were used last do", () => {
  const { kept, paths } = scene();
  for (let i = 0; i < 32; i++) kept.directory(`${i}`);
  kept.directory("0");
  for (const path of ["more", "still more"]) kept.directory(path);
  assert.equal(paths().length, 32);
  assert.deepEqual(["0", "1", "2", "3"].filter((path) => !paths().includes(path)), ["1", "2"]);
  kept.forget();
});

Deno.test("one that goes is found anew, with all that is below it, and no other", () => {
  for (
    const [moved, isGone] of [["a/b", true], ["a", true], ["a/b/c", false], ["a/", false]] as const
  ) {
    const { kept, paths } = scene();
    kept.directory("a/b");
    kept.moved(moved);
    assert.equal(paths().length, isGone ? 0 : 1, moved);
    kept.forget();
  }
  const { kept, paths } = scene();
  kept.directory("ab");
  kept.moved("a");
  assert.deepEqual(paths(), ["ab"]);
  kept.forget();
});
