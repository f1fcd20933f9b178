import assert from "node:assert/strict";
import fc from "fast-check";
import type { ModeAndTime } from "./disk.ts";
import { RegisteredDirectories } from "./registered_directories.ts";

const MTIME_NS = fc.oneof(
  fc.bigInt({ min: -9n, max: 9n }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
);
const MODE = fc.nat(0o7777);
const STOOD = fc.option(
  fc.record({ mode: MODE.map(BigInt), mtimeNs: MTIME_NS }, { noNullPrototype: true }),
);

const pathOf = (entry: number) => `d/${entry}`;

Deno.test("RegisteredDirectories say again what was said of each, whatever changes of others", () => {
  const directory = fc.record({
    gap: fc.integer({ min: 1, max: 2000 }),
    mode: MODE,
    mtimeNs: MTIME_NS,
    stood: STOOD,
    isTouched: fc.boolean(),
    isLeftOut: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(directory, { maxLength: 30 }), fc.nat(600), (given, before) => {
      const directories = new RegisteredDirectories(pathOf);
      // A page begins somewhere among them.
      for (let entry = 0; entry < before; entry++) {
        directories.add(entry, { mode: 0, mtimeNs: 0n });
        directories.leaveOut(entry);
      }
      let entry = before;
      const expected = given.map(({ gap, ...rest }) => ({ ...rest, entry: entry += gap }));
      for (const { entry, mode, mtimeNs } of expected) directories.add(entry, { mode, mtimeNs });
      for (const { entry, stood, isTouched, isLeftOut } of expected) {
        const found = directories.get(entry)!;
        found.stood = stood;
        found.isTouched = isTouched;
        if (isLeftOut) directories.leaveOut(entry);
      }
      const told = ({ entry, stood }: { entry: number; stood: ModeAndTime | null }) => [
        entry,
        stood,
      ];
      const placed = expected.filter(({ isLeftOut }) => !isLeftOut);
      assert.deepEqual([...directories].map(told), placed.map(told));
      assert.deepEqual([...directories.deepestFirst()].map(told), placed.map(told).reverse());
      const touched = expected.filter(({ isTouched }) => isTouched).map(told);
      assert.deepEqual([...directories.touched()].map(told), touched);
      for (const { entry, mode, mtimeNs, isTouched } of expected) {
        const found = directories.get(entry);
        assert.deepEqual([found?.path, found?.mode], [pathOf(entry), mode]);
        assert.deepEqual([found?.mtimeNs, found?.isTouched], [mtimeNs, isTouched]);
        const isThere = expected.some((other) => other.entry === entry + 1);
        assert.equal(directories.get(entry + 1) !== null, isThere);
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("RegisteredDirectories take some thirty bytes each (I8)", () => {
  const directories = new RegisteredDirectories(pathOf);
  const count = 20_000;
  for (let at = 0; at < count; at++) {
    const mtimeNs = 1_700_000_000_000_000_000n + BigInt(at) * 1_234_567_890n;
    directories.add(3 * at, { mode: 0o755, mtimeNs });
    const found = directories.get(3 * at)!;
    found.stood = { mode: 0o40755n, mtimeNs: mtimeNs + 1n };
    found.isTouched = true;
  }
  assert.ok(directories.heldBytes / count < 32, `${directories.heldBytes / count} bytes each`);
});
