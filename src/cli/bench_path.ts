// What bounds a path, of all that may explain its rate the first: a limit that was asked for, windows,
// sockets that overflow, processors, loss, and in the end the link. Figures in, words and commands out.

import type { BenchFacts, PathFacts, Verdict } from "./bench_verdict.ts";
import { formatBytes, formatRate, formatSize } from "./units.ts";

/** Under way at most, as each stack has it where nobody says otherwise. */
const WINDOWS: Readonly<Record<string, { readonly stream: number; readonly connection: number }>> =
  {
    "deno-quic": { stream: 1.25e6, connection: 10e6 },
  };
/** A rate this close to what bounds it is bounded by it. */
const NEAR = 0.75;
/** A limit is kept to within some hundredths. */
export const NEAR_LIMIT = 0.9;
/** Processors this busy have nothing left. */
const BUSY = 0.9;
/** Datagrams lost at full sockets: congestion control takes fewer for the path's. */
const DROPS = 2e-4;
/** Loss that halves CUBIC's window sooner than a long path fills it. */
const LOSS = 5e-4;
/** Shorter paths recover from a loss before it is felt. */
const LONG_MS = 5;
/** What one stack must be ahead of another by, to be worth a word. */
export const AHEAD = 1.25;
/** Sockets' memory that is advised: what a path holds twice over, within these. */
const SOCKET_BYTES = { least: 4 << 20, most: 64 << 20 } as const;

/** A path, among others. */
export interface Around {
  /** All of this direction. */
  readonly paths: readonly PathFacts[];
  readonly facts: BenchFacts;
}

/** What bounds it, in words, and what to do about it. */
export type PathBound = Pick<Verdict, "bound" | "message" | "advice" | "commands">;

/** The first that explains its rate; the link where nothing else does. */
export function boundOfPath(path: PathFacts, { paths, facts }: Around): PathBound {
  const { bytesPerSecond, rttMs, busyShare, dropRatio } = path;
  if (facts.limit !== null && bytesPerSecond >= NEAR_LIMIT * facts.limit) {
    const message = `--bwlimit asks for no more than ${formatRate(facts.limit)}`;
    return { bound: "limit", message, advice: ["raise --bwlimit, or leave it out"], commands: [] };
  }
  const window = windowBytes(path, facts);
  if (window !== null && bytesPerSecond * rttMs / 1000 >= NEAR * window) {
    return {
      bound: "window",
      message: `${formatBytes(window)} under way at once, over ${rttMs.toFixed(0)} ms`,
      advice: windowAdvice(path, facts),
      commands: [],
    };
  }
  if (dropRatio !== null && dropRatio >= DROPS && isQuic(path)) {
    return { bound: "kernel_buffer", ...bufferWords(path, { paths, facts }) };
  }
  if (busyShare !== null && busyShare >= BUSY) {
    return { bound: "cpu", ...busyWords(path, { busyShare, isLoopback: facts.isLoopback }) };
  }
  if (isLossy(path, paths)) {
    return {
      bound: "loss",
      message: path.lossRatio === null
        ? "more connections carry more: each is held back by what gets lost"
        : `${percent(path.lossRatio)} of packets get lost, over ${rttMs.toFixed(0)} ms`,
      advice: ["leave --congestion and --connections at auto, or --congestion bbr"],
      commands: [],
    };
  }
  if (facts.isLoopback) {
    const message = "what the two programs and the kernel between them do for each packet";
    return { bound: "cpu", message, advice: [], commands: [] };
  }
  const message = `nothing here explains ${formatRate(bytesPerSecond)}: the link, or the peer`;
  return { bound: "link", message, advice: peerAdvice(path, facts), commands: [] };
}

/** What may be under way on all lanes; null for a stack whose windows grow with need. */
function windowBytes({ stack, lanes, connections }: PathFacts, facts: BenchFacts): number | null {
  if (facts.windowBytes !== null) return lanes * facts.windowBytes;
  const window = WINDOWS[stack];
  if (window === undefined) return null;
  return Math.min(lanes * window.stream, connections * window.connection);
}

