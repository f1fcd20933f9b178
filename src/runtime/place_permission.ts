// Whether a place may be read or written with all that is below it. Foreign functions ask nobody, so who
// goes by them (beneath.ts, small_files.ts) asks here before: they do nothing that the runtime itself would
// refuse. Its own answer is not enough for that. What lies in the places of the system Deno opens for a
// program that may do everything and for no other, and yet calls it granted where all may be read.

import { isAbsolute, normalize } from "node:path";
import { isDeno, isSystemPlace } from "./runtime.ts";

/** What Deno asks to be granted before it opens anything in a place of the system. */
const EVERYTHING = ["read", "write", "net", "env", "sys", "ffi", "run", "import"] as const;

/** Whether a file, or a directory and all that is below it, may be read without a question. */
export function mayReadBelow(path: string): boolean {
  return isWholly({ name: "read", path });
}

/** Whether a file, or a directory and all that is below it, may be written without a question. */
export function mayWriteBelow(path: string): boolean {
  return isWholly({ name: "write", path });
}

/** Whether this program may do everything, so that the system's places are open to it as well. */
export function mayDoEverything(): boolean {
  return EVERYTHING.every((name) => allGranted({ name } as Deno.PermissionDescriptor));
}

function isWholly(descriptor: Deno.PermissionDescriptor & { readonly path: string }): boolean {
  if (!allGranted(descriptor)) return false;
  return !reachesSystem(descriptor.path) || mayDoEverything();
}

/** Whether something at a path, as it is written, or below it is in a place of the system. */
function reachesSystem(path: string): boolean {
  const place = normalize(path);
  // Where a relative one leads is not asked: the answer for it is the careful one.
  return !isAbsolute(place) || place === "/" || isSystemPlace(place);
}

/** Whether something is allowed without a question, and nothing of it is denied. */
function allGranted(descriptor: Deno.PermissionDescriptor): boolean {
  if (!isDeno()) return true;
  const { state, partial } = Deno.permissions.querySync(descriptor);
  return state === "granted" && !partial;
}
