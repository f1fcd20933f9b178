// Figures of charts: as words, and as places that no figure of a machine gets into.

/** Never zero, which nothing is a part of. */
export function largest(values: readonly number[]): number {
  let most = 0;
  for (const value of values) if (Number.isFinite(value) && value > most) most = value;
  return most === 0 ? 1 : most;
}

/** With its unit, if it has one. */
export function figureOf(value: number, unit: string): string {
  return unit === "" ? shortOf(value) : `${shortOf(value)} ${unit}`;
}

/** Three digits say it. */
export function shortOf(value: number): string {
  if (!Number.isFinite(value)) return "?";
  if (Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** A place on the page, or a part of it: a tenth is enough. */
export function placeOf(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toFixed(1))) : "0";
}
