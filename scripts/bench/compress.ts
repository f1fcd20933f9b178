// `bench compress`: compression that decides against none and fixed levels, disk to disk between two
// processes of the real program, on loopback and at rates that the receiver keeps to (`--bwlimit`), or
// over an emulated path. In turn within one run: ratios are what counts.

import { parseArgs } from "@std/cli/parse-args";
import { Buffer } from "node:buffer";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { randomFillSync } from "node:crypto";
import { parseCompression } from "../../src/session/compression.ts";
import { BadArgument, numbersOf, refuseUnknown } from "./arguments.ts";
import { median, printTable, spawnDeno } from "./process.ts";
import { buildEmulator, WanPath } from "./wan_path.ts";

const USAGE = `Usage: deno task bench compress [options] [-- SEND-FLAGS]
  --content LIST    text, random or half (one after the other); commas between several (default text,random)
  --mbit LIST       Mbit/s, 0 for loopback without a limit; commas between several (default 0,20,100,400)
  --wanem PATH      paths of these rates and 10 ms by an emulator, source or built, and not by --bwlimit
  --levels LIST     what --compress is given besides auto (default none,zstd:1,zstd:3,zstd:6,zstd:9)
  --bars            only what the bars ask for: text by levels and random by none, at 20, 100 and 400
                    Mbit/s, and whether auto keeps to them; less than 10 minutes, best with --wanem
  --seconds N       how long a run without compression may take at most, which sizes the file (default 12;
                    6 with --bars)
  --bytes N         size of the file on loopback (default 536870912)
  --repeat N        runs of each, the median counts (default 3)
  --json            one JSON object a line`;

const MAIN = new URL("../../mod.ts", import.meta.url);
const SOURCES = new URL("../../src/", import.meta.url);
/** As a chunk, so that nothing comes twice in one. */
const BLOCK_BYTES = 2 << 20;

/** Of an emulated path: near enough for any transport. */
const RTT_MS = 10;

const CONTENTS: readonly string[] = ["text", "random", "half"];
const LEVELS = "none,zstd:1,zstd:3,zstd:6,zstd:9";
/** What a bar compares with, by content. */
const LEVELS_OF_BARS: Readonly<Record<string, string>> = {
  text: "zstd:1,zstd:3,zstd:6,zstd:9",
  random: "none",
};
/** The time of what decides by itself, in times of the best of these. */
const MOST_OF_BARS: Readonly<Record<string, number>> = { text: 1.1, random: 1.02 };
const RATIO = "time of best fixed";

interface Case {
  readonly content: string;
  readonly mbit: number;
  readonly bytes: number;
}

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: ["wanem", "content", "mbit", "levels", "seconds", "bytes", "repeat"],
    boolean: ["bars", "json", "help"],
    collect: ["content", "mbit"],
    default: { bytes: String(1 << 29), repeat: "3" },
    "--": true,
  });
  if (flags.help) return console.log(USAGE);
  const contents = given(flags.content as string[], "text,random");
  contents.forEach(refuseContent);
  flags.levels?.split(",").forEach(refuseLevel);
  const mbits = given(flags.mbit as string[], flags.bars ? "20,100,400" : "0,20,100,400");
  await using emulator = flags.wanem === undefined ? null : await buildEmulator(flags.wanem);
  const verdicts: string[] = [];
  for (const content of contents) {
    const levels = flags.levels ?? (flags.bars ? LEVELS_OF_BARS[content] : undefined) ?? LEVELS;
    const methods = [...levels.split(","), "auto"];
    for (const mbit of numbersOf(mbits)) {
      const seconds = Number(flags.seconds ?? (flags.bars ? 6 : 12));
      // What shrinks is four times as much in the same time.
      const limited = mbit * 125_000 * seconds * (content === "random" ? 1 : 4);
      const bytes = mbit === 0 ? Number(flags.bytes) : Math.min(limited, 2 * Number(flags.bytes));
      const rows = await compare({ content, mbit, bytes: Math.round(bytes) }, {
        methods,
        emulator: emulator?.program ?? null,
        repeat: Number(flags.repeat),
        sendFlags: flags["--"] ?? [],
      });
      if (flags.json) { for (const row of rows) console.log(JSON.stringify(row)); }
      else printTable(rows);
      verdicts.push(...verdictOf(rows, content));
    }
  }
  if (flags.bars) { for (const verdict of verdicts) console.error(verdict); }
}

function given(texts: readonly string[], fallback: string): readonly string[] {
  return (texts.length === 0 ? [fallback] : texts).flatMap((text) => text.split(","));
}

function refuseContent(content: string): void {
  if (CONTENTS.includes(content)) return;
  throw new BadArgument(`Cannot use "--content ${content}": it is none of ${CONTENTS.join(", ")}`);
}

function refuseLevel(level: string): void {
  try {
    parseCompression(level);
  } catch {
    throw new BadArgument(`Cannot use "--levels ${level}": write none, zstd or zstd:LEVEL`);
  }
}

