// What a dry run tells its user, on either end: a line for each entry and what it would all come to.

import { type ErrorCode, toldCode } from "../base/errors.ts";
import type { Entry, EntryKind, PlanAction, PlanStep } from "../wire/messages.ts";
import { Queue } from "./queue.ts";
import { deletedThing } from "./report.ts";

/** What would become of one entry. */
export interface PlanLine {
  readonly path: string;
  /** Of what is left out or would be deleted only directories are told apart, if that. */
  readonly kind: EntryKind;
  readonly sizeBytes: number;
  readonly action: PlanAction | "delete";
  /** With `fail` only. */
  readonly code?: ErrorCode;
  readonly message?: string;
  /** The other end said so: its text is to be escaped. */
  readonly remote: boolean;
}

/** What a dry run came to: what a real one would, as far as is known. */
export interface PlanResult {
  /** Entries of the manifest. */
  readonly entries: number;
  /** Files that would be in place, and their bytes. */
  readonly files: number;
  readonly bytes: number;
  /** Of the bytes, those of files that are in place. */
  readonly reusedBytes: number;
  /** Entries that would be made, replaced, or given another mode or time. */
  readonly changed: number;
  /** Files whose content would have to be compared first; none of them counts as changed. */
  readonly undecided: number;
  readonly deleted: number;
  readonly failed: number;
  /** Why the first one would fail; null when none would. */
  readonly firstFailure: { readonly code: ErrorCode; readonly message: string } | null;
}

/** Counts lines as they come and keeps them until they are polled. */
export class PlanLog {
  readonly #lines = new Queue<PlanLine>();
  readonly #notices: string[] = [];
  #counts: { -readonly [K in keyof PlanResult]: PlanResult[K] } = {
    entries: 0,
    files: 0,
    bytes: 0,
    reusedBytes: 0,
    changed: 0,
    undecided: 0,
    deleted: 0,
    failed: 0,
    firstFailure: null,
  };

  /** All lines so far. */
  get result(): PlanResult {
    return { ...this.#counts };
  }

  /** What would become of an entry; `remote` when the other end said so. */
  step(
    { path, kind, sizeBytes }: Pick<Entry, "path" | "kind" | "sizeBytes">,
    step: PlanStep & { readonly remote: boolean },
  ): void {
    const { action, remote } = step;
    const counts = this.#counts;
    counts.entries++;
    if (action === "fail") return this.#fail({ path, kind, sizeBytes }, step);
    this.#lines.add({ path, kind, sizeBytes, action, remote });
    if (kind === "file") {
      counts.files++;
      counts.bytes += sizeBytes;
      if (action === "unchanged" || action === "update") counts.reusedBytes += sizeBytes;
    }
    if (action === "compare") counts.undecided++;
    else if (action !== "unchanged" && action !== "skip") counts.changed++;
  }

  /** Something that is no entry would fail: what is left out, or could not be deleted. */
  failure(
    { path, code, message, remote }: {
      readonly path: string;
      readonly code: string;
      readonly message: string;
      readonly remote: boolean;
    },
  ): void {
    this.#fail({ path, kind: "file", sizeBytes: 0 }, { code, message, remote });
  }

  /** It would be removed; a directory's path ends with `/`. */
  deletion(path: string, { remote }: { readonly remote: boolean }): void {
    this.#counts.deleted++;
    this.#lines.add({ ...deletedThing(path), action: "delete", remote });
  }

  notice(message: string): void {
    this.#notices.push(message);
  }

  /** The next line, or null. */
  pollLine(): PlanLine | null {
    return this.#lines.take();
  }

  /** Something the user is to hear once, or null. */
  pollNotice(): string | null {
    return this.#notices.shift() ?? null;
  }

  #fail(
    shown: Pick<PlanLine, "path" | "kind" | "sizeBytes">,
    { code: given = "", message = "", remote }: Omit<PlanStep, "action"> & {
      readonly remote: boolean;
    },
  ): void {
    const code = toldCode(given, "failed");
    this.#counts.failed++;
    this.#counts.firstFailure ??= { code, message };
    this.#lines.add({ ...shown, action: "fail", code, message, remote });
  }
}
