// `deno task kill [--rounds N] [--jobs N] [--seed N] [--scale quick|full] [--out FILE]`: the kill matrix
// for as long as one likes. Ends with 1 when any round had a problem; `--seed N --rounds 1` repeats one.

import { mkdir, writeFile } from "node:fs/promises";
import process from "node:process";
import { parseArgs } from "node:util";
import { count, runTask } from "../task_arguments.ts";
import { figureLines, figuresOf } from "./figures.ts";
import { anySeed, problemLines, runMatrix } from "./matrix.ts";
import { SCALES } from "./payload.ts";
import type { RoundReport } from "./report.ts";

const OPTIONS = {
  rounds: { type: "string", default: "40" },
  jobs: { type: "string", default: "2" },
  seed: { type: "string" },
  scale: { type: "string", default: "full" },
  /** Begins no further round after so many minutes. */
  minutes: { type: "string" },
  directory: { type: "string" },
  out: { type: "string" },
  quiet: { type: "boolean", default: false },
} as const;

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const scale = values.scale === "quick" || values.scale === "full" ? SCALES[values.scale] : null;
  if (scale === null) throw new RangeError(`Cannot take scale "${values.scale}": quick or full`);
  const seed = values.seed === undefined ? anySeed() : count("seed", values.seed);
  const rounds = count("rounds", values.rounds);
  const jobs = count("jobs", values.jobs);
  if (values.directory !== undefined) await mkdir(values.directory, { recursive: true });
  console.log(`seed ${seed}, ${rounds} rounds, ${jobs} at a time, scale ${values.scale}`);
  const startMs = Date.now();
  const reports = await runMatrix({
    seed,
    rounds,
    jobs,
    scale,
    ...values.directory === undefined ? {} : { directory: values.directory },
    ...values.minutes === undefined
      ? {}
      : { signal: AbortSignal.timeout(count("minutes", values.minutes) * 60_000) },
    onRound: (report) => {
      if (!values.quiet) console.log(roundLine(report));
      for (const line of problemLines(report)) console.log(line);
    },
  });
  const figures = figuresOf(reports);
  for (const line of figureLines(figures)) console.log(line);
  console.log(`${Math.round((Date.now() - startMs) / 1000)} s`);
  if (values.out !== undefined) {
    const text = JSON.stringify({ seed, scale: values.scale, figures, rounds: reports }, null, 1);
    await writeFile(values.out, `${text}\n`);
  }
  return figures.failed === 0 && reports.length > 0 ? 0 : 1;
}

function roundLine(report: RoundReport): string {
  const { seed, direction, shape, auth, totalBytes, attempts, sentAgainBytes } = report;
  const ends = attempts.map(({ killed, trigger, killedAfterMs, code }) =>
    killed === null ? `exit ${code}` : `${killed}@${trigger}:${killedAfterMs}ms`
  );
  const again = sentAgainBytes === null ? "" : `, again ${(sentAgainBytes / 1e6).toFixed(1)} MB`;
  const reused = (report.reusedBytes / 1e6).toFixed(1);
  return `${seed} ${direction} ${shape} by ${auth}, ${(totalBytes / 1e6).toFixed(1)} MB: ${
    ends.join(" ")
  }, reused ${reused} MB${again}`;
}

if (import.meta.main) runTask(import.meta.url, main).then((code) => process.exit(code));
