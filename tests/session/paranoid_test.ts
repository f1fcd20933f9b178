// What `--paranoid` is for: a byte of a part really changes on the disk between its write and its commit.

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { SftpxError } from "../../src/base/errors.ts";
import { DEFAULT_POLICY } from "../../src/session/options.ts";
import { makeFile, noise } from "../e2e/trees.ts";
import {
  assertDone,
  codeOf,
  Gate,
  journalled,
  Place,
  type RunningServer,
  type Way,
  wayOf,
} from "./place.ts";

const CHUNK_BYTES = 65_536;
const SMALL = noise(1000);
const MIDDLE = noise(5 * CHUNK_BYTES + 9);
const LAST = noise(80 * CHUNK_BYTES);
/** Everything of the first two is through, and not all of the last. */
const REACHED_BYTES = 40 * CHUNK_BYTES;
const POLICY = { ...DEFAULT_POLICY, paranoid: true };

/** The part under a receiving root that has the first `bytes` of `content`; null where none has. */
function partOf(root: string, content: Uint8Array, bytes: number): string | null {
  const parts = join(root, ".sftpx/parts");
  if (!fs.existsSync(parts)) return null;
  for (const name of fs.readdirSync(parts, { recursive: true, encoding: "utf8" })) {
    const path = join(parts, name);
    const stat = fs.statSync(path, { throwIfNoEntry: false });
    if (!stat?.isFile() || stat.size !== content.byteLength) continue;
    if (fs.readFileSync(path).subarray(0, bytes).equals(content.subarray(0, bytes))) return path;
  }
  return null;
}

/** Settles once a part holds the first `bytes` of `content`, and flips a bit in it. */
async function flip(root: string, content: Uint8Array, bytes = content.byteLength): Promise<void> {
  for (;;) {
    const part = partOf(root, content, bytes);
    if (part !== null) return flipAt(part, 500);
    // What lands does so in other threads: they get their turn.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function flipAt(path: string, at: number): void {
  const byte = new Uint8Array(1);
  const fd = fs.openSync(path, "r+");
  try {
    fs.readSync(fd, byte, 0, 1, at);
    fs.writeSync(fd, Uint8Array.of(byte[0]! ^ 1), 0, 1, at);
  } finally {
    fs.closeSync(fd);
  }
}

async function prepared(direction: "push" | "pull", place: Place, paranoid: boolean): Promise<{
  readonly way: Way;
  /** Where parts lie. */
  readonly root: string;
  readonly server: RunningServer;
}> {
  const policy = paranoid ? POLICY : DEFAULT_POLICY;
  const server = await place.serve({ policy });
  const way = wayOf(direction, place, server);
  await makeFile(join(way.from, "a"), SMALL);
  await makeFile(join(way.from, "b"), MIDDLE);
  await makeFile(join(way.from, "c"), LAST);
  return { way, root: direction === "push" ? server.root : way.to, server };
}

for (const direction of ["push", "pull"] as const) {
  // With atomic, what is whole waits for its commit until everything is.
  for (const [name, content] of [["a", SMALL], ["b", MIDDLE]] as const) {
    Deno.test(`a byte of "${name}" that changes before its commit keeps all of an atomic ${direction} back`, async () => {
      const gate = new Gate(REACHED_BYTES);
      await using place = await Place.open({ deliver: gate.deliver });
      const { way, root } = await prepared(direction, place, true);
      const run = way.run({ policy: POLICY, atomic: true });
      await gate.reached;
      await flip(root, content);
      gate.open();
      assert.equal(codeOf(await run.summary), "integrity");
      for (const each of ["a", "b", "c"]) assert.equal(fs.existsSync(join(way.to, each)), false);
      const again = await way.run({ policy: POLICY, atomic: true }).summary;
      assertDone(again);
      assert.ok(again.wireBytes >= content.byteLength, "it is sent anew");
      assert.deepEqual(new Uint8Array(fs.readFileSync(join(way.to, name))), content);
    });
  }

  Deno.test(`a byte that changes in what a ${direction} left behind fails its entry alone, once`, async () => {
    const gate = new Gate(REACHED_BYTES);
    await using place = await Place.open({ deliver: gate.deliver });
    const { way, root, server } = await prepared(direction, place, true);
    const stop = new AbortController();
    const first = way.run({ policy: POLICY, signal: stop.signal });
    await gate.reached;
    await flip(root, LAST, CHUNK_BYTES);
    await (direction === "push" ? server.journalled() : journalled(first));
    stop.abort(new SftpxError("interrupted", "Stopped by the user"));
    gate.open();
    assert.equal(codeOf(await first.summary), "interrupted");
    const second = way.run({ policy: POLICY });
    const summary = await second.summary;
    const failed = second.events.items.flatMap((event) =>
      event.kind === "entry_failed" ? [[event.path, event.code]] : []
    );
    assert.deepEqual(failed, [["c", "integrity"]]);
    assert.equal(summary.ok, false);
    assert.ok(summary.reusedBytes > 0, "the journal was believed");
    assert.equal(fs.existsSync(join(way.to, "c")), false);
    assert.deepEqual(new Uint8Array(fs.readFileSync(join(way.to, "b"))), MIDDLE, "others go on");
    const third = await way.run({ policy: POLICY }).summary;
    assertDone(third);
    assert.ok(third.wireBytes >= LAST.byteLength, "all of it is sent anew");
    assert.deepEqual(new Uint8Array(fs.readFileSync(join(way.to, "c"))), LAST);
  });
}

Deno.test("without paranoid nothing is read again: what changed before the commit is put in place", async () => {
  const gate = new Gate(REACHED_BYTES);
  await using place = await Place.open({ deliver: gate.deliver });
  const { way, root } = await prepared("push", place, false);
  const run = way.run({ atomic: true });
  await gate.reached;
  await flip(root, MIDDLE);
  gate.open();
  assertDone(await run.summary);
  assert.notDeepEqual(new Uint8Array(fs.readFileSync(join(way.to, "b"))), MIDDLE);
});

Deno.test("what is the same already is kept, and an empty file made, with paranoid as without", async () => {
  await using place = await Place.open();
  const { way } = await prepared("push", place, true);
  await makeFile(join(way.from, "empty"), new Uint8Array(0));
  await makeFile(join(way.to, "b"), MIDDLE);
  assertDone(await way.run().summary);
  const again = await way.run({ checksum: true }).summary;
  assertDone(again);
  assert.equal(again.wireBytes, 0, "it was read where it stands");
  assert.equal(fs.statSync(join(way.to, "empty")).size, 0);
});
