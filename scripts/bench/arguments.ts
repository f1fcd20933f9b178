// What a benchmark is told on its command line: amounts that are amounts, and no flag that nothing reads.

import { sizeBytes } from "../../src/base/size.ts";

/** Flags of bytes: a number, or one with a unit as `sftpx bench --bytes` takes it. */
const SIZES: ReadonlySet<string> = new Set([
  ...["bytes", "file-bytes", "large-bytes", "read", "write"],
]);
/** Flags of how many, or how long, in all benchmarks that have them. */
const COUNTS: ReadonlySet<string> = new Set([
  ...["repeat", "seconds", "minutes", "pause", "warm", "syncs"],
  ...["per-directory", "addresses", "connections", "network-threads"],
]);
/** Flags of one or several numbers, with commas. */
const LISTS: ReadonlySet<string> = new Set([
  ...["files", "lanes", "workers", "rows", "packets", "rate", "rtt", "loss", "mbit"],
]);
/** Those for which nothing is something: no pause, no loss, no bound, no threads. */
const FROM_ZERO: ReadonlySet<string> = new Set([
  ...["pause", "warm", "rate", "rtt", "loss", "mbit", "network-threads"],
]);

/** What the caller wrote cannot be measured by. */
export class BadArgument extends RangeError {}

/** The arguments with sizes in bytes. Throws {@linkcode BadArgument} for an amount that is none. */
export function plainArguments(args: readonly string[]): string[] {
  const plain: string[] = [];
  let name: string | null = null;
  for (const [index, arg] of args.entries()) {
    if (arg === "--") return [...plain, ...args.slice(index)];
    if (name !== null) {
      plain.push(amountOf(name, arg));
      name = null;
      continue;
    }
    const [, flag = "", value] = /^--([a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
    const isAmount = SIZES.has(flag) || COUNTS.has(flag) || LISTS.has(flag);
    if (isAmount && value === undefined) name = flag;
    plain.push(isAmount && value !== undefined ? `--${flag}=${amountOf(flag, value)}` : arg);
  }
  return plain;
}

/** For `parseArgs`: what a benchmark does not know is refused. */
export function refuseUnknown(arg: string, key?: string): never {
  throw new BadArgument(
    key === undefined ? `Cannot take "${arg}": it is no flag` : `Cannot use "${arg}": see --help`,
  );
}

function amountOf(flag: string, text: string): string {
  if (!LISTS.has(flag)) return oneOf(flag, text);
  return text.split(",").map((part) => oneOf(flag, part)).join(",");
}

function oneOf(flag: string, text: string): string {
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
