// Quantities as a person writes and reads them: sizes, rates and durations with explicit units.
// A bare number is refused, because nobody knows whether 64 means bytes or mebibytes.

import { formatBytes, SIZE_UNITS } from "../base/size.ts";
import { shown } from "./shown.ts";
import { usageError } from "./usage_error.ts";

export { formatBytes, formatSize } from "../base/size.ts";

/** Line rates are sold in bits; a bit is an eighth of a byte. */
const BIT_UNITS: Readonly<Record<string, number | undefined>> = {
  kbit: 1e3 / 8,
  mbit: 1e6 / 8,
  gbit: 1e9 / 8,
};

/** The units of a duration, as an error names them. */
export const DURATION_WORDS = "ms, s, m, h or d";

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const QUANTITY = /^(\d+(?:\.\d+)?) ?([a-z/]*)$/i;

/**
 * Bytes of `64KiB`, `2MiB`, `1MB`; throws a usage error for anything else. What is more than numbers count
 * exactly is as much as they do. `attempt` is what the error says cannot be done.
 */
export function parseSize(text: string, attempt: string = reading("size", text)): number {
  return parseQuantity(text, {
    attempt,
    units: "KiB, MiB, GiB, or KB, MB, GB",
    factor: (unit) => SIZE_UNITS[unit],
  });
}

/** Bytes a second of `10MB/s`, `8MiB/s`, `100Mbit/s`; errors as {@linkcode parseSize}. */
export function parseRate(text: string, attempt: string = reading("rate", text)): number {
  return parseQuantity(text, {
    attempt,
    units: "MB/s, MiB/s or Mbit/s",
    factor: (unit) => {
      const [amountUnit = "", ...per] = unit.split("/");
      return per.join("/") === "s" ? SIZE_UNITS[amountUnit] ?? BIT_UNITS[amountUnit] : undefined;
    },
  });
}

/**
 * Milliseconds of `500ms`, `3s`, `10m`, `24h`, `7d`; errors as {@linkcode parseSize}. `units` is what they
 * say may be written.
 */
export function parseDuration(
  text: string,
  attempt: string = reading("duration", text),
  { units = DURATION_WORDS }: { readonly units?: string } = {},
): number {
  return parseQuantity(text, {
    attempt,
    units,
    factor: (unit) => DURATION_UNITS[unit],
  });
}

/** A rate to three digits: `231 MB/s`. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

/** A span of time as a person says it: `340 ms`, `14.8 s`, `3 m 20 s`, `2 h 5 m`, `1 d 3 h`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms) || ms < 0) return "?";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${trimZero((ms / 1000).toFixed(1))} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return pair(seconds, 60, "m", "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return pair(minutes, 60, "h", "m");
  return pair(Math.round(minutes / 60), 24, "d", "h");
}

/** A count with thousands separated: `1,204`. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+(?!\d))/g, ",");
}

function reading(what: string, text: string): string {
  return `read the ${what} "${shown(text)}"`;
}

function parseQuantity(
  text: string,
  { attempt, units, factor }: {
    attempt: string;
    units: string;
    factor: (unit: string) => number | undefined;
  },
): number {
  const [, digits = "", unit = ""] = QUANTITY.exec(text) ?? [];
  if (digits !== "" && unit === "") {
    throw usageError(attempt, `it has no unit, write one of ${units}`);
  }
  const size = factor(unit.toLowerCase());
  if (digits === "" || size === undefined) {
    throw usageError(attempt, `write a number and one of ${units}`);
  }
  const value = Number(digits) * size;
  const rounded = Math.round(value);
  // More than any flag takes: its bound says how much that is.
  if (rounded > Number.MAX_SAFE_INTEGER) return Number.MAX_SAFE_INTEGER;
  if (Number.isSafeInteger(rounded) && Math.abs(value - rounded) < 1e-6) return rounded;
  throw usageError(attempt, "it is not a whole number");
}

function trimZero(text: string): string {
  return text.endsWith(".0") ? text.slice(0, -2) : text;
}

function pair(total: number, base: number, high: string, low: string): string {
  const rest = total % base;
  const head = `${Math.floor(total / base)} ${high}`;
  return rest === 0 ? head : `${head} ${rest} ${low}`;
}
