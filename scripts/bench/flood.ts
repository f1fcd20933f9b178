// `bench flood`: what a real transfer keeps of its speed while peers that nobody wants are at the door.
// Each flood is measured against a quiet transfer and against a transfer while the same flood goes to
// another server on this machine: the first ratio is the bar, the second is what the cores lose anyway.

import { parseArgs } from "@std/cli/parse-args";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { refuseUnknown } from "./arguments.ts";
import { FLOOD_KINDS, type FloodCounts } from "./flood_peers.ts";
import {
  BenchClient,
  BenchServer,
  type Door,
  Flooding,
  type FloodJob,
  type Transfer,
} from "./flood_scene.ts";
import { median, printTable, processCost } from "./process.ts";
import { descriptorsOf, residentBytes } from "./resident.ts";

const USAGE = `Usage: deno task bench flood [options]
  --bytes N      size of the file that is sent (default 268435456)
  --peers N      peers at once (default 1000)
  --addresses N  loopback addresses they come from (default 8)
  --pause N      milliseconds a peer that was turned away waits (default 1000)
  --repeat N     rounds of each, the median counts (default 3)
  --only LIST    of ${FLOOD_KINDS.join(", ")}, all
  --json         one JSON object a line`;

/** A transfer keeps at least half of its undisturbed speed. */
const BAR = 0.5;
/** So long after a flood the server holds nothing of it: connections are idle for 15 s at most. */
const AFTER_MS = 20_000;

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: ["bytes", "peers", "addresses", "pause", "repeat", "only"],
    boolean: ["json", "help"],
    default: {
      bytes: String(256 * 2 ** 20),
      peers: "1000",
      addresses: "8",
      pause: "1000",
      repeat: "3",
      only: [...FLOOD_KINDS, "all"].join(","),
    },
  });
  if (flags.help) return console.log(USAGE);
  const work = mkdtempSync(join(tmpdir(), "sftpx-flood-"));
  try {
    await using ours = await BenchServer.start(work, "ours");
    await using other = await BenchServer.start(work, "other");
    const client = new BenchClient(work, Number(flags.bytes));
    const scene = new Scene({ ours, other, client });
    await client.send(ours); // The first one warms up both ends' caches.
    const rows: Row[] = [];
    for (const name of flags.only.split(",")) {
      const kinds = FLOOD_KINDS.filter((kind) => name === kind || name === "all");
      if (kinds.length === 0) throw new RangeError(`Cannot flood with "${name}": no such kind`);
      const job = {
        kinds,
        peers: Number(flags.peers),
        addresses: Number(flags.addresses),
        pauseMs: Number(flags.pause),
      };
      const rounds: Round[] = [];
      for (let n = 0; n < Number(flags.repeat); n++) rounds.push(await scene.round(job));
      const row = rowOf(name, rounds);
      rows.push(row);
      if (flags.json) console.log(JSON.stringify(row));
      else console.log(`${name}: ratio ${row["ratio"]}, beside another server ${row["beside"]}`);
    }
    if (!flags.json) printTable(rows);
    await new Promise((resolve) => setTimeout(resolve, AFTER_MS));
    const left = `${Math.round(residentBytes(ours.pid) / 1e6)} MB, ${descriptorsOf(ours.pid)} fds`;
    if (!flags.json) console.log(`the server afterwards: ${left}`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

type Row = Readonly<Record<string, string | number>>;

/** One transfer, and what everybody took while it went on, in cores. */
interface Sample extends Transfer {
  readonly serverCores: number;
  readonly clientCores: number;
  readonly floodCores: number;
  readonly perSecond: FloodCounts;
  readonly floodPeakBytes: number;
  readonly serverBytes: number;
}

interface Round {
  readonly quiet: Sample;
  /** While the flood goes to another server. */
  readonly beside: Sample;
  readonly flooded: Sample;
}

class Scene {
  readonly #ours: BenchServer;
  readonly #other: BenchServer;
  readonly #client: BenchClient;

  constructor({ ours, other, client }: {
    readonly ours: BenchServer;
    readonly other: BenchServer;
    readonly client: BenchClient;
  }) {
    this.#ours = ours;
    this.#other = other;
    this.#client = client;
  }

  /** All three close together: what else the machine does changes from minute to minute. */
  async round(job: FloodJob): Promise<Round> {
    return {
      quiet: await this.#measure(null),
      beside: await this.#during(job, this.#other.door),
      flooded: await this.#during(job, this.#ours.door),
    };
  }

  async #during(job: FloodJob, door: Door): Promise<Sample> {
    await using flood = await Flooding.start(job, door);
    return await this.#measure(flood);
  }

  async #measure(flood: Flooding | null): Promise<Sample> {
    const cpu = () => ({
      server: processCost(this.#ours.pid).cpuSeconds,
      flood: flood === null ? 0 : processCost(flood.pid).cpuSeconds,
    });
    const [before, counted] = [cpu(), flood?.counts ?? NOBODY];
    const startMs = performance.now();
    const transfer = await this.#client.send(this.#ours);
    const seconds = (performance.now() - startMs) / 1000;
    const [after, counts] = [cpu(), flood?.counts ?? NOBODY];
    return {
      ...transfer,
      serverCores: (after.server - before.server) / seconds,
      clientCores: transfer.cpuSeconds / seconds,
      floodCores: (after.flood - before.flood) / seconds,
      perSecond: {
        came: (counts.came - counted.came) / seconds,
        shook: (counts.shook - counted.shook) / seconds,
        packets: (counts.packets - counted.packets) / seconds,
      },
      floodPeakBytes: flood === null ? 0 : processCost(flood.pid).peakBytes,
      serverBytes: residentBytes(this.#ours.pid),
    };
  }
}

const NOBODY: FloodCounts = { came: 0, shook: 0, packets: 0 };

function rowOf(flood: string, rounds: readonly Round[]): Row {
  const middle = (figure: (round: Round) => number) => median(rounds.map(figure));
  const ratios = rounds.map(({ quiet, flooded }) => ratioOf(flooded, quiet));
  const ratio = median(ratios);
  return {
    flood,
    "MB/s quiet": middle(({ quiet }) => quiet.megabytesPerSecond).toFixed(0),
    "MB/s": middle(({ flooded }) => flooded.megabytesPerSecond).toFixed(0),
    ratio: ratio.toFixed(2),
    range: `${Math.min(...ratios).toFixed(2)}..${Math.max(...ratios).toFixed(2)}`,
    beside: middle(({ quiet, beside }) => ratioOf(beside, quiet)).toFixed(2),
    "s to get in": middle(({ flooded }) => flooded.entrySeconds).toFixed(1),
    "quiet s": middle(({ quiet }) => quiet.entrySeconds).toFixed(1),
    "came/s": Math.round(middle(({ flooded }) => flooded.perSecond.came)),
    "shook/s": Math.round(middle(({ flooded }) => flooded.perSecond.shook)),
    "packets/s": Math.round(middle(({ flooded }) => flooded.perSecond.packets)),
    "cores: flood": middle(({ flooded }) => flooded.floodCores).toFixed(2),
    server: middle(({ flooded }) => flooded.serverCores).toFixed(2),
    client: middle(({ flooded }) => flooded.clientCores).toFixed(2),
    "flood MB": Math.round(Math.max(...rounds.map((round) => round.flooded.floodPeakBytes)) / 1e6),
    "server MB": Math.round(rounds.at(-1)!.flooded.serverBytes / 1e6),
    bar: ratio >= BAR ? "kept" : "missed",
  };
}

function ratioOf(disturbed: Transfer, quiet: Transfer): number {
  return disturbed.megabytesPerSecond / quiet.megabytesPerSecond;
}