function windowAdvice({ connections, lanes }: PathFacts, facts: BenchFacts): readonly string[] {
  if (facts.windowBytes !== null) return ["raise --window, or leave it out"];
  const more = `--connections ${2 * connections} --lanes ${4 * lanes}`;
  return [`leave --connections and --lanes at auto, or ${more}`];
}

function bufferWords(
  path: PathFacts,
  { paths, facts }: Around,
): Pick<PathBound, "message" | "advice" | "commands"> {
  const { dropRatio, rttMs } = path;
  const most = Math.max(...paths.map(({ bytesPerSecond }) => bytesPerSecond));
  const bytes = neededSocketBytes(most, rttMs);
  const has = facts.socketBytes;
  const message = `${percent(dropRatio ?? 0)} of datagrams found the socket full` +
    (has === null ? "" : `, which holds ${formatSize(has)}`);
  if (has !== null && has >= bytes) {
    return { message, advice: ["sockets hold enough: this machine is too slow"], commands: [] };
  }
  return {
    message,
    advice: [`let UDP sockets hold ${formatSize(bytes)}, as root, on both machines`],
    commands: socketCommands(bytes),
  };
}

/** A path that looks free may end in the peer's socket: what it drops is not seen from here. */
function peerAdvice(path: PathFacts, { socketBytes }: BenchFacts): readonly string[] {
  const bytes = neededSocketBytes(path.bytesPerSecond, path.rttMs);
  if (!isQuic(path) || path.rttMs < LONG_MS) return [];
  if (socketBytes !== null && socketBytes >= bytes) return [];
  return [
    `if the link can do more: ${socketCommands(bytes)[0]}, as root, on the machine that receives`,
  ];
}

/** What the kernel should let sockets hold for a path, a power of two. */
export function neededSocketBytes(bytesPerSecond: number, rttMs: number): number {
  const wanted = 2 * bytesPerSecond * rttMs / 1000;
  const power = 2 ** Math.ceil(Math.log2(Math.max(1, wanted)));
  return Math.min(SOCKET_BYTES.most, Math.max(SOCKET_BYTES.least, power));
}

/** The commands that give sockets so much. */
export function socketCommands(bytes: number): readonly string[] {
  return [
    `sysctl -w net.core.rmem_default=${bytes} net.core.wmem_default=${bytes}`,
    `sysctl -w net.core.rmem_max=${2 * bytes} net.core.wmem_max=${2 * bytes}`,
  ];
}

/** Whether it is this program that has the processors busy, or what else runs here. */
function busyWords(
  { ownShare }: Pick<PathFacts, "ownShare">,
  { busyShare, isLoopback }: { readonly busyShare: number; readonly isLoopback: boolean },
): Pick<PathBound, "message" | "advice" | "commands"> {
  const whose = isLoopback ? ", with both ends on it" : "";
  const own = ownShare === null ? "" : `, ${percent(ownShare)} by this program`;
  const message = `the processors of this machine are ${percent(busyShare)} busy${own}${whose}`;
  // The other end takes about as much, where it is here too.
  const ours = (ownShare ?? busyShare) * (isLoopback ? 2 : 1);
  const advice = [
    ...(isLoopback ? [] : ["leave --compress at auto"]),
    ...(ours < busyShare / 2 ? ["leave other work for later: it takes most of them"] : []),
  ];
  return { message, advice, commands: [] };
}

function isLossy(path: PathFacts, paths: readonly PathFacts[]): boolean {
  if (path.rttMs < LONG_MS) return false;
  if (path.lossRatio !== null) return path.lossRatio >= LOSS;
  // The same stack with fewer connections was slower, though no window held it.
  return paths.some(({ stack, connections, bytesPerSecond }) =>
    stack === path.stack && connections < path.connections &&
    path.bytesPerSecond >= AHEAD * bytesPerSecond
  );
}

export function isQuic({ stack }: Pick<PathFacts, "stack">): boolean {
  return stack !== "tls" && stack !== "memory";
}

function percent(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(2))} %`;
}
