import assert from "node:assert/strict";
import { toSftpxError } from "../base/errors.ts";
import type { Resumable } from "../session/status.ts";
import { identityName } from "../trust/identity.ts";
import { ageCell, amountOf, checkRoot, heldFields, transferCells } from "./held.ts";
import { errorLines } from "./ui/problem.ts";

const NOW_MS = Date.UTC(2027, 0, 2, 3, 4, 5);
const PEER = new Uint8Array(32).fill(7);

function held(change: Partial<Resumable> = {}): Resumable {
  return {
    key: new Uint8Array(32),
    peer: PEER,
    given: ["photos"],
    destination: "in",
    files: 3,
    heldBytes: 700,
    totalBytes: 1000,
    startedNs: BigInt(NOW_MS - 3_600_000) * 1_000_000n,
    touchedNs: BigInt(NOW_MS - 90_500) * 1_000_000n,
    running: false,
    ...change,
  };
}

Deno.test("ageCell() says in whole seconds how long ago it was last worked on", () => {
  const aged = (ms: number) =>
    ageCell(held({ touchedNs: BigInt(NOW_MS - ms) * 1_000_000n }), NOW_MS);
  assert.deepEqual([0, 999, 1999, 90_999, 7_500_000, 3 * 86_400_000].map(aged), [
    "0 s",
    "0 s",
    "1 s",
    "1 m 30 s",
    "2 h 5 m",
    "3 d",
  ]);
});

Deno.test("ageCell() is nothing after the clock was set back", () => {
  assert.equal(ageCell(held({ touchedNs: BigInt(NOW_MS + 60_000) * 1_000_000n }), NOW_MS), "0 s");
});

Deno.test("transferCells() escapes names, counts those past three, and shortens the peer", () => {
  const name = identityName(PEER);
  const many = held({ given: ["a", "", "c\u001b", "d", "e"], destination: "" });
  assert.deepEqual(transferCells(many, { verbose: false }), [
    name.slice(0, 12),
    "a, ., c\\u{1b} and 2 more",
    ".",
  ]);
  assert.equal(transferCells(many, { verbose: true })[0], name);
});

Deno.test("heldFields() has everything of a transfer, with times and an age", () => {
  assert.deepEqual(heldFields(held(), NOW_MS), {
    peer: identityName(PEER),
    sources: ["photos"],
    destination: "in",
    files: 3,
    heldBytes: 700,
    totalBytes: 1000,
    started: "2027-01-02T02:04:05.000Z",
    lastWorkedOn: "2027-01-02T03:02:34.500Z",
    ageSeconds: 90,
  });
});

Deno.test("amountOf() counts transfers and what is held of them", () => {
  assert.equal(amountOf([held()]), "1 transfer, 700 B");
  assert.equal(amountOf([held(), held({ heldBytes: 1300 })]), "2 transfers, 2.00 kB");
});

Deno.test("checkRoot() tells a place that is not there, and one that is no directory", async () => {
  await checkRoot(".");
  await assert.rejects(checkRoot("absent-place"), /nothing of that name/);
  await assert.rejects(checkRoot("deno.json"), /it is no directory/);
  for (const place of ["absent-place", "deno.json"]) {
    const error = await checkRoot(place).catch(toSftpxError);
    assert.ok(error);
    assert.equal(error.exit, 2);
    assert.equal(errorLines(error, { color: false }).length, 1, "the usage would not help");
  }
});
