import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { only } from "./_conformance.ts";
import {
  digest,
  fileEntry,
  fillPart,
  inDirectory,
  listTree,
  makeTree,
  transferOf,
  withStore,
} from "./_fixture.ts";
import { openDatabase } from "../runtime/database.ts";
import { DiskStore } from "./disk_store.ts";
import { partSum } from "./journal_rows.ts";

/** Leaves a transfer with one journalled chunk behind; answers where its part lies. */
function interrupt(root: string): string {
  return withStore(root, (store) => {
    const { id } = store.begin(transferOf());
    const [placement] = store.register(id, 0, [fileEntry("d/f", 5)], [0]);
    fillPart(placement, "hello");
    store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
    return only(placement, "new").part;
  });
}

Deno.test("state is private to its user", () =>
  inDirectory((root) => {
    withStore(root, () => {
      assert.equal(fs.statSync(join(root, ".sftpx")).mode & 0o777, 0o700);
    });
  }));

Deno.test("the root is made when it is absent", () =>
  inDirectory((root) => {
    withStore(join(root, "a/b"), () => {});
    assert.deepEqual(listTree(root), ["a/", "a/b/"]);
  }));

Deno.test("a link or file called .sftpx is refused and left alone", () =>
  inDirectory((root) => {
    makeTree(root, ["other/", "root/.sftpx->../other"]);
    const options = { root: join(root, "root"), keep: false };
    assert.throws(() => new DiskStore(options), { code: "conflict" });
    assert.deepEqual(fs.readdirSync(join(root, "other")), []);
  }));

Deno.test("a link in place of what lies in the state is refused and not followed", async (t) => {
  const names = ["parts", "locks", "lock", "state.db", "state.db-wal", "state.db-shm"];
  for (const name of names) {
    await t.step(name, () =>
      inDirectory((root) => {
        makeTree(root, ["other/", "root/.sftpx/"]);
        fs.chmodSync(join(root, "root/.sftpx"), 0o700);
        fs.symlinkSync("../../other/x", join(root, "root/.sftpx", name));
        const message = /in it is not a (file|directory); remove it/;
        const options = { root: join(root, "root"), keep: false };
        assert.throws(() => new DiskStore(options), { code: "conflict", message });
        assert.deepEqual(fs.readdirSync(join(root, "other")), []);
      }));
  }
});

Deno.test("a state that others may write to is refused", async (t) => {
  for (const mode of [0o720, 0o702]) {
    await t.step(mode.toString(8), () =>
      inDirectory((root) => {
        makeTree(root, [".sftpx/"]);
        fs.chmodSync(join(root, ".sftpx"), mode);
        const message = /others may write to it/;
        assert.throws(() => new DiskStore({ root, keep: false }), { code: "conflict", message });
        assert.deepEqual(fs.readdirSync(join(root, ".sftpx")), []);
      }));
  }
});

Deno.test({
  name: "a state that belongs to another user is refused",
  // Only root can give a directory away.
  ignore: process.getuid?.() !== 0,
  fn: () =>
    inDirectory((root) => {
      makeTree(root, [".sftpx/"]);
      fs.chmodSync(join(root, ".sftpx"), 0o755);
      fs.chownSync(join(root, ".sftpx"), 12_345, 12_345);
      const message = /belongs to another user/;
      assert.throws(() => new DiskStore({ root, keep: false }), { code: "conflict", message });
    }),
});

Deno.test("a row whose part has a name that sftpx never gives is dropped, its path untouched", () =>
  inDirectory((root) => {
    makeTree(root, ["mine"]);
    const size = fs.statSync(join(root, "mine")).size;
    const plant = (name: string) => {
      const database = openDatabase(join(root, ".sftpx/state.db"));
      database.prepare("UPDATE parts SET name = ?, size_bytes = ?").run(name, size);
      const part = database.prepare("SELECT * FROM parts");
      part.setReadBigInts(true);
      // Whoever plants a row gives it its sum.
      database.prepare("UPDATE parts SET sum = ?").run(partSum(part.get() ?? {}));
      database.close();
    };
    const names = ["../../mine", `${"0".repeat(16)}/0/../../../../mine`, "/etc/hostname", "mine"];
    for (const name of names) {
      // Planted before an open, and while the state is open.
      for (const isOpen of [false, true]) {
        interrupt(root);
        if (!isOpen) plant(name);
        withStore(root, (store) => {
          if (isOpen) plant(name);
          const { id } = store.begin(transferOf());
          const [placement] = store.register(id, 0, [fileEntry("d/f", size)], [0]);
          assert.equal(placement?.kind, "new", name);
          store.finish(id);
          assert.deepEqual(store.resumable(), []);
        });
        assert.equal(fs.readFileSync(join(root, "mine"), "utf8"), "mine", name);
        fs.rmSync(join(root, ".sftpx"), { recursive: true, force: true });
      }
    }
  }));

