// The value of one flag, wherever it was given: whether it is within its bound, what it means, and how
// it is told back.

import { filterProblem } from "../base/filter.ts";
import { LIMITS } from "../base/limits.ts";
import type { CompressionChoice } from "../session/compression.ts";
import { parseRange, RestrictionProblem } from "../trust/restrictions.ts";
import { parseExpiry } from "./expiry.ts";
import type { FlagSpec } from "./flag_spec.ts";
import { ZSTD_LEVELS } from "./flag_bounds.ts";
import { hintOf } from "./nearest.ts";
import { shown } from "./shown.ts";
import { checkIdentity, DEFAULT_PORT, parseHostPort, parseRemotePath } from "./target.ts";
import { formatDuration, formatSize, parseDuration, parseRate, parseSize } from "./units.ts";
import { usageError } from "./usage_error.ts";

/** Longer than any path, pattern or address: what stands there is no value but a mistake. */
const MAX_CHARS = 32_768;

/**
 * Throws a usage error for a value that the flag does not take. `written` is the flag as it was given:
 * `--timeout 3`, `SFTPX_TIMEOUT=3`, a line of a file.
 */
export function checkValue(
  flag: FlagSpec,
  text: string,
  written: string = `"${asTyped(flag, text)}"`,
): void {
  const attempt = `use ${written}`;
  const { value } = flag;
  if (text.length > MAX_CHARS) throw usageError(attempt, `it is ${text.length} characters long`);
  switch (value.kind) {
    case "boolean":
      parseBoolean(text, attempt);
      return;
    case "choice":
      return checkChoice(text, value.choices, attempt);
    case "count":
      if (value.orAuto && text === "auto") return;
      if (!/^\d{1,9}$/.test(text)) throw usageError(attempt, "it is not a whole number");
      return checkRange(attempt, { ...value, amount: Number(text), format: String });
    case "size":
      return checkRange(attempt, {
        ...value,
        amount: parseSize(text, attempt),
        format: formatSize,
      });
    case "chunk":
      checkRange(attempt, { ...value, amount: parseSize(text, attempt), format: formatSize });
      parseChunkSize(text, attempt);
      return;
    case "rate":
      return checkRange(attempt, {
        ...value,
        amount: parseRate(text, attempt),
        format: (amount) => `${formatSize(amount)}/s`,
      });
    case "duration":
      return checkRange(attempt, {
        ...value,
        amount: parseDuration(text, attempt),
        format: formatDuration,
      });
    case "compression":
      parseCompression(text, attempt);
      return;
    case "identity":
      checkIdentity(text, attempt);
      return;
    case "pattern": {
      const problem = filterProblem(text);
      if (problem !== null) throw usageError(attempt, problem);
      return;
    }
    case "address":
    case "listen":
    case "remote":
      return checkPlace(flag, text, attempt);
    case "range":
      return checkRestriction(() => parseRange(text), attempt);
    case "expiry": {
      const expiry = parseExpiry(text, attempt);
      if (expiry.kind === "at") return;
      return checkRange(attempt, { ...value, amount: expiry.ms, format: formatDuration });
    }
    case "path":
    case "directory":
      if (text.includes("\0")) throw usageError(attempt, "no path holds a NUL");
      return;
  }
}

/** A flag and its value as they are typed. */
function asTyped(flag: FlagSpec, text: string): string {
  return flag.value.kind === "boolean" ? `--${flag.name}` : `--${flag.name} ${shown(text)}`;
}

/** `1`, `true`, `yes`, `on`, or `0`, `false`, `no`, `off`. */
export function parseBoolean(text: string, attempt: string = `read "${shown(text)}"`): boolean {
  const isOn = booleanOf(text);
  if (isOn !== null) return isOn;
  throw usageError(attempt, "write 1, true, yes or on, or 0, false, no or off");
}

/** {@linkcode parseBoolean} where another word is no error: null. */
export function booleanOf(text: string): boolean | null {
  const word = text.length > 5 ? "" : text.toLowerCase();
  if (["1", "true", "yes", "on"].includes(word)) return true;
  return ["0", "false", "no", "off"].includes(word) ? false : null;
}

/** A chunk size: a power of two. */
export function parseChunkSize(
  text: string,
  attempt: string = `use "--chunk-size ${shown(text)}"`,
): number {
  const bytes = parseSize(text, attempt);
  if (Number.isInteger(Math.log2(bytes))) return bytes;
  throw usageError(attempt, "it must be a power of two, as 1MiB or 4MiB");
}

/** `auto`, `none`, `zstd` or `zstd:LEVEL`. */
export function parseCompression(
  text: string,
  attempt: string = `use "--compress ${shown(text)}"`,
): CompressionChoice {
  if (text === "none") return { kind: "none" };
  if (text === "auto") return { kind: "adaptive" };
  if (text === "zstd") return { kind: "zstd", level: LIMITS.defaultZstdLevel };
  const level = Number(/^zstd:(\d{1,2})$/.exec(text)?.[1] ?? NaN);
  if (level >= ZSTD_LEVELS.min && level <= ZSTD_LEVELS.max) return { kind: "zstd", level };
  const { min, max } = ZSTD_LEVELS;
  throw usageError(
    attempt,
    `write auto, none, zstd, or zstd:LEVEL with a level from ${min} to ${max}`,
  );
}

/** Sizes, rates and durations are told back, so that a unit misread is seen. */
export function echo(flag: FlagSpec, text: string): readonly string[] {
  switch (flag.value.kind) {
    case "size":
    case "chunk":
      return [`--${flag.name} ${formatSize(parseSize(text))}`];
    case "rate":
      return [`--${flag.name} ${formatSize(parseRate(text))}/s`];
    case "duration":
      return [`--${flag.name} ${formatDuration(parseDuration(text))}`];
    case "expiry": {
      const expiry = parseExpiry(text);
      return expiry.kind === "at" ? [] : [`--${flag.name} ${formatDuration(expiry.ms)}`];
    }
    default:
      return [];
  }
}

function checkRestriction(check: () => unknown, attempt: string): void {
  try {
    check();
  } catch (thrown) {
    if (thrown instanceof RestrictionProblem) throw usageError(attempt, thrown.message);
    throw thrown;
  }
}

function checkChoice(text: string, choices: readonly string[], attempt: string): void {
  if (choices.includes(text)) return;
  throw usageError(attempt, `it is one of ${choices.join(", ")}${hintOf(text, choices)}`);
}

function checkPlace(flag: FlagSpec, text: string, attempt: string): void {
  switch (flag.value.kind) {
    case "address":
      parseHostPort(text, { fallbackPort: DEFAULT_PORT, attempt });
      return;
    case "listen":
      parseHostPort(text, { fallbackPort: null, allowZero: true, attempt });
      return;
    default:
      parseRemotePath(text, attempt);
  }
}

function checkRange(
  attempt: string,
  range: { amount: number; min: number; max: number; format: (amount: number) => string },
): void {
  const { amount, min, max, format } = range;
  if (amount >= min && amount <= max) return;
  throw usageError(attempt, `it must be from ${format(min)} to ${format(max)}`);
}
