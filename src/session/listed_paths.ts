// The paths of `--files-from` as a walk takes them: below the one source, in rsync's reading (a leading
// `/` or `./` means nothing). Refuses what no source has, and what climbs out of it.

import { SftpxError } from "../base/errors.ts";
import { pathProblem } from "../base/path.ts";
import { escapeText } from "../base/text.ts";

/** Plain relative paths, none twice; null when the source itself is among them, and so all of it. */
export function listedPaths(given: readonly string[]): readonly string[] | null {
  const paths = new Set<string>();
  for (const path of given) {
    const names = path.split("/").filter((name) => name !== "" && name !== ".");
    if (names.length === 0) return null;
    const plain = names.join("/");
    const problem = pathProblem(plain);
    if (problem !== null) {
      throw new SftpxError("usage", `Cannot list "${escapeText(path)}": ${problem}`);
    }
    paths.add(plain);
  }
  return [...paths];
}
