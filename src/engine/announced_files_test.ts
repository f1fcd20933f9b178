import assert from "node:assert/strict";
import fc from "fast-check";
import { anyStamp } from "../../tests/vectors/messages.ts";
import { stampOf } from "./_fixture.ts";
import { type AnnouncedFile, AnnouncedFiles } from "./announced_files.ts";

/** Whatever the wire lets through. */
const announced: fc.Arbitrary<AnnouncedFile> = fc.record({
  sparse: fc.constant(true as const),
  stamp: anyStamp,
}, { requiredKeys: [], noNullPrototype: true });

Deno.test("AnnouncedFiles gives back what it was told of each, once", () => {
  fc.assert(fc.property(fc.array(fc.option(announced, { nil: null })), (all) => {
    const files = new AnnouncedFiles();
    all.forEach((file, index) => file !== null && files.add(index, file));
    for (const [index, file] of all.entries()) {
      assert.deepEqual(files.take(index), file);
      assert.equal(files.take(index), null);
    }
    assert.equal(files.pages, 0);
  }));
});

Deno.test("AnnouncedFiles knows nothing of what was deleted, and nothing of others", () => {
  const files = new AnnouncedFiles();
  files.add(40, { stamp: stampOf(4) });
  files.add(41, { sparse: true });
  assert.equal(files.delete(40), true);
  assert.equal(files.delete(40), false);
  assert.equal(files.delete(39), false);
  assert.equal(files.take(40), null);
  assert.deepEqual(files.take(41), { sparse: true });
});

Deno.test("AnnouncedFiles keeps nothing of an index that comes again", () => {
  const files = new AnnouncedFiles();
  files.add(1, {});
  files.add(0, { sparse: true, stamp: stampOf(4) });
  files.delete(0);
  files.add(0, {});
  assert.deepEqual(files.take(0), {});
});

Deno.test("AnnouncedFiles lets go of a page with its last file (I8)", () => {
  const files = new AnnouncedFiles();
  for (let index = 0; index < 10_000; index++) {
    files.add(index, { stamp: stampOf(index) });
    if (index >= 100) assert.ok(files.delete(index - 100));
    assert.ok(files.pages <= 5, String(files.pages));
  }
});