Deno.test("a link in place of a run of parts or a shard is refused and not followed", () =>
  inDirectory((root) => {
    const run = "0123456789abcdef";
    for (const name of [run, `${run}/0`]) {
      makeTree(root, ["mine/precious", `.sftpx/parts/${run}/1/0`]);
      fs.rmSync(join(root, ".sftpx/parts", name), { recursive: true, force: true });
      fs.symlinkSync(join(root, "mine"), join(root, ".sftpx/parts", name));
      for (const readOnly of [false, true]) {
        const open = () => new DiskStore({ root, keep: false, readOnly });
        assert.throws(open, { code: "conflict", message: /a link or file stands among its parts/ });
      }
      assert.deepEqual(fs.readdirSync(join(root, "mine")), ["precious"]);
      fs.rmSync(join(root, ".sftpx"), { recursive: true, force: true });
    }
  }));

Deno.test("parts without a row are swept at open, and no link in them is followed", () =>
  inDirectory((root) => {
    makeTree(root, ["mine/precious"]);
    const part = interrupt(root);
    const parts = join(root, ".sftpx/parts");
    makeTree(parts, ["dead/0/1", "dead/scratch->../../../mine", "stray", "link->../../mine"]);
    withStore(root, () => {
      assert.equal(fs.existsSync(part), true);
      assert.equal(fs.readdirSync(parts).length, 1);
    });
    assert.deepEqual(listTree(root), ["mine/", "mine/precious"]);
  }));

Deno.test("parts of a running transfer are not swept by another store", () =>
  inDirectory((root) => {
    withStore(root, (first) => {
      const { id } = first.begin(transferOf());
      const [placement] = first.register(id, 0, [fileEntry("d/f", 5)], [0]);
      fillPart(placement, "hello");
      withStore(root, () => {});
      assert.equal(fs.existsSync(only(placement, "new").part), true);
      assert.equal(fs.existsSync(join(root, ".sftpx/state.db")), true);
    });
  }));

Deno.test("parts that no journal row names are gone after abandon", () =>
  inDirectory((root) => {
    withStore(root, (store) => {
      const { id } = store.begin(transferOf());
      const [placement] = store.register(id, 0, [fileEntry("d/f", 5)], [0]);
      fillPart(placement, "hello");
      store.abandon(id);
      assert.equal(fs.existsSync(only(placement, "new").part), false);
    });
    assert.deepEqual(fs.readdirSync(root), []);
  }));

Deno.test("a receiver killed in the middle is resumed by the next", () =>
  inDirectory(async (root) => {
    // Journals one chunk, writes a second part, holds its locks, and waits to be killed.
    const fixture = new URL("./_fixture.ts", import.meta.url).href;
    const store = new URL("./disk_store.ts", import.meta.url).href;
    const script = `
      import { digest, fileEntry, fillPart, transferOf } from ${JSON.stringify(fixture)};
      import { DiskStore } from ${JSON.stringify(store)};
      const store = new DiskStore({ root: ${JSON.stringify(root)}, keep: false });
      const { id } = store.begin(transferOf());
      const placements = store.register(id, 0, [fileEntry("d/f", 5), fileEntry("d/g", 5)], [0, 0]);
      placements.forEach((placement) => fillPart(placement, "hello"));
      store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
      console.log("journalled");
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["eval", "--no-check", script], {
      stdio: ["ignore", "pipe", "inherit"],
      cwd: new URL("../..", import.meta.url),
    });
    await firstOutput(child);
    withStore(root, (other) => {
      assert.throws(() => other.begin(transferOf()), { code: "busy" });
    });
    assert.equal(fs.existsSync(join(root, ".sftpx")), true, "in use by the child");
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));
    assert.deepEqual(listTree(root), [], "no final name before its commit");
    withStore(root, (next) => {
      const { id } = next.begin(transferOf());
      const entries = [fileEntry("d/f", 5), fileEntry("d/g", 5)];
      const placements = next.register(id, 0, entries, [0, 0]);
      assert.deepEqual(placements.map((p) => p.kind), ["held", "new"]);
      const kept = fs.readdirSync(join(root, ".sftpx/parts"));
      assert.equal(
        kept.length,
        2,
        "the killed run, swept down to its journalled part, and this one",
      );
      next.finish(id);
    });
  }));

async function firstOutput(child: ChildProcess): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.stdout?.once("data", () => resolve());
    child.once("exit", () => reject(new Error("The child ended early")));
  });
}
