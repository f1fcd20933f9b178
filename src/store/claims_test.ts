import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import {
  digest,
  directorySource,
  fileEntry,
  fileSource,
  fillPart,
  inDirectory,
  transferOf,
  withStore,
} from "./_fixture.ts";
import type { SftpxError } from "../base/errors.ts";
import { openDatabase } from "../runtime/database.ts";
import { DiskStore } from "./disk_store.ts";
import { inTheWay } from "./in_the_way.ts";
import type { ReceiveTransfer } from "./store.ts";

type Place = Partial<ReceiveTransfer>;

/** Under another key, so that only the places decide. */
const other = (more: Place) => transferOf({ key: digest(2), peer: digest(6), ...more });
const contents = { ...directorySource("d"), contents: true };

const OVERLAPS: readonly (readonly [string, Place, Place])[] = [
  ["the same name", { sources: [fileSource("f")] }, { sources: [fileSource("f")] }],
  ["a name below a directory", { sources: [directorySource("d")] }, {
    destination: "d/e",
    sources: [fileSource("f")],
  }],
  ["a directory above a name", { destination: "d/e", sources: [fileSource("f")] }, {
    sources: [directorySource("d")],
  }],
  ["contents of one directory", { destination: "d", sources: [contents] }, {
    destination: "d",
    sources: [contents],
  }],
  ["contents of the root and anything", { sources: [contents] }, { sources: [fileSource("f")] }],
  ["anything and contents of the root", { sources: [fileSource("f")] }, { sources: [contents] }],
  ["one of several names", { sources: [fileSource("a"), fileSource("b")] }, {
    sources: [fileSource("b"), fileSource("c")],
  }],
  ["a new name and the old one", { destination: "b", sources: [fileSource("a")] }, {
    sources: [fileSource("b")],
  }],
];

const APART: readonly (readonly [string, Place, Place])[] = [
  ["two names in one directory", {
    destination: "in",
    intoDirectory: true,
    sources: [fileSource("a")],
  }, {
    destination: "in",
    intoDirectory: true,
    sources: [fileSource("b")],
  }],
  ["a name that begins with another", { sources: [directorySource("d")] }, {
    sources: [directorySource("d.old"), directorySource("d0"), directorySource("dd")],
  }],
  ["contents of two directories", { destination: "a", sources: [contents] }, {
    destination: "b",
    sources: [contents],
  }],
];

for (const [what, first, second] of OVERLAPS) {
  Deno.test(`two transfers to ${what} do not run at once`, () =>
    inDirectory((root) => {
      withStore(root, (one) => {
        const { id } = one.begin(transferOf(first));
        withStore(root, (another) => {
          for (const store of [one, another]) {
            assert.throws(() => store.begin(other(second)), { name: "SftpxError", code: "busy" });
          }
          assert.equal(fs.existsSync(join(root, ".sftpx/parts")), false, "nothing was touched");
          one.abandon(id);
          another.begin(other(second));
          assert.throws(() => one.begin(transferOf(first)), { code: "busy" });
        });
      });
    }));
}

for (const [what, first, second] of APART) {
  Deno.test(`two transfers to ${what} do not hinder each other`, () =>
    inDirectory((root) =>
      withStore(root, (store) => {
        store.begin(transferOf(first));
        store.begin(other(second));
      })
    ));
}

Deno.test("names that differ in case are one place only where the file system takes them for one", () =>
  inDirectory((root) =>
    withStore(root, (store) => {
      const ignoresCase = fs.existsSync(join(root, ".SFTPX"));
      store.begin(transferOf({ sources: [fileSource("Straße")] }));
      const begin = () => store.begin(other({ sources: [fileSource("STRASSE")] }));
      if (ignoresCase) assert.throws(begin, { code: "busy" });
      else begin();
    })
  ));

Deno.test("two forms of a name are one place everywhere", () =>
  inDirectory((root) =>
    withStore(root, (store) => {
      store.begin(transferOf({ sources: [fileSource("caf\u00e9")] }));
      const begin = () => store.begin(other({ sources: [fileSource("cafe\u0301")] }));
      assert.throws(begin, { code: "busy" });
    })
  ));

