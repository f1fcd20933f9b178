// A process that runs targets by their names, one after the other, watched from outside: the case that
// runs is written down before it begins, so that one that never ends, or takes the whole process with
// it, is named. It loads what it fuzzes once, and is started anew only after such a case.

import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Findings, fuzz, type FuzzOptions } from "./fuzzing.ts";
import { Tally } from "./target.ts";
import { allTargets } from "./targets.ts";

/** Beyond the time that it has, a target may finish a case. */
const PATIENCE_MS = 180_000;

interface Job {
  readonly name: string;
  readonly options: FuzzOptions;
}

type Report = Omit<Findings, "tally"> & { readonly tally: readonly (readonly [string, number])[] };

/** A process for targets; it is gone at the end. */
export class Away implements Disposable {
  readonly #directory = mkdtempSync(join(tmpdir(), "sftpx-fuzz-"));
  #child: ChildProcess | null = null;

  /** As `fuzz`, of the target of that name. */
  async fuzz(name: string, options: FuzzOptions): Promise<Findings> {
    const startMs = performance.now();
    const seedPath = join(this.#directory, "seed");
    writeFileSync(seedPath, bytesOf(options.seed));
    const child = this.#child ??= start(seedPath);
    try {
      const { tally: counts, ...rest } = await reportOf(child, { name, options });
      const tally = new Tally();
      for (const [what, count] of counts) tally.add(what, count);
      return { ...rest, tally };
    } catch (thrown) {
      child.kill("SIGKILL");
      this.#child = null;
      const said = thrown instanceof Error ? thrown.message : String(thrown);
      const seed = readFileSync(seedPath).readUInt32LE();
      const seconds = (performance.now() - startMs) / 1000;
      return { name, cases: 0, seconds, tally: new Tally(), failure: { seed, said } };
    }
  }

  [Symbol.dispose](): void {
    this.#child?.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function start(seedPath: string): ChildProcess {
  const args = ["run", "-A", "--no-check", fileURLToPath(import.meta.url), seedPath];
  return spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
}

async function reportOf(child: ChildProcess, job: Job): Promise<Report> {
  const { promise, resolve, reject } = Promise.withResolvers<Report>();
  const onClose = (code: number | null) => reject(new Error(`the process ended with ${code}`));
  const timer = setTimeout(
    () => reject(new Error("it does not end")),
    job.options.forMs + PATIENCE_MS,
  );
  const lines = createInterface({ input: child.stdout! });
  lines.once("line", (line) => resolve(JSON.parse(line) as Report));
  child.once("error", reject).once("close", onClose);
  try {
    child.stdin!.write(`${JSON.stringify(job)}\n`);
    return await promise;
  } finally {
    clearTimeout(timer);
    lines.close();
    child.off("error", reject).off("close", onClose);
  }
}

function bytesOf(seed: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(seed).buffer);
}

/** Runs what it is told to, a line each, and answers with a line. */
async function obey(seedPath: string): Promise<void> {
  const file = openSync(seedPath, "r+");
  const bytes = new Uint32Array(1);
  const view = new Uint8Array(bytes.buffer);
  const onCase = (seed: number) => {
    bytes[0] = seed;
    writeSync(file, view, 0, 4, 0);
  };
  const targets = await allTargets();
  for await (const line of createInterface({ input: process.stdin })) {
    const { name, options } = JSON.parse(line) as Job;
    const target = targets.find((one) => one.name === name)!;
    const { tally, ...rest } = await fuzz(target, { ...options, onCase, isAlone: true });
    console.log(JSON.stringify({ ...rest, tally: tally.entries() } satisfies Report));
  }
}

if (import.meta.main) obey(process.argv[2] ?? "");
