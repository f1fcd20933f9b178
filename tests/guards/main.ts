// `deno task guards [--only AREA] [--jobs N] [--list]`: takes every guard of the tables out of a copy of
// the checkout, one at a time, and sees its test fail. Ends with 1 when one is not shown.

import process from "node:process";
import { parseArgs } from "node:util";
import { runTask } from "../task_arguments.ts";
import { tabledGuards } from "./tables.ts";
import { tryGuards, type Verdict } from "./verdict.ts";

const OPTIONS = {
  only: { type: "string" },
  jobs: { type: "string", default: "2" },
  list: { type: "boolean", default: false },
} as const;

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const jobs = Number(values.jobs);
  if (!/^[1-9]\d?$/.test(values.jobs)) {
    throw new RangeError(`Cannot take jobs "${values.jobs}": it is no number from 1 to 99`);
  }
  const guards = await tabledGuards(values.only ?? null);
  if (values.list) {
    for (const { area, refuses, file, test } of guards) {
      console.log(`${area.padEnd(14)} ${refuses}\n${" ".repeat(15)}${file}, ${test}`);
    }
    return 0;
  }
  const verdicts = await tryGuards(guards, {
    jobs,
    onVerdict: (verdict) => console.log(verdictLine(verdict)),
  });
  const missing = verdicts.filter(({ problem }) => problem !== null).length;
  const held = verdicts.length - missing;
  console.log(`${verdicts.length} guards, ${held} held, ${missing} not shown`);
  return missing === 0 && verdicts.length > 0 ? 0 : 1;
}

function verdictLine({ guard, problem, seconds }: Verdict): string {
  const word = problem === null ? "held" : "NOT SHOWN";
  const time = `${seconds.toFixed(1)} s`.padStart(8);
  const line = `${guard.area.padEnd(14)} ${word.padEnd(9)} ${time}  ${guard.refuses}`;
  return problem === null ? line : `${line}\n    ${guard.file}: ${problem}`;
}

if (import.meta.main) runTask(import.meta.url, main).then((code) => process.exit(code));
