import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import type { Entry, PlanStep } from "../wire/messages.ts";
import {
  CHUNK_BYTES,
  digest,
  directoryEntry,
  directorySource,
  fileEntry,
  fileSource,
  fillPart,
  inDirectory,
  linkEntry,
  listTree,
  makeTree,
  MTIME_NS,
  receive,
  transferOf,
  withStore,
} from "./_fixture.ts";
import { printedBy } from "../../tests/own_process.ts";
import { openDatabase } from "../runtime/database.ts";
import { DiskStore } from "./disk_store.ts";

const LATER_NS = MTIME_NS + 60_000_000_000n;
const DRY = { dryRun: true };
const READ_ONLY = { readOnly: true };

/** Plans entries of one source; a failing step as its code and text, any other as its action. */
function planned(store: DiskStore, entries: readonly Entry[], more = {}): string[] {
  const { id } = store.begin(transferOf({ ...DRY, ...more }));
  const steps = store.plan(id, 0, entries, entries.map(() => 0));
  store.abandon(id);
  return steps.map(shownStep);
}

function shownStep({ action, code, message }: PlanStep): string {
  return action === "fail" ? `${code}: ${message}` : action;
}

/** Everything below a root, state and all: names, contents, modes and times. */
function everythingIn(root: string): unknown[] {
  return fs.readdirSync(root, { recursive: true }).map(String).sort().map((name) => {
    const path = join(root, name);
    const stat = fs.lstatSync(path, { bigint: true });
    // A shared-memory file moves when it is read beside its writer.
    if (name.endsWith("-shm")) return name;
    const content = stat.isFile() ? fs.readFileSync(path).toString("base64") : null;
    return [name, stat.mode, stat.mtimeNs, stat.ctimeNs, content];
  });
}

const ENTRIES = [
  directoryEntry("d"),
  fileEntry("d/empty", 0),
  fileEntry("d/f", 1),
  linkEntry("d/l", "f"),
  directoryEntry("d/sub"),
];
const CONTENTS = { "d/f": "x" };

Deno.test("plan() says create where nothing stands, and makes nothing, not even the root", () =>
  inDirectory((root) => {
    const absent = join(root, "a/b");
    withStore(absent, (store) => {
      const { id, fresh, chunkBytes } = store.begin(transferOf(DRY));
      assert.deepEqual([fresh, chunkBytes], [[true], CHUNK_BYTES]);
      const steps = store.plan(id, 0, ENTRIES, ENTRIES.map(() => 0));
      assert.deepEqual(steps, ENTRIES.map(() => ({ action: "create" })));
      assert.deepEqual(store.prune(id, []), { deleted: [], failures: [], more: false });
      store.abandon(id);
      assert.deepEqual(store.resumable(), []);
      const contents = [{ ...directorySource("d"), contents: true }];
      assert.deepEqual(planned(store, [fileEntry("f", 1)], { sources: contents }), ["create"]);
      const one = { sources: [fileSource("f")], destination: "new/name" };
      assert.deepEqual(planned(store, [fileEntry("f", 1)], one), ["create"]);
    }, READ_ONLY);
    assert.deepEqual(fs.readdirSync(root), []);
  }));

Deno.test("plan() tells what a second run would leave, set, replace and compare", () =>
  inDirectory((root) => {
    const store = new DiskStore({ root, keep: true });
    receive(store, transferOf(), { entries: ENTRIES, contents: CONTENTS });
    const before = everythingIn(root);
    assert.deepEqual(planned(store, ENTRIES), ENTRIES.map(() => "unchanged"));
    assert.deepEqual(planned(store, ENTRIES, { checksum: true })[2], "compare");
    const others = [
      directoryEntry("d", { mode: 0o700 }),
      fileEntry("d/empty", 0, { mtimeNs: LATER_NS }),
      fileEntry("d/f", 1, { mode: 0o700 }),
      { ...linkEntry("d/l", "f"), mtimeNs: LATER_NS },
      directoryEntry("d/sub", { mtimeNs: LATER_NS }),
    ];
    assert.deepEqual(planned(store, others), ["update", "replace", "update", "update", "update"]);
    const files = [
      fileEntry("d/empty", 1),
      fileEntry("d/f", 1, { mtimeNs: LATER_NS }),
      linkEntry("d/l", "elsewhere"),
    ];
    assert.deepEqual(planned(store, files), ["replace", "compare", "replace"]);
    assert.deepEqual(planned(store, [fileEntry("d/l", 3)]), ["replace"]);
    assert.deepEqual(everythingIn(root), before);
    store.close();
  }));

