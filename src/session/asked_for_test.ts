import assert from "node:assert/strict";
import type { Entry } from "../wire/messages.ts";
import { askedFor } from "./asked_for.ts";

type Kind = Entry["kind"];

const RULES = [
  { include: true, pattern: "keep.key" },
  { include: false, pattern: "*.key" },
  { include: false, pattern: "/.ssh/" },
];

Deno.test("without filters and list the server alone says what comes", () => {
  assert.equal(askedFor({ filters: [], files: null }), null);
  assert.equal(askedFor({ filters: [], files: ["a", "./"] }), null, "all of it is listed");
});

const FILTERED: readonly [string, Kind, boolean][] = [
  ["a", "file", true],
  ["a.key", "file", false],
  ["d/a.key", "file", false],
  ["d/keep.key", "file", true],
  [".ssh", "directory", false],
  [".ssh", "file", true],
  ["d/.ssh", "directory", true],
];

for (const [path, kind, wanted] of FILTERED) {
  Deno.test(`with filters the ${kind} ${path} is ${wanted ? "" : "not "}asked for`, () => {
    assert.equal(askedFor({ filters: RULES, files: null })!({ path, kind }), wanted);
  });
}

const LISTED: readonly [string, Kind, boolean][] = [
  ["d", "directory", true],
  ["d/e", "directory", true],
  ["d/e/f", "file", true],
  ["d/e/f/g", "file", true],
  ["whole", "directory", true],
  ["whole/x/y", "file", true],
  ["whole/x/y.key", "file", false],
  ["wholesale", "file", false],
  ["d", "file", false],
  ["d/e", "link", false],
  ["d/other", "file", false],
  ["d/e/ff", "file", false],
  ["other", "directory", false],
];

for (const [path, kind, wanted] of LISTED) {
  Deno.test(`with a list the ${kind} ${path} is ${wanted ? "" : "not "}asked for`, () => {
    const isAsked = askedFor({ filters: RULES, files: ["d/e/f", "./whole/"] });
    assert.equal(isAsked!({ path, kind }), wanted);
  });
}
