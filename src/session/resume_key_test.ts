import assert from "node:assert/strict";
import { toHex } from "../base/bytes.ts";
import { loadHash } from "../codec/hash.ts";
import { resumeKey } from "./resume_key.ts";

const PARTS = {
  peer: new Uint8Array(32).fill(1),
  direction: "push",
  destination: "backup/å",
  given: ["dir/", "file"],
} as const;

Deno.test("resumeKey() is what it always was: journals on disk are found by it", async () => {
  const key = resumeKey(await loadHash({ without: [] }), PARTS);
  assert.equal(toHex(key), "9f2d5e1947a6353356b9c49ecac538a111865d3cf8add09dd2582b3800bdc26e");
});

const OTHERS: Record<string, Partial<Parameters<typeof resumeKey>[1]>> = {
  "peer": { peer: new Uint8Array(32).fill(2) },
  "direction": { direction: "pull" },
  "destination": { destination: "backup" },
  "source": { given: ["dir", "file"] },
  "order of sources": { given: ["file", "dir/"] },
  "number of sources": { given: ["dir/"] },
  "cut between sources": { given: ["dir/f", "ile"] },
  "cut between destination and sources": { destination: "backup/ådir/", given: ["file"] },
};

for (const [what, other] of Object.entries(OTHERS)) {
  Deno.test(`resumeKey() differs by ${what}`, async () => {
    const hashing = await loadHash({ without: [] });
    assert.notDeepEqual(resumeKey(hashing, { ...PARTS, ...other }), resumeKey(hashing, PARTS));
  });
}

Deno.test("resumeKey() asks for nothing else: a ticket, an address or a chunk size changes nothing", async () => {
  const hashing = await loadHash({ without: [] });
  const more = { ...PARTS, chunkBytes: 1, ticket: "x", port: 2 };
  assert.deepEqual(resumeKey(hashing, more), resumeKey(hashing, PARTS));
});
