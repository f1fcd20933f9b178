// `deno task fuzz [--minutes N | --seconds N] [--seed N] [--only NAME] [--cases N] [--jobs N] [--list]`:
// every target in turn, each its share of the time. Ends with 1 when something was found, and prints
// what repeats it. A target runs in a worker of its own, so that one that never ends is ended.

import process from "node:process";
import { parseArgs } from "node:util";
import { anySeed, findingLines, type Findings } from "./fuzzing.ts";
import { allTargets } from "./targets.ts";
import { fuzzInWorker } from "./worker.ts";

const OPTIONS = {
  minutes: { type: "string" },
  seconds: { type: "string" },
  seed: { type: "string" },
  only: { type: "string", multiple: true },
  cases: { type: "string" },
  jobs: { type: "string", default: "1" },
  list: { type: "boolean", default: false },
} as const;

const DEFAULT_SECONDS = 60;

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const names = (await allTargets()).map(({ name }) => name);
  if (values.list) {
    for (const name of names) console.log(name);
    return 0;
  }
  const wanted = values.only ?? names;
  const unknown = wanted.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new RangeError(`Cannot fuzz "${unknown}": see --list`);
  const seed = values.seed === undefined ? anySeed() : count("seed", values.seed);
  const jobs = Math.max(1, count("jobs", values.jobs));
  const seconds = values.minutes === undefined
    ? count("seconds", values.seconds ?? String(DEFAULT_SECONDS))
    : 60 * count("minutes", values.minutes);
  const forMs = 1000 * seconds * jobs / wanted.length;
  const most = values.cases === undefined ? {} : { most: count("cases", values.cases) };
  console.log(`seed ${seed}, ${wanted.length} targets, ${(forMs / 1000).toFixed(1)} s each`);
  const waiting = [...wanted];
  const all: Findings[] = [];
  const work = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const findings = await fuzzInWorker(name, { seed, forMs, ...most });
      all.push(findings);
      for (const line of findingLines(findings)) console.log(line);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  const cases = all.reduce((sum, findings) => sum + findings.cases, 0);
  const found = all.filter(({ failure }) => failure !== null).length;
  console.log(`${cases} cases, ${found} of ${all.length} targets found something`);
  return found === 0 ? 0 : 1;
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new RangeError(`Cannot take ${name} "${text}": it is no count`);
}

/** Wrong arguments are said in a line. */
function usage(error: unknown): number {
  const isUsage = error instanceof RangeError || error instanceof TypeError;
  console.error(isUsage ? error.message : error);
  return isUsage ? 2 : 1;
}

if (import.meta.main) main(process.argv.slice(2)).catch(usage).then((code) => process.exit(code));
