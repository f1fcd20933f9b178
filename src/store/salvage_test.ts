import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import fc from "fast-check";
import { only } from "./_conformance.ts";
import {
  CHUNK_BYTES,
  digest,
  directoryEntry,
  fileEntry,
  fillPart,
  heldIn,
  inDirectory,
  listTree,
  makeTree,
  receive,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { openDatabase } from "../runtime/database.ts";
import { PartNames, readNames } from "./part_names.ts";
import { DISK, type Disk } from "./disk.ts";
import { DiskStore } from "./disk_store.ts";

const SIZE = 3 * CHUNK_BYTES;
const ENTRIES = [directoryEntry("d"), fileEntry("d/big", SIZE), fileEntry("d/small", 5)];
const SOURCES = ENTRIES.map(() => 0);

/** Leaves a transfer with two parts of which chunks are journalled; answers where they lie. */
function interrupt(root: string, more = {}): string[] {
  return withStore(root, (store) => {
    const { id } = store.begin(transferOf(more));
    const [, big, small] = store.register(id, 0, ENTRIES, SOURCES);
    fillPart(big, new Uint8Array(SIZE).fill(7));
    fillPart(small, "hello");
    store.journal(id, [
      { entry: 1, first: 0, digests: digest(1), synced: false },
      { entry: 2, first: 0, digests: digest(2), synced: false },
    ]);
    return [big, small].map((placement) => only(placement, "new").part);
  });
}

const HARMS: Readonly<Record<string, (state: string) => void>> = {
  "is not a database": (path) => fs.writeFileSync(path, "garbage".repeat(1000)),
  "has a damaged page": (path) => {
    const bytes = fs.readFileSync(path);
    fs.writeFileSync(path, bytes.fill(0xff, 4096));
  },
  "is cut off": (path) => fs.truncateSync(path, 5000),
  "is empty": (path) => fs.truncateSync(path, 0),
  "is gone": (path) => fs.rmSync(path),
  "is of another version": (path) => {
    const bytes = fs.readFileSync(path);
    bytes.writeUInt32BE(99, 60);
    fs.writeFileSync(path, bytes);
  },
  "lost all that it had not written into the database itself": (path) => {
    const database = openDatabase(path);
    database.exec("DELETE FROM transfers; DELETE FROM parts; DELETE FROM runs");
    database.close();
  },
  "has a table that is none of ours": (path) => {
    const database = openDatabase(path);
    database.exec("CREATE TABLE planted (x)");
    database.close();
  },
  "has a table of which one letter is another": (path) => {
    const bytes = fs.readFileSync(path);
    bytes[bytes.indexOf("  sum     INTEGER NOT NULL\n") + 4] = "n".charCodeAt(0);
    fs.writeFileSync(path, bytes);
  },
  "has a row that is not as it was written": (path) => {
    const database = openDatabase(path);
    database.exec("UPDATE parts SET size_bytes = size_bytes + 1");
    database.close();
  },
  "has another chunk size than it had": (path) => {
    const database = openDatabase(path);
    database.exec("UPDATE transfers SET chunk_bytes = 2 * chunk_bytes");
    database.close();
  },
};

/** What anybody sees who opens it. */
const UNREADABLE = /^(is |has a damaged page)/;

for (const [what, harm] of Object.entries(HARMS)) {
  Deno.test(`of a state that ${what} the parts are kept, to be verified by reading`, () =>
    inDirectory((root) => {
      makeTree(root, ["mine"]);
      const parts = interrupt(root);
      harm(join(root, ".sftpx/state.db"));
      // Who only looks neither mends nor fails, and sees what a transfer would go on with.
      const files = withStore(root, (store) => store.resumable()[0]?.files, { readOnly: true });
      if (UNREADABLE.test(what)) assert.equal(files, 2);
      withStore(root, (store) => {
        const [told, ...others] = store.resumable();
        assert.deepEqual([told?.files, told?.heldBytes, told?.totalBytes], [2, 0, SIZE + 5]);
        assert.deepEqual([told?.peer, told?.given, others], [
          transferOf().peer,
          transferOf().given,
          [],
        ]);
        const { id, fresh } = store.begin(transferOf());
        assert.deepEqual(fresh, [false]);
        const placements = store.register(id, 0, ENTRIES, SOURCES).slice(1);
        for (const [i, placement] of placements.entries()) {
          const { part, path, stamp } = only(placement, "stands");
          assert.deepEqual([part, path], [parts[i], parts[i]]);
          assert.equal(stamp.sizeBytes, ENTRIES[i + 1]?.sizeBytes);
        }
        store.placeDirectories(id);
        // The one is whole as it is; of the other a chunk was sent again.
        const whole = [wholeFile(1), wholeFile(2, { keep: true })];
        const outcome = store.commit(id, whole);
        assert.deepEqual([outcome.committed, outcome.changed, outcome.failures], [
          [1, 2],
          [1, 2],
          [],
        ]);
        store.finish(id);
        assert.deepEqual(store.resumable(), []);
      });
      assert.deepEqual(fs.readdirSync(root).sort(), ["d", "mine"]);
      assert.deepEqual(fs.readFileSync(join(root, "d/big")), Buffer.alloc(SIZE, 7));
      assert.equal(fs.readFileSync(join(root, "d/small"), "utf8"), "hello");
      assert.equal(fs.readFileSync(join(root, "mine"), "utf8"), "mine");
    }));
}

Deno.test("a part that outlived the state is nobody else's, and never grows into another file", () =>
  inDirectory((root) => {
    const [big = ""] = interrupt(root);
    fs.rmSync(join(root, ".sftpx/state.db"));
    withStore(root, (store) => {
      const other = store.begin(transferOf({ key: digest(8) }));
      assert.deepEqual(other.fresh, [true]);
      assert.equal(store.register(other.id, 0, ENTRIES, SOURCES)[1]?.kind, "new");
      store.abandon(other.id);
      // Under another name as well its bytes would change there too.
      fs.linkSync(big, join(root, "elsewhere"));
      const { id } = store.begin(transferOf());
      const larger = [directoryEntry("d"), ENTRIES[1]!, fileEntry("d/small", 6)];
      const kinds = store.register(id, 0, larger, SOURCES).map(({ kind }) => kind);
      assert.deepEqual(kinds, ["later", "new", "new"]);
      store.abandon(id);
    });
  }));

Deno.test("a part that outlived the state is taken up in place and held by the journal again", () =>
  inDirectory((root) => {
    const [big = ""] = interrupt(root);
    fs.rmSync(join(root, ".sftpx/state.db"));
    for (const kind of ["stands", "held"]) {
      withStore(root, (store) => {
        const { id } = store.begin(transferOf());
        const [, placement] = store.register(id, 0, ENTRIES, SOURCES);
        assert.equal(placement?.kind, kind);
        assert.ok(placement !== undefined && "part" in placement && placement.part === big);
        store.journal(id, [{ entry: 1, first: 1, digests: digest(3), synced: false }]);
      });
      // Lost once more: its run still says what it is of.
      if (kind === "held") fs.rmSync(join(root, ".sftpx/state.db"));
    }
    withStore(root, (store) => assert.equal(store.resumable()[0]?.files, 2));
  }));

Deno.test("a part whose transfer was forgotten does not come back", () =>
  inDirectory((root) => {
    const parts = interrupt(root);
    const disk = {
      ...DISK,
      // Killed before its parts are gone, as far as the disk shows.
      remove: (path: string) => parts.includes(path) ? undefined : DISK.remove(path),
      removeTree: (path: string) => parts.includes(path) ? undefined : DISK.removeTree(path),
    };
    const nowMs = () => Date.now() + LIMITS.keepForMs + 1000;
    withStore(root, () => {}, { keep: true, disk, nowMs });
    assert.deepEqual(parts.map((part) => fs.existsSync(part)), [true, true]);
    withStore(root, (store) => {
      assert.deepEqual(store.resumable(), []);
      assert.deepEqual(store.begin(transferOf()).fresh, [true]);
    });
  }));

Deno.test("a part that its state lost does not change the chunk size of those it knows", () =>
  inDirectory((root) => {
    interrupt(root);
    const database = openDatabase(join(root, ".sftpx/state.db"));
    database.exec("DELETE FROM transfers; DELETE FROM parts; DELETE FROM runs");
    database.close();
    const parts = join(root, ".sftpx/parts");
    fs.renameSync(parts, join(root, "lost"));
    interrupt(root, { chunkBytes: 2 * CHUNK_BYTES });
    for (const run of fs.readdirSync(join(root, "lost"))) {
      fs.renameSync(join(root, "lost", run), join(parts, run));
    }
    withStore(root, (store) => {
      const { id, chunkBytes } = store.begin(transferOf());
      assert.equal(chunkBytes, 2 * CHUNK_BYTES);
      assert.equal(store.register(id, 0, ENTRIES, SOURCES)[1]?.kind, "held");
    });
  }));

Deno.test("a dry run says of a part that outlived the state that it is gone on with", () =>
  inDirectory((root) => {
    interrupt(root);
    fs.rmSync(join(root, ".sftpx/state.db"));
    withStore(root, (store) => {
      const { id } = store.begin(transferOf({ dryRun: true }));
      const actions = store.plan(id, 0, ENTRIES, SOURCES).map(({ action }) => action);
      assert.deepEqual(actions, ["create", "resume", "resume"]);
    });
  }));

Deno.test("what stands in place by our own record comes before a part that outlived the state", () =>
  inDirectory((root) => {
    interrupt(root);
    fs.rmSync(join(root, ".sftpx/state.db"));
    const contents = { "d/small": "hello" };
    withStore(root, (store) => {
      const other = transferOf({ key: digest(8) });
      const outcome = receive(store, other, { entries: ENTRIES.slice(2), contents });
      assert.deepEqual(outcome.failures, []);
      const { id } = store.begin(transferOf());
      const [, , small] = store.register(id, 0, ENTRIES, SOURCES);
      assert.equal(small?.kind, "unchanged");
    });
  }));

Deno.test("a state cut off anywhere, or with any byte another, never claims what is not there", () =>
  inDirectory((root) => {
    interrupt(root);
    const state = join(root, ".sftpx/state.db");
    const sound = fs.readFileSync(state);
    const parts = join(root, ".sftpx/parts");
    fs.cpSync(parts, join(root, "kept"), { recursive: true, preserveTimestamps: true });
    const harms = fc.oneof(
      fc.record({ cut: fc.nat(sound.byteLength) }),
      fc.record({
        at: fc.nat(sound.byteLength - 1),
        flips: fc.uint8Array({ minLength: 1, maxLength: 9 }),
      }),
    );
    fc.assert(
      fc.property(harms, (harm) => {
        const bytes = Uint8Array.from(sound);
        if ("flips" in harm) harm.flips.forEach((flip, i) => bytes[harm.at + i]! ^= flip);
        fs.writeFileSync(state, "cut" in harm ? bytes.subarray(0, harm.cut) : bytes);
        withStore(root, (store) => {
          const { id, chunkBytes } = store.begin(transferOf());
          assert.equal(chunkBytes, CHUNK_BYTES);
          store.register(id, 0, ENTRIES, SOURCES).forEach((placement, entry) => {
            if (placement.kind !== "held") return;
            const fill = entry;
            assert.deepEqual([...heldIn(placement.chunks)], [[0, digest(fill)]]);
          });
          store.abandon(id);
        }, { keep: true });
        assert.deepEqual(listTree(root).filter((path) => !path.startsWith("kept")), []);
        fs.rmSync(parts, { recursive: true, force: true });
        fs.cpSync(join(root, "kept"), parts, { recursive: true, preserveTimestamps: true });
      }),
      { numRuns: Number(process.env["SFTPX_DAMAGE_RUNS"] ?? 40) },
    );
  }));

Deno.test("rows that were forgotten do not come back with a -wal that somebody removed", () =>
  inDirectory((root) => {
    interrupt(root);
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      store.register(id, 0, ENTRIES, SOURCES);
      store.forget(id, [{ entry: 1, ranges: [[0, 1]] }]);
      const copy = join(root, "copy.db");
      fs.copyFileSync(join(root, ".sftpx/state.db"), copy);
      const database = openDatabase(copy);
      assert.equal(database.prepare("SELECT count(*) AS n FROM runs").get()?.["n"], 1);
      database.close();
    });
  }));

