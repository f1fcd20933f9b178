// One line for one entry, of what was done with it or would be, and one for what a connection carried.
// Pure; paths are made safe to show here.

import type { SessionEvent } from "../../session/options.ts";
import { shown } from "../shown.ts";
import { formatBytes, formatCount, formatDuration, formatRate } from "../units.ts";

/** Longest path shown whole: as long as one may be. */
const PATH_CHARS = 4096;
const MESSAGE_CHARS = 1000;
/** Columns of the longest action: what comes after them is aligned. */
const ACTION_COLUMNS = "unchanged".length;

type Event<Kind extends SessionEvent["kind"]> = Extract<SessionEvent, { kind: Kind }>;

/** What `--verbose` tells of each entry: `a/b  1.20 MB`, with a mark where nothing was sent. */
export function entryLine(event: Event<"entry">): string {
  const parts = [pathOf(event)];
  if (event.entryKind === "file" && event.result !== "deleted") {
    parts.push(formatBytes(event.sizeBytes));
  }
  if (event.result !== "done") parts.push(event.result);
  return parts.join("  ");
}

/** A line of a dry run's plan: `create     a/b`. */
export function planLine(event: Event<"plan">): string {
  const line = `${event.action.padEnd(ACTION_COLUMNS)}  ${pathOf(event)}`;
  return event.message === undefined ? line : `${line}: ${shown(event.message, MESSAGE_CHARS)}`;
}

/** What `--verbose` tells of a connection at the end of a transfer. */
export function connectionLine(event: Event<"connection">): string {
  const { connection, address, transport, wireBytes, lanes } = event;
  const { rttMs, lossRatio, windowBytes, congestion } = event;
  const on = `${formatCount(lanes)} ${lanes === 1 ? "lane" : "lanes"}`;
  const parts = [
    `connection ${connection} to ${shown(address)} over ${transport} ` +
    `carried ${formatBytes(wireBytes)} on ${on}`,
    rttMs === null ? null : `round trip ${formatDuration(rttMs)}`,
    lossRatio === null ? null : `${formatShare(lossRatio)} lost`,
    windowBytes === null ? null : `window ${formatBytes(windowBytes)}`,
    congestion === undefined ? null : congestion,
  ];
  return parts.filter((part) => part !== null).join(", ");
}

/** What `--verbose` tells of connections and lanes that change. */
export function lanesLine(event: Event<"lanes">): string {
  const { quic, tcp, lanes, rttMs, bytesPerSecond, reason } = event;
  const connections = quic + tcp;
  const over = [quic > 0 ? `${quic} QUIC` : null, tcp > 0 ? `${tcp} TCP` : null]
    .filter((part) => part !== null).join(" and ");
  const parts = [
    `${lanes} ${lanes === 1 ? "lane" : "lanes"} over ${over} ` +
    `${connections === 1 ? "connection" : "connections"}: ${reason}`,
    rttMs === null ? null : `round trip ${formatDuration(rttMs)}`,
    bytesPerSecond === null ? null : formatRate(bytesPerSecond),
  ];
  return parts.filter((part) => part !== null).join(", ");
}

/** `0.13%`, or `0%`: of what is rare, the digits that count. */
function formatShare(ratio: number): string {
  return `${Number((100 * ratio).toFixed(2))}%`;
}

/** A directory's path ends with a slash, as the peer may have written it already. */
function pathOf({ path, entryKind }: { path: string; entryKind: string }): string {
  const safe = shown(path, PATH_CHARS);
  return entryKind === "directory" && !safe.endsWith("/") ? `${safe}/` : safe;
}
