import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import {
  directoryEntry,
  fileEntry,
  fileSource,
  fillPart,
  inDirectory,
  makeTree,
  transferOf,
  withStore,
} from "./_fixture.ts";
import type { OfferedSource } from "../wire/messages.ts";
import { lookAt } from "./disk.ts";
import { freeBytes, growthBytes, Room, takenBytes } from "./room.ts";

const MB = 1_000_000;
const RESERVE = 256 * 1024;

/** A room on a disk that has so much free each time it is asked. */
function roomWith(...frees: (number | null)[]) {
  const asked: string[] = [];
  const free = () => {
    asked.push("free");
    return frees.length > 1 ? frees.shift()! : frees[0] ?? null;
  };
  return { asked, room: new Room("/", { free, onScarce: () => asked.push("scarce") }) };
}

Deno.test("Room refuses what cannot fit, and says how much that is", () => {
  const { room } = roomWith(1100 * MB);
  room.add(3_290 * MB);
  assert.throws(() => room.check(() => 3_290 * MB), {
    code: "no_space",
    message: /^Cannot take it: 3\.29 GB are needed and 1\.10 GB are free$/,
  });
});

Deno.test("Room asks once while there is enough, and tidies before it refuses", () => {
  const { room, asked } = roomWith(10 * MB + RESERVE, 20 * MB + RESERVE, 30 * MB + RESERVE);
  for (let i = 0; i < 10; i++) {
    room.add(MB);
    room.check(() => assert.fail("nothing is scarce"));
  }
  assert.deepEqual(asked, ["free"]);
  room.add(MB);
  // Nine of eleven are written: what is free now holds the rest, and 18 more.
  room.check(() => 2 * MB);
  assert.deepEqual(asked, ["free", "scarce", "free"]);
  room.add(18 * MB);
  room.check(() => assert.fail("nothing is scarce"));
  room.add(1);
  room.check(() => 20 * MB);
  assert.equal(asked.length, 5);
});

Deno.test("Room counts what is replaced as room made", () => {
  const { room } = roomWith(MB + RESERVE);
  room.add(-5 * MB);
  room.add(6 * MB);
  room.check(() => assert.fail("nothing is scarce"));
});

Deno.test("Room.foresee() refuses what cannot fit, and counts nothing", () => {
  const { room, asked } = roomWith(MB + RESERVE, MB + RESERVE, 3 * MB + RESERVE);
  room.foresee(MB);
  assert.deepEqual(asked, ["free"]);
  room.foresee(3 * MB);
  assert.deepEqual(asked, ["free", "free", "scarce", "free"], "room was made");
  assert.throws(() => room.foresee(3 * MB + 1), {
    code: "no_space",
    message: "Cannot take it: 3.00 MB are needed and 3.00 MB are free",
  });
  room.add(3 * MB);
  room.check(() => assert.fail("nothing is scarce"));
});

Deno.test("Room lets everything pass where nobody knows what is free", () => {
  const { room } = roomWith(null);
  room.add(Number.MAX_SAFE_INTEGER);
  room.check(() => assert.fail("nothing is known"));
  room.foresee(Number.MAX_SAFE_INTEGER);
});

Deno.test("growthBytes() is the least by which the disk may be fuller", () =>
  inDirectory((root) => {
    makeTree(root, ["dir/", "link->large"]);
    fs.writeFileSync(join(root, "large"), new Uint8Array(100_000).fill(1));
    const standing = (name: string) => lookAt(join(root, name));
    const entry = fileEntry("f", 150_000);
    assert.equal(growthBytes(entry, null), 150_000);
    assert.equal(growthBytes({ ...entry, sparse: true }, null), 0, "holes may stay holes");
    const large = standing("large")!;
    assert.equal(growthBytes(entry, large), 150_000 - takenBytes(large));
    assert.equal(growthBytes(fileEntry("f", 100_000), large), 0, "it may be the same");
    assert.equal(growthBytes(fileEntry("f", 10), large) < 0, true);
    assert.equal(growthBytes(entry, standing("link")), 150_000);
    assert.equal(growthBytes(entry, standing("dir")), 150_000);
    fs.linkSync(join(root, "large"), join(root, "twice"));
    assert.equal(growthBytes(entry, standing("large")), 150_000, "its other name keeps its bytes");
  }));

