// Flags of scp and rsync that whoever comes from there types without a thought: what they ask for is
// done anyway, and an error says so. `send` and `get` have none of them.

import type { CommandName } from "./commands.ts";
import { FLAGS } from "./flags.ts";

const WHOLE = "directories go whole with modes and times";
const SHOWN = "progress is shown";
const SHRUNK = "what shrinks is compressed";
const RESUMED = "what was broken off goes on";
const LINKED = "links stay links";
const PORT = "a port stands in the URL";

/** What is so without the flag. */
const FAMILIAR: ReadonlyMap<string, readonly string[]> = new Map([
  ["-a", [WHOLE]],
  ["-p", [WHOLE]],
  ["-r", [WHOLE]],
  ["-t", [WHOLE]],
  ["-l", [LINKED]],
  ["-z", [SHRUNK]],
  ["-C", [SHRUNK]],
  // The progress of rsync, and the port of scp.
  ["-P", [SHOWN, PORT]],
  ["--archive", [WHOLE]],
  ["--recursive", [WHOLE]],
  ["--perms", [WHOLE]],
  ["--times", [WHOLE]],
  ["--progress", [SHOWN]],
  ["--partial", [RESUMED]],
  ["--port", [PORT]],
]);

/** Letters that stand in a cluster with those. */
const OWN: readonly string[] = FLAGS.flatMap((flag) => "short" in flag ? [`-${flag.short}`] : []);

/** What an error adds for such a flag, or such letters together; null for any other, or no transfer. */
export function familiarHint(written: string, command: CommandName | null): string | null {
  if (command !== "send" && command !== "get") return null;
  const flags = /^-[a-z]+$/i.test(written)
    ? Array.from(written.slice(1), (letter) => `-${letter}`)
    : [written];
  const said = new Set<string>();
  for (const flag of flags) {
    const familiar = FAMILIAR.get(flag);
    if (familiar === undefined && !OWN.includes(flag)) return null;
    for (const text of familiar ?? []) said.add(text);
  }
  return said.size === 0 ? null : `${[...said].join(" and ")}, without a flag`;
}
