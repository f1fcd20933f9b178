// What a process holds at this moment, as Linux tells it; zero elsewhere.

import { readdirSync, readFileSync } from "node:fs";

/** Resident bytes. */
export function residentBytes(pid: number): number {
  return 1024 * statusField(pid, "VmRSS");
}

/** Threads, those of workers included. */
export function threadsOf(pid: number): number {
  return statusField(pid, "Threads");
}

/** Open descriptors. */
export function descriptorsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function statusField(pid: number, name: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    return Number(new RegExp(`^${name}:\\s+([0-9]+)`, "m").exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
