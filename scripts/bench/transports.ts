// `bench transports`: what is chosen by itself against each transport alone, disk to disk between two
// processes of the real program, over emulated paths short and long, clean and lossy, slow and unlimited.
// In turn within one run, each for a few seconds: the ratio to the better one is what counts.

import { parseArgs } from "@std/cli/parse-args";
import { randomFillSync } from "node:crypto";
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { numbersOf, refuseUnknown } from "./arguments.ts";
import { median, printTable, spawnDeno } from "./process.ts";
import { buildEmulator, sweepPaths, WanPath } from "./wan_path.ts";

const USAGE = `Usage: deno task bench transports --wanem PATH [options] [-- SEND-FLAGS]
  --wanem PATH      the emulator, a program or its C source (default SFTPX_WANEM), as of bench wan
  --rtt LIST        round trips, ms (default 0.2,50)
  --loss LIST       percent, each way (default 0,1)
  --mbit LIST       bottleneck; 0 for none (default 100,0)
  --transports LIST what to measure (default auto,quic,tcp)
  --seconds N       how long a run takes, about, after a first one that finds its rate (default 5)
  --repeat N        runs of each, the median counts (default 3)
  --pull            get instead of send
  --json            one JSON object a line`;

const MAIN = new URL("../../mod.ts", import.meta.url);
/** What the emulator is told where nothing is to limit it: more than it forwards. */
const UNLIMITED_MBIT = 20_000;
/** Of the file: enough to tell a rate from a ramp, and not too much for a disk. */
const FILE_BYTES = { first: 8 << 20, most: 1 << 30 } as const;

interface Path {
  readonly rttMs: number;
  readonly lossPercent: number;
  readonly mbit: number;
}

interface Plan {
  readonly program: string;
  readonly transports: readonly string[];
  readonly seconds: number;
  readonly repeat: number;
  readonly isPull: boolean;
  readonly flags: readonly string[];
}

interface Outcome {
  readonly bytesPerSecond: number;
  readonly carriedBy: string;
  readonly connections: number;
}

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: ["wanem", "rtt", "loss", "mbit", "transports", "seconds", "repeat"],
    boolean: ["pull", "json", "help"],
    default: {
      rtt: "0.2,50",
      loss: "0,1",
      mbit: "100,0",
      transports: "auto,quic,tcp",
      seconds: "5",
      repeat: "3",
    },
    "--": true,
  });
  if (flags.help) return console.log(USAGE);
  const emulator = flags.wanem ?? Deno.env.get("SFTPX_WANEM");
  if (emulator === undefined || Deno.build.os !== "linux" || Deno.uid() !== 0) {
    console.error(`Cannot emulate a path: that takes Linux, root and --wanem\n\n${USAGE}`);
    Deno.exit(2);
  }
  await using built = await buildEmulator(emulator);
  const plan: Plan = {
    program: built.program,
    transports: flags.transports.split(","),
    seconds: Number(flags.seconds),
    repeat: Number(flags.repeat),
    isPull: flags.pull,
    flags: flags["--"] ?? [],
  };
  // A signal ends a process before its disposals run.
  const onSignal = () => sweepPaths().finally(() => Deno.exit(130));
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, onSignal);
  try {
    const rows = [];
    for (const path of pathsOf(flags)) {
      const cell = await measureCell(path, plan);
      rows.push(...cell);
      if (flags.json) { for (const row of cell) console.log(JSON.stringify(row)); }
    }
    if (!flags.json) printTable(rows);
  } finally {
    for (const name of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(name, onSignal);
  }
}

function pathsOf(flags: { rtt: string; loss: string; mbit: string }): readonly Path[] {
  const [rtts, losses, rates] = [flags.rtt, flags.loss, flags.mbit].map(numbersOf);
  return rtts!.flatMap((rttMs) =>
    losses!.flatMap((lossPercent) => rates!.map((mbit) => ({ rttMs, lossPercent, mbit })))
  );
}

