// `deno task soak [--minutes N] [--seconds N] [--clients N] [--strangers N] [--seed N]`: a server under many
// clients, and what it held. Ends with 1 when anything grew, was left, or went wrong.

import process from "node:process";
import { parseArgs } from "node:util";
import { count, runTask } from "../task_arguments.ts";
import { growthLines, isGood, visitsLine } from "./report.ts";
import { soak } from "./soak.ts";

const OPTIONS = {
  minutes: { type: "string" },
  seconds: { type: "string" },
  clients: { type: "string", default: "6" },
  strangers: { type: "string", default: "24" },
  seed: { type: "string" },
  quiet: { type: "boolean", default: false },
} as const;

const DEFAULT_MINUTES = 3;
const TOLD_MS = 15_000;

async function main(args: string[]): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS });
  const seconds = values.seconds === undefined
    ? count("minutes", values.minutes ?? String(DEFAULT_MINUTES)) * 60
    : count("seconds", values.seconds);
  const seed = values.seed === undefined
    ? crypto.getRandomValues(new Uint32Array(1))[0]!
    : count("seed", values.seed);
  const clients = count("clients", values.clients);
  console.log(`seed ${seed}, ${clients} clients, ${seconds} s`);
  let toldMs = 0;
  const report = await soak({
    durationMs: seconds * 1000,
    clients,
    strangers: count("strangers", values.strangers),
    seed,
    onSample: (sample, visits) => {
      if (values.quiet || sample.atMs < toldMs) return;
      toldMs = sample.atMs + TOLD_MS;
      const { residentBytes, descriptors, threads, stateFiles, stateBytes } = sample;
      console.log(
        `${Math.round(sample.atMs / 1000)} s: ${visits} visits, ` +
          `${mb(residentBytes)} MB, ${descriptors} descriptors, ${threads} threads, ` +
          `.sftpx ${stateFiles} files of ${mb(stateBytes)} MB`,
      );
    },
  });
  for (const line of [visitsLine(report), ...growthLines(report)]) console.log(line);
  return isGood(report) ? 0 : 1;
}

function mb(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

if (import.meta.main) runTask(import.meta.url, main).then((code) => process.exit(code));
