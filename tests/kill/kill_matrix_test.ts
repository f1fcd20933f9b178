// The kill matrix, as far as a test run has time for it: any number of rounds by SFTPX_KILL_ROUNDS, the
// same again by SFTPX_KILL_SEED, larger ones and their distribution by `deno task kill`.

import assert from "node:assert/strict";
import process from "node:process";
import { figureLines, figuresOf } from "./figures.ts";
import { anySeed, problemLines, runMatrix } from "./matrix.ts";
import { SCALES } from "./payload.ts";

const ROUNDS = 14;

Deno.test("a transfer survives random kills of either end, bit by bit", async () => {
  const seed = Number(process.env["SFTPX_KILL_SEED"] ?? anySeed());
  const rounds = Number(process.env["SFTPX_KILL_ROUNDS"] ?? ROUNDS);
  console.log(`SFTPX_KILL_SEED=${seed} SFTPX_KILL_ROUNDS=${rounds}`);
  const reports = await runMatrix({ seed, rounds, jobs: 2, scale: SCALES.quick });
  const figures = figuresOf(reports);
  for (const line of figureLines(figures)) console.log(line);
  assert.equal(reports.length, rounds);
  assert.deepEqual(reports.flatMap(problemLines), []);
});
