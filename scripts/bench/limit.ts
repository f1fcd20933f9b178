// `bench limit`: what `--bwlimit` comes to over some seconds, on either side, over several connections
// and for several clients of one server together. Bytes on the wire between the first byte stored and the
// end are set against the limit; 1.00 is exact. Chunks are of the default size, which at low rates is
// seconds: then it has to last longer, or `-- --chunk-size` makes it finer.

import { parseArgs } from "@std/cli/parse-args";
import { randomFillSync } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BadArgument, numbersOf, refuseUnknown } from "./arguments.ts";
import { printTable, spawnDeno } from "./process.ts";

const USAGE = `Usage: deno task bench limit [options] [-- FLAGS]
  --rate MB         MB/s; may be repeated (default 1, 10, 100)
  --seconds N       how long each lasts (default 10)
  --json            one JSON object a line`;

const MAIN = new URL("../../mod.ts", import.meta.url);
const BLOCK_BYTES = 1 << 20;

/** Who limits, and how many clients share it over how many connections each. */
const SCENES = [
  { name: "no limit", limited: "nobody", clients: 1, flags: [] },
  { name: "sender", limited: "client", clients: 1, flags: [] },
  { name: "receiver", limited: "server", clients: 1, flags: [] },
  { name: "sender, 4 connections", limited: "client", clients: 1, flags: ["--connections", "4"] },
  { name: "server of 3 clients", limited: "server", clients: 3, flags: [] },
] as const;

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: ["rate", "seconds"],
    boolean: ["json", "help"],
    collect: ["rate"],
    default: { seconds: "10" },
    "--": true,
  });
  if (flags.help) return console.log(USAGE);
  const given = flags.rate as string[];
  const rates = numbersOf(given.length === 0 ? "1,10,100" : given).map((rate) => rate * 1e6);
  const rows = [];
  for (const rate of rates) {
    for (const scene of SCENES) {
      const how = { rate, seconds: Number(flags.seconds), more: flags["--"] ?? [] };
      const measured = await measure(scene, how).catch((error) => {
        // Without a limit it is soon over: then it says nothing, and need not.
        if (!(error instanceof BadArgument) || scene.limited !== "nobody") throw error;
        return NaN;
      });
      const row = {
        limit: `${rate / 1e6} MB/s`,
        scene: scene.name,
        "MB/s": (measured / 1e6).toFixed(2),
        "of the limit": (measured / rate).toFixed(3),
      };
      if (flags.json) console.log(JSON.stringify(row));
      rows.push(row);
    }
  }
  if (!flags.json) printTable(rows);
}

async function measure(
  { limited, clients, flags }: typeof SCENES[number],
  { rate, seconds, more }: { rate: number; seconds: number; more: readonly string[] },
): Promise<number> {
  const work = mkdtempSync(join(tmpdir(), "sftpx-bench-"));
  try {
    const file = join(work, "file");
    writeNoise(file, Math.round(rate * seconds / clients));
    const env = { SFTPX_HOME: join(work, "home") };
    const limit = ["--bwlimit", `${rate / 1000}kB/s`];
    await using server = spawnDeno(MAIN, {
      args: [
        ...["recv", join(work, "served"), "--listen", "127.0.0.1:0", "--json", "--quiet"],
        ...(limited === "server" ? limit : []),
      ],
      env,
    });
    const { ticket } = JSON.parse(await server.line());
    const moved = await Promise.all(Array.from({ length: clients }, async (_, client) => {
      const home = { SFTPX_HOME: join(work, `home-${client}`), SFTPX_TICKET: ticket };
      const args = ["send", file, `@/copy-${client}`, "--json", "--quiet", "--compress", "none"];
      args.push(...flags, ...more);
      if (limited === "client") args.push(...limit);
      await using sender = spawnDeno(MAIN, { args, env: home });
      return await progressOf(() => sender.line());
    }));
    const beganMs = Math.max(...moved.map(({ beganMs }) => beganMs));
    const endedMs = Math.min(...moved.map(({ endedMs }) => endedMs));
    return moved.reduce((sum, one) => sum + rateOf(one, { beganMs, endedMs }), 0);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Moved {
  readonly beganMs: number;
  readonly endedMs: number;
  readonly points: readonly { readonly ms: number; readonly bytes: number }[];
}

/** What a sender tells while it sends. */
async function progressOf(line: () => Promise<string>): Promise<Moved> {
  const points: { ms: number; bytes: number }[] = [];
  for (;;) {
    const event = JSON.parse(await line());
    const ms = Date.parse(event.time);
    // Between chunks nothing is told that was not before.
    if (event.event === "progress" && event.wireBytes > (points.at(-1)?.bytes ?? 0)) {
      points.push({ ms, bytes: event.wireBytes });
    }
    if (event.event !== "summary") continue;
    if (!event.ok) throw new Error(`Cannot measure: ${event.error?.message}`);
    const [first, last] = [points[0], points.at(-1)];
    if (first === undefined || last === undefined) throw tooShort();
    return { beganMs: first.ms, endedMs: last.ms, points };
  }
}

/** Bytes a second within a time. */
function rateOf(
  { points }: Moved,
  { beganMs, endedMs }: { beganMs: number; endedMs: number },
): number {
  if (!(endedMs > beganMs)) throw tooShort();
  return (bytesAt(points, endedMs) - bytesAt(points, beganMs)) / (endedMs - beganMs) * 1000;
}

/** Between two chunks as if bytes came one by one: several clients end theirs at times of their own. */
function bytesAt(points: Moved["points"], ms: number): number {
  const after = points.find((point) => point.ms >= ms);
  const before = points.findLast((point) => point.ms <= ms);
  if (after === undefined || before === undefined) throw tooShort();
  if (after.ms === before.ms) return before.bytes;
  const share = (ms - before.ms) / (after.ms - before.ms);
  return before.bytes + share * (after.bytes - before.bytes);
}

function tooShort(): BadArgument {
  return new BadArgument("Cannot measure: too short, give it more --seconds");
}

function writeNoise(path: string, bytes: number): void {
  const fd = openSync(path, "w");
  const block = new Uint8Array(BLOCK_BYTES);
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    writeSync(fd, randomFillSync(block), 0, Math.min(BLOCK_BYTES, bytes - at));
  }
  closeSync(fd);
}
