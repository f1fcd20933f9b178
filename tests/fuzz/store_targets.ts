// What stands in a root's own directory under fuzz, as anybody may have written it: the names of parts,
// rows of the database whose sums are right, and the database's bytes. A store on it works, or says
// why not, and touches nothing else.

import assert from "node:assert/strict";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathProblem } from "../../src/base/path.ts";
import { type Database, openDatabase } from "../../src/runtime/database.ts";
import { digest, fileEntry, fillPart, receive, transferOf } from "../../src/store/_fixture.ts";
import { DiskStore } from "../../src/store/disk_store.ts";
import { committedSum, partSum, runSum, transferSum } from "../../src/store/journal_rows.ts";
import { readNames } from "../../src/store/part_names.ts";
import { isPartName, NAMES_FILE } from "../../src/store/part_paths.ts";
import type { Random } from "../simulation/clock.ts";
import { mutatedBytes, mutatedText, randomOf } from "./mutation.ts";
import { outcomeOf, worded } from "./outcome.ts";
import type { Tally, Target } from "./target.ts";

const RUN = "0123456789abcdef";
const HEADER = {
  key: "11".repeat(32),
  peer: "22".repeat(32),
  destination: "a/b",
  chunkBytes: 65_536,
  startedNs: "1700000000000000000",
  given: ["x", "y/z"],
  moreGiven: 3,
};
const LINES = [HEADER, ["0/1", 70_000, "dir/file"], ["1/2", 1, "other"]];
const NAMES_TEXT = LINES.map((line) => `${JSON.stringify(line)}\n`).join("");
const PRECIOUS = "precious";

const TABLES = ["transfers", "parts", "runs", "strays", "claims", "committed"] as const;
const TEXTS = ["", "..", "../beside", "/etc/passwd", "d/f", "own", `${RUN}/0/1`, "../../own", "[]"];
const NUMBERS = [0n, 1n, -1n, 65_536n, 3n, 1n << 31n, 1n << 53n, (1n << 63n) - 1n, -(1n << 63n)];

export const STORE_TARGETS: readonly Target[] = [
  directoryTarget("part-names", checkNames),
  directoryTarget("state", checkState),
];

type Check = (
  directory: string,
  made: { readonly random: Random; readonly tally: Tally },
) => void;

function directoryTarget(name: string, check: Check): Target {
  return {
    name,
    atOnce: 1,
    run: (seed, tally) => {
      const directory = fs.mkdtempSync(join(tmpdir(), "sftpx-fuzz-"));
      try {
        check(directory, { random: randomOf(seed), tally });
      } finally {
        fs.rmSync(directory, { recursive: true });
      }
    },
  };
}

function checkNames(directory: string, { random, tally }: Parameters<Check>[1]): void {
  const words = ["[", '"', "0/1", "../", "\n", "{}", "null", "1e400"];
  const text = mutatedText(random, [NAMES_TEXT], words);
  fs.writeFileSync(join(directory, NAMES_FILE), text.toWellFormed());
  const names = readNames(directory, RUN);
  if (names === null) return tally.add("nothing");
  const { header } = names;
  assert.equal(header.key.byteLength, 32);
  assert.equal(header.peer.byteLength, 32);
  assert.ok(header.destination === "" || pathProblem(header.destination) === null);
  for (const part of names.parts) {
    assert.ok(isPartName(part.name) && part.name.startsWith(`${RUN}/`), part.name);
    assert.equal(pathProblem(part.path), null);
    assert.ok(Number.isSafeInteger(part.sizeBytes) && part.sizeBytes > 0);
  }
  tally.add("taken");
}

function checkState(directory: string, { random, tally }: Parameters<Check>[1]): void {
  const root = join(directory, "root");
  fs.mkdirSync(root);
  for (const path of [join(directory, "beside"), join(root, "own")]) {
    fs.writeFileSync(path, PRECIOUS);
  }
  withStoreOn(root, leaveWork);
  const state = join(root, ".sftpx/state.db");
  if (random.chance(0.7)) tally.add("planted", plantRows(random, state));
  else fs.writeFileSync(state, mutatedBytes(random, [fs.readFileSync(state)]));
  const planted = outcomeOf(() => withStoreOn(root, (store) => useStore(store, random)));
  tally.add(worded(planted));
  for (const path of [join(directory, "beside"), join(root, "own")]) {
    assert.equal(fs.readFileSync(path, "utf8"), PRECIOUS, path);
  }
  assert.deepEqual(fs.readdirSync(directory).sort(), ["beside", "root"]);
}

