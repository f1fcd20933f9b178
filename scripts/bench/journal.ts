// `bench journal`: what a write of the journal costs on this disk, by rows a transaction, by how SQLite
// syncs, and with the sync of the part that stands before it (I2). From these, what share of its
// throughput a transfer pays for a journal interval: the figures behind LIMITS.journalBytes and
// LIMITS.journalMs. Rows are written by the journal's own code.

import { parseArgs } from "@std/cli/parse-args";
import {
  closeSync,
  existsSync,
  fdatasyncSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LIMITS } from "../../src/base/limits.ts";
import { Journal } from "../../src/store/journal.ts";
import { openState } from "../../src/store/schema.ts";
import { numbersOf, refuseUnknown } from "./arguments.ts";
import { median, printTable } from "./process.ts";

const USAGE = `Usage: deno task bench journal [options]
  --dir PATHS       directories to measure in, comma-separated (default: the system's temporary
                    directory, and /dev/shm where it is)
  --rows LIST       rows a transaction (default 1,8,32,128,1024)
  --repeat N        transactions of each kind, in turn (default 40)
  --syncs N         parts written for each interval (default 5)
  --json            one JSON object a line`;

const CHUNK_BYTES = 2 << 20;
const DIGEST_BYTES = 32;
/** A part whose syncs are measured. */
const PART_BYTES = 512 << 20;
/** Bytes of it between two writes of the journal. */
const INTERVALS_BYTES = [8, 16, 32, 64, 128, 256, 512].map((mib) => mib << 20);
/** Throughputs that the share is told for, bytes a second. */
const RATES = [300e6, 1e9];

/** How SQLite keeps a transaction. */
interface Keeping {
  readonly name: string;
  readonly pragmas: readonly string[];
}

const KEEPINGS: readonly Keeping[] = [
  { name: "WAL NORMAL", pragmas: [] },
  { name: "WAL FULL", pragmas: ["synchronous = FULL"] },
  { name: "DELETE FULL", pragmas: ["journal_mode = DELETE", "synchronous = FULL"] },
];

export function run(args: string[]): Promise<void> {
  return Promise.try(() => measure(args));
}

function measure(args: string[]): void {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: ["dir", "rows", "repeat", "syncs"],
    boolean: ["json", "help"],
    default: { rows: "1,8,32,128,1024", repeat: "40", syncs: "5" },
  });
  if (flags.help) return console.log(USAGE);
  const directories = flags.dir?.split(",") ??
    [tmpdir(), "/dev/shm"].filter((path) => existsSync(path));
  const tables: [string, Row[]][] = [];
  for (const directory of directories) {
    const work = mkdtempSync(join(directory, "sftpx-bench-"));
    try {
      const rowCounts = numbersOf(flags.rows);
      const writes = measureWrites(work, { rowCounts, repeat: Number(flags.repeat) });
      tables.push([`${directory}: ms a transaction, by its rows`, writes.rows]);
      const syncs = measureSyncs(work, Number(flags.syncs));
      const writeMs = writes.rowMs;
      tables.push([
        `${directory}: a part of 512 MiB, by how much of it a sync is for`,
        sharesOf(syncs, writeMs),
      ]);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
  for (const [title, rows] of tables) {
    if (flags.json) { for (const row of rows) console.log(JSON.stringify({ title, ...row })); }
    else {
      console.log(`\n${title}`);
      printTable(rows);
    }
  }
  if (!flags.json) {
    console.log(`\nLIMITS: ${LIMITS.journalBytes >> 20} MiB, ${LIMITS.journalMs} ms`);
  }
}

type Row = Readonly<Record<string, string | number>>;

/** Transactions of the journal alone. */
function measureWrites(
  work: string,
  { rowCounts, repeat }: { readonly rowCounts: readonly number[]; readonly repeat: number },
): { readonly rows: Row[]; readonly rowMs: number } {
  const ledgers = KEEPINGS.map((keeping) => new Ledger(work, keeping));
  const times = new Map<string, number[]>();
  // In turn, so that a busy machine slows all alike.
  for (let round = 0; round < repeat; round++) {
    for (const rows of rowCounts) {
      for (const ledger of ledgers) {
        const key = `${ledger.name} ${rows}`;
        times.set(key, [...times.get(key) ?? [], ledger.write(rows)]);
      }
    }
  }
  for (const ledger of ledgers) ledger.close();
  const of = (name: string, rows: number) => times.get(`${name} ${rows}`) ?? [NaN];
  const rows = KEEPINGS.map(({ name }): Row => {
    const cells = rowCounts.map((count) => [`${count} rows`, toldMs(of(name, count))]);
    return { "kept as": name, ...Object.fromEntries(cells) };
  });
  return { rows, rowMs: median(of("WAL NORMAL", rowCounts[0] ?? 1)) };
}

/** A journal with one part, whose rows are runs of one chunk. */
class Ledger {
  readonly name: string;
  readonly #journal: Journal;
  readonly #key = crypto.getRandomValues(new Uint8Array(32));
  readonly #part: number;
  #next = 0;

  constructor(work: string, { name, pragmas }: Keeping) {
    this.name = name;
    const path = join(work, `${name.replaceAll(" ", "-")}.db`);
    const database = openState(path);
    for (const pragma of pragmas) database.exec(`PRAGMA ${pragma}`);
    this.#journal = new Journal(database);
    this.#part = this.#journal.transaction(() => {
      this.#touch();
      return this.#journal.addPart(this.#key, {
        path: "large.bin",
        name: "0123456789abcdef/0/0",
        sizeBytes: 2 ** 40,
        stamp: { device: 1n, inode: 2n, sizeBytes: 2 ** 40, mtimeNs: 3n, ctimeNs: 4n },
        recordedNs: 5n,
      });
    });
  }

  /** Milliseconds of one transaction, written as the store writes it. */
  write(rows: number): number {
    const digests = crypto.getRandomValues(new Uint8Array(DIGEST_BYTES));
    const startMs = performance.now();
    this.#journal.transaction(() => {
      this.#touch();
      for (let i = 0; i < rows; i++) {
        this.#journal.addRun(this.#part, { first: this.#next++, digests });
      }
    });
    return performance.now() - startMs;
  }

  close(): void {
    this.#journal.close();
  }

  #touch(): void {
    const nowNs = BigInt(Date.now()) * 1_000_000n;
    this.#journal.transfers.add({
      key: this.#key,
      destination: "",
      chunkBytes: CHUNK_BYTES,
      peer: this.#key,
      given: ["large.bin"],
      startedNs: nowNs,
      touchedNs: nowNs,
      frontier: "large.bin",
    });
  }
}

