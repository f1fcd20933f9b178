// `bench resume`: from the start of the same command to its first new chunk on the wire, for transfers
// that are half done and as large as they get. Their states are made without the bytes, by the store's
// own code; the commands are the real ones, push and pull. DESIGN asks for less than a second.

import { parseArgs } from "@std/cli/parse-args";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { refuseUnknown } from "./arguments.ts";
import { median, printTable } from "./process.ts";
import { helpMs, type Moments, ResumePair } from "./resume_run.ts";
import { makeSparseFile, makeTree, type ResumeCase } from "./resume_sources.ts";

const USAGE = `Usage: deno task bench resume [options]
  --bytes N         size of the large file (default 107374182400)
  --files N         files of the tree (default 200000)
  --per-directory N files in each of its directories (default 1000)
  --repeat N        runs of each, the median counts (default 5)
  --only TEXT       only cases with this in their name, for example "push" or "parts"
  --dir PATH        where everything goes (default: the system's temporary directory)
  --keep            leave it there, and say where
  --json            one JSON object a line`;

/** A source whose stamp is younger than this is read again instead of being believed. */
const SETTLED_MS = 2100;
const BAR_MS = 1000;

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: ["bytes", "files", "per-directory", "repeat", "only", "dir"],
    boolean: ["json", "help", "keep"],
    default: {
      bytes: String(100 * 2 ** 30),
      files: "200000",
      "per-directory": "1000",
      repeat: "5",
      only: "",
    },
  });
  if (flags.help) return console.log(USAGE);
  const work = mkdtempSync(join(flags.dir ?? tmpdir(), "sftpx-bench-"));
  const say = (text: string) => flags.json ? undefined : console.log(text);
  try {
    const sources = new Sources(work, {
      bytes: Number(flags.bytes),
      files: Number(flags.files),
      perDirectory: Number(flags["per-directory"]),
    });
    const cases = sources.cases().filter(({ name }) => name.includes(flags.only));
    for (const needed of new Set(cases.map(({ source }) => source))) sources.make(needed);
    await new Promise((resolve) => setTimeout(resolve, SETTLED_MS));
    const help = await repeat(Number(flags.repeat), helpMs);
    say(`sftpx --help: ${told(help)} ms\n`);
    const rows: Readonly<Record<string, string | number>>[] = [];
    for (const one of cases) {
      const pair = new ResumePair(one, work);
      const state = await pair.prepare();
      if (state !== null) {
        const { done, runs, entries, seconds } = state;
        say(
          `${one.name}: ${entries} entries, ${done} done in ${runs} rows, ${seconds.toFixed(1)} s`,
        );
      }
      const moments = await repeat(Number(flags.repeat), () => pair.resume());
      const row = rowOf(one.name, moments, median(help));
      if (flags.json) console.log(JSON.stringify(row));
      rows.push(row);
    }
    say("");
    if (!flags.json) printTable(rows);
  } finally {
    if (flags.keep) say(`\nleft in ${work}`);
    else rmSync(work, { recursive: true, force: true });
  }
}

class Sources {
  readonly #work: string;
  readonly #sizes: {
    readonly bytes: number;
    readonly files: number;
    readonly perDirectory: number;
  };

  constructor(
    work: string,
    sizes: { readonly bytes: number; readonly files: number; readonly perDirectory: number },
  ) {
    this.#work = work;
    this.#sizes = sizes;
    mkdirSync(join(work, "source"));
  }

  cases(): ResumeCase[] {
    const at = (name: string) => join(this.#work, "source", name);
    const all: Omit<ResumeCase, "direction">[] = [
      { name: "nothing done, one file", kind: null, source: at("small.bin") },
      { name: "file, first half", kind: "first half", source: at("half.bin") },
      { name: "file, every other chunk", kind: "every other", source: at("other.bin") },
      { name: "tree, half as parts", kind: "parts", source: at("tree") },
      { name: "tree, half in place", kind: "committed", source: at("tree") },
    ];
    return (["push", "pull"] as const).flatMap((direction) =>
      all.map((one) => ({ ...one, direction, name: `${direction}: ${one.name}` }))
    );
  }

  make(path: string): void {
    const { bytes } = this.#sizes;
    if (path.endsWith("tree")) makeTree(path, this.#sizes);
    else if (path.endsWith("half.bin")) makeSparseFile(path, { bytes, kind: "first half" });
    else if (path.endsWith("other.bin")) makeSparseFile(path, { bytes, kind: "every other" });
    else makeSparseFile(path, { bytes: 64 << 20, kind: "first half" });
  }
}

async function repeat<T>(times: number, work: () => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  for (let i = 0; i < times; i++) results.push(await work());
  return results;
}

/** Moments of one case: medians; of the one that counts, its range as well. */
function rowOf(
  name: string,
  moments: readonly Moments[],
  helpMs: number,
): Readonly<Record<string, string | number>> {
  const of = (pick: (one: Moments) => number) => moments.map(pick);
  const mid = (pick: (one: Moments) => number) => Math.round(median(of(pick)));
  const chunk = mid(({ chunkMs }) => chunkMs);
  return {
    what: name,
    "listening ms": mid(({ listeningMs }) => listeningMs),
    "program ms": mid(({ programMs }) => programMs),
    "connected ms": mid(({ connectedMs }) => connectedMs),
    "start ms": mid(({ startMs }) => startMs),
    "chunk ms": chunk,
    range: rangeOf(of(({ chunkMs }) => chunkMs)),
    "told ms": mid(({ toldMs }) => toldMs),
    "client CPU s": median(of(({ clientCpuSeconds }) => clientCpuSeconds)).toFixed(2),
    "server CPU s": median(of(({ serverCpuSeconds }) => serverCpuSeconds)).toFixed(2),
    "x help": (chunk / helpMs).toFixed(1),
    bar: chunk < BAR_MS ? "kept" : "missed",
    runs: moments.length,
  };
}

function told(values: readonly number[]): string {
  return `${Math.round(median(values))} (${rangeOf(values)})`;
}

function rangeOf(values: readonly number[]): string {
  return `${Math.round(Math.min(...values))}..${Math.round(Math.max(...values))}`;
}
