import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import type { Request } from "../wire/messages.ts";
import { offerOf } from "./_fixture.ts";
import { askedBy, type Opener, outcomeOf } from "./access.ts";
import { failedSummary } from "./progress.ts";

const REQUEST: Request = {
  type: "request",
  transfer: 1,
  sources: [{ path: "x/" }, { path: "" }],
  chunkBytes: 65_536,
  compress: "none",
  lanes: 1,
  filters: [],
  dryRun: false,
};
const ASKED: readonly [Opener, grantRoot: string, asked: string, paths: string[]][] = [
  [{ ...offerOf(1), destination: "a/b" }, "", "push", ["a/b"]],
  [{ ...offerOf(1), destination: "" }, "", "push", ["."]],
  [{ ...offerOf(1), destination: "" }, "in", "push", ["in"]],
  [REQUEST, "in", "pull", ["in/x", "in"]],
  [{ type: "list", transfer: 1, path: "d", recursive: false, filters: [] }, "in", "list", ["in/d"]],
  [{ type: "measure", transfer: 1, direction: "up", bytes: 1, lanes: 1 }, "in", "measure", []],
];

for (const [first, grantRoot, asked, paths] of ASKED) {
  Deno.test(`a ${first.type} under "${grantRoot}" is a ${asked} of ${paths.join(", ")}`, () => {
    const told = { asked, dryRun: false, paths, morePaths: 0 };
    assert.deepEqual(askedBy(first, { grantRoot }), told);
  });
}

Deno.test("a path in the access log cannot break its line", () => {
  const first = { ...offerOf(1), destination: "a\nb" };
  assert.deepEqual(askedBy(first, { grantRoot: "" }).paths, ["a\\u{a}b"]);
});

Deno.test("a request of many paths is cut to a few and their number", () => {
  const sources = Array.from({ length: 4096 }, (_, n) => ({ path: `p${n}` }));
  const { paths, morePaths } = askedBy({ ...REQUEST, sources }, { grantRoot: "in" });
  assert.deepEqual([paths.length, paths[0], paths[7], morePaths], [8, "in/p0", "in/p7", 4088]);
});

Deno.test("a plan is told from the real thing", () => {
  for (const first of [REQUEST, offerOf(1)]) {
    assert.equal(askedBy({ ...first, dryRun: true }, { grantRoot: "" }).dryRun, true);
  }
});

Deno.test("outcomeOf() is ok or the code of what went wrong", () => {
  const error = new SftpxError("no_space", "full");
  const summary = failedSummary(error, { chunkBytes: 0, startMs: 0, dryRun: false });
  assert.equal(outcomeOf(summary).result, "no_space");
  const done = { ...summary, files: 2, bytes: 3, wireBytes: 4, error: null };
  assert.deepEqual(outcomeOf(done), {
    files: 2,
    bytes: 3,
    wireBytes: 4,
    result: "ok",
    reason: null,
  });
});
