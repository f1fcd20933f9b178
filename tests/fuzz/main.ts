// `deno task fuzz [--minutes N | --seconds N] [--seed N] [--only NAME] [--cases N] [--jobs N] [--list]`:
// every target in turn, each its share of the time. Ends with 1 when something was found, and prints
// what repeats it. A target runs away from here, so that one that never ends is ended.

import process from "node:process";
import { parseArgs } from "node:util";
import { count, runTask } from "../task_arguments.ts";
import { Away } from "./away.ts";
import { anySeed, findingLines, type Findings } from "./fuzzing.ts";
import { allTargets } from "./targets.ts";

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
  const targets = await allTargets();
  const names = targets.map(({ name }) => name);
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
  const sharesOf = (name: string) => targets.find((one) => one.name === name)?.shares ?? 1;
  const shares = wanted.reduce((sum, name) => sum + sharesOf(name), 0);
  const shareMs = 1000 * seconds * jobs / shares;
  const most = values.cases === undefined ? {} : { most: count("cases", values.cases) };
  console.log(`seed ${seed}, ${wanted.length} targets, ${(shareMs / 1000).toFixed(1)} s a share`);
  const waiting = [...wanted];
  const all: Findings[] = [];
  const work = async () => {
    using away = new Away();
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const forMs = shareMs * sharesOf(name);
      const findings = await away.fuzz(name, { seed, forMs, ...most });
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

if (import.meta.main) runTask(import.meta.url, main).then((code) => process.exit(code));
