import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { only } from "./_conformance.ts";
import {
  digest,
  fileEntry,
  fillPart,
  inDirectory,
  makeTree,
  transferOf,
  wholeFile,
  withStore,
} from "./_fixture.ts";
import { openDatabase } from "../runtime/database.ts";
import { DISK, type Disk } from "./disk.ts";
import { DiskStore } from "./disk_store.ts";
import { PartPaths } from "./part_paths.ts";

const MINE = "precious";
const KEY = digest(1);

/** Where a link stands among the parts. */
const PLACES = ["run", "shard", "entry"] as const;
type Place = typeof PLACES[number];

/** Leaves a transfer with one journalled part of `d/f` behind; answers its part. */
function interrupt(store: DiskStore, sizeBytes = MINE.length): string {
  const { id } = store.begin(transferOf());
  const [placement] = store.register(id, 0, [fileEntry("d/f", sizeBytes)], [0]);
  fillPart(placement, "y".repeat(sizeBytes));
  store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
  store.abandon(id);
  return only(placement, "new").part;
}

/** Makes the part's name lead to a user's file, by a link at one place of it. */
function plant(part: string, place: Place, mine: string): string {
  const names = part.split("/").slice(-3);
  const depth = { run: 0, shard: 1, entry: 2 }[place];
  const link = part.split("/").slice(0, -2 + depth || undefined).join("/");
  fs.rmSync(link, { recursive: true });
  const file = join(mine, ...names.slice(depth + 1)) || mine;
  if (place === "entry") {
    fs.writeFileSync(join(mine, "file"), MINE);
    fs.symlinkSync(join(mine, "file"), link);
    return join(mine, "file");
  }
  fs.mkdirSync(join(file, ".."), { recursive: true });
  fs.writeFileSync(file, MINE);
  if (place === "run") fs.writeFileSync(join(mine, "names"), MINE);
  fs.symlinkSync(mine, link);
  return file;
}

/** What makes a store use the name of a part, by a row that somebody planted. */
const USES: Readonly<Record<string, (store: DiskStore, database: string) => void>> = {
  expire: (store, database) => {
    age(database);
    store.begin(transferOf({ key: digest(2), sources: [] }));
  },
  clean: (store) => assert.equal(store.clean({ beforeNs: null }).length, 1),
  held: (store) => {
    const { id } = store.begin(transferOf());
    const [placement] = store.register(id, 0, [fileEntry("d/f", MINE.length)], [0]);
    fillPart({ kind: "new", part: only(placement, "new").part }, "z".repeat(MINE.length));
    store.placeDirectories(id);
    assert.deepEqual(store.commit(id, [wholeFile(0)]).failures, []);
    store.finish(id);
  },
  finish: (store) => {
    const { id } = store.begin(transferOf());
    store.placeDirectories(id);
    store.finish(id);
  },
  "an entry of another size": (store) => {
    const { id } = store.begin(transferOf());
    const [placement] = store.register(id, 0, [fileEntry("d/f", 3)], [0]);
    only(placement, "new");
    store.placeDirectories(id);
    store.finish(id);
  },
  stray: (store, database) => {
    const state = openDatabase(database);
    const part = state.prepare("SELECT path, name, size_bytes FROM parts").get()!;
    state.exec("DELETE FROM parts");
    state.prepare("INSERT INTO strays VALUES (?, ?, ?, ?)")
      .run(KEY, part["path"]!, part["name"]!, part["size_bytes"]!);
    state.close();
    USES["held"]!(store, database);
  },
};

function age(database: string): void {
  const state = openDatabase(database);
  state.exec("UPDATE transfers SET touched_ns = 1");
  state.close();
}

for (const [use, touch] of Object.entries(USES)) {
  for (const place of PLACES) {
    Deno.test(`a link at the ${place} of a part leads nothing out of the state: ${use}`, () =>
      inDirectory((directory) => {
        const root = join(directory, "root");
        const mine = join(directory, "mine");
        fs.mkdirSync(mine);
        const seen = withStore(root, (store) => {
          const file = plant(interrupt(store), place, mine);
          const before = fs.readdirSync(mine, { recursive: true });
          touch(store, join(root, ".sftpx/state.db"));
          return { file, before };
        }, { keep: true });
        assert.equal(fs.readFileSync(seen.file, "utf8"), MINE);
        assert.deepEqual(fs.readdirSync(mine, { recursive: true }), seen.before);
      }));
  }
}

