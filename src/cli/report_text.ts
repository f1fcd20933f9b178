// Text on its way into a report: nothing in it marks up, nothing in it is taken for something else, and
// no ticket is in it (I9).

import { shown } from "./shown.ts";

/** Longer is no label. */
const MAX_CHARS = 2000;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Safe as text of an element and as a quoted attribute. */
export function escapedHtml(text: string): string {
  return shown(text, MAX_CHARS).replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
