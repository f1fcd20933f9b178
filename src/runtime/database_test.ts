import assert from "node:assert/strict";
import { spawn, type StdioOptions } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { inDirectory } from "../store/_fixture.ts";
import { FileLock, openDatabase, openDatabaseReadOnly, synchronousOf } from "./database.ts";

async function withLocks(body: (open: () => FileLock, path: string) => void): Promise<void> {
  await inDirectory((root) => {
    const locks: FileLock[] = [];
    const path = join(root, "lock");
    try {
      body(() => {
        const lock = new FileLock(path);
        locks.push(lock);
        return lock;
      }, path);
    } finally {
      for (const lock of locks) lock.close();
    }
  });
}

Deno.test("FileLock is shared by many or held by one", () =>
  withLocks((open) => {
    const [a, b] = [open(), open()];
    assert.deepEqual([a.tryShared(), b.tryShared()], [true, true]);
    b.release();
    assert.equal(b.tryExclusive(), false);
    a.release();
    assert.equal(b.tryExclusive(), true);
    assert.deepEqual([a.tryShared(), a.tryExclusive()], [false, false]);
    b.release();
    assert.equal(a.tryExclusive(), true);
  }));

Deno.test("FileLock tells who waited at a removed file that it is not the one", () =>
  withLocks((open, path) => {
    const [first, waiting] = [open(), open()];
    assert.equal(first.tryExclusive() && first.isCurrent, true);
    first.discard();
    assert.equal(fs.existsSync(path), false);
    assert.equal(waiting.tryExclusive() && waiting.isCurrent, false);
    const third = open();
    assert.equal(third.tryExclusive() && third.isCurrent, true);
    assert.equal(waiting.tryExclusive() && waiting.isCurrent, false);
    assert.equal(waiting.tryShared() && waiting.isCurrent, false);
  }));

Deno.test("FileLock holds against other processes while this one looks at the file again", () =>
  withLocks((open, path) => {
    assert.equal(open().tryExclusive(), true);
    open().close();
    const module = JSON.stringify(new URL("./database.ts", import.meta.url).href);
    const script = `import { FileLock } from ${module};
      console.log(new FileLock(${JSON.stringify(path)}).tryShared());`;
    const { stdout } = new Deno.Command(Deno.execPath(), { args: ["eval", script] }).outputSync();
    assert.equal(new TextDecoder().decode(stdout), "false\n");
  }));

Deno.test("FileLock.alone() is refused by a holder at once, and finds the file that it removed gone", () =>
  withLocks((open, path) => {
    const holder = open();
    assert.equal(holder.tryExclusive(), true);
    // Whoever only looks is waited for a quarter of a second; one of several tries is not held up.
    const tookMs = Array.from({ length: 5 }, () => {
      const startMs = performance.now();
      assert.equal(FileLock.alone(path), null);
      return performance.now() - startMs;
    });
    assert.ok(Math.min(...tookMs) < 200, "it does not wait");
    holder.discard();
    const lock = FileLock.alone(path);
    assert.ok(lock !== null && lock.isCurrent);
    lock.discard();
    assert.equal(fs.existsSync(path), false);
  }));

Deno.test("FileLock.alone() waits for who only looks, however long the machine lets that take", () =>
  inDirectory(async (root) => {
    const path = join(root, "lock");
    const module = JSON.stringify(new URL("./database.ts", import.meta.url).href);
    const script = `import { FileLock } from ${module};
      const lock = new FileLock(${JSON.stringify(path)});
      lock.tryShared();
      console.log("looks");
      setTimeout(() => lock.close(), 400);`;
    const stdio: StdioOptions = ["ignore", "pipe", "inherit"];
    const child = spawn(process.execPath, ["eval", script], { stdio });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    await new Promise((resolve) => child.stdout?.once("data", resolve));
    const lock = FileLock.alone(path);
    assert.ok(lock !== null);
    lock.discard();
    await ended;
  }));

Deno.test("FileLock.alone() is never held twice, though each holder removes the file", () =>
  inDirectory(async (root) => {
    const module = JSON.stringify(new URL("./database.ts", import.meta.url).href);
    const script = `import { FileLock } from ${module};
      import * as fs from "node:fs";
      const [lock, count] = ${JSON.stringify([join(root, "lock"), join(root, "count")])};
      for (let left = 200; left > 0;) {
        const held = FileLock.alone(lock);
        if (held === null) continue;
        fs.writeFileSync(count, String(Number(fs.readFileSync(count, "utf8")) + 1));
        held.discard();
        left--;
      }`;
    fs.writeFileSync(join(root, "count"), "0");
    const run = () =>
      new Promise((resolve) => {
        spawn(process.execPath, ["eval", script], { stdio: "inherit" }).once("exit", resolve);
      });
    assert.deepEqual(await Promise.all([run(), run()]), [0, 0]);
    assert.equal(fs.readFileSync(join(root, "count"), "utf8"), "400");
  }));

