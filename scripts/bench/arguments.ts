// What a benchmark is told on its command line: amounts that are amounts, and no flag that nothing reads.

import { sizeBytes } from "../../src/base/size.ts";

/** Flags of bytes: a number, or one with a unit as `sftpx bench --bytes` takes it. */
const SIZES: ReadonlySet<string> = new Set([
  ...["bytes", "file-bytes", "large-bytes", "read", "write"],
]);
/** Flags of how many, or how long, in all benchmarks that have them. */
const COUNTS: ReadonlySet<string> = new Set([
  ...["repeat", "seconds", "minutes", "pause", "warm", "syncs", "cores", "threads"],
  ...["per-directory", "addresses", "connections", "network-threads"],
  ...["files", "lanes", "workers", "rows", "packets", "rate", "rtt", "loss", "mbit"],
]);
/** Those for which nothing is something: no pause, no loss, no bound, no threads. */
const FROM_ZERO: ReadonlySet<string> = new Set([
  ...["pause", "warm", "rate", "rtt", "loss", "mbit", "network-threads", "threads", "modules"],
]);

/** What numbers mean to one benchmark and not to all of them. */
export interface Numbers {
  /** Flags of several numbers, with commas. */
  readonly lists?: readonly string[];
  /** Flags of a number that are of something else elsewhere. */
  readonly counts?: readonly string[];
}

/** What the caller wrote cannot be measured by. */
export class BadArgument extends RangeError {}

/**
 * The arguments with sizes in bytes. Throws {@linkcode BadArgument} for an amount that is none, and for
 * several where one is taken.
 */
export function plainArguments(
  args: readonly string[],
  { lists = [], counts = [] }: Numbers = {},
): string[] {
  const amount = (flag: string, text: string) =>
    (lists.includes(flag) ? text.split(",") : [text]).map((part) => amountOf(flag, part)).join(",");
  const plain: string[] = [];
  let name: string | null = null;
  for (const [index, arg] of args.entries()) {
    if (arg === "--" && name === null) return [...plain, ...args.slice(index)];
    if (name !== null) {
      plain.push(amount(name, arg));
      name = null;
      continue;
    }
    const [, flag = "", value] = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const isAmount = SIZES.has(flag) || COUNTS.has(flag) || counts.includes(flag);
    if (isAmount && value === undefined) name = flag;
    plain.push(isAmount && value !== undefined ? `--${flag}=${amount(flag, value)}` : arg);
  }
  if (name !== null) throw new BadArgument(`Cannot use "--${name}": it needs a number`);
  return plain;
}

/** The numbers of a flag that was given several, with commas or one by one. */
export function numbersOf(given: string | readonly string[]): readonly number[] {
  return [given].flat().flatMap((text) => text.split(",")).map(Number);
}

/** For `parseArgs`: what a benchmark does not know is refused. */
export function refuseUnknown(arg: string, key?: string): never {
  throw new BadArgument(
    key === undefined ? `Cannot take "${arg}": it is no flag` : `Cannot use "${arg}": see --help`,
  );
}

function amountOf(flag: string, text: string): string {
  const isSize = SIZES.has(flag);
  const isNumber = /^\d+(\.\d+)?$/.test(text);
  const amount = isNumber ? Number(text) : isSize ? sizeBytes(text) : null;
  const isWhole = amount !== null && (Number.isInteger(amount) || !isSize);
  if (isWhole && (amount > 0 || FROM_ZERO.has(flag))) return String(amount);
  const least = FROM_ZERO.has(flag) ? "a number" : "a number above 0";
  throw new BadArgument(
    `Cannot use "--${flag} ${text}": write ${isSize ? "bytes, or a size as 64MiB" : least}`,
  );
}
