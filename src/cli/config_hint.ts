// What an error of a configuration file shows instead of a value of the wrong type: the line as it would
// be right, where the value says what was meant.

import type { FlagSpec } from "./flag_spec.ts";
import { booleanOf } from "./flag_values.ts";

/** How a file is written. */
export type Form = "toml" | "json";

/** A unit for each kind of quantity: which one was meant nobody knows, but how it is written. */
const UNITS: Readonly<Partial<Record<FlagSpec["value"]["kind"], string>>> = {
  duration: "s",
  expiry: "d",
  size: "MiB",
  chunk: "MiB",
  rate: "MB/s",
};

/** What an error adds: a number where text has to stand, or a word for true or false; else nothing. */
export function valueHint(flag: FlagSpec, value: unknown, form: Form): string {
  const { kind } = flag.value;
  if (kind === "boolean") {
    const meant = typeof value === "string" ? booleanOf(value) : null;
    return meant === null ? "" : `, write ${lineOf(flag, meant, form)}`;
  }
  if (kind === "count" || typeof value !== "number") return "";
  const unit = UNITS[kind];
  if (unit === undefined) return `, write ${lineOf(flag, String(value), form)}`;
  return `: it has no unit, write ${lineOf(flag, value + unit, form)}`;
}

/** A key and its value as they stand in a file. */
function lineOf({ name, list }: FlagSpec, value: string | boolean, form: Form): string {
  const text = JSON.stringify(list === true ? [value] : value);
  return form === "json" ? `${JSON.stringify(name)}: ${text}` : `${name} = ${text}`;
}
