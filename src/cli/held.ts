// What is held of transfers that broke off, as rows for a person and as fields for a program: `status`
// shows it and `clean` removes it.

import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { osCode } from "../base/os_error.ts";
import type { Resumable } from "../session/status.ts";
import { identityName } from "../trust/identity.ts";
import type { HeldFields } from "./json_line.ts";
import { namedError } from "./named_error.ts";
import { shown } from "./shown.ts";
import { formatBytes, formatCount, formatDuration } from "./units.ts";
import { usageError } from "./usage_error.ts";
import { utcTime } from "./ui/listing.ts";

/** Enough of an identity to tell peers apart by eye; `--json` and `--verbose` have all of it. */
const PEER_CHARS = 12;
/** Sources named before the rest is counted. */
const SOURCES_SHOWN = 3;

/** A place that is not there holds nothing because of a slip, not because all is done. */
export async function checkRoot(root: string): Promise<void> {
  const attempt = `look into "${shown(root)}"`;
  await stat(`${root}/.`).catch((thrown: unknown) => {
    if (osCode(thrown) === "ENOTDIR") throw usageError(attempt, "it is no directory", thrown);
    throw namedError(thrown, attempt, { scope: resolve(root) });
  });
}

/** Who sends what where: the first cells of a row. */
export function transferCells(
  item: Resumable,
  { verbose }: { readonly verbose: boolean },
): readonly string[] {
  const { peer, destination } = item;
  const name = identityName(peer);
  return [
    verbose ? name : name.slice(0, PEER_CHARS),
    sourcesOf(item),
    destination === "" ? "." : shown(destination),
  ];
}

/** Time since it was last worked on, in whole seconds; a clock that was set back makes it 0. */
function ageMsOf({ touchedNs }: Resumable, nowMs: number): number {
  return Math.max(0, Math.floor((nowMs - Number(touchedNs / 1_000_000n)) / 1000)) * 1000;
}

/** The age as a cell. */
export function ageCell(item: Resumable, nowMs: number): string {
  return formatDuration(ageMsOf(item, nowMs)).replace(/^0 ms$/, "0 s");
}

/** As a line of `--json` has it. */
export function heldFields(item: Resumable, nowMs: number): HeldFields {
  const { given, moreGiven = 0, destination, files, heldBytes, totalBytes } = item;
  return {
    peer: identityName(item.peer),
    sources: given,
    ...(moreGiven > 0 ? { moreSources: moreGiven } : {}),
    destination,
    files,
    heldBytes,
    totalBytes,
    started: utcTime(item.startedNs),
    lastWorkedOn: utcTime(item.touchedNs),
    ageSeconds: ageMsOf(item, nowMs) / 1000,
  };
}

/** How many, and the bytes held of them: `2 transfers, 1.20 GB`. */
export function amountOf(items: readonly Resumable[]): string {
  const bytes = items.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  return `${transfers(items.length)}, ${formatBytes(bytes)}`;
}

/** `1 transfer`, `2 transfers`. */
export function transfers(count: number): string {
  return `${formatCount(count)} ${count === 1 ? "transfer" : "transfers"}`;
}

function sourcesOf({ given, moreGiven = 0 }: Resumable): string {
  const names = given.slice(0, SOURCES_SHOWN).map((name) => name === "" ? "." : shown(name));
  const more = given.length - names.length + moreGiven;
  return names.join(", ") + (more > 0 ? ` and ${formatCount(more)} more` : "");
}
