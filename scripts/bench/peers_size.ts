// How much a cell sends: the whole shape where that takes no longer than a run may, and less on paths where it
// would. Pure: from what is known of a path at first, then from what the cell itself has shown.

import { type Cell, PATHS, type Shape, type Tool } from "./peers_plan.ts";

/** No run may take longer; it is ended then, and tried with less. */
export const RUN_LIMIT_SECONDS = 20;
/** What a run that is sized by what was seen aims at most at: links and machines have their moods. */
const MOST_SECONDS = 14;
/** A run that was shorter than this part of what was aimed at says too little of the path. */
const SHORT_RATIO = 0.4;
/** Starting a tool, a server, checking what arrived and clearing up. */
const AROUND_SECONDS = 2.5;

const MIB = 1 << 20;
const SEGMENT_BYTES = 1448;
/** What a file of a tree costs besides its bytes. */
const ENTRY_BYTES = 200;

/** A shape in full. */
export interface FullSize {
  /** Of one file, or of all files of a tree. */
  readonly bytes: number;
  readonly files: number;
}

/** What is measured in: bytes of a large file, files of a tree. */
export type Unit = "bytes" | "files";

export function unitOf(shape: Shape): Unit {
  return shape === "random" || shape === "text" ? "bytes" : "files";
}

export interface SizeOptions {
  readonly full: FullSize;
  /** What a run over an emulated path should take. */
  readonly targetSeconds: number;
}

/** Amount of a cell's first run, in its unit. */
export function firstAmount(cell: Cell, { full, targetSeconds }: SizeOptions): number {
  const aim = aimSeconds(cell, targetSeconds);
  return stepDown(aim * expectedRate(cell, full), { unit: unitOf(cell.shape), full });
}

export interface Seen {
  readonly amount: number;
  readonly seconds: number;
}

/**
 * Amount of a cell's next run, after one that took `seconds`: the same, so that runs are alike, unless it was
 * much too short to say anything or so long that the next could be ended.
 */
export function nextAmount(cell: Cell, seen: Seen, { full, targetSeconds }: SizeOptions): number {
  const aim = aimSeconds(cell, targetSeconds);
  const unit = unitOf(cell.shape);
  const isLong = seen.seconds > MOST_SECONDS;
  const whole = unit === "bytes" ? full.bytes : full.files;
  const isShort = seen.seconds < aim * SHORT_RATIO && seen.amount < whole;
  if (!isLong && !isShort) return seen.amount;
  return stepDown(seen.amount * aim / seen.seconds, { unit, full });
}

/** Amount after a run that had to be ended. */
export function lessAmount(cell: Cell, amount: number): number {
  return Math.max(leastOf(unitOf(cell.shape)), Math.floor(amount / 4));
}

/** On the loopback the shape itself is what is asked for; elsewhere a tree needs time to say anything. */
function aimSeconds({ path, shape, tool }: Cell, targetSeconds: number): number {
  // rclone takes minutes for a tree on any path, and a part of it says as much.
  if (path === "loopback" && !(tool === "rclone" && unitOf(shape) === "files")) return MOST_SECONDS;
  // Held against each other: over a long path the first seconds are luck.
  if (shape === "random" && (tool === "sftpx" || tool === "scp")) return HELD_SECONDS;
  return unitOf(shape) === "files" ? targetSeconds + TREE_SECONDS : targetSeconds;
}

const TREE_SECONDS = 2;
const HELD_SECONDS = 12;

/** The largest amount of a ladder of halves that is not more than what fits: few sizes, comparable ones. */
function stepDown(
  amount: number,
  { unit, full }: { readonly unit: Unit; readonly full: FullSize },
): number {
  let step = unit === "bytes" ? full.bytes : full.files;
  while (step > amount && step / 2 >= leastOf(unit)) step = Math.floor(step / 2);
  return step;
}

function leastOf(unit: Unit): number {
  return unit === "bytes" ? MIB : 8;
}

/** What a cell may reach, units a second: a guess that errs to the slow side. */
export function expectedRate(cell: Cell, full: FullSize): number {
  const { path, shape, tool } = cell;
  const { rttMs } = PATHS[path];
  const bytesPerSecond = expectedBytesPerSecond(cell);
  if (unitOf(shape) === "bytes") return bytesPerSecond;
  const bytesOfOne = full.bytes / full.files + ENTRY_BYTES;
  const ownSeconds = tool === "rclone" ? RCLONE_FILE_SECONDS : LOCAL_FILE_SECONDS;
  return 1 / (bytesOfOne / bytesPerSecond + turnsAFile(tool) * rttMs / 1000 + ownSeconds);
}

/** What the slower tools reach with both ends on one machine. */
const LOOPBACK_BYTES_PER_SECOND = 200e6;
/** A small file created and written, by the slower ones. */
const LOCAL_FILE_SECONDS = 0.0005;
/** It starts a program at the far end to check each file, four files at a time. */
const RCLONE_FILE_SECONDS = 0.08;

/** Round trips that a tool waits for each file. */
function turnsAFile(tool: Tool): number {
  if (tool.startsWith("scp")) return 4;
  return tool === "rclone" ? 3 : 0;
}

function expectedBytesPerSecond({ path, shape, tool, congestion }: Cell): number {
  const { rttMs, lossPercent, megabitsPerSecond } = PATHS[path];
  if (megabitsPerSecond === 0) return LOOPBACK_BYTES_PER_SECOND;
  const link = megabitsPerSecond * 1e6 / 8;
  // Text goes through a link three times as fast where it is compressed.
  const gain = shape === "text" && tool !== "scp" ? 3 : 1;
  if (tool.startsWith("sftpx")) return 0.4 * link * gain;
  if (lossPercent === 0) return 0.5 * link * gain;
  if (congestion === "bbr") return 0.2 * link * gain;
  // Mathis et al.: what a loss-driven controller reaches, whatever the link.
  const share = SEGMENT_BYTES / (rttMs / 1000) * 1.22 / Math.sqrt(lossPercent / 100);
  return Math.min(0.5 * link, share) * gain;
}

/** One run as the budget sees it. */
export function expectedSeconds(cell: Cell, options: SizeOptions): number {
  const seconds = firstAmount(cell, options) / expectedRate(cell, options.full);
  return AROUND_SECONDS + Math.min(seconds, RUN_LIMIT_SECONDS) * (cell.isRunTwice ? 1.5 : 1);
}

export interface BudgetOptions {
  readonly budgetSeconds: number;
  readonly full: Readonly<Record<Shape, FullSize>>;
  readonly repeats: (cell: Cell) => number;
}

/** The longest runs over emulated paths with which all cells fit into a budget; the least where none do. */
export function targetSecondsFor(cells: readonly Cell[], options: BudgetOptions): number {
  const total = (targetSeconds: number) =>
    cells.reduce((sum, cell) => {
      const full = options.full[cell.shape];
      return sum + options.repeats(cell) * expectedSeconds(cell, { full, targetSeconds });
    }, 0);
  for (let target = MOST_TARGET_SECONDS; target > LEAST_TARGET_SECONDS; target--) {
    if (total(target) <= options.budgetSeconds) return target;
  }
  return LEAST_TARGET_SECONDS;
}

const MOST_TARGET_SECONDS = 10;
const LEAST_TARGET_SECONDS = 3;
