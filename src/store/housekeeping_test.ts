import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { only } from "./_conformance.ts";
import {
  digest,
  fileEntry,
  fileSource,
  fillPart,
  inDirectory,
  listTree,
  makeTree,
  PEER,
  receive,
  transferOf,
  withStore,
} from "./_fixture.ts";
import { openDatabase } from "../runtime/database.ts";
import { LIMITS } from "../base/limits.ts";
import { DISK } from "./disk.ts";
import { DiskStore } from "./disk_store.ts";
import { openState } from "./schema.ts";
import { Journal } from "./journal.ts";
import { Sweep } from "./sweep.ts";

const DAY_MS = 86_400_000;
const nowNs = () => BigInt(Date.now()) * 1_000_000n;

/** The transfer of one file `f<fill>` under a key of its own. */
function transferFor(fill: number) {
  return transferOf({ key: digest(fill), sources: [fileSource(`f${fill}`)], given: [`f${fill}`] });
}

/** Begins it and journals a chunk; answers its part. */
function begin(store: DiskStore, fill: number): { readonly id: number; readonly part: string } {
  const { id } = store.begin(transferFor(fill));
  const [placement] = store.register(id, 0, [fileEntry(`f${fill}`, 5)], [0]);
  fillPart(placement, "hello");
  store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
  return { id, part: only(placement, "new").part };
}

/** Leaves transfers behind that were last worked on so long ago. */
function interrupt(root: string, agesMs: readonly number[]): string[] {
  const parts = withStore(root, (store) =>
    agesMs.map((_, fill) => {
      const { id, part } = begin(store, fill);
      store.abandon(id);
      return part;
    }));
  const database = openDatabase(join(root, ".sftpx/state.db"));
  const touch = database.prepare("UPDATE transfers SET touched_ns = ? WHERE key = ?");
  agesMs.forEach((ageMs, fill) => touch.run(nowNs() - BigInt(ageMs) * 1_000_000n, digest(fill)));
  database.close();
  return parts;
}

const givenIn = (store: DiskStore) => store.resumable().map(({ given }) => given[0]).sort();

Deno.test("what was last journalled too long ago is forgotten at open, with its parts", () =>
  inDirectory((root) => {
    // The clock jumped back since the last one: it is not old.
    const parts = interrupt(root, [8 * DAY_MS, 6 * DAY_MS, -400 * DAY_MS]);
    withStore(root, (store) => {
      assert.deepEqual(givenIn(store), ["f1", "f2"]);
      assert.deepEqual(parts.map((part) => fs.existsSync(part)), [false, true, true]);
    });
    withStore(root, (store) => assert.deepEqual(givenIn(store), ["f2"]), { keepForMs: DAY_MS });
    withStore(root, () => {}, { keepForMs: 365 * DAY_MS });
    assert.equal(fs.existsSync(join(root, ".sftpx")), true);
  }));

Deno.test("when something was journalled is told by the clock that tells what is too old", () =>
  inDirectory((root) => {
    const nowMs = 1_700_000_000_000;
    withStore(root, (store) => {
      store.abandon(begin(store, 0).id);
      const [{ startedNs, touchedNs } = {}] = store.resumable();
      const nowNs = BigInt(nowMs) * 1_000_000n;
      assert.deepEqual({ startedNs, touchedNs }, { startedNs: nowNs, touchedNs: nowNs });
    }, { nowMs: () => nowMs });
  }));

Deno.test("what is forgotten last takes the state with it", () =>
  inDirectory((root) => {
    interrupt(root, [8 * DAY_MS]);
    withStore(root, () => {});
    assert.deepEqual(fs.readdirSync(root), []);
  }));

