// Sizes as a person writes them in a flag, a file of settings or a list of keys, and as they are shown to
// one: a number and its unit, never a bare number, because nobody knows whether 64 means bytes or mebibytes.

/** Bytes of a unit, in lower case. */
export const SIZE_UNITS: Readonly<Record<string, number | undefined>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
  tib: 2 ** 40,
};

const SIZE = /^(\d+(?:\.\d+)?) ?([a-z]+)$/i;

/** Bytes of `10GB`, `64KiB`, `1.5MB`; null for what is no whole number of bytes. */
export function sizeBytes(text: string): number | null {
  const [, digits = "", unit = ""] = SIZE.exec(text) ?? [];
  const factor = SIZE_UNITS[unit.toLowerCase()];
  if (digits === "" || factor === undefined) return null;
  const value = Number(digits) * factor;
  const rounded = Math.round(value);
  return Number.isSafeInteger(rounded) && Math.abs(value - rounded) < 1e-6 ? rounded : null;
}

/** A size exactly: `2 MiB`, `1 MB`, `65537 B`. */
export function formatSize(bytes: number): string {
  const units = [["GiB", 2 ** 30], ["GB", 1e9], ["MiB", 2 ** 20], ["MB", 1e6], ["KiB", 1024], [
    "kB",
    1e3,
  ]] as const;
  for (const [unit, factor] of units) {
    if (bytes >= factor && bytes % factor === 0) return `${bytes / factor} ${unit}`;
  }
  return `${bytes} B`;
}

/** An amount of data to three digits, in powers of ten as rates are: `3.42 GB`. */
export function formatBytes(bytes: number): string {
  if (!Number.isFinite(bytes) || bytes < 0) return "?";
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  let amount = bytes;
  let step = 0;
  // 999.5 would be shown as 1000: it moves on to the next unit.
  while (amount >= 999.5 && step < units.length - 1) {
    amount /= 1000;
    step += 1;
  }
  return `${step === 0 ? String(Math.round(amount)) : threeDigits(amount)} ${units[step]}`;
}

function threeDigits(amount: number): string {
  if (amount >= 99.95) return amount.toFixed(0);
  return amount >= 9.995 ? amount.toFixed(1) : amount.toFixed(2);
}
