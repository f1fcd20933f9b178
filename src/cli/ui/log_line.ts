// A line of a log as a pure function: text that begins with its time, or one JSON object. What a
// person reads as `warning: ...` is a level to a program.

import { jsonText, type JsonValue, SCHEMA_VERSION } from "../json_line.ts";

/** How a log is kept. */
export type LogFormat = "text" | "json";

/** How much a line matters. */
export type Level = "debug" | "info" | "warning" | "error";

/** What a line says besides its text; `event` names what kind it is. */
export type LogFields = { readonly event?: string; readonly [key: string]: JsonValue | undefined };

/** One line of a log. */
export interface LogEntry {
  readonly level: Level;
  readonly message: string;
  readonly fields: LogFields;
}

/** Whether a command line that could not be read asked for a log that is JSON. */
export function wantsJsonLog(args: readonly string[], given: string | undefined): boolean {
  const after = args[args.lastIndexOf("--log-format") + 1];
  const named = args.includes("--log-format") ? after : undefined;
  return args.includes("--log-format=json") || (named ?? given) === "json";
}

/** `TIME message`, or `TIME transfer N: message` where the fields name one. */
export function textLogLine({ message, fields }: LogEntry, nowMs: number): string {
  const about = fields["transfer"] === undefined ? "" : `transfer ${fields["transfer"]}: `;
  return `${new Date(nowMs).toISOString()} ${about}${message.trimStart()}`;
}

/** One JSON object; `event` is `log` where the line has no other. */
export function jsonLogLine({ level, message, fields }: LogEntry, nowMs: number): string {
  const { event = "log", ...rest } = fields;
  const time = new Date(nowMs).toISOString();
  return jsonText({ v: SCHEMA_VERSION, event, time, level, message, ...rest });
}
