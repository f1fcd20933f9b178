// The value of one flag: whether it is within its bound, what it means, and how it is told back.

import { SftpxError } from "../base/errors.ts";
import type { Compression } from "../pool/messages.ts";
import { AUTO_ZSTD_LEVEL, DEFAULT_ZSTD_LEVEL, type FlagSpec, ZSTD_LEVELS } from "./flags.ts";
import { shown } from "./shown.ts";
import { checkIdentity } from "./target.ts";
import { formatDuration, formatSize, parseDuration, parseRate, parseSize } from "./units.ts";

/** Throws a usage error for a value that the flag does not take. */
export function checkValue(flag: FlagSpec, text: string): void {
  const { value } = flag;
  switch (value.kind) {
    case "choice":
      if (value.choices.includes(text)) return;
      throw badValue(flag, text, `it is one of ${value.choices.join(", ")}`);
    case "count":
      if (!/^\d{1,9}$/.test(text)) throw badValue(flag, text, "it is not a whole number");
      return checkRange(flag, text, { ...value, amount: Number(text), format: String });
    case "size":
      return checkRange(flag, text, { ...value, amount: parseSize(text), format: formatSize });
    case "rate":
      return checkRange(flag, text, { ...value, amount: parseRate(text), format: formatSize });
    case "duration":
      return checkRange(flag, text, {
        ...value,
        amount: parseDuration(text),
        format: formatDuration,
      });
    case "compression":
      parseCompression(text);
      return;
    case "identity":
      checkIdentity(text);
      return;
    case "boolean":
    case "string":
    case "path":
    case "address":
      return;
  }
}

function checkRange(
  flag: FlagSpec,
  text: string,
  range: { amount: number; min: number; max: number; format: (amount: number) => string },
): void {
  const { amount, min, max, format } = range;
  if (amount >= min && amount <= max) return;
  throw badValue(flag, text, `it must be from ${format(min)} to ${format(max)}`);
}

/** A chunk size: a power of two within bounds. */
export function parseChunkSize(text: string): number {
  const bytes = parseSize(text);
  if (Number.isInteger(Math.log2(bytes))) return bytes;
  throw new SftpxError(
    "usage",
    `Cannot use "--chunk-size ${text}": it must be a power of two, as 1MiB or 4MiB`,
  );
}

/** `auto`, `none`, `zstd` or `zstd:LEVEL`. */
export function parseCompression(text: string): Compression {
  if (text === "none") return { kind: "none" };
  if (text === "auto") return { kind: "auto", level: AUTO_ZSTD_LEVEL };
  if (text === "zstd") return { kind: "zstd", level: DEFAULT_ZSTD_LEVEL };
  const level = Number(/^zstd:(\d{1,2})$/.exec(text)?.[1] ?? NaN);
  if (level >= ZSTD_LEVELS.min && level <= ZSTD_LEVELS.max) return { kind: "zstd", level };
  throw new SftpxError(
    "usage",
    `Cannot use "--compress ${shown(text)}": write auto, none, zstd, or zstd:LEVEL with a level ` +
      `from ${ZSTD_LEVELS.min} to ${ZSTD_LEVELS.max}`,
  );
}

function badValue(flag: FlagSpec, text: string, state: string): SftpxError {
  return new SftpxError("usage", `Cannot use "--${flag.name} ${shown(text)}": ${state}`);
}

/** Sizes, rates and durations are told back, so that a unit misread is seen. */
export function echo(flag: FlagSpec, text: string): readonly string[] {
  switch (flag.value.kind) {
    case "size":
      return [`--${flag.name} ${formatSize(parseSize(text))}`];
    case "rate":
      return [`--${flag.name} ${formatSize(parseRate(text))}/s`];
    case "duration":
      return [`--${flag.name} ${formatDuration(parseDuration(text))}`];
    default:
      return [];
  }
}