Deno.test("plan() fails with the code and text of the real run", () =>
  inDirectory((root) => {
    const names = ["d/a/in", "d/b", "d/c/in", "d/e->a", "d/g"];
    const long = "n".repeat(256);
    const entries = [
      directoryEntry("d"),
      directoryEntry("d/.sftpx"),
      fileEntry("d/a", 1),
      directoryEntry("d/b"),
      fileEntry("d/b/x", 1),
      linkEntry("d/c", "x"),
      directoryEntry("d/e"),
      fileEntry("d/e/x", 1),
      linkEntry("d/g", "x"),
      linkEntry("d/g/below", "x"),
      directoryEntry("d/h"),
      fileEntry(`d/h/${long}`, 1),
      fileEntry("outside", 1),
    ];
    for (const writeOnce of [false, true]) {
      makeTree(join(root, `${writeOnce}`), names);
      withStore(join(root, `${writeOnce}`), (store) => {
        const steps = planned(store, entries, { writeOnce });
        const { id } = store.begin(transferOf({ writeOnce }));
        const placements = store.register(id, 0, entries, entries.map(() => 0));
        const failures = [...store.placeDirectories(id).failures, ...store.finish(id).failures];
        const real = placements.map((placement, i) => {
          const failed = placement.kind === "failed"
            ? placement
            : failures.find(({ entry }) => entry === i);
          return failed === undefined ? "" : `${failed.code}: ${failed.message}`;
        });
        const expected = steps.map((step) => step.includes(": ") ? step : "");
        assert.deepEqual(expected, real);
        assert.equal(real.filter((text) => text !== "").length, writeOnce ? 11 : 10);
      });
    }
  }));

Deno.test("plan() fails what a write-once grant would not replace", () =>
  inDirectory((root) => {
    makeTree(root, ["d/f", "d/l->old", "d/same->f"]);
    withStore(root, (store) => {
      const entries = [
        directoryEntry("d", { mode: 0o700 }),
        fileEntry("d/f", 1),
        linkEntry("d/l", "new"),
        fileEntry("d/new", 1),
        linkEntry("d/same", "f"),
      ];
      const once = "refused: Cannot replace";
      assert.deepEqual(planned(store, entries, { writeOnce: true }), [
        "unchanged",
        `${once} "d/f": it exists and the grant is write-once`,
        `${once} "d/l": it exists and the grant is write-once`,
        "create",
        "unchanged",
      ]);
    });
  }));

Deno.test("plan() says resume where chunks are held, and with the chunk size of the journal", () =>
  inDirectory((root) => {
    const size = 3 * CHUNK_BYTES;
    const entries = [fileEntry("d/f", size), fileEntry("d/g", size)];
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, entries, [0, 0]);
      fillPart(placement, new Uint8Array(size));
      store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
      // Nor is a plan busy while the transfer runs, or the transfer while it is planned.
      assert.deepEqual(planned(store, entries, { mayRead: false }), ["resume", "create"]);
      store.abandon(id);
    });
    const before = everythingIn(root);
    withStore(root, (store) => {
      const begun = store.begin(transferOf({ ...DRY, chunkBytes: 2 * CHUNK_BYTES }));
      assert.deepEqual([begun.fresh, begun.chunkBytes], [[false], CHUNK_BYTES]);
      const steps = store.plan(begun.id, 0, entries, [0, 0]);
      assert.deepEqual(steps.map(shownStep), ["resume", "create"]);
      assert.deepEqual(planned(store, entries, { key: digest(2) }), ["create", "create"]);
    }, READ_ONLY);
    assert.deepEqual(everythingIn(root), before, "a row of another chunk size is not dropped");
  }));