Deno.test("of a peer's transfers that broke off so many are kept, and the oldest goes", () =>
  inDirectory((root) => {
    const most = LIMITS.keptTransfersPerPeer;
    const key = (i: number) => new Uint8Array(32).map((_, at) => at < 2 ? i >> (8 * at) : 7);
    const plant = (count: number, peer: Uint8Array) => {
      const journal = new Journal(openState(join(root, ".sftpx/state.db")));
      journal.transaction(() => {
        for (let i = 0; i < count; i++) {
          const times = { startedNs: nowNs(), touchedNs: nowNs() + BigInt(i), frontier: null };
          const whose = { key: peer === PEER ? key(i) : digest(i), peer };
          journal.transfers.add({ ...transferOf(), ...whose, ...times });
        }
      });
      journal.close();
    };
    const known = (i: number) => {
      const journal = new Journal(openState(join(root, ".sftpx/state.db")));
      const row = journal.transfer(key(i));
      journal.close();
      return row !== null;
    };
    withStore(root, (store) => {
      plant(most + 1, PEER);
      plant(3, digest(200));
      // The one that goes on is not the one that goes, however old.
      store.abandon(store.begin(transferOf({ key: key(0) })).id);
      assert.deepEqual([known(0), known(1), known(2), known(most)], [true, false, true, true]);
      store.abandon(store.begin(transferOf({ key: digest(99), peer: digest(200) })).id);
      assert.equal(known(2), true, "another peer's");
    });
  }));

Deno.test("of what is too old only so much goes at once", () =>
  inDirectory((root) => {
    const count = LIMITS.expiredAtOnce + 1;
    withStore(root, (store) => {
      const journal = new Journal(openState(join(root, ".sftpx/state.db")));
      journal.transaction(() => {
        for (let i = 0; i < count; i++) {
          const key = new Uint8Array(32).map((_, at) => at < 2 ? i >> (8 * at) : 7);
          const times = { startedNs: 1n, touchedNs: BigInt(i), frontier: null };
          journal.transfers.add({ ...transferOf(), key, ...times });
        }
      });
      const left = () => journal.transfers.keysBefore(nowNs()).length;
      store.abandon(store.begin(transferFor(1)).id);
      assert.equal(left(), 1);
      store.abandon(store.begin(transferFor(1)).id);
      assert.equal(left(), 0);
      journal.close();
    });
  }));

Deno.test("of source names so many are kept that the state stays light, and the rest is counted", () =>
  inDirectory((root) => {
    const long = (i: number) => `${i}`.padStart(LIMITS.pathBytes, "x");
    const given = Array.from({ length: 200 }, (_, i) => long(i));
    const few = Array.from({ length: 3 }, (_, i) => `f${i}`);
    withStore(root, (store) => {
      for (const [fill, names] of [given, few].entries()) {
        const transfer = { ...transferFor(fill), given: names };
        const { id } = store.begin(transfer);
        const [placement] = store.register(id, 0, [fileEntry(`f${fill}`, 5)], [0]);
        fillPart(placement, "hello");
        const digests = digest(1);
        store.journal(id, [{ entry: 0, first: 0, digests, synced: false }]);
        store.abandon(id);
        const run = join(only(placement, "new").part, "../..");
        assert.ok(fs.statSync(join(run, "names")).size < 2 * LIMITS.pathBytes);
      }
      const told = store.resumable().map((row) => [row.given, row.moreGiven]);
      assert.deepEqual(told, [[given.slice(0, 1), 199], [few, undefined]]);
    });
    fs.rmSync(join(root, ".sftpx/state.db"));
    withStore(root, (store) => {
      const told = store.resumable().map((row) => [row.given.length, row.moreGiven]);
      assert.deepEqual(told.sort(), [[1, 199], [3, undefined]], "salvaged as they were");
    });
  }));

