// Sizes as a person writes them in a flag, a file of settings or a list of keys: a number and its unit,
// never a bare number, because nobody knows whether 64 means bytes or mebibytes.

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
