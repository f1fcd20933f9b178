// Processor seconds of a process by the name of its threads, as Linux tells them; empty elsewhere.
// The first thread of a Deno process runs the program and its QUIC, `worker-N` are its workers.

import { readdirSync, readFileSync } from "node:fs";

/** USER_HZ: what the kernel counts a thread's times in. */
const TICKS_PER_SECOND = 100;

/** Seconds by name; threads of one name are added up. */
export function threadSeconds(pid: number): ReadonlyMap<string, number> {
  const seconds = new Map<string, number>();
  for (const id of threadIds(pid)) {
    const stat = statOf(`/proc/${pid}/task/${id}/stat`);
    if (stat === null) continue;
    const name = id === String(pid) ? "main" : stat.name;
    seconds.set(name, (seconds.get(name) ?? 0) + stat.ticks / TICKS_PER_SECOND);
  }
  return seconds;
}

/** `main 2.1, worker-2 0.4`: the busiest first, those of next to nothing left out. */
export function showThreads(seconds: ReadonlyMap<string, number>, gigabytes: number): string {
  return [...seconds]
    .map(([name, spent]) => ({ name, perGigabyte: spent / gigabytes }))
    .filter(({ perGigabyte }) => perGigabyte >= 0.05)
    .sort((a, b) => b.perGigabyte - a.perGigabyte)
    .map(({ name, perGigabyte }) => `${name} ${perGigabyte.toFixed(2)}`)
    .join(", ");
}

/** Name and ticks in a line of `stat`; the name stands in parentheses and may hold some itself. */
export function parseStat(line: string): { readonly name: string; readonly ticks: number } {
  const end = line.lastIndexOf(")");
  const fields = line.slice(end + 2).split(" ");
  return {
    name: line.slice(line.indexOf("(") + 1, end),
    ticks: Number(fields[11]) + Number(fields[12]),
  };
}

function threadIds(pid: number): readonly string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function statOf(path: string): ReturnType<typeof parseStat> | null {
  try {
    return parseStat(readFileSync(path, "latin1"));
  } catch {
    return null;
  }
}
