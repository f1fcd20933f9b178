import assert from "node:assert/strict";
import { logProblem } from "../../../tests/events_schema.ts";
import { jsonLogLine, textLogLine, wantsJsonLog } from "./log_line.ts";

const MS = Date.UTC(2027, 0, 2, 3, 4, 5, 6);
const ENTRY = { level: "info", message: "a line", fields: {} } as const;

Deno.test("textLogLine() begins with the time in UTC, and names a transfer", () => {
  assert.equal(textLogLine(ENTRY, MS), "2027-01-02T03:04:05.006Z a line");
  assert.equal(
    textLogLine({ ...ENTRY, message: "  advice", fields: { transfer: 3 } }, MS),
    "2027-01-02T03:04:05.006Z transfer 3: advice",
  );
});

Deno.test("jsonLogLine() is one line of JSON as the schema has it, whatever the message", () => {
  for (const message of ["a line", "two\nlines", "\u001b[2J", '"', "\u009b2J \u202e \u2028"]) {
    const line = jsonLogLine({ ...ENTRY, message }, MS);
    assert.doesNotMatch(line, /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    assert.equal(JSON.parse(line).message, message);
    assert.equal(logProblem(JSON.parse(line)), null);
  }
  const fields = { event: "reloaded", keys: 2 };
  assert.equal(JSON.parse(jsonLogLine({ ...ENTRY, fields }, MS)).event, "reloaded");
});

Deno.test("wantsJsonLog() finds the format in a command line that could not be read", () => {
  const cases: readonly (readonly [readonly string[], string | undefined, boolean])[] = [
    [["serve"], undefined, false],
    [["serve"], "json", true],
    [["serve", "--log-format", "json"], undefined, true],
    [["serve", "--log-format=json", "--x"], undefined, true],
    [["serve", "--log-format", "text"], "json", false],
    [["serve", "--log-format"], undefined, false],
    [["serve", "json"], undefined, false],
  ];
  for (const [args, given, wanted] of cases) {
    assert.equal(wantsJsonLog(args, given), wanted, args.join(" "));
  }
});
