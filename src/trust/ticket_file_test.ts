import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { SftpxError } from "../base/errors.ts";
import { openTicketFile, ticketFileError } from "./ticket_file.ts";

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "sftpx-book-"));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

Deno.test("openTicketFile() syncs every commit: a lost one could give a spent use back", () =>
  inDirectory((directory) => {
    const database = openTicketFile(join(directory, "tickets.db"));
    try {
      assert.equal(database.prepare("PRAGMA synchronous").get()?.["synchronous"], 2);
    } finally {
      database.close();
    }
    return Promise.resolve();
  }));

Deno.test("a book holds no row that its reader could not take at its word", () =>
  inDirectory((directory) => {
    const database = openTicketFile(join(directory, "tickets.db"));
    const row = (change: Record<number, string>) => {
      const good = [
        `'${"a".repeat(64)}'`,
        "'/'",
        "''",
        "1",
        "1",
        "0",
        "2",
        "0",
        "1",
        "2",
        "0",
        "NULL",
        "0",
        "NULL",
        "NULL",
      ];
      return `INSERT INTO tickets VALUES (${Object.values({ ...good, ...change }).join()})`;
    };
    try {
      const bad: Record<number, string>[] = [
        { 0: "'short'" },
        { 3: "2" },
        { 4: "'x'" },
        { 5: "NULL" },
        { 6: "0" },
        { 7: "3" },
        { 7: "-1" },
        { 6: "NULL", 7: "1" },
        { 9: "'soon'" },
        { 10: "7" },
        { 11: "'open'" },
        { 12: "2" },
        { 13: "-1" },
        { 14: "'large'" },
      ];
      for (const change of bad) {
        assert.throws(() => database.exec(row(change)), JSON.stringify(change));
      }
      database.exec(row({}));
      const hold = (uses: string, purpose = "c".repeat(64)) =>
        `INSERT INTO holds VALUES
           ('${"a".repeat(64)}', '${"b".repeat(52)}', '${purpose}', ${uses})`;
      assert.throws(() => database.exec(hold("0")));
      assert.throws(() => database.exec(hold("1", "c".repeat(63))));
      assert.throws(() => database.exec(hold("1").replace("aaa", "ccc")), "no such ticket");
      database.exec(hold("1"));
    } finally {
      database.close();
    }
    return Promise.resolve();
  }));

Deno.test({
  name: "openTicketFile() says that the directory cannot be written",
  ignore: Deno.build.os === "windows" || process.getuid?.() === 0, // nothing is kept from root
  fn: () =>
    inDirectory(async (directory) => {
      await chmod(directory, 0o500);
      assert.throws(() => openTicketFile(join(directory, "tickets.db")), {
        code: "permission",
        message: /^Cannot load ticket book ".+": permission denied$/,
      });
      await chmod(directory, 0o700);
    }),
});

Deno.test("openTicketFile() leaves nothing behind when it cannot make the book", () =>
  inDirectory(async (directory) => {
    const path = join(directory, "tickets.db");
    await writeFile(join(directory, "x"), "");
    assert.throws(() => openTicketFile(join(directory, "x", "y", "tickets.db")), SftpxError);
    openTicketFile(path).close();
    assert.deepEqual((await readdir(directory)).sort(), ["tickets.db", "x"]);
  }));

Deno.test("ticketFileError() says in the book's own words what SQLite found", () => {
  const sqlite = (message: string) =>
    Object.assign(new Error(message), { code: "ERR_SQLITE_ERROR" });
  const options = { action: "save", path: "/h/tickets.db" } as const;
  const cases: [string, string, RegExp][] = [
    ["database is locked", "busy", /another process keeps it locked/],
    ["attempt to write a readonly database", "permission", /it cannot be written/],
    ["database or disk is full", "no_space", /the disk is full/],
    ["unable to open database file", "permission", /it cannot be opened/],
    ["database disk image is malformed", "failed", /it is damaged; move it away/],
    ["file is not a database", "failed", /it is damaged; move it away/],
    ["no such table: tickets", "failed", /it is damaged; move it away/],
    ["something else", "io", /something else/],
  ];
  for (const [message, code, found] of cases) {
    const error = ticketFileError(sqlite(message), options);
    assert.ok(error instanceof SftpxError && error.code === code, message);
    assert.match(error.message, /^Cannot save ticket book "\/h\/tickets.db": /);
    assert.match(error.message, found);
  }
  const mistake = new RangeError("a mistake");
  assert.equal(ticketFileError(mistake, options), mistake);
});

Deno.test("openTicketFile() gives a book of version 1 what it lacks, and keeps its tickets", () =>
  inDirectory((directory) => {
    const path = join(directory, "tickets.db");
    const old = openTicketFile(path);
    for (const column of ["append_only", "quota", "max_file"]) {
      old.exec(`ALTER TABLE tickets DROP COLUMN ${column}`);
    }
    const id = "a".repeat(64);
    old.exec(`INSERT INTO tickets VALUES ('${id}', '/', '', 1, 1, 0, 2, 1, 1, 9, 1, NULL)`);
    old.exec("PRAGMA user_version = 1");
    old.close();
    for (let opening = 0; opening < 2; opening++) {
      const database = openTicketFile(path);
      try {
        const row = database.prepare("SELECT * FROM tickets").get();
        const { spent, append_only: growing, quota, max_file: most } = row ?? {};
        assert.deepEqual([spent, growing, quota, most], [1, 0, null, null]);
      } finally {
        database.close();
      }
    }
    return Promise.resolve();
  }));
