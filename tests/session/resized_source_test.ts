import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { SftpxError } from "../../src/base/errors.ts";
import { resumableIn } from "../../src/session/status.ts";
import { makeFile, noise } from "../e2e/trees.ts";
import { WORKERS } from "../../mod.ts";
import { assertDone, codeOf, Gate, Place } from "./place.ts";

const CHUNK_BYTES = 65_536;
const CONTENT = noise(40 * CHUNK_BYTES + 17);
/** As far as it comes before it breaks off; the first chunk after which a grown source differs. */
const REACHED_BYTES = 20 * CHUNK_BYTES;
const GROWN_AT_BYTES = 10 * CHUNK_BYTES + 5;

interface Change {
  readonly content: Uint8Array;
  /** Bytes at the beginning that are what they were, in whole chunks. */
  readonly sameBytes: number;
}

const CHANGES: Readonly<Record<string, Change>> = {
  "was added to": {
    content: Uint8Array.from([...CONTENT, ...noise(3 * CHUNK_BYTES + 1)]),
    sameBytes: 40 * CHUNK_BYTES,
  },
  "was cut": { content: CONTENT.slice(0, 30 * CHUNK_BYTES + 3), sameBytes: 30 * CHUNK_BYTES },
  "grew in its middle": {
    content: Uint8Array.from([
      ...CONTENT.subarray(0, GROWN_AT_BYTES),
      ...noise(2 * CHUNK_BYTES),
      ...CONTENT.subarray(GROWN_AT_BYTES),
    ]),
    sameBytes: 10 * CHUNK_BYTES,
  },
};

for (const [what, { content, sameBytes }] of Object.entries(CHANGES)) {
  Deno.test(`of a source that ${what} since a push broke off, what is the same is not sent again`, async () => {
    const gate = new Gate(REACHED_BYTES);
    await using place = await Place.open({ deliver: gate.deliver });
    const server = await place.serve();
    await makeFile(place.path("f"), CONTENT);
    const stop = new AbortController();
    const first = place.push(["f"], server.remote(), { signal: stop.signal });
    await gate.reached;
    await server.journalled();
    stop.abort(new SftpxError("interrupted", "Stopped by the user"));
    gate.open();
    assert.equal(codeOf(await first.summary), "interrupted");
    const [held] = await resumableIn(server.root, { workers: WORKERS });
    await writeFile(place.path("f"), content);
    const run = place.push(["f"], server.remote(), { compression: { kind: "none" } });
    const summary = await run.summary;
    assertDone(summary);
    assert.deepEqual(new Uint8Array(await readFile(`${server.root}/f`)), content);
    const heldBytes = held?.heldBytes ?? 0;
    assert.ok(heldBytes >= REACHED_BYTES / 2, `${heldBytes} bytes are held`);
    // Chunks come in no order: one or two beyond the beginning may be held, too.
    const leastBytes = Math.min(heldBytes, sameBytes) - 4 * CHUNK_BYTES;
    assert.ok(summary.reusedBytes >= leastBytes, `${summary.reusedBytes} of ${heldBytes}`);
    assert.equal(summary.wireBytes, content.byteLength - summary.reusedBytes);
  });
}
