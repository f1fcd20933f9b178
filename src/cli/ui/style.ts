// Colours: whether they are wanted, and the few there are. Without colour, text is returned as it is.

import type { Environment } from "../home.ts";

/** The styles used, each named by what it is for. */
export type Style = "error" | "good" | "warning" | "strong" | "faint" | "accent";

const CODES: Readonly<Record<Style, string>> = {
  error: "1;31",
  good: "32",
  warning: "33",
  strong: "1",
  faint: "2",
  accent: "36",
};

/** Styles text, or returns it unchanged when `color` is false. */
export function styled(text: string, style: Style, color: boolean): string {
  return color && text !== "" ? `\x1b[${CODES[style]}m${text}\x1b[0m` : text;
}

/** What a terminal may be asked for. */
export interface Manners {
  readonly color: boolean;
  /** Whether a line may be drawn over. */
  readonly animate: boolean;
}

/** Nothing animated off a terminal or on a dumb one; NO_COLOR (https://no-color.org) is honoured. */
export function mannersOf(isTerminal: boolean, env: Environment): Manners {
  const capable = isTerminal && env("TERM") !== "dumb";
  return { color: capable && !env("NO_COLOR"), animate: capable };
}