/** What it takes to write a part that is synced after so many bytes, each time. */
interface SyncCost {
  readonly bytes: number;
  readonly partMs: readonly number[];
}

/** The same part, as often as asked for, with one sync for each of the intervals. */
function measureSyncs(work: string, repeat: number): SyncCost[] {
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let at = 0; at < CHUNK_BYTES; at += 65_536) {
    crypto.getRandomValues(chunk.subarray(at, at + 65_536));
  }
  const costs = INTERVALS_BYTES.map((bytes) => ({ bytes, partMs: [] as number[] }));
  // In turn, so that a busy disk slows all alike; the first round only makes the file's room.
  for (let round = 0; round <= repeat; round++) {
    for (const { bytes, partMs } of costs) {
      const ms = partWith(bytes, { path: join(work, "part"), chunk });
      if (round > 0) partMs.push(ms);
    }
  }
  return costs;
}

function partWith(
  intervalBytes: number,
  { path, chunk }: { readonly path: string; readonly chunk: Uint8Array },
): number {
  const fd = openSync(path, "w");
  try {
    ftruncateSync(fd, PART_BYTES);
    fdatasyncSync(fd);
    const startMs = performance.now();
    for (let at = 0; at < PART_BYTES;) {
      at += writeSync(fd, chunk, 0, CHUNK_BYTES, at);
      if (at % intervalBytes === 0) fdatasyncSync(fd);
    }
    return performance.now() - startMs;
  } finally {
    closeSync(fd);
  }
}

/**
 * Somebody has to bring the bytes to the disk at some time: what an interval costs is what the part
 * took longer than with one sync at its end, for each of the syncs, and the row. Of the quickest runs: what
 * else uses the disk only ever adds.
 */
function sharesOf(costs: readonly SyncCost[], rowMs: number): Row[] {
  const onceMs = Math.min(...costs.find(({ bytes }) => bytes === PART_BYTES)?.partMs ?? []);
  return costs.map(({ bytes, partMs }): Row => {
    const syncs = PART_BYTES / bytes;
    const extraMs = syncs === 1 ? 0 : Math.max(0, (Math.min(...partMs) - onceMs) / (syncs - 1));
    const costMs = extraMs + rowMs;
    const shares = RATES.map((rate) => {
      const everyMs = bytes / rate * 1000;
      const percent = 100 * costMs / (everyMs + costMs);
      return [`at ${rate / 1e6} MB/s`, `${percent.toFixed(1)} % of ${Math.round(everyMs)} ms`];
    });
    return {
      "MiB a sync": bytes >> 20,
      "part ms": toldMs(partMs),
      "MB/s": Math.round(PART_BYTES / 1e3 / Math.min(...partMs)),
      "ms a sync": extraMs.toFixed(1),
      "with row": costMs.toFixed(1),
      ...Object.fromEntries(shares),
      [`every ${LIMITS.journalMs} ms`]: `${
        (100 * costMs / (LIMITS.journalMs + costMs)).toFixed(1)
      } %`,
    };
  });
}

function toldMs(values: readonly number[]): string {
  const digits = median(values) < 10 ? 2 : 0;
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return `${median(values).toFixed(digits)} (${low.toFixed(digits)}..${high.toFixed(digits)})`;
}
