import assert from "node:assert/strict";
import fc from "fast-check";
import { RegisteredLinks } from "./registered_links.ts";

const pathOf = (entry: number) => `d/${entry}`;

Deno.test("RegisteredLinks say again what was said of each, without those left out", () => {
  const link = fc.record({
    gap: fc.integer({ min: 1, max: 2000 }),
    target: fc.constantFrom("a", "../a", "../a/b", "é/𝄞", "x".repeat(4095), "with\0nul"),
    mtimeNs: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    isLeftOut: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(link, { maxLength: 30 }), fc.nat(600), (given, before) => {
      const links = new RegisteredLinks(pathOf);
      // A page begins somewhere among them.
      for (let entry = 0; entry < before; entry++) {
        links.add(entry, { target: `t/${entry}`, mtimeNs: 0n });
        links.leaveOut(entry);
      }
      let entry = before;
      const expected = given.map(({ gap, ...rest }) => ({ ...rest, entry: entry += gap }));
      for (const { entry, ...rest } of expected) links.add(entry, rest);
      for (const { entry, isLeftOut } of expected) if (isLeftOut) links.leaveOut(entry);
      links.leaveOut(entry + 1);
      assert.deepEqual(
        [...links],
        expected.filter(({ isLeftOut }) => !isLeftOut).map(({ entry, target, mtimeNs }) => {
          return {
            entry,
            path: pathOf(entry),
            target: target.includes("\0") ? "" : target,
            mtimeNs,
          };
        }),
      );
    }),
    { numRuns: 200 },
  );
});

Deno.test("RegisteredLinks take some twenty bytes each beside what is new in a target (I8)", () => {
  const links = new RegisteredLinks(pathOf);
  const count = 20_000;
  for (let at = 0; at < count; at++) {
    const mtimeNs = 1_700_000_000_000_000_000n + BigInt(at) * 1_234_567_890n;
    const target = `../../some/where/else/${String(at).padStart(6, "0")}`;
    links.add(3 * at, { target, mtimeNs });
  }
  assert.ok(links.heldBytes / count < 24, `${links.heldBytes / count} bytes each`);
});
