// Puts the whole files of one transfer in place, some at a time: durable together first, then each under
// its name (I1), then recorded. A file that cannot be placed fails alone. The manifest is whole by then,
// and its directories are placed.

import { SftpxError } from "../base/errors.ts";
import { osError } from "../base/os_error.ts";
import type { EntryFailure } from "../wire/messages.ts";
import { comparisonOf } from "./append_only.ts";
import type { ChunkJournal } from "./chunk_journal.ts";
import { type Committed, commitWhole } from "./commit_whole.ts";
import { failureOf, type PlacingContext } from "./placing.ts";
import type { Charge } from "./quota.ts";
import type { Comparison, Outcome, WholeFile } from "./store.ts";

export interface CommitContext extends PlacingContext {
  readonly chunks: ChunkJournal;
  /** What the peer is charged for; null where nobody is. */
  readonly charge: Charge | null;
}

export class Committing {
  readonly #context: CommitContext;

  constructor(context: CommitContext) {
    this.#context = context;
  }

  commit(files: readonly WholeFile[], leaveOut: readonly number[]): Outcome {
    const done: Committed[] = [];
    const failures: EntryFailure[] = [];
    const compare: Comparison[] = [];
    const synced = this.#syncSmall(files);
    for (const whole of files) {
      try {
        const comparison = this.#comparisonOf(whole);
        if (comparison !== null) compare.push(comparison);
        else done.push(this.#commitOne(synced.has(whole) ? { ...whole, synced: true } : whole));
      } catch (thrown) {
        failures.push(failureOf(whole.entry, thrown));
      }
    }
    // In place or failed: neither is what a resume is to begin with.
    this.#context.register.frontier.leaveOut([...leaveOut, ...files.map(({ entry }) => entry)]);
    this.#record(done);
    const changed = done.filter((one) => one.changed).map(({ entry }) => entry);
    const outcome = { committed: done.map(({ entry }) => entry), changed, failures };
    return compare.length === 0 ? outcome : { ...outcome, compare };
  }

  /** Under an append-only grant: what is to be read before a file may replace another. */
  #comparisonOf(whole: WholeFile): Comparison | null {
    const { transfer, journal, run, register, place: { door } } = this.#context;
    const file = register.files.get(whole.entry);
    if (!transfer.appendOnly || file === undefined) return null;
    const part = run.pathOf(file.part);
    return comparisonOf(whole, { file, part, door, rules: transfer, journal });
  }

  /** Makes the files of one chunk durable together, before any of them is named (I1); answers which. */
  #syncSmall(files: readonly WholeFile[]): ReadonlySet<WholeFile> {
    const { transfer, register, chunks } = this.#context;
    const small = files.filter(({ entry, synced, keep }) => {
      const sizeBytes = register.files.get(entry)?.sizeBytes ?? 0;
      return !synced && !keep && sizeBytes > 0 && sizeBytes <= transfer.chunkBytes;
    });
    return new Set(chunks.syncTogether(small.length) ? small : []);
  }

  #commitOne(whole: WholeFile): Committed {
    const { register, place, touched } = this.#context;
    const file = register.files.get(whole.entry);
    if (file === undefined) {
      throw new SftpxError("internal", `Cannot commit entry ${whole.entry}: it is not open`);
    }
    const committed = commitWhole(whole, file, this.#context);
    touched.add(place.door.parentOf(file.final));
    return committed;
  }

  /** After the renames: a record that a crash loses costs a re-hash, one too many would lie. */
  #record(committed: readonly Committed[]): void {
    if (committed.length === 0) return;
    const { transfer, journal, register, chunks, charge } = this.#context;
    try {
      journal.transaction(() => {
        chunks.touch();
        const { key: by, account = null } = transfer;
        const [put, kept] = [{ by, account }, { by }];
        for (const { entry, row, isPut } of committed) {
          journal.addCommitted(row, isPut ? put : kept);
          const part = register.files.get(entry)?.row ?? null;
          if (part !== null) journal.dropPart(part);
        }
      });
    } catch (thrown) {
      throw osError(thrown, "record committed files");
    }
    for (const { entry, isPut } of committed) {
      const file = register.files.get(entry);
      if (file !== undefined) charge?.settle(file, { isPut });
      register.files.delete(entry);
    }
  }
}