Deno.test("freeBytes() knows nothing of a place that is not there", () => {
  assert.equal(freeBytes("/no/such/place"), null);
  assert.equal(typeof (freeBytes(Deno.cwd()) ?? 1), "number");
});

Deno.test("register() refuses a manifest that cannot fit before a byte is written", () =>
  inDirectory((root) => {
    const free = freeBytes(root);
    if (free === null) return; // A file system that compresses, or one that does not tell.
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const large = Math.ceil(free / 2);
      store.register(id, 0, [fileEntry("d/a", large)], [0]);
      assert.throws(() => store.register(id, 1, [fileEntry("d/b", 2 * large)], [0]), {
        code: "no_space",
        message: /^Cannot take it: [\d.]+ \w+ are needed and [\d.]+ \w+ are free$/,
      });
      store.abandon(id);
    });
    assert.deepEqual(fs.readdirSync(root), []);
  }));

Deno.test("begin() refuses new files that cannot fit, and no others", () =>
  inDirectory((root) => {
    const free = freeBytes(root);
    if (free === null) return;
    const large = (name: string) => ({ ...fileSource(name), sizeBytes: Math.ceil(free * 0.75) });
    const begin = (...sources: OfferedSource[]) =>
      withStore(root, (store) => {
        const { id } = store.begin(transferOf({ sources, intoDirectory: true }));
        store.abandon(id);
      });
    const refused = {
      code: "no_space",
      message: /^Cannot take it: [\d.]+ \w+ are needed and [\d.]+ \w+ are free$/,
    };
    assert.throws(() => begin(large("a"), large("b")), refused);
    assert.deepEqual(fs.readdirSync(root), [], "nothing is begun");
    begin(large("a"), fileSource("b"));
    // What stands there may be the same.
    makeTree(root, ["b"]);
    begin(large("a"), large("b"));
  }));

Deno.test("a peer that may not read is not told how much is free, nor what is needed", () =>
  inDirectory((root) => {
    const free = freeBytes(root);
    if (free === null) return;
    withStore(root, (store) => {
      const sources = [{ ...fileSource("f"), sizeBytes: 2 * free }];
      const refused = { code: "no_space", message: "Cannot take it: there is no room for it" };
      assert.throws(() => store.begin(transferOf({ sources, mayRead: false })), refused);
      const { id } = store.begin(transferOf({ mayRead: false }));
      assert.throws(() => store.register(id, 0, [fileEntry("d/f", 2 * free)], [0]), refused);
    });
  }));

Deno.test("register() does not count what a part holds already", () =>
  inDirectory((root) => {
    const free = freeBytes(root);
    if (free === null) return;
    const size = Math.ceil(free * 0.75);
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, [fileEntry("d/f", size)], [0]);
      fillPart(placement, "x");
      assert.ok(placement !== undefined && "part" in placement);
      fs.truncateSync(placement.part, size);
      store.journal(id, [{ entry: 0, first: 0, digests: new Uint8Array(32), synced: true }]);
      store.abandon(id);
      // A hole holds nothing: it is still to be written, beside another file.
      const again = store.begin(transferOf());
      const entries = [fileEntry("d/f", size), fileEntry("d/g", size)];
      assert.throws(() => store.register(again.id, 0, entries, [0, 0]), { code: "no_space" });
      store.abandon(again.id);
      const third = store.begin(transferOf());
      assert.equal(store.register(third.id, 0, entries.slice(0, 1), [0])[0]?.kind, "held");
      store.abandon(third.id);
      store.clean({ beforeNs: null });
    });
  }));

Deno.test("after a manifest that cannot fit nothing is put in place, not even a directory (I1)", () =>
  inDirectory((root) => {
    const free = freeBytes(root);
    if (free === null) return;
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const entries = [directoryEntry("d"), fileEntry("d/f", 2 * free)];
      const refused = { code: "no_space" };
      assert.throws(() => store.register(id, 0, entries, [0, 0]), refused);
      assert.throws(() => store.placeDirectories(id), refused);
      assert.throws(() => store.commit(id, []), refused);
      assert.throws(() => store.prune(id, []), refused);
      assert.throws(() => store.finish(id), refused);
      store.abandon(id);
      assert.throws(() => store.placeDirectories(id), RangeError);
    });
    assert.deepEqual(fs.readdirSync(root), []);
  }));
