// `bench network`: one file over QUIC, its connections on the main thread or spread over threads at both
// ends: rates and CPU seconds by thread on this machine, and what follows for machines with more cores.

import { parseArgs } from "@std/cli/parse-args";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { networkThreads } from "../../src/session/network_threads.ts";
import { numbersOf, refuseUnknown } from "./arguments.ts";
import { checkSame, writeFile } from "./file_content.ts";
import { type EndCost, forecast, type NetworkCosts, networkCosts } from "./network_model.ts";
import { type Child, median, printTable, spawnDeno } from "./process.ts";
import { threadSeconds } from "./threads.ts";

const USAGE = `Usage: deno task bench network [options]
  --bytes N         size of the file (default 1073741824)
  --threads LIST    network threads at both ends, 0 first (default 0,1,2)
  --connections N   connections in all (default 5)
  --cores LIST      machines to forecast (default 2,4,8,16)
  --repeat N        runs of each, the median counts (default 3)
  --dir PATH        where the file and its copies go (default: the system's temporary directory)`;

const MAIN = new URL("../../mod.ts", import.meta.url);

interface Sample {
  readonly megabytesPerSecond: number;
  readonly receiver: EndCost;
  readonly sender: EndCost;
  readonly threadShare: number;
}

interface Scene {
  readonly work: string;
  readonly file: string;
  readonly bytes: number;
  readonly connections: string;
}

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: ["bytes", "threads", "connections", "cores", "repeat", "dir"],
    boolean: ["help"],
    default: {
      bytes: String(1 << 30),
      threads: "0,1,2",
      connections: "5",
      cores: "2,4,8,16",
      repeat: "3",
    },
  });
  if (flags.help) return console.log(USAGE);
  const bytes = Number(flags.bytes);
  const work = mkdtempSync(join(flags.dir ?? tmpdir(), "sftpx-bench-"));
  const scene = { work, file: join(work, "file"), bytes, connections: flags.connections };
  const counts = numbersOf(flags.threads);
  const samples = new Map(counts.map((count): [number, Sample[]] => [count, []]));
  try {
    writeFile(scene.file, { bytes, zeros: false });
    // In turn, so that a busy machine slows all alike.
    for (let round = 0; round < Number(flags.repeat); round++) {
      for (const [count, list] of samples) list.push(await transfer(scene, count));
    }
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  const rows = [...samples].map(([count, list]) => ({ count, sample: middle(list) }));
  printTable(rows.map(({ count, sample }) => rowOf(count, sample)));
  const alone = rows.find(({ count }) => count === 0)?.sample;
  const spread = rows.at(-1);
  if (alone === undefined || spread === undefined || spread.count === 0) return;
  printTable(forecasts({ alone, spread: spread.sample }, numbersOf(flags.cores)));
}

async function transfer(scene: Scene, threads: number): Promise<Sample> {
  const { work, file, bytes, connections } = scene;
  const served = mkdtempSync(join(work, "served-"));
  using _ = { [Symbol.dispose]: () => rmSync(served, { recursive: true }) };
  const start = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    spawnDeno(MAIN, {
      args: [...args, "--json", "--transport", "quic", "--network-threads", String(threads)],
      env: { SFTPX_HOME: join(work, "home"), ...more },
    });
  await using server = start(["recv", served, "--listen", "127.0.0.1:0"]);
  const { ticket } = JSON.parse(await server.line());
  const ticketed = { SFTPX_TICKET: ticket };
  await using sender = start(["send", file, "@/copy", "--connections", connections], ticketed);
  const receiver = new Watched(server);
  const sending = new Watched(sender);
  let overThreads = 0;
  for (;;) {
    const event = JSON.parse(await sender.line());
    sending.look();
    // Its threads end with the session.
    receiver.look();
    if (event.event === "connection" && event.connection > 0) overThreads += event.wireBytes;
    if (event.event !== "summary") continue;
    if (!event.ok) throw new Error(`Cannot measure: ${event.error?.message}`);
    checkSame(file, join(served, "copy"));
    return {
      megabytesPerSecond: bytes / 1e6 / event.seconds,
      receiver: receiver.cost(bytes),
      sender: sending.cost(bytes),
      threadShare: overThreads / bytes,
    };
  }
}

/** A process whose threads may end before it does: what each had come to when it was last seen. */
class Watched {
  readonly #child: Child;
  readonly #seconds = new Map<string, number>();

  constructor(child: Child) {
    this.#child = child;
  }

  look(): void {
    for (const [name, seconds] of threadSeconds(this.#child.pid)) {
      this.#seconds.set(name, Math.max(seconds, this.#seconds.get(name) ?? 0));
    }
  }

  cost(bytes: number): EndCost {
    let [main, others] = [0, 0];
    for (const [name, seconds] of this.#seconds) {
      if (name === "main") main += seconds / bytes * 1e9;
      else others += seconds / bytes * 1e9;
    }
    return { main, others };
  }
}

function middle(list: readonly Sample[]): Sample {
  const of = (pick: (sample: Sample) => number) => median(list.map(pick));
  return {
    megabytesPerSecond: of((sample) => sample.megabytesPerSecond),
    receiver: {
      main: of(({ receiver }) => receiver.main),
      others: of(({ receiver }) => receiver.others),
    },
    sender: { main: of(({ sender }) => sender.main), others: of(({ sender }) => sender.others) },
    threadShare: of((sample) => sample.threadShare),
  };
}

function rowOf(threads: number, { megabytesPerSecond, receiver, sender, threadShare }: Sample) {
  return {
    threads,
    "MB/s": Math.round(megabytesPerSecond),
    "receiver main": receiver.main.toFixed(2),
    "others, CPU s/GB": receiver.others.toFixed(2),
    "sender main": sender.main.toFixed(2),
    "others": sender.others.toFixed(2),
    "share over threads": threads === 0 ? "-" : threadShare.toFixed(2),
  };
}

/** Two machines of a kind, and a network that does not bind: the slower end decides. */
function forecasts(
  { alone, spread }: { readonly alone: Sample; readonly spread: Sample },
  machines: readonly number[],
) {
  const { threadShare } = spread;
  const costsOf = (end: "receiver" | "sender"): NetworkCosts =>
    networkCosts({ alone: alone[end], spread: { cost: spread[end], threadShare } });
  const ends = { receiver: costsOf("receiver"), sender: costsOf("sender") };
  const worker = { transport: MAIN };
  return machines.map((coreCount) => {
    const threads = networkThreads(null, worker, { coreCount }).networkThreads?.count ?? 0;
    const at = (count: number) => slower(ends, { cores: coreCount, threads: count });
    return {
      "cores an end": coreCount,
      "one thread, MB/s": Math.round(at(0).megabytesPerSecond),
      "threads by itself": threads,
      "MB/s": Math.round(at(threads).megabytesPerSecond),
      "bound by": at(threads).boundBy,
    };
  });
}

function slower(
  ends: Readonly<Record<"receiver" | "sender", NetworkCosts>>,
  at: { readonly cores: number; readonly threads: number },
): { readonly megabytesPerSecond: number; readonly boundBy: string } {
  const [first, second] = (["receiver", "sender"] as const)
    .map((end) => ({ ...forecast(ends[end], at), end }))
    .sort((one, two) => one.megabytesPerSecond - two.megabytesPerSecond);
  const { megabytesPerSecond, boundBy, end } = first ?? second!;
  return { megabytesPerSecond, boundBy: `the ${end}'s ${boundBy}` };
}
