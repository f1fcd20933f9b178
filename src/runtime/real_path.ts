// Whether a directory is where its path says: no link in it, as far as can be seen at this moment.

import * as fs from "node:fs";
import { resolve } from "node:path";
import process from "node:process";

/** True as well where nothing is to be seen: the call that follows says what is missing. */
export function isRealPath(directory: string): boolean {
  try {
    return isSpelled(fs.realpathSync.native(directory), resolve(directory));
  } catch (thrown) {
    return !(thrown instanceof Error && "code" in thrown && thrown.code === "ELOOP");
  }
}

/** Whether a real path is the one that was asked for: other systems tell it as the disk spells it. */
function isSpelled(real: string, asked: string): boolean {
  if (real === asked) return true;
  return process.platform !== "linux" && folded(real) === folded(asked);
}

function folded(path: string): string {
  return path.normalize("NFC").toLowerCase();
}
