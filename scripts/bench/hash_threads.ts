// Several bare threads at work together: seconds on the clock, and of processors, which tell the same
// on a machine that is busy with something else.

import process from "node:process";
import type { HashJob } from "./hash_thread.ts";

const THREAD = new URL("./hash_thread.ts", import.meta.url);

/** What some work took. */
export interface Spent {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** One thread a job, all of them ready before they begin together. */
export async function spentBy(jobs: readonly HashJob[]): Promise<Spent> {
  const threads = jobs.map(() => new Worker(THREAD, { type: "module" }));
  try {
    await Promise.all(threads.map((thread, index) => told(thread, jobs[index]!)));
    return await spentOn(() => Promise.all(threads.map((thread) => told(thread, "go"))));
  } finally {
    for (const thread of threads) thread.terminate();
  }
}

/** By this program, while something runs in it. */
export async function spentOn(work: () => Promise<unknown>): Promise<Spent> {
  const [startMs, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - startMs) / 1000, cpuSeconds: (user + system) / 1e6 };
}

/** Says something, and waits for the answer. */
function told(thread: Worker, message: HashJob | "go"): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.onmessage = () => resolve();
    thread.onerror = (event) => reject(new Error(event.message));
    thread.postMessage(message);
  });
}
