// Samples of `bench peers`, one JSON object a line, each written as soon as it is taken: a run that was ended
// is taken up where it was. Medians of them for tables and bars.

import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { type Cell, cellKey } from "./peers_plan.ts";
import { median } from "./process.ts";

const VERSION = 1;

/** What must be the same for samples to stand beside each other. */
export interface RunFacts {
  readonly isQuick: boolean;
  readonly fileBytes: number;
  readonly targetSeconds: number;
  readonly sftpx: string;
  readonly cores: number;
  readonly startedAt: string;
}

/** The first run of a cell, and the one over what it left. */
export type Pass = "first" | "unchanged";

/** One run that went well. */
export interface Sample {
  readonly cell: string;
  readonly round: number;
  readonly pass: Pass;
  readonly bytes: number;
  readonly files: number;
  /** From the start of the program to its end, as its user waits. */
  readonly seconds: number;
  /** Of these, those that sftpx or a pipe tells as its own: connecting and starting are no part of them. */
  readonly insideSeconds: number | null;
  /** Of both ends while they moved bytes. */
  readonly cpuSeconds: number | null;
  /** What it chose, in words. */
  readonly chose: string;
}

export interface Failure {
  readonly cell: string;
  readonly round: number;
  readonly error: string;
}

type Line =
  | { readonly kind: "run"; readonly v: number } & RunFacts
  | { readonly kind: "sample" } & Sample
  | { readonly kind: "failure" } & Failure;

/** All that was measured so far, in a file. */
export class PeersRecord {
  readonly path: string;
  readonly facts: RunFacts;
  readonly #samples: Sample[] = [];
  readonly #failures = new Map<string, Failure>();

  private constructor(path: string, facts: RunFacts) {
    this.path = path;
    this.facts = facts;
  }

  /** Begins a file; throws when there is one: samples are not written over. */
  static begin(path: string, facts: RunFacts): PeersRecord {
    if (existsSync(path)) throw new Error(`Cannot begin "${path}": it is there; --resume goes on`);
    const line: Line = { kind: "run", v: VERSION, ...facts };
    writeFileSync(path, JSON.stringify(line) + "\n");
    return new PeersRecord(path, facts);
  }

  /** Takes a file up again; a last line that was not written to its end is left out. */
  static resume(path: string): PeersRecord {
    const lines = readFileSync(path, "utf8").split("\n").flatMap(parseLine);
    const [head, ...rest] = lines;
    if (head?.kind !== "run") throw new Error(`Cannot resume "${path}": it holds no run`);
    if (head.v !== VERSION) throw new Error(`Cannot resume "${path}": its version is ${head.v}`);
    const { kind: _, v: __, ...facts } = head;
    const record = new PeersRecord(path, facts);
    for (const line of rest) {
      record.#take(line);
    }
    appendFileSync(path, "\n"); // What was cut off must not spoil the next line.
    return record;
  }

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** Cells that could not be measured at all: one that went well later is none. */
  get failures(): readonly Failure[] {
    return [...this.#failures.values()];
  }

  has(cell: Cell, round: number): boolean {
    const key = cellKey(cell);
    const passes = this.#samples.filter((sample) => sample.cell === key && sample.round === round);
    return passes.length === (cell.isRunTwice ? 2 : 1);
  }

  /** All passes of one round together. */
  add(samples: readonly Sample[]): void {
    for (const sample of samples) this.#keep(sample);
    const lines = samples.map((sample): Line => ({ kind: "sample", ...sample }));
    appendFileSync(this.path, lines.map((line) => JSON.stringify(line) + "\n").join(""));
  }

  fail(failure: Failure): void {
    this.#failures.set(failure.cell, failure);
    const line: Line = { kind: "failure", ...failure };
    appendFileSync(this.path, JSON.stringify(line) + "\n");
  }

  #take({ kind, ...rest }: Line): void {
    if (kind === "sample") this.#keep(rest as Sample);
    else if (kind === "failure") this.#failures.set((rest as Failure).cell, rest as Failure);
  }

  #keep({ cell, round, pass, ...rest }: Sample): void {
    this.#failures.delete(cell);
    const isSame = (other: Sample) =>
      other.cell === cell && other.round === round && other.pass === pass;
    const index = this.#samples.findIndex(isSame);
    const sample = { cell, round, pass, ...rest };
    if (index < 0) this.#samples.push(sample);
    else this.#samples[index] = sample;
  }
}

function parseLine(text: string): Line[] {
  try {
    return [JSON.parse(text)];
  } catch {
    return []; // Empty, or cut off when the benchmark was ended.
  }
}

/** What a cell came to over its rounds. */
export interface Figures {
  readonly runs: number;
  readonly bytesPerSecond: number;
  readonly filesPerSecond: number;
  /** Without starting and connecting; null for tools that do not tell. */
  readonly insideBytesPerSecond: number | null;
  /** Part of all the cores' time that both ends used while bytes moved. */
  readonly busyRatio: number | null;
  readonly bytes: number;
  readonly files: number;
  readonly seconds: number;
  readonly chose: string;
}

/** Medians of a cell's samples; null when there is none. */
export function figuresOf(
  samples: readonly Sample[],
  { cell, pass, cores }: { readonly cell: string; readonly pass: Pass; readonly cores: number },
): Figures | null {
  const own = samples.filter((sample) => sample.cell === cell && sample.pass === pass);
  const last = own.at(-1);
  if (last === undefined) return null;
  return {
    runs: own.length,
    bytesPerSecond: median(own.map(({ bytes, seconds }) => bytes / seconds)),
    filesPerSecond: median(own.map(({ files, seconds }) => files / seconds)),
    insideBytesPerSecond: medianOrNull(
      own,
      ({ bytes, insideSeconds }) => insideSeconds === null ? null : bytes / insideSeconds,
    ),
    busyRatio: medianOrNull(
      own,
      ({ cpuSeconds, insideSeconds }) =>
        cpuSeconds === null || insideSeconds === null ? null : cpuSeconds / insideSeconds / cores,
    ),
    bytes: last.bytes,
    files: last.files,
    seconds: median(own.map(({ seconds }) => seconds)),
    chose: last.chose,
  };
}

function medianOrNull(
  samples: readonly Sample[],
  pick: (sample: Sample) => number | null,
): number | null {
  const values = samples.map(pick).filter((value) => value !== null);
  return values.length === 0 ? null : median(values);
}