Deno.test("a part is removed as a file, and a tree in its place is not", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const part = interrupt(store);
      fs.rmSync(part);
      makeTree(part, ["2024/a.jpg"]);
      store.clean({ beforeNs: null });
      // The sweep of garbage takes what no row names; a row never names a tree.
      assert.equal(fs.existsSync(join(part, "2024/a.jpg")), true);
    }, { keep: true });
  }));

Deno.test("PartPaths looks at each directory once a call", () =>
  inDirectory((root) => {
    const name = "0123456789abcdef/0/1";
    makeTree(root, [`parts/${name}`, "mine/0/1"]);
    const paths = new PartPaths(join(root, "parts"), DISK);
    assert.equal(paths.find(name), join(root, "parts", name));
    assert.equal(paths.find("../../etc/passwd"), null);
    fs.rmSync(join(root, "parts/0123456789abcdef"), { recursive: true });
    fs.symlinkSync(join(root, "mine"), join(root, "parts/0123456789abcdef"));
    assert.equal(paths.find(name), join(root, "parts", name));
    paths.forget();
    assert.deepEqual([paths.find(name), paths.namesOf("0123456789abcdef")], [null, null]);
  }));

Deno.test("a state is refused where others take away what is made beside it", () =>
  inDirectory((root) => {
    makeTree(root, [".sftpx/"]);
    fs.chmodSync(join(root, ".sftpx"), 0o777);
    let removed = 0;
    const disk: Disk = {
      ...DISK,
      makeDirectory: (path, options) => {
        DISK.makeDirectory(path, options);
        if (!path.includes(".sftpx-") || removed >= most) return;
        removed++;
        fs.rmdirSync(path);
      },
    };
    const open = () => new DiskStore({ root, keep: false, disk });
    let most = Infinity;
    assert.throws(open, { code: "conflict", message: /others remove what is made beside it/ });
    [most, removed] = [3, 0];
    assert.throws(open, { code: "conflict", message: /others may write to it/ });
    fs.chmodSync(join(root, ".sftpx"), 0o700);
    removed = 0;
    open().close();
  }));

Deno.test({
  name: "a state is refused where others put a directory of theirs in the place of the probe",
  // Only root can give a directory away.
  ignore: process.getuid?.() !== 0,
  fn: () =>
    inDirectory((root) => {
      makeTree(root, [".sftpx/"]);
      fs.chmodSync(join(root, ".sftpx"), 0o777);
      fs.chownSync(join(root, ".sftpx"), 12_345, 12_345);
      const disk: Disk = {
        ...DISK,
        makeDirectory: (path, options) => {
          DISK.makeDirectory(path, options);
          if (!path.includes(".sftpx-")) return;
          fs.chmodSync(path, 0o777);
          fs.chownSync(path, 12_345, 12_345);
        },
      };
      assert.throws(() => new DiskStore({ root, keep: false, disk }), { code: "conflict" });
      assert.deepEqual(fs.readdirSync(join(root, ".sftpx")), []);
    }),
});

Deno.test("the second name of a file in place goes before the file is looked at: it moves its ctime", () =>
  inDirectory((root) => {
    const final = join(root, "d/f");
    const disk: Disk = {
      ...DISK,
      remove: (path) => {
        DISK.remove(path);
        // What a second would do to its ctime, at once.
        if (path.includes("/parts/") && fs.existsSync(final)) fs.utimesSync(final, 1, 1);
      },
    };
    withStore(root, (store) => {
      const part = interrupt(store);
      fs.mkdirSync(join(root, "d"));
      fs.linkSync(part, final);
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, [fileEntry("d/f", MINE.length)], [0]);
      only(placement, "stands");
      store.placeDirectories(id);
      assert.deepEqual(store.commit(id, [wholeFile(0, { keep: true })]).failures, []);
    }, { disk });
  }));
