// What the tool prints for programs, held against the schemas in the repository, strictly: a field that
// no schema names is a defect here, though a reader passes over it.

import { Ajv2020 } from "ajv/2020";
import eventsSchema from "../src/cli/events.schema.json" with { type: "json" };
import logSchema from "../src/cli/log.schema.json" with { type: "json" };

interface Schema {
  readonly $defs: Record<string, Record<string, unknown>>;
  readonly oneOf: readonly { readonly $ref: string }[];
}

/** Names of all events that the schema describes. */
export const EVENTS: readonly string[] = (eventsSchema as unknown as Schema).oneOf.map(({ $ref }) =>
  $ref.slice($ref.lastIndexOf("/") + 1)
);

const ajv = new Ajv2020({
  allErrors: true,
  strict: true,
  strictRequired: false,
  strictTypes: false,
});
ajv.addSchema(strictEvents(), "events");
const isLogLine = ajv.compile({ ...logSchema, additionalProperties: false });

/** Why a line of `--json` is not as the schema has it; null when it is. */
export function eventProblem(line: unknown): string | null {
  const event = typeof line === "object" && line !== null && "event" in line ? line.event : null;
  if (typeof event !== "string" || !EVENTS.includes(event)) return `no event: ${event}`;
  const isEvent = ajv.getSchema(`events#/$defs/${event}`)!;
  return isEvent(line) ? null : problemOf(line, isEvent.errors);
}

/** Why a line of a JSON log is not as the schema has it; null when it is. */
export function logProblem(line: unknown): string | null {
  return isLogLine(line) ? null : problemOf(line, isLogLine.errors);
}

function problemOf(line: unknown, errors: typeof isLogLine.errors): string {
  return `${ajv.errorsText(errors)} in ${JSON.stringify(line)}`;
}

/** The schema of events with each event closed. */
function strictEvents(): Record<string, unknown> {
  const schema = structuredClone(eventsSchema) as unknown as Schema;
  for (const event of EVENTS) schema.$defs[event]!["unevaluatedProperties"] = false;
  return schema as unknown as Record<string, unknown>;
}
