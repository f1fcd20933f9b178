// When a ticket or a key ends, as a person says it: so long from now, the last day, or a time.

import { parseMoment, RestrictionProblem } from "../trust/restrictions.ts";
import { shown } from "./shown.ts";
import { DURATION_WORDS, parseDuration } from "./units.ts";
import { usageError } from "./usage_error.ts";

/** What may be written, as an error names it. */
const UNITS = `${DURATION_WORDS}, or the last day as YYYY-MM-DD`;

/** So long from now, or at a moment since 1970. */
export type Expiry = { readonly kind: "after" | "at"; readonly ms: number };

/** `90d`, `2031-12-31` (its end, UTC) or `2031-12-31T18:00:00Z`. Throws `usage`. */
export function parseExpiry(
  text: string,
  attempt: string = `use "--expires ${shown(text)}"`,
): Expiry {
  if (!/^\d{4}-/.test(text)) {
    return { kind: "after", ms: parseDuration(text, attempt, { units: UNITS }) };
  }
  try {
    return { kind: "at", ms: parseMoment(text) };
  } catch (thrown) {
    if (thrown instanceof RestrictionProblem) throw usageError(attempt, thrown.message);
    throw thrown;
  }
}

/** Milliseconds since 1970. Throws `usage` for what is over already: it would let nobody in. */
export function expiryMs({ kind, ms }: Expiry, nowMs: number): number {
  const expiresMs = kind === "after" ? nowMs + ms : ms;
  if (expiresMs > nowMs) return expiresMs;
  const time = new Date(expiresMs).toISOString();
  throw usageError('use "--expires"', `${time} is over already`);
}