Deno.test("FileLock.discard() removes nothing that it does not hold", () =>
  withLocks((open, path) => {
    open().discard();
    assert.equal(fs.existsSync(path), true);
  }));

Deno.test("FileLock.discard() lets go also where the file cannot be removed", () =>
  inDirectory((root) => {
    const path = join(root, "lock");
    const lock = FileLock.alone(path);
    // As a disk that takes no change any more: what stands under the name does not go.
    fs.renameSync(path, join(root, "file"));
    fs.mkdirSync(path);
    assert.throws(() => lock?.discard());
    fs.rmdirSync(path);
    fs.renameSync(join(root, "file"), path);
    const next = FileLock.alone(path);
    assert.notEqual(next, null);
    next?.discard();
  }));

Deno.test("openDatabase() bounds the -wal that is kept, and looks at pages before it believes them", () =>
  inDirectory((root) => {
    const database = openDatabase(join(root, "a.db"));
    try {
      const found = (pragma: string) => database.prepare(`PRAGMA ${pragma}`).get()?.[pragma];
      assert.equal(found("journal_size_limit"), 16 * 1024 * 1024);
      assert.equal(found("cell_size_check"), 1);
    } finally {
      database.close();
    }
  }));

Deno.test("openDatabase() syncs as its journal mode asks for", () =>
  inDirectory((root) => {
    const database = openDatabase(join(root, "a.db"));
    try {
      assert.equal(synchronousOf(database), "NORMAL");
      assert.equal(database.prepare("PRAGMA synchronous").get()?.["synchronous"], 1);
      database.exec("PRAGMA journal_mode = DELETE");
      assert.equal(synchronousOf(database), "FULL");
    } finally {
      database.close();
    }
  }));

Deno.test("openDatabaseReadOnly() takes what nobody has open as it lies", () =>
  inDirectory((root) => {
    const path = join(root, "a.db");
    openDatabase(path).close();
    fs.chmodSync(path, 0o400);
    const { database, isFixed } = openDatabaseReadOnly(path);
    try {
      assert.equal(isFixed, true);
      assert.throws(() => database.exec("CREATE TABLE t (n)"), /readonly/);
      assert.equal(database.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"], 0);
      assert.deepEqual(fs.readdirSync(root), ["a.db"]);
    } finally {
      database.close();
    }
    assert.deepEqual(fs.readdirSync(root), ["a.db"]);
  }));

Deno.test("openDatabaseReadOnly() needs no more than to read and to write files, and leaves none", async (t) => {
  for (const isOpen of [false, true]) {
    await t.step(isOpen ? "while it is open elsewhere" : "at rest", () =>
      inDirectory((root) => {
        const path = join(root, "a.db");
        const writer = openDatabase(path);
        writer.exec("CREATE TABLE t (n); INSERT INTO t VALUES (7)");
        if (!isOpen) writer.close();
        try {
          const { success, stdout, stderr } = readElsewhere(root, path);
          assert.ok(success, stderr);
          assert.equal(stdout, `7 ${!isOpen}\n`);
          assert.deepEqual(fs.readdirSync(join(root, "tmp")), []);
        } finally {
          if (isOpen) writer.close();
        }
      }));
  }
});

/** What a process with the permissions of the tool reads: `eval` would have them all. */
function readElsewhere(root: string, path: string) {
  const module = JSON.stringify(new URL("./database.ts", import.meta.url).href);
  const script = join(root, "read.ts");
  fs.mkdirSync(join(root, "tmp"));
  fs.writeFileSync(
    script,
    `import { openDatabaseReadOnly } from ${module};
    const { database, isFixed } = openDatabaseReadOnly(${JSON.stringify(path)});
    console.log(database.prepare("SELECT n FROM t").get().n, isFixed);
    database.close();`,
  );
  const args = ["run", "--quiet", "--no-check", "--allow-read", "--allow-write", "--allow-env"];
  const { success, stdout, stderr } = new Deno.Command(Deno.execPath(), {
    args: [...args, script],
    env: { TMPDIR: join(root, "tmp") },
  }).outputSync();
  return { success, stdout: text(stdout), stderr: text(stderr) };
}

function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
