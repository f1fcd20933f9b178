// A destination or a state that changed between two attempts, or during one: what comes of it is what
// a fresh transfer would make of it, and never a mix.

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { Buffer } from "node:buffer";
import { dirname, join } from "node:path";
import type { Entry } from "../wire/messages.ts";
import { only } from "./_conformance.ts";
import {
  CHUNK_BYTES,
  digest,
  directoryEntry,
  fileEntry,
  fileSource,
  fillPart,
  inDirectory,
  linkEntry,
  listTree,
  makeTree,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import type { DiskStore } from "./disk_store.ts";
import type { ReceiveTransfer } from "./store.ts";

const SIZE = 2 * CHUNK_BYTES;
const ENTRIES: readonly Entry[] = [directoryEntry("d"), fileEntry("d/f", SIZE)];
const FIRST = new Uint8Array(CHUNK_BYTES).fill(1);
const SECOND = new Uint8Array(CHUNK_BYTES).fill(2);
const WHOLE = Buffer.concat([FIRST, SECOND]);

/** The first chunk of the last entry is written and journalled, then the transfer breaks off. */
function breakOff(
  store: DiskStore,
  entries: readonly Entry[] = ENTRIES,
  transfer: ReceiveTransfer = transferOf(),
): string {
  const { id } = store.begin(transfer);
  const placements = store.register(id, 0, entries, entries.map(() => 0));
  const entry = entries.length - 1;
  const { part } = only(placements[entry], "new");
  fillPart(placements[entry], Buffer.concat([FIRST, new Uint8Array(CHUNK_BYTES)]));
  store.journal(id, [{ entry, first: 0, digests: digest(1), synced: false }]);
  store.abandon(id);
  return part;
}

/** Goes on: the second chunk is written to the part that is held, and the file is committed. */
function goOn(
  store: DiskStore,
  entries: readonly Entry[] = ENTRIES,
  transfer: ReceiveTransfer = transferOf(),
) {
  const { id } = store.begin(transfer);
  const placements = store.register(id, 0, entries, entries.map(() => 0));
  const entry = entries.length - 1;
  const placement = placements[entry];
  if (placement?.kind === "held") {
    const file = fs.openSync(placement.part, "r+");
    fs.writeSync(file, SECOND, 0, CHUNK_BYTES, CHUNK_BYTES);
    fs.closeSync(file);
    store.journal(id, [{ entry, first: 1, digests: digest(2), synced: false }]);
  }
  const outcomes = [
    store.placeDirectories(id),
    ...placement?.kind === "held" ? [store.commit(id, [wholeFile(entry)])] : [],
    store.finish(id),
  ];
  return { placement, failures: outcomes.flatMap((outcome) => outcome.failures) };
}

Deno.test("a file that came to the final name between two attempts is replaced as a whole", () =>
  inDirectory((root) => {
    withStore(root, (store) => void breakOff(store));
    makeTree(root, ["d/f"]);
    const theirs = fs.openSync(join(root, "d/f"), "r");
    withStore(root, (store) => {
      const { placement, failures } = goOn(store);
      assert.deepEqual([placement?.kind, failures], ["held", []]);
    });
    assert.deepEqual(fs.readFileSync(join(root, "d/f")), WHOLE);
    assert.equal(fs.readFileSync(theirs, "utf8"), "d/f", "nobody wrote into what stood there");
    fs.closeSync(theirs);
  }));

Deno.test("under a write-once grant it stays, and the part goes", () =>
  inDirectory((root) => {
    const transfer = transferOf({ writeOnce: true });
    withStore(root, (store) => void breakOff(store, ENTRIES, transfer));
    makeTree(root, ["d/f"]);
    withStore(root, (store) => {
      const { placement } = goOn(store, ENTRIES, transfer);
      assert.equal(only(placement, "failed").code, "refused");
    });
    assert.equal(fs.readFileSync(join(root, "d/f"), "utf8"), "d/f");
    assert.deepEqual(fs.readdirSync(root), ["d"]);
  }));

Deno.test("a file that changes at the final name during the transfer is replaced as a whole", () =>
  inDirectory((root) => {
    makeTree(root, ["d/f"]);
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const placements = store.register(id, 0, ENTRIES, [0, 0]);
      fillPart(placements[1], WHOLE);
      store.placeDirectories(id);
      fs.writeFileSync(join(root, "other"), "of another process");
      fs.renameSync(join(root, "other"), join(root, "d/f"));
      const theirs = fs.openSync(join(root, "d/f"), "r+");
      assert.deepEqual(store.commit(id, [wholeFile(1)]).failures, []);
      fs.writeSync(theirs, "late");
      fs.closeSync(theirs);
      store.finish(id);
    });
    assert.deepEqual(fs.readFileSync(join(root, "d/f")), WHOLE);
  }));

