// The bits that new files of this process do not get (umask), where the system tells them without
// changing them for a moment: `process.umask()` does, for all threads at once.

import * as fs from "node:fs";
import process from "node:process";

/** What Deno asks to be granted before anything below /proc is read; one missing, and it would prompt. */
const ALL = ["read", "write", "net", "env", "sys", "ffi", "run", "import"] as const;

/** The process's file mask; null where it cannot be told. */
export function fileMask(): number | null {
  if (process.platform !== "linux" || !mayReadAll()) return null;
  try {
    const found = /^Umask:\s*([0-7]+)$/m.exec(fs.readFileSync("/proc/self/status", "utf8"))?.[1];
    return found === undefined ? null : parseInt(found, 8);
  } catch {
    return null; // No /proc here.
  }
}

function mayReadAll(): boolean {
  if (typeof Deno === "undefined") return true;
  return ALL.every((name) =>
    Deno.permissions.querySync({ name } as Deno.PermissionDescriptor).state === "granted"
  );
}