Deno.test("a transfer that goes on rewrites no more of its row than what changes", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = begin(store, 1);
      const database = openDatabase(join(root, ".sftpx/state.db"));
      database.exec("UPDATE transfers SET given = 'as it was', touched_ns = 0, frontier = 'x'");
      store.journal(id, [{ entry: 0, first: 0, digests: digest(2), synced: false }]);
      const row = database.prepare(
        "SELECT given, touched_ns > 0 AS touched, frontier FROM transfers",
      )
        .get();
      assert.deepEqual({ ...row }, { given: "as it was", touched: 1, frontier: "f1" });
      database.exec("DELETE FROM transfers");
      database.close();
      store.journal(id, [{ entry: 0, first: 0, digests: digest(2), synced: false }]);
      assert.deepEqual(givenIn(store), ["f1"], "made anew where it is gone");
    });
  }));

Deno.test("a store that is open for long forgets what grew old when the next transfer begins", () =>
  inDirectory((root) => {
    const [part = ""] = interrupt(root, [DAY_MS]);
    withStore(root, (store) => {
      const database = openDatabase(join(root, ".sftpx/state.db"));
      database.exec("UPDATE transfers SET touched_ns = 0");
      database.close();
      store.begin(transferFor(5));
      assert.equal(fs.existsSync(part), false);
    });
  }));

Deno.test("a transfer that runs never grows too old, here or in another process", () =>
  inDirectory((root) => {
    const first = new DiskStore({ root, keep: false });
    const { part } = begin(first, 1);
    const database = openDatabase(join(root, ".sftpx/state.db"));
    database.exec("UPDATE transfers SET touched_ns = 0");
    database.close();
    for (const store of [first, new DiskStore({ root, keep: false })]) {
      store.begin(transferFor(store === first ? 2 : 3));
      assert.deepEqual(store.clean({ beforeNs: null }), []);
      assert.equal(fs.existsSync(part), true);
      if (store !== first) store.close();
    }
    first.close();
  }));

Deno.test("clean() forgets what is older than it is told, and says what went", () =>
  inDirectory((root) => {
    const parts = interrupt(root, [3 * DAY_MS, DAY_MS, 0]);
    withStore(root, (store) => {
      const beforeNs = nowNs() - BigInt(2 * DAY_MS) * 1_000_000n;
      const [gone, ...others] = store.clean({ beforeNs });
      assert.deepEqual([gone?.given, gone?.files, gone?.heldBytes, gone?.running, others], [
        ["f0"],
        1,
        5,
        false,
        [],
      ]);
      assert.deepEqual(parts.map((part) => fs.existsSync(part)), [false, true, true]);
      assert.deepEqual(store.clean({ beforeNs: null }).map(({ given }) => given[0]).sort(), [
        "f1",
        "f2",
      ]);
    });
    assert.deepEqual(fs.readdirSync(root), []);
  }));

Deno.test("clean() removes what outlived its maker, and nothing else of anybody's", () =>
  inDirectory((root) => {
    makeTree(root, ["mine/precious", ".sftpx-0123456789abcdef/deep/file", "sub/.sftpx-mine"]);
    makeTree(root, [
      ".sftpx-fedcba9876543210",
      ".sftpx-notes",
      ".sftpx-0123",
      "x.sftpx-0123456789abcdef",
    ]);
    fs.symlinkSync("mine", join(root, ".sftpx-0000000000000000"));
    // What is quite new may be another process's, of this root or of one around it.
    const all = listTree(root);
    const clean = (store: DiskStore) => assert.deepEqual(store.clean({ beforeNs: null }), []);
    withStore(root, clean);
    assert.deepEqual(listTree(root), all);
    withStore(root, clean, { nowMs: () => Date.now() + 61_000 });
    assert.deepEqual(listTree(root), [
      ".sftpx-0123",
      ".sftpx-notes",
      "mine/",
      "mine/precious",
      "sub/",
      "sub/.sftpx-mine",
      "x.sftpx-0123456789abcdef",
    ]);
  }));

