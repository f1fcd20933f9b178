// `bench wan`: goodput of both QUIC stacks and their congestion controllers over a long path that loses
// packets, from the first byte on, as a transfer feels it. Linux, root (network namespaces), a C compiler.

import { existsSync } from "node:fs";
import { parseArgs } from "@std/cli/parse-args";
import type { Congestion } from "../../src/transport/transport.ts";
import { numbersOf, refuseUnknown } from "./arguments.ts";
import { printTable } from "./process.ts";
import { medianOf, rounded } from "./quic.ts";
import type { Stack } from "./quic_job.ts";
import { type Figures, hasBun, measureCell, type Runtime } from "./quic_run.ts";
import { buildEmulator, sweepPaths, type WanCounts, WanPath } from "./wan_path.ts";

const USAGE = `Usage: deno task bench wan --wanem PATH [options]
  --wanem PATH      the emulator, a program or its C source (default SFTPX_WANEM); not part of this
                    repository. It is called as NS_A NS_B DELAY_MS LOSS_PERCENT RATE_MBIT, joins the
                    namespaces (10.77.0.1 and 10.77.0.2), prints "ready" and runs until SIGTERM
  --rtt MS          round trip (default 50)
  --loss LIST       percent, each way (default 0.1,1)
  --rate MBIT       bottleneck (default 400); its queue holds one bandwidth-delay product
  --stacks LIST     STACK/RUNTIME/CONGESTION (default: deno-quic with cubic and bbr, quiche on deno and
                    bun with cubic, bbr and reno)
  --shapes LIST     CONNECTIONSxLANES, lanes over all of them (default 1x4,8x8)
  --seconds N       from the first byte (default 10)
  --repeat N        runs of each, the median counts (default 1)
  --json            one JSON object a line`;

const STACKS = [
  "deno-quic/deno/cubic",
  "deno-quic/deno/bbr",
  ...["deno", "bun"].flatMap((runtime) =>
    ["cubic", "bbr", "reno"].map((congestion) => `quiche/${runtime}/${congestion}`)
  ),
].join(",");

interface Way {
  readonly stack: Stack;
  readonly runtime: Runtime;
  readonly congestion: Congestion;
  readonly connections: number;
  readonly lanes: number;
  readonly lossPercent: number;
}

interface Conditions {
  readonly program: string;
  readonly rttMs: number;
  readonly megabitsPerSecond: number;
  readonly seconds: number;
}

type Sample = Figures & WanCounts;

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: ["wanem", "rtt", "loss", "rate", "stacks", "shapes", "seconds", "repeat"],
    boolean: ["json", "help"],
    default: {
      rtt: "50",
      loss: "0.1,1",
      rate: "400",
      stacks: STACKS,
      shapes: "1x4,8x8",
      seconds: "10",
      repeat: "1",
    },
  });
  if (flags.help) return console.log(USAGE);
  const emulator = flags.wanem ?? Deno.env.get("SFTPX_WANEM");
  const obstacle = obstacleTo(emulator);
  if (obstacle !== null || emulator === undefined) {
    console.error(`Cannot emulate a path: ${obstacle}\n\n${USAGE}`);
    Deno.exit(2);
  }
  await using built = await buildEmulator(emulator);
  await sweepPaths();
  const ways = waysOf({
    losses: numbersOf(flags.loss),
    shapes: flags.shapes.split(","),
    stacks: flags.stacks.split(",").filter(await isMeasurable()),
  });
  const conditions = {
    program: built.program,
    rttMs: Number(flags.rtt),
    megabitsPerSecond: Number(flags.rate),
    seconds: Number(flags.seconds),
  };
  // A signal ends a process before its disposals run.
  const onSignal = () => sweepPaths().finally(() => Deno.exit(130));
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, onSignal);
  try {
    const samples = await measureAll(ways, { conditions, rounds: Number(flags.repeat) });
    const rows = ways.map((way, index) => describe(way, samples[index] ?? []));
    if (flags.json) { for (const row of rows) console.log(JSON.stringify(row)); }
    else printTable(rows);
  } finally {
    for (const name of ["SIGINT", "SIGTERM"] as const) Deno.removeSignalListener(name, onSignal);
  }
}

function obstacleTo(emulator: string | undefined): string | null {
  if (Deno.build.os !== "linux") return "network namespaces are Linux's";
  if (Deno.uid() !== 0) return "network namespaces need root";
  if (emulator === undefined) return "no emulator is named";
  return existsSync(emulator) ? null : `there is no "${emulator}"`;
}

async function isMeasurable(): Promise<(stack: string) => boolean> {
  const bun = await hasBun();
  if (!bun) console.error("Bun is left out: neither SFTPX_BUN nor PATH leads to it");
  return (stack) => bun || !stack.includes("/bun/");
}

interface Choice {
  readonly losses: readonly number[];
  readonly shapes: readonly string[];
  readonly stacks: readonly string[];
}

function waysOf({ losses, shapes, stacks }: Choice): Way[] {
  return shapes.flatMap((shape) => {
    const [connections = 1, lanes = 1] = shape.split("x").map(Number);
    return losses.flatMap((lossPercent) =>
      stacks.map((name): Way => {
        const [stack, runtime, congestion] = name.split("/") as [Stack, Runtime, Congestion];
        return { stack, runtime, congestion, connections, lanes, lossPercent };
      })
    );
  });
}

interface Plan {
  readonly conditions: Conditions;
  readonly rounds: number;
}

/** In turn, so that a busy machine slows all ways alike. */
async function measureAll(
  ways: readonly Way[],
  { conditions, rounds }: Plan,
): Promise<readonly (readonly Sample[])[]> {
  const samples = ways.map((): Sample[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, way] of ways.entries()) {
      const result = await measure(way, conditions);
      if (typeof result !== "string") samples[index]?.push(result);
      const told = typeof result === "string"
        ? result
        : `${result.megabytesPerSecond.toFixed(1)} MB/s`;
      console.error(`${round + 1}/${rounds} ${Object.values(way).join(" ")}: ${told}`);
    }
  }
  return samples;
}

async function measure(way: Way, conditions: Conditions): Promise<Sample | string> {
  await using path = await WanPath.open({ ...conditions, lossPercent: way.lossPercent });
  const figures = await measureCell({
    ...way,
    hostname: WanPath.RECEIVER_HOST,
    packetBytes: 0,
    warmSeconds: 0,
    seconds: conditions.seconds,
    namespaces: [path.receiverNamespace, path.senderNamespace],
  });
  return typeof figures === "string" ? figures : { ...figures, ...await path.end() };
}

function describe(way: Way, samples: readonly Sample[]): Readonly<Record<string, string | number>> {
  const of = (pick: (sample: Sample) => number | null, digits: number) =>
    rounded(medianOf(samples, pick), digits);
  return {
    "loss %": way.lossPercent,
    shape: `${way.connections}x${way.lanes}`,
    stack: way.stack,
    runtime: way.runtime,
    congestion: way.congestion,
    "MB/s": of((sample) => sample.megabytesPerSecond, 1),
    "queue drops %": of((sample) => 100 * sample.queueDrops / sentPackets(sample), 2),
    "RTT ms": of((sample) => sample.rttMs, 0),
    "receiver CPU s/GB": of((sample) => sample.receiverCpuSecondsPerGigabyte, 1),
    "sender CPU s/GB": of((sample) => sample.senderCpuSecondsPerGigabyte, 1),
    runs: samples.length,
  };
}

function sentPackets({ carried, lost, queueDrops }: WanCounts): number {
  return Math.max(1, carried + lost + queueDrops);
}
