// The bits that new files of this process do not get (umask), where the system tells them without
// changing them for a moment: `process.umask()` does, for all threads at once.

import * as fs from "node:fs";
import process from "node:process";
import { mayDoEverything } from "./place_permission.ts";

/** The process's file mask; null where it cannot be told. */
export function fileMask(): number | null {
  // What it says lies below /proc.
  if (process.platform !== "linux" || !mayDoEverything()) return null;
  try {
    const found = /^Umask:\s*([0-7]+)$/m.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1];
    return found === undefined ? null : parseInt(found, 8);
  } catch {
    return null; // No /proc here.
  }
}
