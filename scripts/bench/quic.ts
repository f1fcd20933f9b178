// `bench quic`: what our driver over the quiche binding reaches, beside what stands above it (the binding
// in memory) and beside its rivals (the class API of the same package, Deno's own QUIC), in one run.

import { parseArgs } from "@std/cli/parse-args";
import { LIMITS } from "../../src/base/limits.ts";
import type { Congestion } from "../../src/transport/transport.ts";
import { refuseUnknown } from "./arguments.ts";
import { median, printTable } from "./process.ts";
import type { Stack } from "./quic_job.ts";
import { type Cell, type Figures, hasBun, measureCell, type Runtime } from "./quic_run.ts";

const USAGE = `Usage: deno task bench quic [options]
  --only LIST       of memory, classes, quiche, deno-quic (default all)
  --runtimes LIST   of deno, bun (default both; bun is found by SFTPX_BUN or PATH)
  --packets LIST    UDP payloads, bytes (default 1350,8900,16000)
  --udp LIST        of kernel, dgram (default both)
  --lanes N         streams of the one connection (default 1)
  --congestion C    auto, cubic, bbr or reno (default auto)
  --seconds N       measured time of a run (default 4)
  --warm N          time before it (default 1)
  --repeat N        runs of each, the median counts (default 3)
  --quick           one run of a second each
  --json            one JSON object a line

"of ceiling" and its like are ratios of rates. "by CPU" is what "of ceiling" would be with a free core
for each end: processor seconds a GB of the binding in memory over those of the busier end.`;

/** One line of the table. */
interface Way {
  readonly stack: Stack;
  readonly runtime: Runtime;
  readonly packetBytes: number;
  readonly udp: "kernel" | "dgram" | "-";
}

const STACKS: readonly Stack[] = ["memory", "classes", "quiche", "deno-quic"];
const RUNTIMES: readonly Runtime[] = ["deno", "bun"];
const SOCKETS = ["kernel", "dgram"] as const;
const CONGESTIONS: readonly Congestion[] = ["auto", "cubic", "bbr", "reno"];
/** Every Ethernet carries these; the package's own classes are measured with them alone. */
const PLAIN_PACKET_BYTES = 1350;

export async function run(args: string[]): Promise<void> {
  const flags = parseArgs(args, {
    unknown: refuseUnknown,
    string: [
      "only",
      "runtimes",
      "packets",
      "udp",
      "lanes",
      "congestion",
      "seconds",
      "warm",
      "repeat",
    ],
    boolean: ["quick", "json", "help"],
    default: {
      only: STACKS.join(","),
      runtimes: RUNTIMES.join(","),
      packets: "1350,8900,16000",
      udp: SOCKETS.join(","),
      congestion: "auto",
    },
  });
  if (flags.help) return console.log(USAGE);
  const choice = readChoice(flags);
  if (typeof choice === "string") {
    console.error(`${choice}\n\n${USAGE}`);
    Deno.exit(2);
  }
  const isThere = !choice.runtimes.includes("bun") || await hasBun();
  if (!isThere) console.error("Bun is left out: neither SFTPX_BUN nor PATH leads to it");
  const runtimes = choice.runtimes.filter((runtime) => isThere || runtime !== "bun");
  const ways = waysOf({ ...choice, runtimes });
  const common = {
    hostname: "127.0.0.1",
    lanes: Number(flags.lanes ?? 1),
    connections: 1,
    congestion: choice.congestion,
    warmSeconds: Number(flags.warm ?? (flags.quick ? 0.5 : 1)),
    seconds: Number(flags.seconds ?? (flags.quick ? 1 : 4)),
  };
  const rounds = Number(flags.repeat ?? (flags.quick ? 1 : 3));
  const results = await measureInTurn(ways, { rounds, cell: (way) => cellOf(way, common) });
  const rows = table(ways, results);
  if (flags.json) { for (const row of rows) console.log(JSON.stringify(row)); }
  else printTable(rows);
}

interface Choice {
  readonly stacks: readonly Stack[];
  readonly runtimes: readonly Runtime[];
  readonly packets: readonly number[];
  readonly sockets: readonly Way["udp"][];
  readonly congestion: Congestion;
}

/** What of the command line has to be one of a few; a text says what is not. */
function readChoice(
  flags: Readonly<Record<"only" | "runtimes" | "packets" | "udp" | "congestion", string>>,
): Choice | string {
  try {
    const [congestion = "auto"] = words(flags.congestion, CONGESTIONS);
    return {
      stacks: words(flags.only, STACKS),
      runtimes: words(flags.runtimes, RUNTIMES),
      packets: flags.packets.split(",").map(packetBytesOf),
      sockets: words(flags.udp, SOCKETS),
      congestion,
    };
  } catch (thrown) {
    if (thrown instanceof RangeError) return `Cannot measure: ${thrown.message}`;
    throw thrown;
  }
}

function words<Word extends string>(text: string, known: readonly Word[]): readonly Word[] {
  return text.split(",").map((word) => {
    const found = known.find((one) => one === word);
    if (found === undefined) throw new RangeError(`"${word}" is none of ${known.join(", ")}`);
    return found;
  });
}

function packetBytesOf(text: string): number {
  const { leastPacketBytes, mostPacketBytes } = LIMITS;
  const bytes = Number(text);
  if (Number.isInteger(bytes) && bytes >= leastPacketBytes && bytes <= mostPacketBytes) {
    return bytes;
  }
  throw new RangeError(
    `a packet of "${text}" is not ${leastPacketBytes} to ${mostPacketBytes} bytes`,
  );
}

