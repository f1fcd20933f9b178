// The directory a server serves: made where it may be written to, and a real one in any case.

import { mkdir, realpath, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import { osCode, osError } from "../base/os_error.ts";

/** Its real path. Throws `io` and the like. */
export async function openServedRoot(
  given: string,
  { create }: { readonly create: boolean },
): Promise<string> {
  const path = resolve(given);
  const action = `serve "${escapeText(given)}"`;
  try {
    if (create) await mkdir(path, { recursive: true });
    const real = await realpath(path);
    if ((await stat(real)).isDirectory()) return real;
  } catch (error) {
    const isFile = osCode(error) === "EEXIST" || osCode(error) === "ENOTDIR";
    if (!isFile) throw osError(error, action, { scope: path });
  }
  throw new SftpxError("io", `Cannot ${action}: it is not a directory`);
}