Deno.test("probes that a kill left in the state go when it is opened by one who is alone in it", () =>
  inDirectory((root) => {
    interrupt(root, [0]);
    const names = ["0123456789abcdef", "fedcba9876543210\u00e9", "0123", "0000000000000000"];
    const [sync, form, other, directory] = names.map((name) => join(root, `.sftpx/.sftpx-${name}`));
    const opened = () => withStore(root, () => {});
    for (const path of [sync, form, other]) fs.writeFileSync(path!, "");
    fs.mkdirSync(directory!);
    const holder = new DiskStore({ root, keep: true });
    for (const path of [sync, form]) assert.equal(fs.existsSync(path!), false);
    for (const path of [other, directory]) assert.equal(fs.existsSync(path!), true, "not a probe");
    fs.writeFileSync(sync!, "");
    opened();
    assert.equal(fs.existsSync(sync!), true, "its maker may be the other one");
    holder.close();
    opened();
    assert.equal(fs.existsSync(sync!), false);
  }));

Deno.test("clean() leaves beside the state what another process may be making", () =>
  inDirectory((root) => {
    makeTree(root, [".sftpx-0123456789abcdef"]);
    const other = new DiskStore({ root, keep: true });
    const nowMs = () => Date.now() + 61_000;
    withStore(root, (store) => store.clean({ beforeNs: null }), { nowMs });
    assert.equal(fs.existsSync(join(root, ".sftpx-0123456789abcdef")), true);
    other.close();
  }));

Deno.test("clean() forgets an attempt of which only what is in place is left", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, [fileEntry("d/f", 1)], [0]);
      fillPart(placement, "x");
      store.placeDirectories(id);
      store.commit(id, [{ entry: 0, digest: digest(9), synced: false, keep: false }]);
      store.abandon(id);
    });
    assert.equal(
      fs.existsSync(join(root, ".sftpx")),
      true,
      "its records spare a resume the reading",
    );
    withStore(root, (store) => assert.deepEqual(store.clean({ beforeNs: null }), []));
    assert.deepEqual(listTree(root), ["d/", "d/f"]);
    assert.equal(fs.existsSync(join(root, ".sftpx")), false);
  }));

Deno.test("clean() leaves a state that is to be kept only where it remembers what is in place", () =>
  inDirectory((root) => {
    const clean = () => withStore(root, (store) => store.clean({ beforeNs: null }), { keep: true });
    interrupt(root, [0]);
    clean();
    assert.deepEqual(fs.readdirSync(root), []);
    const contents = { f0: "x" };
    withStore(root, (store) => {
      receive(store, transferFor(0), { entries: [fileEntry("f0", 1)], contents });
    }, { keep: true });
    clean();
    assert.deepEqual(fs.readdirSync(root).sort(), [".sftpx", "f0"]);
  }));

Deno.test("a read-only store cleans nothing", () =>
  inDirectory((root) => {
    interrupt(root, [8 * DAY_MS]);
    withStore(root, (store) => {
      assert.throws(() => store.clean({ beforeNs: null }), TypeError);
      assert.deepEqual(givenIn(store), ["f0"]);
    }, { readOnly: true });
  }));

Deno.test("Sweep removes what no row names, a little at a time, and what a row names never", () =>
  inDirectory((root) => {
    makeTree(root, ["mine/precious"]);
    const parts = join(root, "parts");
    const run = "0123456789abcdef";
    const [a, b, c] = [`${run}/0/1`, `${run}/0/2`, `${run}/1/400`];
    makeTree(parts, [a, b, c, `${run}/names`, `${run}/room`, `${run}/2/link->../../../mine`]);
    makeTree(parts, ["aaaaaaaaaaaaaaaa/0/1", "aaaaaaaaaaaaaaaa/names", "bbbbbbbbbbbbbbbb/0/1"]);
    const journal = new Journal(openState(join(root, "state.db")));
    const part = { sizeBytes: 1, recordedNs: 0n, stamp: fileEntry("f", 1).stamp! };
    journal.addPart(digest(1), { ...part, path: "b", name: b });
    journal.addStray(digest(1), { path: "c", name: c, sizeBytes: 1 });
    // The last one was begun after this process was alone.
    const runs = [run, "aaaaaaaaaaaaaaaa", "gone"];
    const sweep = new Sweep(runs, { partsDirectory: parts, journal, disk: DISK });
    assert.equal(sweep.go(0), false);
    while (!sweep.go(1));
    journal.close();
    const left = [`${run}/`, `${run}/0/`, b, `${run}/1/`, c, `${run}/names`];
    const other = ["bbbbbbbbbbbbbbbb/", "bbbbbbbbbbbbbbbb/0/", "bbbbbbbbbbbbbbbb/0/1"];
    assert.deepEqual(listTree(parts), [...left, ...other].sort());
    assert.deepEqual(listTree(join(root, "mine")), ["precious"]);
  }));