function waysOf({ stacks, runtimes, packets, sockets }: Omit<Choice, "congestion">): Way[] {
  return stacks.flatMap((stack): Way[] => {
    switch (stack) {
      case "memory":
        return runtimes.flatMap((runtime) =>
          packets.map((packetBytes) => ({ stack, runtime, packetBytes, udp: "-" }) as const)
        );
      case "classes":
        return runtimes.map((runtime) => ({
          stack,
          runtime,
          packetBytes: PLAIN_PACKET_BYTES,
          udp: "dgram",
        }));
      case "quiche":
        return runtimes.flatMap((runtime) =>
          packets.flatMap((packetBytes) =>
            sockets.map((udp) => ({ stack, runtime, packetBytes, udp }))
          )
        );
      case "deno-quic":
        return [{ stack, runtime: "deno", packetBytes: 0, udp: "-" }];
    }
  });
}

function cellOf(way: Way, common: Omit<Cell, "stack" | "runtime" | "packetBytes">): Cell {
  const { stack, runtime, packetBytes, udp } = way;
  const env = {
    SFTPX_PACKET_BYTES: String(packetBytes),
    ...udp === "dgram" && { SFTPX_WITHOUT: "sendmsg" },
  };
  return { ...common, stack, runtime, packetBytes, ...stack === "quiche" && { env } };
}

export interface Plan<W> {
  readonly rounds: number;
  readonly cell: (way: W) => Cell;
}

/** Runs of each way; a text where one failed. In turn, so that a busy machine slows all ways alike. */
export async function measureInTurn<W>(
  ways: readonly W[],
  { rounds, cell }: Plan<W>,
): Promise<readonly (readonly (Figures | string)[])[]> {
  const results = ways.map((): (Figures | string)[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, way] of ways.entries()) {
      const result = await measureCell(cell(way));
      results[index]?.push(result);
      const told = typeof result === "string"
        ? result
        : `${result.megabytesPerSecond.toFixed(1)} MB/s`;
      console.error(`${round + 1}/${rounds} ${Object.values(way as object).join(" ")}: ${told}`);
    }
  }
  return results;
}

/** The median of what did not fail; null where all did. */
export function medianOf<Run extends object>(
  runs: readonly (Run | string)[],
  pick: (run: Run) => number | null,
): number | null {
  const values = runs.map((run) => typeof run === "string" ? null : pick(run));
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : median(known);
}

type Row = Readonly<Record<string, string | number>>;

function table(ways: readonly Way[], results: readonly (readonly (Figures | string)[])[]): Row[] {
  const rate = (at: number) => medianOf(results[at] ?? [], (figures) => figures.megabytesPerSecond);
  const rateOf = (is: (way: Way) => boolean) => {
    const at = ways.findIndex(is);
    return at < 0 ? null : rate(at);
  };
  return ways.map((way, index): Row => {
    const runs = results[index] ?? [];
    const of = (pick: (figures: Figures) => number | null, digits = 0) =>
      rounded(medianOf(runs, pick), digits);
    const own = rate(index);
    const ceilingAt = ways.findIndex((other) =>
      other.stack === "memory" && other.runtime === way.runtime &&
      other.packetBytes === way.packetBytes
    );
    const ceiling = ceilingAt < 0 ? null : rate(ceilingAt);
    const classes = rateOf((other) => other.stack === "classes" && other.runtime === way.runtime);
    const denoQuic = rateOf((other) => other.stack === "deno-quic");
    const ceilingCpu = ceilingAt < 0 ? null : medianOf(results[ceilingAt] ?? [], busierEnd);
    const busier = medianOf(runs, busierEnd);
    return {
      stack: way.stack,
      runtime: way.runtime,
      packet: way.packetBytes === 0 ? "-" : way.packetBytes,
      udp: [...new Set(runs.flatMap((run) => typeof run === "string" ? [] : [run.udp]))].join("+"),
      "MB/s": of((figures) => figures.megabytesPerSecond, (own ?? 0) < 10 ? 1 : 0),
      "of ceiling": ratio(own, ceiling),
      "by CPU": ratio(ceilingCpu, busier),
      "of classes": ratio(own, classes),
      "of deno-quic": ratio(own, denoQuic),
      "receiver CPU s/GB": of((figures) => figures.receiverCpuSecondsPerGigabyte, 2),
      "sender CPU s/GB": of((figures) => figures.senderCpuSecondsPerGigabyte, 2),
      "receiver peak MB": of((figures) => figures.receiverPeakBytes / 1e6),
      "sender peak MB": of((figures) => figures.senderPeakBytes / 1e6),
      "lost %": of(({ lossRatio }) => lossRatio === null ? null : 100 * lossRatio, 2),
      "RTT ms": of(({ rttMs }) => rttMs, 2),
    };
  });
}

/**
 * Processor seconds a GB of the end that has more to do: what bounds a rate where each end has a core.
 * On a machine that others use this tells more than the rate itself.
 */
function busierEnd(figures: Figures): number {
  return Math.max(figures.receiverCpuSecondsPerGigabyte, figures.senderCpuSecondsPerGigabyte);
}

function ratio(of: number | null, base: number | null): number | string {
  return of === null || base === null || base === 0 ? "-" : rounded(of / base, 2);
}

/** As a cell shows it. */
export function rounded(value: number | null, digits: number): number | string {
  return value === null ? "-" : Number(value.toFixed(digits));
}
