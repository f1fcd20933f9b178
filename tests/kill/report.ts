// What a round came to, in figures: what was stored before a kill and sent again, what was not sent
// again, and how soon the first new chunk was on its way.

import { LIMITS } from "../../src/base/limits.ts";
import type { JsonLine } from "../e2e/json_output.ts";
import { isSolid } from "./payload.ts";
import type { Plan, Trigger, Victim } from "./plan.ts";
import type { Tool } from "./tool.ts";

/** What a kill may cost: one interval that is being journalled, and the one behind it. */
const SENT_AGAIN_BYTES = 2 * LIMITS.journalBytes;

/** One command of a round. */
export interface AttemptReport {
  readonly code: number;
  /** Null when it ended by itself. */
  readonly killed: Victim | null;
  readonly killedAfterMs: number | null;
  readonly trigger: Trigger["kind"] | null;
  /**
   * From the start of the process to the first progress line with new bytes on the wire, by the line's
   * own time: late by up to the pause between two lines. Null when nothing new was sent.
   */
  readonly firstChunkMs: number | null;
  /** As last told: by its summary or, where it was killed, its last progress line. */
  readonly bytesDone: number;
  readonly reusedBytes: number;
  readonly wireBytes: number;
  /** Times that the command lost its server and found it again. */
  readonly reconnects: number;
  readonly isWhole: boolean;
  /** On the receiver's disk after it: in parts and under final names; null where unknown. */
  readonly landedBytes: number | null;
}

export interface RoundReport {
  readonly seed: number;
  readonly direction: "push" | "pull";
  readonly command: "serve" | "recv";
  readonly shape: string;
  readonly auth: string;
  readonly entries: number;
  readonly totalBytes: number;
  readonly servers: number;
  readonly attempts: readonly AttemptReport[];
  /**
   * Bytes that the receiver had stored before a kill and that were sent again. Null where the source or
   * destination was changed, and with a restart, whose two sessions one command counts together.
   */
  readonly sentAgainBytes: number | null;
  /** Bytes on the wire beyond one transfer, those under way at a kill included; where countable. */
  readonly wireExcessBytes: number | null;
  /** What the last attempt did not have to send. */
  readonly reusedBytes: number;
  /** Something under a final name that is not its source: never. */
  readonly corrupt: readonly string[];
  /** Anything else that is not as promised. */
  readonly problems: readonly string[];
  readonly notes: readonly string[];
  /** Own directories that a process was removing when it was killed. */
  readonly leftovers: number;
  readonly commands: readonly string[];
  /** Where it can be looked at; null when it was removed. */
  readonly directory: string | null;
}

type Told = Pick<
  AttemptReport,
  "firstChunkMs" | "bytesDone" | "reusedBytes" | "wireBytes" | "reconnects" | "isWhole"
>;

/** What a client told of an attempt. */
export function stateAfter(client: Pick<Tool, "lines" | "summary" | "startedMs">): Told {
  const { lines, summary, startedMs } = client;
  const progress = lines.filter(({ event }) => event === "progress");
  const first = progress.find((line) => numberOf(line, "wireBytes") > 0);
  const last = progress.at(-1);
  // A summary of what was lost counts files in place, not bytes stored.
  const told = summary?.ok === true ? summary : last;
  return {
    firstChunkMs: first === undefined ? null : Date.parse(first.time) - startedMs,
    bytesDone: numberOf(told, summary?.ok === true ? "bytes" : "bytesDone"),
    reusedBytes: numberOf(told, "reusedBytes"),
    wireBytes: Math.max(numberOf(summary ?? undefined, "wireBytes"), numberOf(last, "wireBytes")),
    reconnects: lines.filter(({ event }) => event === "reconnected").length,
    isWhole: summary?.ok === true,
  };
}

/** Counts what a round came to. */
export function reportRound({ plan, attempts, ...rest }:
  & { readonly plan: Plan; readonly attempts: readonly AttemptReport[] }
  & Pick<
    RoundReport,
    "corrupt" | "problems" | "notes" | "leftovers" | "servers" | "commands" | "directory"
  >): RoundReport {
  const { seed, direction, command, payload, auth, totalBytes } = plan;
  const isWhole = attempts.at(-1)?.isWhole === true;
  const isSame = isWhole && rest.notes.length === 0;
  const restarted = attempts.some(({ killed }) => killed === "restart");
  const sentAgainBytes = isSame && !restarted ? sentAgain(attempts, totalBytes) : null;
  const mostBytes = attempts.filter(({ killed }) => killed !== null).length * SENT_AGAIN_BYTES;
  const tooMuch = (sentAgainBytes ?? 0) > mostBytes
    ? [`${sentAgainBytes} bytes were stored and sent again, and ${mostBytes} is the most`]
    : [];
  return {
    seed,
    direction,
    command,
    shape: payload.shape,
    auth,
    entries: payload.items.length,
    totalBytes,
    attempts,
    sentAgainBytes,
    wireExcessBytes: isSame && plan.isPlain && isSolid(payload.items)
      ? Math.max(0, sum(attempts, ({ wireBytes }) => wireBytes) - totalBytes)
      : null,
    reusedBytes: attempts.at(-1)?.reusedBytes ?? 0,
    ...rest,
    problems: [...rest.problems, ...tooMuch],
  };
}

/**
 * New bytes of all attempts less those of one transfer. A killed client's last word may be older than
 * its last chunk, so what came on disk counts where that is more: never above what was stored.
 */
function sentAgain(attempts: readonly AttemptReport[], totalBytes: number): number {
  let landedBefore = 0;
  const news = attempts.map(({ bytesDone, reusedBytes, landedBytes, isWhole }) => {
    const told = Math.max(0, bytesDone - reusedBytes);
    const landed = Math.min(landedBytes ?? 0, totalBytes);
    const grown = isWhole ? 0 : landed - landedBefore;
    landedBefore = Math.max(landedBefore, landed);
    return Math.max(told, grown);
  });
  return Math.max(0, sum(news, (bytes) => bytes) - totalBytes);
}

function sum<Item>(items: readonly Item[], amount: (item: Item) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}

function numberOf(line: JsonLine | undefined, field: string): number {
  const value = line?.[field];
  return typeof value === "number" ? value : 0;
}