Deno.test("plan() tells a peer that may not read nothing of what stands there", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      receive(store, transferOf(), { entries: ENTRIES, contents: CONTENTS });
      makeTree(root, ["d/other"]);
      const entries = [...ENTRIES.slice(0, 4), fileEntry("d/other", 7), directoryEntry("d/sub")];
      const blind = planned(store, entries, { mayRead: false });
      assert.deepEqual(blind, entries.map(() => "create"));
      const conflict = planned(store, [fileEntry("d/sub", 1)], { mayRead: false });
      assert.match(conflict[0] ?? "", /^conflict: /, "as the real run would");
    });
  }));

Deno.test("entries are planned in sequence, and only of a dry transfer", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf(DRY));
      store.plan(id, 0, [directoryEntry("d")], [0]);
      assert.throws(() => store.plan(id, 0, [fileEntry("d/a", 1)], [0]), { code: "protocol" });
      assert.throws(() => store.plan(id, 1, [fileEntry("d/a", 1)], []), { code: "protocol" });
      assert.throws(() => store.register(id, 1, [fileEntry("d/a", 1)], [0]), RangeError);
      assert.throws(() => store.finish(id), RangeError);
      store.abandon(id);
      assert.throws(() => store.plan(id, 1, [], []), RangeError);
      const real = store.begin(transferOf());
      assert.throws(() => store.plan(real.id, 0, [], []), RangeError);
    });
  }));

Deno.test("a read-only store begins nothing real", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      assert.throws(() => store.begin(transferOf()), TypeError);
    }, READ_ONLY);
    assert.deepEqual(fs.readdirSync(root), []);
  }));

Deno.test("a read-only store refuses a root that no transfer could use", () =>
  inDirectory((root) => {
    makeTree(root, ["file", "state/.sftpx", "led/.sftpx/parts->/tmp", "at->file"]);
    const open = (path: string) => withStore(join(root, path), () => {}, READ_ONLY);
    for (const path of ["file", "file/below", "at", "state", "led"]) {
      assert.throws(() => open(path), { name: "SftpxError", code: "conflict" }, path);
    }
  }));

Deno.test("a read-only store sees what another store journals, commits and forgets meanwhile", () =>
  inDirectory((root) => {
    const entries = [fileEntry("d/f", 5)];
    const reading = new DiskStore({ root, keep: false, ...READ_ONLY });
    assert.deepEqual(reading.resumable(), []);
    for (let round = 0; round < 2; round++) {
      withStore(root, (store) => {
        const { id } = store.begin(transferOf());
        const [placement] = store.register(id, 0, entries, [0]);
        if (round === 0) fillPart(placement, "hello");
        assert.deepEqual(planned(reading, entries), [round === 0 ? "create" : "resume"]);
        store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
        const [held] = reading.resumable();
        assert.deepEqual([held?.files, held?.heldBytes, held?.running], [1, 5, true]);
        assert.deepEqual(planned(reading, entries), ["resume"]);
        store.abandon(id);
        assert.equal(reading.resumable()[0]?.running, false);
      });
      assert.equal(reading.resumable().length, 1, "also once nobody has it open");
    }
    reading.close();
    withStore(root, (store) => assert.equal(store.resumable()[0]?.running, false));
  }));

Deno.test("a read-only store that had the state for itself sees who comes to write", () =>
  inDirectory((root) => {
    const hold = (store: DiskStore, fill: number) => {
      const { id } = store.begin(transferOf({ key: digest(fill) }));
      const [placement] = store.register(id, 0, [fileEntry("d/f", 5)], [0]);
      fillPart(placement, "hello");
      store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
    };
    withStore(root, (store) => hold(store, 1));
    withStore(root, (reading) => {
      assert.equal(reading.resumable().length, 1);
      withStore(root, (store) => {
        hold(store, 2);
        assert.equal(reading.resumable().length, 2);
      });
    }, READ_ONLY);
  }));

