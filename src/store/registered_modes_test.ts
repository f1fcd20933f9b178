import assert from "node:assert/strict";
import { memoryFile } from "../base/_spill_fixture.ts";
import { type ModeChange, RegisteredModes } from "./registered_modes.ts";

function change(entry: number, fields: Partial<ModeChange> = {}): ModeChange {
  const standing = { device: 1n, inode: BigInt(entry), sizeBytes: 3, mtimeNs: 4n, ctimeNs: -5n };
  const digest = new Uint8Array(32).fill(entry & 0xff);
  return { entry, final: `to/${entry}`, mode: 0o755, mtimeNs: 4n, digest, standing, ...fields };
}

const finalOf = (entry: number) => `to/${entry}`;

Deno.test("changes come back in their order, but for those that are left out", () => {
  const modes = new RegisteredModes(finalOf);
  const changes = [
    change(3),
    change(4, { mode: 0o7777, mtimeNs: -(2n ** 63n) }),
    change(9),
    change(7_999_999, { standing: { ...change(1).standing, inode: 2n ** 64n - 1n } }),
  ];
  for (const one of changes) modes.add(one);
  modes.leaveOut(9);
  modes.leaveOut(5);
  assert.deepEqual([...modes], changes.filter(({ entry }) => entry !== 9));
});

Deno.test("of however many changes some MiB are in memory where there is a file for the rest (I8)", () => {
  const modes = new RegisteredModes(finalOf, { spill: () => memoryFile() });
  const count = 100_000;
  for (let entry = 0; entry < count; entry++) modes.add(change(entry));
  for (let entry = 0; entry < count; entry += 1000) modes.leaveOut(entry);
  assert.ok(modes.heldBytes < 3 * 2 ** 20, `${modes.heldBytes} bytes`);
  let seen = 0;
  for (const { entry, final, digest, standing } of modes) {
    assert.deepEqual([final, digest[0], standing.inode], [
      `to/${entry}`,
      entry & 0xff,
      BigInt(entry),
    ]);
    seen++;
  }
  assert.equal(seen, count - count / 1000);
});