Deno.test("a state found damaged in the middle is begun anew by who is alone with it", () =>
  inDirectory((root) => {
    interrupt(root);
    const other = new DiskStore({ root, keep: false });
    const bytes = fs.readFileSync(join(root, ".sftpx/state.db"));
    fs.writeFileSync(join(root, ".sftpx/state.db"), bytes.fill(0xff, 4096));
    // Not alone: nothing is checked, and nothing may be dropped.
    withStore(root, (store) => {
      const begin = () => store.begin(transferOf());
      const message = /the state is damaged; run it again/;
      assert.throws(begin, { code: "io", message });
      assert.throws(begin, { code: "io", message }, "the other one has it open");
      assert.equal(fs.existsSync(join(root, ".sftpx/damaged")), true);
      other.close();
      const [, placement] = store.register(begin().id, 0, ENTRIES, SOURCES);
      assert.equal(placement?.kind, "stands");
      assert.equal(fs.existsSync(join(root, ".sftpx/damaged")), false);
    });
  }));

Deno.test("a damaged state that cannot be opened anew at first is opened by the next transfer", () =>
  inDirectory((root) => {
    let fails = 0;
    const disk: Disk = {
      ...DISK,
      probe: (path) => {
        if (fails-- > 0) throw Object.assign(new Error("no more files"), { code: "EMFILE" });
        return DISK.probe(path);
      },
    };
    const other = new DiskStore({ root, keep: true });
    withStore(root, (store) => {
      const bytes = fs.readFileSync(join(root, ".sftpx/state.db"));
      fs.writeFileSync(join(root, ".sftpx/state.db"), bytes.fill(0xff, 0));
      other.close();
      assert.throws(() => store.begin(transferOf()), { name: "SftpxError" });
      fails = 2;
      for (let i = 0; i < 2; i++) {
        assert.throws(() => store.begin(transferOf()), (thrown: unknown) => {
          assert.equal(String(thrown).includes(root), false, "the peer is not told where it lies");
          return thrown instanceof SftpxError;
        });
      }
      fails = 0;
      receive(store, transferOf(), { entries: [fileEntry("d/f", 1)], contents: { "d/f": "x" } });
      assert.equal(fs.readFileSync(join(root, "d/f"), "utf8"), "x");
    }, { keep: true, disk });
  }));

