// What becomes of one whole file of a transfer: its part is put in place, or what stands there is the
// same and is kept. Answers the record to be made, and whether anything changed.

import { SftpxError } from "../base/errors.ts";
import type { Stamp } from "../wire/messages.ts";
import type { OpenFile } from "./chunk_journal.ts";
import { growthOf, requireCompared } from "./append_only.ts";
import { commitFile, keepFile, type KeptFile, type Place } from "./commit.ts";
import { isSameEmptyFile, stampOf } from "./disk.ts";
import type { JournalReader } from "./journal.ts";
import type { CommittedRow } from "./journal_rows.ts";
import type { ModeChange } from "./registered_modes.ts";
import type { PartsRun } from "./parts.ts";
import type { ReceiveTransfer, WholeFile } from "./store.ts";

export interface FileContext {
  readonly transfer: ReceiveTransfer;
  readonly run: PartsRun;
  readonly place: Place;
  readonly journal: JournalReader;
}

/** A file that was put or kept in place. */
export interface Committed {
  readonly entry: number;
  readonly row: CommittedRow;
  /** It was made, replaced, or given another mode or time. */
  readonly changed: boolean;
  /** Its bytes are of this transfer; else what stood there was kept. */
  readonly isPut: boolean;
}

export function commitWhole(
  { entry, digest, synced, keep, begins = null }: WholeFile,
  file: OpenFile,
  context: FileContext,
): Committed {
  // A part that outlived the state and is whole as it is was compared, not what stands there.
  const kept = keep && !file.isStray
    ? keepStanding(entry, file, context)
    : keepEmpty(file, context) ?? keepBegun(file, begins, context);
  // Of an empty file there are no bytes that a power loss could take.
  const isSynced = (synced && !keep) || file.sizeBytes === 0;
  const { stamp, changed } = kept ??
    { stamp: replace(file, { synced: isSynced, begins }, context), changed: true };
  const { final: path, mtimeNs } = file;
  const { chunkBytes } = context.transfer;
  const row = { path, digest, chunkBytes, mtimeNs, stamp };
  return { entry, row, changed, isPut: kept === null };
}

/** Gives a file that is in place by our own record the manifest's mode. */
export function changeMode(change: ModeChange, { transfer, place }: FileContext): Committed {
  const { entry, final: path, mode, mtimeNs, digest, standing } = change;
  const { writeOnce, chunkBytes } = transfer;
  const { stamp, changed } = keepFile({ path, mode, mtimeNs, standing, writeOnce }, place);
  return { entry, row: { path, digest, chunkBytes, mtimeNs, stamp }, changed, isPut: false };
}

function keepStanding(entry: number, file: OpenFile, { transfer, place }: FileContext): KeptFile {
  const { final: path, mode, mtimeNs, standing } = file;
  if (standing === null) {
    throw new SftpxError("internal", `Cannot keep entry ${entry}: nothing stands there`);
  }
  const { writeOnce } = transfer;
  return keepFile({ path, mode, mtimeNs, standing, writeOnce }, place);
}

/** An empty file is never compared: if one like it stands there, nothing is to be done. */
function keepEmpty(file: OpenFile, { place }: FileContext): KeptFile | null {
  if (file.sizeBytes !== 0) return null;
  const stat = place.door.look(file.final);
  if (stat === null || !isSameEmptyFile(stat, file)) return null;
  return { stamp: stampOf(stat), changed: false };
}

/** Under an append-only grant: a file that was compared, and has nothing to add. */
function keepBegun(
  file: OpenFile,
  begins: Stamp | null,
  { transfer, run, place: { disk, door }, journal }: FileContext,
): KeptFile | null {
  if (!transfer.appendOnly) return null;
  const growth = growthOf(file, { begins, door, rules: transfer, journal });
  if (growth.kind !== "kept") return null;
  disk.remove(run.pathOf(file.part));
  return growth.kept;
}

function replace(
  file: OpenFile,
  { synced, begins }: { readonly synced: boolean; readonly begins: Stamp | null },
  { transfer, run, place, journal }: FileContext,
): Stamp {
  const { final: path, part: name, sizeBytes, mode, mtimeNs } = file;
  const part = run.pathOf(name);
  const { writeOnce } = transfer;
  const whole = { path, part, sizeBytes, mode, mtimeNs, synced, writeOnce };
  if (!transfer.appendOnly) return commitFile(whole, place);
  const { door } = place;
  const growth = growthOf(file, { begins, door, rules: transfer, journal });
  if (growth.kind !== "grown") return commitFile(whole, place);
  // A mode that a power loss takes back would be the part's: it is synced, as under write-once.
  const require = () => requireCompared(path, growth.over, door);
  return commitFile(
    { ...whole, mode: growth.mode, synced: false, writeOnce: false, require },
    place,
  );
}
