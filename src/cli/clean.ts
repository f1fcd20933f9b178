// `sftpx clean [ROOT]`: gives up what broke off under a directory, and the room it holds. What runs is
// left alone, and so is every file under its final name.

import { resolve } from "node:path";
import type { WorkerUrls } from "../session/options.ts";
import { cleanIn, type Resumable, resumableIn } from "../session/status.ts";
import type { CleanCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { ageCell, amountOf, checkRoot, heldFields, transferCells, transfers } from "./held.ts";
import { shown } from "./shown.ts";
import { formatBytes } from "./units.ts";
import { tableLines } from "./ui/table.ts";

const HEAD = ["PEER", "SOURCES", "INTO", "HELD", "AGE"] as const;

/** The command's run function. */
export function cleanCommand(workers: WorkerUrls): Run<CleanCommand> {
  return async (command: CleanCommand, context: CommandContext) => {
    const { root, olderThanMs, dryRun } = command;
    const { json, stdout, terminal, nowMs } = context;
    await checkRoot(root);
    const beforeNs = olderThanMs === null ? null : BigInt(nowMs() - olderThanMs) * 1_000_000n;
    const place = resolve(root);
    const gone = await cleanIn(place, { workers, beforeNs, dryRun });
    if (json !== null) {
      for (const item of gone) json.tell("cleaned", { ...heldFields(item, nowMs()), dryRun });
      json.tell("end", { ok: true, count: gone.length, failed: 0 });
      return 0;
    }
    const rows = gone.map((item) => rowOf(item, context));
    if (rows.length > 0) {
      for (const line of tableLines(rows, { head: HEAD, right: [3] })) stdout.write(`${line}\n`);
    }
    const left = (await resumableIn(place, { workers })).length - (dryRun ? gone.length : 0);
    terminal.line(verdict(command, { gone, left }));
    return 0;
  };
}

function rowOf(item: Resumable, { terminal, nowMs }: CommandContext): readonly string[] {
  const { heldBytes } = item;
  return [...transferCells(item, terminal), formatBytes(heldBytes), ageCell(item, nowMs())];
}

/** What went, and that something stayed: what runs, and what is younger than asked for. */
function verdict(
  { root, dryRun }: CleanCommand,
  { gone, left }: { readonly gone: readonly Resumable[]; readonly left: number },
): string {
  const stays = left <= 0 ? "" : `; ${transfers(left)} ${left === 1 ? "stays" : "stay"}`;
  if (gone.length === 0) return `nothing to clean in ${shown(root)}${stays}`;
  return `${dryRun ? "would remove" : "removed"} ${amountOf(gone)}${stays}`;
}