function withStoreOn(root: string, use: (store: DiskStore) => void): void {
  const store = new DiskStore({ root, keep: true });
  try {
    use(store);
  } finally {
    store.close();
  }
}

/** A transfer that is done, and one that broke off with a chunk in the journal. */
function leaveWork(store: DiskStore): void {
  receive(store, transferOf({ key: digest(7), destination: "done" }), {
    entries: [fileEntry("d/g", 3)],
    contents: { "d/g": "abc" },
  });
  const { id } = store.begin(transferOf());
  const [placement] = store.register(id, 0, [fileEntry("d/f", 3)], [0]);
  fillPart(placement, "abc");
  store.journal(id, [{ entry: 0, first: 0, digests: digest(1), synced: false }]);
  store.abandon(id);
}

/** All that a peer or a user may have a store do with what it remembers. */
function useStore(store: DiskStore, random: Random): void {
  store.resumable();
  const given = { entries: [fileEntry("d/f", 3)], contents: { "d/f": "xyz" } };
  receive(store, transferOf(), given);
  receive(store, transferOf({ key: digest(7), destination: "done" }), {
    entries: [fileEntry("d/g", 3)],
    contents: { "d/g": "xyz" },
  });
  if (random.chance(0.5)) store.clean({ beforeNs: null });
}

/** A few values of a few rows are others; most of these rows have the sum of what they then say. */
function plantRows(random: Random, path: string): number {
  const database = openDatabase(path);
  try {
    const tries = Array.from({ length: 1 + random.below(3) }, () => plantValue(random, database));
    return tries.filter((isPlanted) => isPlanted).length;
  } finally {
    database.close();
  }
}

function plantValue(random: Random, database: Database): boolean {
  const table = random.pick(TABLES);
  const all = database.prepare(`SELECT * FROM ${table}`);
  all.setReadBigInts(true);
  const rows = all.all() as Record<string, unknown>[];
  if (rows.length === 0) return false;
  const row = random.pick(rows);
  const column = random.pick(Object.keys(row));
  const value = plantedValue(random, row[column]);
  const changed: Record<string, unknown> = { ...row, [column]: value };
  const where = Object.keys(row).map((name) => `${name} IS ?`).join(" AND ");
  try {
    if (random.chance(0.8)) changed["sum"] = sumOf(table, changed, database) ?? changed["sum"];
    const columns = Object.keys(changed).filter((name) => name in row);
    const sets = columns.map((name) => `${name} = ?`).join(", ");
    database.prepare(`UPDATE ${table} SET ${sets} WHERE ${where}`)
      .run(...columns.map((name) => changed[name]) as never[], ...Object.values(row) as never[]);
    return true;
  } catch {
    return false; // A value that its column does not take.
  }
}

function plantedValue(random: Random, value: unknown): unknown {
  if (random.chance(0.1)) return random.pick([null, 0n, "", new Uint8Array(0), 1.5]);
  if (value instanceof Uint8Array) return mutatedBytes(random, [value]).slice(0, 4096);
  if (typeof value === "string") {
    return random.chance(0.6)
      ? random.pick(TEXTS)
      : mutatedText(random, [value]).slice(0, 9000).toWellFormed();
  }
  return random.pick(NUMBERS);
}

function sumOf(
  table: typeof TABLES[number],
  row: Record<string, unknown>,
  database: Database,
): bigint | null {
  switch (table) {
    case "transfers":
      return BigInt(transferSum(row));
    case "parts":
      return BigInt(partSum(row));
    case "committed":
      return BigInt(committedSum(row));
    case "runs": {
      const sums = database.prepare("SELECT sum FROM parts WHERE id = ?");
      const part = sums.get(row["part"] as never);
      return BigInt(runSum(row, Number(part?.["sum"] ?? 0)));
    }
    case "strays":
    case "claims":
      return null;
  }
}
