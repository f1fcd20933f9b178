// `sftpx status [ROOT]`: what broke off under a directory and can be resumed, or is under way.

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { WorkerUrls } from "../session/options.ts";
import { resumableIn } from "../session/status.ts";
import { identityName } from "../trust/identity.ts";
import type { StatusCommand } from "./command.ts";
import type { CommandContext, Run } from "./context.ts";
import { namedError } from "./named_error.ts";
import { shown } from "./shown.ts";
import { formatBytes, formatCount, formatDuration } from "./units.ts";
import { usageError } from "./usage_error.ts";
import { utcTime } from "./ui/listing.ts";
import { tableLines } from "./ui/table.ts";

type Resumable = Awaited<ReturnType<typeof resumableIn>>[number];

const HEAD = ["PEER", "SOURCES", "INTO", "DONE", "FILES", "BEGUN", "STATE"] as const;
/** Enough of an identity to tell peers apart by eye; `--json` and `--verbose` have all of it. */
const PEER_CHARS = 12;
/** Sources named before the rest is counted. */
const SOURCES_SHOWN = 3;

/** The command's run function. */
export function statusCommand(workers: WorkerUrls): Run<StatusCommand> {
  return async ({ root }: StatusCommand, context: CommandContext) => {
    await checkRoot(root);
    const found = await resumableIn(resolve(root), { workers });
    const { json, stdout, terminal } = context;
    if (json !== null) {
      for (const item of found) json.tell("resumable", fieldsOf(item));
      json.tell("end", { ok: true, count: found.length, failed: 0 });
      return 0;
    }
    if (found.length === 0) {
      terminal.line(`nothing to resume in ${shown(root)}`);
      return 0;
    }
    const rows = found.map((item) => rowOf(item, context));
    for (const line of tableLines(rows, { head: HEAD, right: [4] })) stdout.write(`${line}\n`);
    terminal.line("run the same command again, and a transfer goes on where it broke off");
    return 0;
  };
}

/** A place that is not there has nothing to resume because of a slip, not because all is done. */
async function checkRoot(root: string): Promise<void> {
  const attempt = `look into "${shown(root)}"`;
  const found = await stat(root).catch((thrown: unknown) => {
    throw namedError(thrown, attempt);
  });
  if (!found.isDirectory()) throw usageError(attempt, "it is no directory");
}

function rowOf(item: Resumable, { terminal, nowMs }: CommandContext): readonly string[] {
  const peer = identityName(item.peer);
  const ageMs = Math.max(0, nowMs() - Number(item.startedNs / 1_000_000n));
  return [
    terminal.verbose ? peer : peer.slice(0, PEER_CHARS),
    sourcesOf(item.given),
    item.destination === "" ? "." : shown(item.destination),
    doneOf(item),
    formatCount(item.files),
    `${formatDuration(ageMs)} ago`,
    item.running ? "running" : "can resume",
  ];
}

function sourcesOf(given: readonly string[]): string {
  const names = given.slice(0, SOURCES_SHOWN).map((name) => name === "" ? "." : shown(name));
  const more = given.length - names.length;
  return names.join(", ") + (more > 0 ? ` and ${formatCount(more)} more` : "");
}

function doneOf({ heldBytes, totalBytes }: Resumable): string {
  const percent = totalBytes > 0 ? ` (${Math.floor((heldBytes / totalBytes) * 100)}%)` : "";
  return `${formatBytes(heldBytes)} of ${formatBytes(totalBytes)}${percent}`;
}

function fieldsOf(item: Resumable) {
  const { given, destination, files, heldBytes, totalBytes, running } = item;
  return {
    peer: identityName(item.peer),
    sources: given,
    destination,
    files,
    heldBytes,
    totalBytes,
    running,
    started: utcTime(item.startedNs),
  };
}
