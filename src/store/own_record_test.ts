import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import type { OfferedSource } from "../wire/messages.ts";
import {
  digest,
  fileEntry,
  fileSource,
  fillPart,
  inDirectory,
  makeTree,
  receive,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import type { DiskStore } from "./disk_store.ts";
import type { ReceiveTransfer } from "./store.ts";

const ENTRIES = [fileEntry("d/a", 5), fileEntry("d/b", 5)];
const BLIND = { mayRead: false };
const CONTENTS: OfferedSource = { name: "d", kind: "directory", contents: true };

/** Puts the first file in place and breaks off. */
function breakOff(store: DiskStore, more: Partial<ReceiveTransfer> = BLIND): void {
  const { id } = store.begin(transferOf(more));
  const [placement] = store.register(id, 0, ENTRIES, [0, 0]);
  fillPart(placement, "hello");
  store.placeDirectories(id);
  assert.deepEqual(store.commit(id, [wholeFile(0)]).failures, []);
  store.abandon(id);
}

/** What the two files are to the next attempt. */
function kindsFor(store: DiskStore, more: Partial<ReceiveTransfer> = BLIND): string[] {
  const { id } = store.begin(transferOf(more));
  const kinds = store.register(id, 0, ENTRIES, [0, 0]).map(({ kind }) => kind);
  store.abandon(id);
  return kinds;
}

Deno.test("what a peer that may not read put in place is not sent again while it is not done", () =>
  inDirectory((root) => {
    withStore(root, (store) => breakOff(store));
    withStore(root, (store) => {
      assert.deepEqual(kindsFor(store), ["unchanged", "new"]);
      assert.deepEqual(kindsFor(store, { ...BLIND, writeOnce: true }), ["unchanged", "new"]);
      assert.deepEqual(kindsFor(store, { ...BLIND, checksum: true }), ["new", "new"]);
    });
  }));

Deno.test("whether anything stands there such a peer is not told, dry or not", () =>
  inDirectory((root) => {
    makeTree(root, ["file", "full/f", "empty/"]);
    const onFile = (name: string) => ({ sources: [fileSource(name)] });
    const into = (destination: string) => ({
      destination,
      intoDirectory: true,
      sources: [CONTENTS],
    });
    const offers = [...["file", "absent"].map(onFile), ...["full", "empty", "absent"].map(into)];
    const grants = [{}, { writeOnce: true }, { writeOnce: true, appendOnly: true }];
    const told = (store: DiskStore, more: Partial<ReceiveTransfer>) => {
      const { id, fresh, from } = store.begin(transferOf(more));
      store.abandon(id);
      return [...fresh, from];
    };
    withStore(root, (store) => {
      let key = 20;
      for (const dryRun of [true, false]) {
        const more = () => ({ dryRun, key: digest(key++) });
        for (
          const offer of offers.flatMap((one) => grants.map((grant) => ({ ...grant, ...one })))
        ) {
          assert.deepEqual(told(store, { ...BLIND, ...offer, ...more() }), [true, null]);
        }
        const toReaders = offers.map((offer) => told(store, { ...offer, ...more() })[0]);
        assert.deepEqual(toReaders, [false, true, false, true, true]);
      }
    });
  }));

Deno.test("what is in the way of such a peer fails its entry, though the source is told to be fresh", () =>
  inDirectory((root) => {
    makeTree(root, ["d/a", "d/b/"]);
    withStore(root, (store) => {
      const begin = (more: Partial<ReceiveTransfer>) => {
        const { id, fresh } = store.begin(transferOf({ ...BLIND, ...more }));
        const kinds = store.register(id, 0, ENTRIES, [0, 0]).map(({ kind }) => kind);
        store.abandon(id);
        return [...fresh, ...kinds];
      };
      assert.deepEqual(begin({ key: digest(31) }), [true, "new", "failed"]);
      assert.deepEqual(begin({ key: digest(32), writeOnce: true }), [true, "failed", "failed"]);
    });
  }));

Deno.test("another's file tells such a peer nothing, whatever it offers", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      breakOff(store);
      assert.deepEqual(kindsFor(store, { ...BLIND, key: digest(7) }), ["new", "new"]);
      const contents = { "d/a": "hello", "d/b": "hello" };
      // The other one replaces it: what stands there is its own.
      const other = transferOf({ key: digest(8), checksum: true });
      receive(store, other, { entries: ENTRIES, contents });
      assert.deepEqual(kindsFor(store), ["new", "new"]);
    }, { keep: true });
  }));

Deno.test("its own file tells it nothing once it was touched, or the transfer is done", () =>
  inDirectory((root) => {
    const store = (body: (store: DiskStore) => void) => withStore(root, body, { keep: true });
    store((store) => {
      breakOff(store);
      fs.writeFileSync(join(root, "d/a"), "HELLO");
      assert.deepEqual(kindsFor(store), ["new", "new"]);
    });
    store((store) => {
      breakOff(store);
      const { id } = store.begin(transferOf(BLIND));
      const [first, second] = store.register(id, 0, ENTRIES, [0, 0]);
      assert.equal(first?.kind, "unchanged");
      fillPart(second, "hello");
      store.placeDirectories(id);
      store.commit(id, [wholeFile(1)]);
      store.finish(id);
      assert.deepEqual(kindsFor(store), ["new", "new"]);
      // Begun anew: what an earlier one put in place is not of this one.
      const again = store.begin(transferOf(BLIND));
      const [, placement] = store.register(again.id, 0, ENTRIES, [0, 0]);
      fillPart(placement, "hello");
      store.placeDirectories(again.id);
      store.commit(again.id, [wholeFile(1)]);
      store.abandon(again.id);
      assert.deepEqual(kindsFor(store), ["new", "unchanged"]);
    });
  }));