async function measureCell(path: Path, plan: Plan) {
  const { rttMs, lossPercent, mbit } = path;
  const { program, transports, repeat } = plan;
  const work = mkdtempSync(join(tmpdir(), "sftpx-bench-"));
  try {
    const link = { rttMs, lossPercent, megabitsPerSecond: mbit || UNLIMITED_MBIT };
    await using wan = await WanPath.open({ ...link, program });
    const scene = { work, wan, plan };
    const bytes = await sizeOf(scene, mbit);
    writeFile(join(work, "file"), bytes);
    const runs = new Map<string, Outcome[]>(transports.map((transport) => [transport, []]));
    for (let round = 0; round < repeat; round++) {
      for (const [transport, outcomes] of runs) outcomes.push(await transfer(scene, transport));
    }
    const rates = new Map([...runs].map(([transport, outcomes]) => [
      transport,
      median(outcomes.map(({ bytesPerSecond }) => bytesPerSecond)),
    ]));
    const best = Math.max(...[...rates].flatMap(([name, rate]) => name === "auto" ? [] : [rate]));
    return [...runs].map(([transport, outcomes]) => ({
      rttMs,
      "loss %": lossPercent,
      "Mbit/s": mbit === 0 ? "unlimited" : mbit,
      transport,
      "MB/s": Number((rates.get(transport)! / 1e6).toFixed(1)),
      "of the better one": Number.isFinite(best) ? (rates.get(transport)! / best).toFixed(2) : "",
      "carried by": [...new Set(outcomes.map(({ carriedBy }) => carriedBy))].sort().join(", "),
      connections: Math.max(...outcomes.map(({ connections }) => connections)),
      MB: Math.round(bytes / 1e6),
      runs: outcomes.length,
    }));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Scene {
  readonly work: string;
  readonly wan: WanPath;
  readonly plan: Plan;
}

/** As much as the better one moves in so long. */
async function sizeOf(scene: Scene, mbit: number): Promise<number> {
  const { plan: { seconds, transports } } = scene;
  if (mbit !== 0) return Math.min(FILE_BYTES.most, Math.round(mbit * 125_000 * seconds));
  let bytes: number = FILE_BYTES.first;
  for (;;) {
    writeFile(join(scene.work, "file"), bytes);
    let best = 0;
    for (const transport of transports) {
      best = Math.max(best, (await transfer(scene, transport)).bytesPerSecond);
    }
    const wanted = Math.min(FILE_BYTES.most, Math.round(best * seconds));
    // A short one says little of a long one: it ramps up.
    if (wanted <= 4 * bytes) return Math.max(bytes, wanted);
    bytes = Math.min(FILE_BYTES.most, wanted);
    if (bytes === FILE_BYTES.most) return bytes;
  }
}

async function transfer({ work, wan, plan }: Scene, transport: string): Promise<Outcome> {
  const served = mkdtempSync(join(work, "served-"));
  using _ = { [Symbol.dispose]: () => rmSync(served, { recursive: true }) };
  const env = { SFTPX_HOME: join(work, "home") };
  const listen = ["--listen", `${WanPath.RECEIVER_HOST}:0`, "--json", "--quiet"];
  await using server = spawnDeno(MAIN, {
    args: ["serve", plan.isPull ? work : served, ...listen],
    env,
    namespace: wan.receiverNamespace,
  });
  const { ticket } = JSON.parse(await server.line());
  server.drain();
  const ends = plan.isPull
    ? ["get", "@/file", join(served, "copy")]
    : ["send", join(work, "file"), "@/copy"];
  const told = ["--json", "--quiet", "--compress", "none", "--transport", transport];
  await using client = spawnDeno(MAIN, {
    args: [...ends, ...told, ...plan.flags],
    env: { ...env, SFTPX_TICKET: ticket },
    namespace: wan.senderNamespace,
  });
  for (;;) {
    const event = JSON.parse(await client.line());
    if (event.event !== "summary") continue;
    if (!event.ok) throw new Error(`Cannot measure: ${event.error?.message}`);
    const { bytes, seconds, transport: carriedBy = "", connections = 0 } = event;
    return { bytesPerSecond: bytes / seconds, carriedBy, connections };
  }
}

/** Nothing that shrinks. */
function writeFile(path: string, bytes: number): void {
  const block = randomFillSync(new Uint8Array(4 << 20));
  const fd = openSync(path, "w");
  for (let at = 0; at < bytes; at += block.length) {
    // No two alike, so that none is known already.
    new DataView(block.buffer).setFloat64(0, at);
    writeSync(fd, block, 0, Math.min(block.length, bytes - at));
  }
  closeSync(fd);
}
