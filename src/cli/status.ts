// `sftpx status [ROOT]`: what broke off under a directory and can be resumed, or is under way.

import { resolve } from "node:path";
import type { WorkerUrls } from "../session/options.ts";
import { type Resumable, resumableIn } from "../session/status.ts";
import type { StatusCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { ageCell, checkRoot, heldFields, transferCells } from "./held.ts";
import { shown } from "./shown.ts";
import { formatBytes, formatCount } from "./units.ts";
import { tableLines } from "./ui/table.ts";

const HEAD = ["PEER", "SOURCES", "INTO", "DONE", "FILES", "AGE"] as const;

/** The command's run function. */
export function statusCommand(workers: WorkerUrls): Run<StatusCommand> {
  return async ({ root }: StatusCommand, context: CommandContext) => {
    await checkRoot(root);
    const found = await resumableIn(resolve(root), { workers });
    const { json, stdout, terminal, nowMs } = context;
    if (json !== null) {
      for (const item of found) {
        json.tell("resumable", { ...heldFields(item, nowMs()), running: item.running });
      }
      json.tell("end", { ok: true, count: found.length, failed: 0 });
      return 0;
    }
    if (found.length === 0) {
      terminal.line(`nothing to resume in ${shown(root)}`);
      return 0;
    }
    const rows = found.map((item) => rowOf(item, context));
    for (const line of tableLines(rows, { head: HEAD, right: [4] })) stdout.write(`${line}\n`);
    if (found.some(({ running }) => !running)) {
      terminal.line("run the same command again, and a transfer goes on where it broke off");
    }
    return 0;
  };
}

function rowOf(item: Resumable, { terminal, nowMs }: CommandContext): readonly string[] {
  return [
    ...transferCells(item, terminal),
    doneOf(item),
    formatCount(item.files),
    item.running ? "running" : ageCell(item, nowMs()),
  ];
}

function doneOf({ heldBytes, totalBytes }: Resumable): string {
  const percent = totalBytes > 0 ? ` (${Math.floor((heldBytes / totalBytes) * 100)}%)` : "";
  return `${formatBytes(heldBytes)} of ${formatBytes(totalBytes)}${percent}`;
}