Deno.test("a state that many rows left empty shrinks", () =>
  inDirectory((root) => {
    interrupt(root, [0]);
    const state = join(root, ".sftpx/state.db");
    const journal = new Journal(openState(state));
    const stamp = fileEntry("f", 1).stamp!;
    journal.transaction(() => {
      journal.transfers.add({
        ...transferOf({ key: digest(7) }),
        startedNs: 0n,
        touchedNs: 0n,
        frontier: null,
      });
      for (let i = 0; i < 40_000; i++) {
        const name = `${"0".repeat(16)}/0/${i.toString(16)}`;
        const part = { path: `d/${i}`, name, sizeBytes: 1, stamp, recordedNs: 0n };
        journal.addRun(journal.addPart(digest(7), part), { first: 0, digests: digest(1) });
      }
    });
    journal.close();
    const fullBytes = fs.statSync(state).size;
    withStore(root, (store) => assert.deepEqual(givenIn(store), ["f0"]));
    const { size } = fs.statSync(state);
    assert.ok(size < fullBytes / 20, `${size} of ${fullBytes} bytes are left`);
  }));

Deno.test("what a slow disk did not let go at open goes at close, where the state is kept", () =>
  inDirectory((root) => {
    interrupt(root, [0]);
    const parts = join(root, ".sftpx/parts");
    makeTree(parts, ["dead/0/1", "dead/0/2", "dead/1/3"]);
    const disk = {
      ...DISK,
      removeTree: (path: string) => {
        DISK.removeTree(path);
        // Longer than an opening waits for it.
        if (path.includes("/dead/")) {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
        }
      },
    };
    withStore(root, () => assert.equal(fs.existsSync(join(parts, "dead/1/3")), true), { disk });
    assert.equal(fs.existsSync(join(parts, "dead")), false);
    withStore(root, (store) => assert.deepEqual(givenIn(store), ["f0"]));
  }));

Deno.test("a root that is made is durable with all above it, before anything is in it", () =>
  inDirectory((root) => {
    const synced: string[] = [];
    const disk = {
      ...DISK,
      syncDirectory: (path: string) => {
        synced.push(path.slice(root.length));
        DISK.syncDirectory(path);
      },
    };
    withStore(join(root, "a/b"), () => assert.deepEqual(synced, ["/a", ""]), { disk });
  }));

Deno.test("a state that cannot be opened is not left behind half made", () =>
  inDirectory((root) => {
    makeTree(root, ["mine"]);
    const disk = {
      ...DISK,
      makeDirectory: (path: string, options = {}) => {
        DISK.makeDirectory(path, options);
        if (path.endsWith("/.sftpx")) makeTree(path, ["parts/stray"]);
      },
    };
    const full = () => {
      throw Object.assign(new Error("full"), { code: "ENOSPC" });
    };
    // Before it is locked, and behind that.
    for (const failing of [{ ...DISK, probe: full }, { ...disk, remove: full }]) {
      const open = () => new DiskStore({ root, keep: true, disk: failing });
      assert.throws(open, { name: "SftpxError" });
      assert.deepEqual(fs.readdirSync(root), ["mine"]);
    }
    withStore(root, (store) => receive(store, transferOf(), { entries: [] }));
  }));