Deno.test("a read-only store passes over a row it may not believe, and leaves it", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, [fileEntry("d/f", 5)], [0]);
      fillPart(placement, "hello");
      store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
    });
    const database = openDatabase(join(root, ".sftpx/state.db"));
    database.exec("UPDATE parts SET name = '../../secret'");
    database.close();
    withStore(root, (store) => {
      assert.deepEqual(planned(store, [fileEntry("d/f", 5)]), ["create"]);
      assert.deepEqual(store.resumable(), []);
    }, READ_ONLY);
  }));

Deno.test({
  name: "a read-only store believes no state of another user",
  ignore: process.getuid?.() !== 0,
  fn: () =>
    inDirectory((root) => {
      makeTree(root, [".sftpx/"]);
      fs.chownSync(join(root, ".sftpx"), 12345, 12345);
      const open = () => withStore(root, () => {}, READ_ONLY);
      assert.throws(open, { code: "conflict", message: /belongs to another user/ });
    }),
});

Deno.test("plan() fails a path too long for the file system as the real run does", () =>
  inDirectory((root) => {
    const names = Array.from({ length: 20 }, () => "n".repeat(200));
    const deep = names.map((_, i) => ["d", ...names.slice(0, i + 1)].join("/"));
    const entries = ["d", ...deep].map((path) => directoryEntry(path));
    const inDeep = join(root, "x".repeat(200));
    withStore(inDeep, (store) => {
      const steps = planned(store, entries);
      const { id } = store.begin(transferOf());
      store.register(id, 0, entries, entries.map(() => 0));
      const { failures } = store.placeDirectories(id);
      store.abandon(id);
      const expected = entries.map((_, i) => failures.find(({ entry }) => entry === i));
      assert.ok(failures.length > 0 && failures.every(({ code }) => code === "bad_name"));
      assert.deepEqual(steps, expected.map((f) => f ? `${f.code}: ${f.message}` : "create"));
    });
  }));

Deno.test("a read-only store leaves no file of SQLite's behind", () =>
  inDirectory((root) => {
    const store = new DiskStore({ root, keep: true });
    receive(store, transferOf(), { entries: ENTRIES, contents: CONTENTS });
    store.close();
    const before = everythingIn(root);
    withStore(root, (reading) => {
      assert.deepEqual(planned(reading, ENTRIES), ENTRIES.map(() => "unchanged"));
      assert.deepEqual(reading.resumable(), []);
      assert.deepEqual(everythingIn(root), before);
    }, READ_ONLY);
    assert.deepEqual(everythingIn(root), before);
  }));

Deno.test("a state of another version, or none that SQLite reads, remembers nothing", async (t) => {
  const spoil: Record<string, (path: string) => void> = {
    "another version": (path) => {
      const database = openDatabase(path);
      database.exec("PRAGMA user_version = 1");
      database.close();
    },
    "no database": (path) => fs.writeFileSync(path, "x".repeat(8192)),
  };
  for (const [what, harm] of Object.entries(spoil)) {
    await t.step(what, () =>
      inDirectory((root) => {
        const store = new DiskStore({ root, keep: true });
        receive(store, transferOf(), { entries: ENTRIES, contents: CONTENTS });
        store.close();
        harm(join(root, ".sftpx/state.db"));
        withStore(root, (reading) => {
          assert.equal(planned(reading, ENTRIES)[2], "compare");
          assert.deepEqual(reading.resumable(), []);
        }, READ_ONLY);
      }));
  }
});

/** A process that runs a script with the room's modules, once that has printed a line. */
async function running(body: string): Promise<ChildProcess> {
  const url = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
  const script = `import { DiskStore } from ${url("./disk_store.ts")};
import { digest, fileEntry, fillPart, transferOf } from ${url("./_fixture.ts")};
import { isLocked } from ${url("./key_locks.ts")};
${body}`;
  const child = spawn(process.execPath, ["eval", script], {
    stdio: ["ignore", "pipe", "inherit"],
    cwd: new URL("../..", import.meta.url).pathname,
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.once("exit", () => reject(new Error("it ended")));
  });
  return child;
}

