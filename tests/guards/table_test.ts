import assert from "node:assert/strict";
import { rowProblem, tabledGuards, textOf } from "./tables.ts";
import { outcomeOf } from "./workbench.ts";

Deno.test("every row of the guard tables names a text, a change and a test that are there", async () => {
  const guards = await tabledGuards();
  assert.ok(guards.length > 0);
  const problems: string[] = [];
  for (const guard of guards) {
    const problem = await rowProblem(guard);
    if (problem !== null) problems.push(`${guard.area}: ${guard.refuses}: ${problem}`);
  }
  assert.deepEqual(problems, []);
});

Deno.test("a row is told from one whose text, change or test is not there", async () => {
  const row = {
    refuses: "nothing",
    file: "tests/guards/workbench.ts",
    text: "const PATIENCE_MS = ",
    without: "const PATIENCE_MS = 2 * ",
    test: "tests/guards/table_test.ts",
    name: "a row is told from one whose text",
  };
  assert.equal(await rowProblem(row), null);
  assert.match(await rowProblem({ ...row, file: "src/none.ts" }) ?? "", /there is no/);
  assert.match(await rowProblem({ ...row, text: "TAIL_CHARS" }) ?? "", /2 times/);
  assert.match(await rowProblem({ ...row, text: "" }) ?? "", /times/);
  assert.match(await rowProblem({ ...row, without: row.text }) ?? "", /changes nothing/);
  assert.match(await rowProblem({ ...row, test: "src/none_test.ts" }) ?? "", /there is no/);
  const unnamed = ["no such", "test at all"].join(" ");
  assert.match(await rowProblem({ ...row, name: unnamed }) ?? "", /is named/);
});

Deno.test("a failed test is told from one that passed, that is not there and that does not load", () => {
  const head = "running 2 tests from ./a_test.ts\none ... ok (1ms)\n";
  assert.equal(outcomeOf(`${head}two ... ok (1ms)\n\nok | 2 passed | 0 failed\n`).kind, "passed");
  assert.equal(
    outcomeOf(`${head}two ... FAILED (1ms)\n\nFAILED | 1 passed | 1 failed\n`).kind,
    "failed",
  );
  const printed = `${head}two ...\n--- output ---\nx\n--- output end ---\ntwo ... FAILED (1ms)\n`;
  assert.equal(outcomeOf(printed).kind, "failed");
  assert.equal(outcomeOf("\nok | 0 passed | 0 failed | 2 filtered out\n").kind, "absent");
  const unloaded =
    "./a_test.ts (uncaught error)\nerror: SyntaxError\nFAILED | 0 passed | 1 failed\n";
  assert.equal(outcomeOf(unloaded).kind, "broken");
  assert.equal(outcomeOf('error: Module not found "x"\n').kind, "broken");
  assert.equal(outcomeOf("").kind, "broken");
});

Deno.test("every file that SECURITY names is there", async () => {
  const security = await textOf(".github/SECURITY.md") ?? "";
  const named = new Set(
    [...security.matchAll(/`((?:src|tests|scripts|workers)\/[\w./-]+\.\w+)`/g)]
      .map(([, path]) => path!),
  );
  assert.ok(named.size > 20);
  const absent: string[] = [];
  for (const path of named) if (await textOf(path) === null) absent.push(path);
  assert.deepEqual(absent, []);
});