/** Whether what decides by itself kept to its bar, in a line; nothing where there is none. */
function verdictOf(
  rows: readonly Readonly<Record<string, string | number>>[],
  content: string,
): readonly string[] {
  const [most, row] = [MOST_OF_BARS[content], rows.find(({ compress }) => compress === "auto")];
  if (most === undefined || row === undefined) return [];
  const ratio = Number.parseFloat(String(row[RATIO]));
  const word = ratio <= most ? "holds" : "does not hold";
  return [`${content}, ${row["path"]}: ${row[RATIO]} of at most ${most} x: ${word}`];
}

async function compare(
  { content, mbit, bytes }: Case,
  { methods, emulator, repeat, sendFlags }: {
    methods: readonly string[];
    emulator: string | null;
    repeat: number;
    sendFlags: readonly string[];
  },
): Promise<readonly Record<string, string | number>[]> {
  const work = mkdtempSync(join(tmpdir(), "sftpx-bench-"));
  try {
    const file = join(work, "file");
    writeFile(file, { content, bytes });
    const link = { rttMs: RTT_MS, lossPercent: 0, megabitsPerSecond: mbit };
    await using wan = emulator === null || mbit === 0
      ? null
      : await WanPath.open({ ...link, program: emulator });
    const runs = new Map<string, Outcome[]>(methods.map((method) => [method, []]));
    for (let round = 0; round < repeat; round++) {
      for (const [method, outcomes] of runs) {
        outcomes.push(await transfer(work, { file, mbit, wan, method, sendFlags }));
      }
    }
    const secondsOf = (outcomes: readonly Outcome[]) => median(outcomes.map((one) => one.seconds));
    const best = Math.min(
      ...[...runs].filter(([method]) => method !== "auto")
        .map(([, outcomes]) => secondsOf(outcomes)),
    );
    return [...runs].map(([method, outcomes]) => ({
      content,
      path: mbit === 0 ? "loopback" : `${mbit} Mbit/s${emulator === null ? " (limit)" : ""}`,
      compress: method,
      "MB/s": (bytes / 1e6 / secondsOf(outcomes)).toFixed(1),
      [RATIO]: `${(secondsOf(outcomes) / best).toFixed(3)} x`,
      "on the wire": (median(outcomes.map(({ wireBytes }) => wireBytes)) / bytes).toFixed(3),
      runs: outcomes.length,
    }));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Outcome {
  readonly seconds: number;
  readonly wireBytes: number;
}

async function transfer(
  work: string,
  { file, mbit, wan, method, sendFlags }: {
    file: string;
    mbit: number;
    wan: WanPath | null;
    method: string;
    sendFlags: readonly string[];
  },
): Promise<Outcome> {
  const served = mkdtempSync(join(work, "served-"));
  using _ = { [Symbol.dispose]: () => rmSync(served, { recursive: true }) };
  const env = { SFTPX_HOME: join(work, "home") };
  const limit = mbit === 0 || wan !== null ? [] : ["--bwlimit", `${mbit * 125}kB/s`];
  const host = wan === null ? "127.0.0.1" : WanPath.RECEIVER_HOST;
  await using server = spawnDeno(MAIN, {
    args: ["recv", served, "--listen", `${host}:0`, "--json", "--quiet", ...limit],
    env,
    ...(wan === null ? {} : { namespace: wan.receiverNamespace }),
  });
  const { ticket } = JSON.parse(await server.line());
  const args = ["send", file, "@/copy", "--json", "--quiet", "--compress", method, ...sendFlags];
  await using sender = spawnDeno(MAIN, {
    args,
    env: { ...env, SFTPX_TICKET: ticket },
    ...(wan === null ? {} : { namespace: wan.senderNamespace }),
  });
  for (;;) {
    const event = JSON.parse(await sender.line());
    if (event.event !== "summary") continue;
    if (!event.ok) throw new Error(`Cannot measure: ${event.error?.message}`);
    return { seconds: event.seconds, wireBytes: event.wireBytes };
  }
}

function writeFile(path: string, { content, bytes }: { content: string; bytes: number }): void {
  const text = sourceText();
  const block = new Uint8Array(BLOCK_BYTES);
  const fd = openSync(path, "w");
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    const isText = content === "text" || (content === "half" && at >= bytes / 2);
    if (isText) fillText(block, { text, at });
    else randomFillSync(block);
    writeSync(fd, block, 0, Math.min(BLOCK_BYTES, bytes - at));
  }
  closeSync(fd);
}

/** Each block begins elsewhere in the text, so that no chunk is like another. */
function fillText(block: Uint8Array, { text, at }: { text: Uint8Array; at: number }): void {
  const from = (at / BLOCK_BYTES * 104_729) % (text.length - block.length);
  block.set(text.subarray(from, from + block.length));
}

/** This program's sources, one behind the other. */
function sourceText(): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const name of readdirSync(SOURCES, { recursive: true, encoding: "utf8" }).sort()) {
    if (name.endsWith(".ts")) pieces.push(readFileSync(new URL(name, SOURCES)));
  }
  return Buffer.concat(pieces);
}