Deno.test("the names of parts are read as what anybody may have written", () =>
  inDirectory((root) => {
    const run = "0123456789abcdef";
    const directory = join(root, run);
    const header = { ...transferOf(), startedNs: 5n };
    const names = new PartNames(directory, header, { disk: DISK });
    fs.mkdirSync(directory);
    names.add([{ name: `${run}/0/1`, sizeBytes: 5, path: "d/f" }]);
    const good = fs.readFileSync(join(directory, "names"), "utf8");
    const read = () => {
      const found = readNames(directory, run);
      return found === null ? null : [...found.parts].map(({ name, path }) => `${name} ${path}`);
    };
    const bad = [
      `["../../../mine",5,"d/f"]`,
      `["0/1",5,"../f"]`,
      `["0/1",5,".sftpx/f"]`,
      `["0/1",-5,"d/f"]`,
      `["0/1",1e300,"d/f"]`,
      `["0/1",5,"d/f",6]`,
      `{"0":"0/1"}`,
      `["0/1",5,"d/\u0000f"]`,
      "\0\0\0",
      `["0/1",5`,
    ];
    fs.writeFileSync(
      join(directory, "names"),
      `${good}${bad.join("\n")}\n["0/2",6,"d/g"]\n["0/3",7,`,
    );
    assert.deepEqual(read(), [`${run}/0/1 d/f`, `${run}/0/2 d/g`]);
    fs.writeFileSync(join(directory, "names"), good.replace("\n", "x\n"));
    assert.equal(read(), null, "without a first line nobody knows whose they are");
    fs.writeFileSync(join(directory, "names"), `{"key":\n${good}`);
    assert.deepEqual(read(), [`${run}/0/1 d/f`], "behind what a full disk cut off");
    fs.rmSync(join(directory, "names"));
    fs.symlinkSync("../elsewhere", join(directory, "names"));
    fs.writeFileSync(join(root, "elsewhere"), good);
    assert.equal(read(), null, "a link is not followed");
  }));
