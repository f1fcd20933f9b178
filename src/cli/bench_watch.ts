// What the machine did while something was measured: how busy its processors were, and how many
// datagrams found a socket full. Null where the system does not tell, or may not be asked.

import { availableParallelism, cpus } from "node:os";
import process from "node:process";
import { type UdpFigures, udpFigures } from "../runtime/udp_figures.ts";

export interface Watched {
  /** Of all processors together, 0 to 1. */
  readonly busyShare: number | null;
  /** Of the same, what this program used of them. */
  readonly ownShare: number | null;
  /** Datagrams lost at this machine's own sockets, of all that came. */
  readonly dropRatio: number | null;
  readonly udp: UdpFigures | null;
}

/** Begins to watch; the answer tells what was seen since. */
export function watchMachine(): () => Watched {
  const [before, udpBefore] = [processorTimes(), udpFigures()];
  const [startMs, own] = [performance.now(), process.cpuUsage()];
  return () => {
    const [after, udp] = [processorTimes(), udpFigures()];
    const { user, system } = process.cpuUsage(own);
    const spanMs = (performance.now() - startMs) * availableParallelism();
    return {
      busyShare: busyShare(before, after),
      ownShare: ownShare((user + system) / 1000, spanMs),
      dropRatio: dropRatio(udpBefore, udp),
      udp,
    };
  };
}

interface ProcessorTimes {
  readonly busy: number;
  readonly all: number;
}

function processorTimes(): ProcessorTimes | null {
  try {
    let [busy, all] = [0, 0];
    for (const { times } of cpus()) {
      const { idle, ...others } = times;
      const working = Object.values(others).reduce((sum, value) => sum + value, 0);
      busy += working;
      all += working + idle;
    }
    return all === 0 ? null : { busy, all };
  } catch {
    return null; // It may not be asked.
  }
}

/** The part of a span that processors worked; null for a span too short to tell. */
export function busyShare(
  before: ProcessorTimes | null,
  after: ProcessorTimes | null,
): number | null {
  if (before === null || after === null || after.all <= before.all) return null;
  return Math.min(1, Math.max(0, (after.busy - before.busy) / (after.all - before.all)));
}

/** The part of all processors' time that one program took; null for no time. */
export function ownShare(usedMs: number, spanMs: number): number | null {
  return spanMs <= 0 ? null : Math.min(1, Math.max(0, usedMs / spanMs));
}

/** The part of what came that was lost; null where nothing is known, 0 where nothing came. */
export function dropRatio(before: UdpFigures | null, after: UdpFigures | null): number | null {
  if (before === null || after === null) return null;
  const dropped = after.droppedCount - before.droppedCount;
  const came = after.receivedCount - before.receivedCount + dropped;
  return came <= 0 ? 0 : Math.max(0, dropped / came);
}
