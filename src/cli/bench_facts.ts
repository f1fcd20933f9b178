// From rows to the facts that a verdict is made of. Pure.

import { LIMITS } from "../base/limits.ts";
import type { UdpFigures } from "../runtime/udp_figures.ts";
import { hostOf, isLoopback as isOwn } from "../transport/addresses.ts";
import type { BenchFacts, PathFacts } from "./bench_verdict.ts";
import type { BenchLine } from "./json_line.ts";

/** What is known besides the rows. */
export interface Known {
  readonly cores: number;
  readonly udp: UdpFigures | null;
  /** Sockets ask for more than the default. */
  readonly hasFfi: boolean;
  /** Null where it was not asked for. */
  readonly limit: number | null;
  readonly windowBytes: number | null;
}

/** The path to a server counts where there is one; the loopback else. */
export function factsOf(
  rows: readonly BenchLine[],
  { cores, udp, hasFfi, limit, windowBytes }: Known,
): BenchFacts {
  const server = rows.filter(({ bench }) => bench === "peer");
  const wanted = server.length === 0 ? "pipe" : "peer";
  const isLoopback = server.length === 0 ||
    server.some(({ address }) => address !== undefined && isOwn(hostOf(address)));
  const rateOf = (bench: string, name: RegExp): number | null => {
    const rates = rows.flatMap((row) =>
      row.bench === bench && name.test(row.name) ? [row.bytesPerSecond ?? 0] : []
    );
    return rates.length === 0 ? null : Math.max(...rates);
  };
  const text = rows.find((row) => row.bench === "zstd" && row.name === "compress text");
  return {
    paths: rows.flatMap((row) => row.bench === wanted ? pathOf(row) : []),
    isLoopback,
    // What was just written is read from memory: it is no measure of a disk.
    diskRead: rateOf("disk", /from device/),
    diskWrite: rateOf("disk", /^write/),
    hash: rateOf("hash", /worker/),
    zstd: text?.ratio === undefined || text.bytesPerSecond === null
      ? null
      : { bytesPerSecond: cores * text.bytesPerSecond, ratio: text.ratio },
    socketBytes: udp === null ? null : socketBytes(udp, hasFfi),
    limit,
    windowBytes,
  };
}

/** The kernel counts twice what it is asked for, and gives so much of it at most. */
function socketBytes({ receiveBytes, mostReceiveBytes }: UdpFigures, asks: boolean): number {
  if (!asks) return receiveBytes;
  return Math.max(receiveBytes, 2 * Math.min(LIMITS.udpReceiveBufferBytes, mostReceiveBytes));
}

function pathOf(row: BenchLine): readonly PathFacts[] {
  const { name, stack, bytesPerSecond, rttMs, connections, lanes } = row;
  if (name !== "up" && name !== "down") return [];
  if (stack === undefined || bytesPerSecond === null || rttMs === undefined) return [];
  return [{
    direction: name,
    stack,
    bytesPerSecond,
    rttMs,
    connections: connections ?? 1,
    lanes: lanes ?? 1,
    lossRatio: row.lossRatio ?? null,
    busyShare: row.busyShare ?? null,
    ownShare: row.ownShare ?? null,
    dropRatio: row.dropRatio ?? null,
  }];
}
