// A target in a worker of its own, watched from outside: the case that runs is known by a number that
// both sides see, so that one that never ends, or takes the whole worker with it, is named.

import { type Findings, fuzz, type FuzzOptions } from "./fuzzing.ts";
import { Tally } from "./target.ts";
import { allTargets } from "./targets.ts";

/** Beyond the time that it has, a target may finish a case. */
const PATIENCE_MS = 180_000;

interface Job {
  readonly name: string;
  readonly options: FuzzOptions;
  /** The seed of the case that runs. */
  readonly at: Int32Array<SharedArrayBuffer>;
}

type Report = Omit<Findings, "tally"> & { readonly tally: readonly (readonly [string, number])[] };

/** As `fuzz`, of the target of that name. */
export async function fuzzInWorker(name: string, options: FuzzOptions): Promise<Findings> {
  const at = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(import.meta.url, { type: "module", name: `fuzz ${name}` });
  const startMs = performance.now();
  const { promise, resolve } = Promise.withResolvers<Findings>();
  const lost = (said: string) => {
    const failure = { seed: at[0]! >>> 0, said };
    const seconds = (performance.now() - startMs) / 1000;
    resolve({ name, cases: 0, seconds, tally: new Tally(), failure });
  };
  const timer = setTimeout(() => lost("it does not end"), options.forMs + PATIENCE_MS);
  worker.onmessage = ({ data }: MessageEvent<Report>) => {
    const tally = new Tally();
    for (const [what, count] of data.tally) tally.add(what, count);
    resolve({ ...data, tally });
  };
  worker.onerror = (event) => {
    event.preventDefault();
    lost(`the worker died: ${event.message}`);
  };
  try {
    worker.postMessage({ name, options, at } satisfies Job);
    return await promise;
  } finally {
    clearTimeout(timer);
    worker.terminate();
  }
}

async function runJob({ name, options, at }: Job): Promise<Report> {
  const target = (await allTargets()).find((one) => one.name === name);
  if (target === undefined) throw new RangeError(`Cannot fuzz "${name}": there is no such target`);
  const onCase = (seed: number) => Atomics.store(at, 0, seed | 0);
  const { tally, ...rest } = await fuzz(target, { ...options, onCase });
  return { ...rest, tally: tally.entries() };
}

/** Only there does a message come to the module itself. */
const scope = globalThis as unknown as {
  readonly DedicatedWorkerGlobalScope?: unknown;
  onmessage: ((event: MessageEvent<Job>) => void) | null;
  postMessage(report: Report): void;
};
if (scope.DedicatedWorkerGlobalScope !== undefined) {
  scope.onmessage = ({ data }) => {
    runJob(data).then((report) => scope.postMessage(report));
  };
}