Deno.test("who is refused hears of its own place, and of the other peer only where it may read", () =>
  inDirectory((root) =>
    withStore(root, (store) => {
      store.begin(transferOf({ destination: "d/secret", sources: [fileSource("f")] }));
      const refusal = (more: Place) => {
        try {
          store.begin(other({ sources: [directorySource("d")], ...more }));
        } catch (thrown) {
          return String(thrown);
        }
        throw new Error("It was not refused");
      };
      assert.match(refusal({}), /another one, of auc[a-z2-7]{49}, is writing to "d"$/);
      assert.match(refusal({ mayRead: false }), /of another peer, is writing to "d"$/);
      assert.match(refusal({ peer: transferOf().peer }), /of the same peer, is writing to "d"$/);
      assert.match(refusal({ sources: [contents] }), /is writing to the same directory$/);
    })
  ));

Deno.test("whoever is refused a place can tell this end which transfer has it", () =>
  inDirectory((root) =>
    withStore(root, (store) => {
      store.begin(transferOf({ sources: [fileSource("a")] }));
      store.begin(transferOf({ key: digest(3), sources: [fileSource("b")] }));
      const begin = (name: string) => () => store.begin(other({ sources: [fileSource(name)] }));
      assert.throws(
        begin("b"),
        (error: SftpxError) => inTheWay(error)?.join() === digest(3).join(),
      );
      const again = () => store.begin(transferOf({ sources: [fileSource("c")] }));
      assert.throws(
        again,
        (error: SftpxError) => error.code === "busy" && inTheWay(error) === null,
      );
    })
  ));

Deno.test("a dry run claims nothing and is not hindered", () =>
  inDirectory((root) =>
    withStore(root, (store) => {
      store.begin(transferOf({ dryRun: true }));
      store.begin(transferOf());
      store.begin(other({ dryRun: true }));
    })
  ));

Deno.test("a transfer that is refused leaves its key free and claims nothing", () =>
  inDirectory((root) =>
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const wanted = other({ sources: [fileSource("a"), directorySource("d")] });
      assert.throws(() => store.begin(wanted), { code: "busy" });
      const third = transferOf({ key: digest(3), sources: [fileSource("a")] });
      store.abandon(store.begin(third).id);
      store.abandon(id);
      store.begin(wanted);
    })
  ));

Deno.test("a claim without its lock counts for nothing and goes", () =>
  inDirectory((root) =>
    withStore(root, (store) => {
      const database = openDatabase(join(root, ".sftpx/state.db"));
      const insert = database.prepare("INSERT INTO claims VALUES (?, ?, ?)");
      insert.run("d", digest(9), digest(6));
      insert.run("", digest(8), digest(6));
      store.begin(transferOf());
      const rows = database.prepare("SELECT path, key FROM claims").all();
      database.close();
      assert.deepEqual(rows.map(({ path, key }) => [path, key]), [["d", transferOf().key]]);
    })
  ));

Deno.test("whoever is alone in the state takes the claims and locks of the dead away", () =>
  inDirectory((root) => {
    withStore(root, () => {}, { keep: true });
    const database = openDatabase(join(root, ".sftpx/state.db"));
    database.prepare("INSERT INTO claims VALUES (?, ?, ?)").run("d", digest(9), digest(6));
    fs.mkdirSync(join(root, ".sftpx/locks"), { recursive: true });
    fs.writeFileSync(join(root, ".sftpx/locks/dead"), "");
    withStore(root, () => {
      assert.deepEqual(database.prepare("SELECT path FROM claims").all(), []);
      assert.equal(fs.existsSync(join(root, ".sftpx/locks/dead")), false);
      database.close();
    });
  }));

Deno.test("a transfer whose process was killed frees its place at once", () =>
  inDirectory(async (root) => {
    const fixture = new URL("./_fixture.ts", import.meta.url).href;
    const store = new URL("./disk_store.ts", import.meta.url).href;
    const script = `
      import { transferOf } from ${JSON.stringify(fixture)};
      import { DiskStore } from ${JSON.stringify(store)};
      const store = new DiskStore({ root: ${JSON.stringify(root)}, keep: false });
      store.begin(transferOf());
      console.log("begun");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["eval", "--no-check", script], {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: new URL("../..", import.meta.url),
    });
    const ended = new Promise((resolve) => child.once("close", resolve));
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const mine = new DiskStore({ root, keep: false });
    assert.throws(() => mine.begin(other({})), { code: "busy" });
    child.kill("SIGKILL");
    await ended;
    const { id } = mine.begin(other({}));
    const [placement] = mine.register(id, 0, [fileEntry("d/f", 1)], [0]);
    fillPart(placement, "x");
    mine.close();
  }));