Deno.test("a link that came in place of a directory between two attempts takes nothing", () =>
  inDirectory((root) => {
    withStore(root, (store) => void breakOff(store));
    makeTree(root, ["outside/", "d->outside"]);
    withStore(root, (store) => {
      const { placement } = goOn(store);
      assert.equal(only(placement, "failed").code, "conflict");
    });
    assert.deepEqual(listTree(root), ["d", "outside/"]);
  }));

Deno.test("a directory that came to the destination between two attempts takes the file in", () =>
  inDirectory((root) => {
    const transfer = transferOf({ destination: "x", sources: [fileSource("f")] });
    const entries = [fileEntry("f", SIZE)];
    withStore(root, (store) => void breakOff(store, entries, transfer));
    fs.mkdirSync(join(root, "x"));
    withStore(root, (store) => {
      const { placement, failures } = goOn(store, entries, transfer);
      assert.deepEqual([placement?.kind, failures], ["held", []]);
    });
    assert.deepEqual(listTree(root), ["x/", "x/f"]);
    assert.deepEqual(fs.readFileSync(join(root, "x/f")), WHOLE);
  }));

Deno.test("a part that is something else by now is begun anew, and what it became is left to nobody", () =>
  inDirectory((root) => {
    const spoil: Record<string, (part: string) => void> = {
      longer: (part) => fs.truncateSync(part, SIZE + 1),
      directory: (part) => fs.mkdirSync(part),
      "full directory": (part) => makeTree(dirname(part), [`${part.split("/").at(-1)}/x`]),
      link: (part) => fs.symlinkSync("/dev/null", part),
    };
    for (const [what, harm] of Object.entries(spoil)) {
      withStore(root, (store) => {
        const part = breakOff(store);
        if (what !== "longer") fs.rmSync(part);
        harm(part);
        const { id } = store.begin(transferOf());
        const placements = store.register(id, 0, ENTRIES, [0, 0]);
        assert.equal(only(placements[1], "new").part === part, false, what);
        fillPart(placements[1], WHOLE);
        store.placeDirectories(id);
        assert.deepEqual(store.commit(id, [wholeFile(1)]).failures, [], what);
        store.finish(id);
      });
      assert.deepEqual(fs.readdirSync(root), ["d"], what);
      fs.rmSync(join(root, "d"), { recursive: true });
    }
  }));

Deno.test("a source that became a directory or link, or went, takes its part with it", () =>
  inDirectory((root) => {
    const others: readonly (readonly Entry[])[] = [
      [directoryEntry("d"), directoryEntry("d/f"), fileEntry("d/f/x", 0)],
      [directoryEntry("d"), linkEntry("d/f", "x")],
      [directoryEntry("d")],
    ];
    for (const entries of others) {
      withStore(root, (store) => {
        breakOff(store);
        const { id } = store.begin(transferOf());
        store.register(id, 0, entries, entries.map(() => 0));
        store.placeDirectories(id);
        const files = entries.flatMap(({ kind }, i) => kind === "file" ? [wholeFile(i)] : []);
        assert.deepEqual(store.commit(id, files).failures, []);
        assert.deepEqual(store.finish(id).failures, []);
        assert.deepEqual(store.resumable(), []);
      });
      assert.deepEqual(fs.readdirSync(root), ["d"]);
      fs.rmSync(join(root, "d"), { recursive: true });
    }
  }));

Deno.test("what was put in place and then changed by hand is compared, not taken for ours", () =>
  inDirectory((root) => {
    const small = [directoryEntry("d"), fileEntry("d/a", 5), fileEntry("d/f", SIZE)];
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const placements = store.register(id, 0, small, [0, 0, 0]);
      fillPart(placements[1], "hello");
      store.placeDirectories(id);
      store.commit(id, [wholeFile(1)]);
      store.abandon(id);
    }, { keep: true });
    fs.writeFileSync(join(root, "d/a"), "HELLO");
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const placements = store.register(id, 0, small, [0, 0, 0]);
      assert.equal(placements[1]?.kind, "stands");
    });
  }));