Deno.test("resumable() tells what another process is at, and what it left when it was killed", () =>
  inDirectory(async (root) => {
    const child = await running(`
const store = new DiskStore({ root: ${JSON.stringify(root)}, keep: false });
const { id } = store.begin(transferOf());
const [placement] = store.register(id, 0, [fileEntry("d/f", 5)], [0]);
fillPart(placement, "hello");
store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
console.log("held");
setInterval(() => {}, 1000);`);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const told = () =>
      withStore(root, (store) => store.resumable(), READ_ONLY).map((one) => [
        one.heldBytes,
        one.running,
      ]);
    assert.deepEqual(told(), [[5, true]]);
    withStore(root, (store) => {
      assert.equal(store.resumable()[0]?.running, true);
      assert.throws(() => store.begin(transferOf()), { code: "busy" });
    });
    child.kill("SIGKILL");
    await ended;
    assert.deepEqual(told(), [[5, false]], "from the log that nobody wrote back");
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      assert.equal(store.register(id, 0, [fileEntry("d/f", 5)], [0])[0]?.kind, "held");
    });
    assert.deepEqual(listTree(root), []);
  }));

Deno.test("a transfer begins however often others ask whether it is running", () =>
  inDirectory(async (root) => {
    const store = new DiskStore({ root, keep: false });
    const child = await running(`
console.log("asking");
const key = transferOf().key;
for (;;) isLocked(${JSON.stringify(join(root, ".sftpx"))}, key);`);
    const ended = new Promise((resolve) => child.once("exit", resolve));
    for (let round = 0; round < 300; round++) store.abandon(store.begin(transferOf()).id);
    child.kill("SIGKILL");
    await ended;
    store.close();
  }));

Deno.test("plan() looks anew at what it looked through before: a link may stand there now", () =>
  inDirectory((root) => {
    fs.mkdirSync(join(root, "d"));
    fs.mkdirSync(join(root, "other"));
    withStore(root, (store) => {
      const { id } = store.begin(transferOf(DRY));
      store.plan(id, 0, [directoryEntry("d"), fileEntry("d/a", 1)], [0, 0]);
      fs.rmdirSync(join(root, "d"));
      fs.symlinkSync("other", join(root, "d"));
      const [step] = store.plan(id, 2, [fileEntry("d/b", 1)], [0]);
      assert.equal(step?.action, "fail");
      store.abandon(id);
    }, READ_ONLY);
  }));

Deno.test("paths of a dry run go outside of memory, not into its root, and with it", {
  ignore: process.platform !== "linux",
}, () =>
  inDirectory((root) =>
    inDirectory((TMPDIR) => {
      const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
      const script = `
        import { descriptorsTo } from ${url("../../tests/descriptors.ts")};
        import { fileEntry, transferOf } from ${url("./_fixture.ts")};
        import { DiskStore } from ${url("./disk_store.ts")};
        const aside = () => descriptorsTo((path) => path.startsWith(${JSON.stringify(TMPDIR)}));
        const store = new DiskStore({ root: ${JSON.stringify(root)}, keep: false, readOnly: true });
        const plan = () => {
          const { id } = store.begin(transferOf({ dryRun: true }));
          for (let first = 0; first < 12_000; first += 500) {
            const entries = Array.from({ length: 500 }, (_, at) => {
              const number = String(first + at).padStart(5, "0");
              return fileEntry(\`d/\${number.repeat(50)}\`, 1);
            });
            store.plan(id, first, entries, entries.map(() => 0));
          }
          return id;
        };
        const first = plan();
        const during = aside().length;
        store.abandon(first);
        const behind = aside().length;
        plan();
        store.close();
        console.log(during, behind, aside().length);`;
      assert.equal(printedBy(script, { TMPDIR }), "1 0 0");
      assert.deepEqual(listTree(root), []);
    })
  ));
