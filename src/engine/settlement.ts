// The end of a receiving transfer: from files that are whole to a receipt. Holds the manifest's
// root log, lets nothing be placed before the manifest is closed (I1), commits in batches, and
// checks the sender's root before anything is signed (I4).

import { equalBytes } from "../base/bytes.ts";
import { type ErrorCode, SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { RangeSet } from "../base/ranges.ts";
import type { WholeFile } from "../store/store.ts";
import type { Entry, Finish, ManifestEnd, Range } from "../wire/messages.ts";
import type { Hashing } from "./hashing.ts";
import type { ReceiverAction } from "./receive_action.ts";
import type { ReceiveFile } from "./receive_file.ts";
import type { TransferResult } from "./report.ts";
import { RootLog } from "./root.ts";
import { violation } from "./violation.ts";

/** Files one store call commits: large enough for one SQLite transaction to be cheap. */
const COMMIT_BATCH = 256;

type Stage = "open" | "placing" | "placed" | "finishing" | "finished" | "signed" | "confirmed";

export class Settlement {
  readonly #hashing: Hashing;
  readonly #atomic: boolean;
  readonly #log = new RootLog();
  readonly #failed = new Set<number>();
  /** What was asked for and is no entry. */
  #omitted = 0;
  /** Entries the sender called failed: its root leaves them out, whatever became of them here. */
  readonly #peerFailed = new Set<number>();
  /** Entries in place. */
  readonly #settled = new RangeSet();
  readonly #committedEntries = new RangeSet();
  /** Whole and not committed, by entry. */
  readonly #whole = new Map<number, ReceiveFile>();
  readonly #queue: WholeFile[] = [];
  #stage: Stage = "open";
  #committing = false;
  /** Files neither whole nor failed, by entry. */
  readonly #open = new Set<number>();
  #announced = { files: 0, bytes: 0 };
  #closed = false;
  #finish: Finish | null = null;
  #done = { files: 0, bytes: 0 };
  #firstFailure: ErrorCode | null = null;
  #result: TransferResult | null = null;

  constructor({ hashing, atomic }: { hashing: Hashing; atomic: boolean }) {
    this.#hashing = hashing;
    this.#atomic = atomic;
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  get counts(): { filesDone: number; filesTotal: number | null; bytesTotal: number | null } {
    return {
      filesDone: this.#done.files,
      filesTotal: this.#closed ? this.#announced.files : null,
      bytesTotal: this.#closed ? this.#announced.bytes : null,
    };
  }

  /** Set once the sender confirmed the receipt. */
  get confirmed(): TransferResult | null {
    return this.#stage === "confirmed" ? this.#result : null;
  }

  path(index: number): string {
    return this.#log.path(index);
  }

  add(entry: Entry): void {
    const index = this.#log.length;
    this.#log.add(entry);
    if (entry.kind !== "file") return;
    this.#open.add(index);
    this.#announced.files++;
    this.#announced.bytes += entry.sizeBytes;
  }

  closeManifest(end: ManifestEnd): void {
    const { files, bytes } = this.#announced;
    if (
      this.#closed || end.entries !== this.#log.length || end.files !== files || end.bytes !== bytes
    ) {
      throw violation("its end does not count what was announced");
    }
    this.#closed = true;
  }

  /** The sender stands by a file with this digest. */
  seal(index: number, digest: Uint8Array): void {
    if (!this.#log.isFile(index)) throw violation("a file is sealed that was not announced");
    if (this.#log.isComplete(index)) throw violation("a file is sealed twice");
    this.#log.seal(index, digest);
  }

  /** A file stands as it should already. */
  unchanged(index: number, entry: Entry, digest: Uint8Array): void {
    this.#log.seal(index, digest);
    this.#open.delete(index);
    this.#settle(index, entry);
  }

  /** A file's chunks are all verified and written, and its digest is the sealed one. */
  whole(file: ReceiveFile): void {
    this.#open.delete(file.index);
    this.#whole.set(file.index, file);
    this.#queue.push({
      entry: file.index,
      digest: file.sealed!.digest,
      synced: file.chunks === 1 && !file.keepsStanding,
      keep: file.keepsStanding,
    });
    file.shed();
  }

  wholeFile(index: number): ReceiveFile | null {
    return this.#whole.get(index) ?? null;
  }

  /** A whole file whose commit is near needs no journal entry before it. */
  commitsSoon(index: number): boolean {
    return this.#stage === "placed" && this.#whole.has(index);
  }

  /**
   * Records a failure; false when it changes nothing. A file that is whole is verified against the
   * digest the sender stood by: that its source changed since does not undo it.
   */
  fail(index: number, { code, remote }: { code: ErrorCode; remote: boolean }): boolean {
    if (remote) this.#peerFailed.add(index);
    if (this.#failed.has(index)) return false;
    if (remote && (this.#whole.has(index) || this.#settled.has(index))) return false;
    this.#failed.add(index);
    this.#firstFailure ??= code;
    this.#open.delete(index);
    this.#whole.delete(index);
    return true;
  }

  /** Something asked for never became an entry. */
  omit(code: ErrorCode): void {
    if (this.#finish !== null) throw violation("it leaves something out after its finish");
    this.#omitted++;
    this.#firstFailure ??= code;
  }

  /** The sender names its root. Checked before the last commit, so that `atomic` means it. */
  finish(message: Finish): void {
    if (!this.#closed || this.#finish !== null) throw violation("its finish is out of place");
    for (const index of this.#open) {
      if (!this.#log.isComplete(index)) throw violation("its finish leaves a file out");
    }
    const root = this.#log.root(this.#hashing, {
      leaveOut: (index) => this.#peerFailed.has(index),
    });
    if (!equalBytes(root, message.root)) {
      throw new SftpxError("integrity", "Cannot finish the transfer: the sender's root differs", {
        remote: true,
      });
    }
    this.#finish = message;
  }

  placed(): void {
    this.#stage = "placed";
  }

  /** The store committed an entry; answers the file if it was one. */
  committed(index: number): ReceiveFile | null {
    const file = this.#whole.get(index) ?? null;
    this.#whole.delete(index);
    if (this.#failed.has(index)) return null;
    if (file === null) this.#announce(index);
    else this.#settle(index, file.entry);
    return file;
  }

  commitEnded(): void {
    this.#committing = false;
  }

  storeFinished(): void {
    this.#stage = "finished";
  }

  /** The sender checked the receipt. */
  confirm(): void {
    if (this.#stage !== "signed") throw violation("it is called done before its receipt");
    this.#stage = "confirmed";
  }

  /** Entries committed since the last call. */
  drainCommitted(limit: number): Range[] {
    return this.#committedEntries.drain(limit);
  }

  /** The next step towards the receipt, or null while something is under way. */
  poll(): ReceiverAction | null {
    switch (this.#stage) {
      case "open":
        if (!this.#mayPlace()) return null;
        this.#stage = "placing";
        return { kind: "place", leaveOut: [...this.#failed] };
      case "placed":
        return this.#pollCommit();
      case "finished":
        this.#stage = "signed";
        this.#result = {
          root: this.#log.root(this.#hashing, {
            leaveOut: (index) => this.#failed.has(index),
          }),
          files: this.#done.files,
          bytes: this.#done.bytes,
          failed: Math.min(this.#failed.size + this.#omitted, LIMITS.entriesPerTransfer),
        };
        return { kind: "receipt", result: this.#result };
      case "placing":
      case "finishing":
      case "signed":
      case "confirmed":
        return null;
    }
  }

  #mayPlace(): boolean {
    if (!this.#closed) return false;
    if (!this.#atomic) return true;
    if (this.#finish === null || this.#open.size > 0) return false;
    if (this.#firstFailure !== null) {
      throw new SftpxError(
        this.#firstFailure,
        "Cannot commit the transfer: an entry failed, and it is to be all or nothing",
      );
    }
    return true;
  }

  #pollCommit(): ReceiverAction | null {
    if (this.#committing) return null;
    if (this.#queue.length > 0) {
      this.#committing = true;
      return { kind: "commit", files: this.#queue.splice(0, COMMIT_BATCH) };
    }
    if (this.#finish === null || this.#open.size > 0) return null;
    this.#stage = "finishing";
    return { kind: "finish", leaveOut: [...this.#failed] };
  }

  #settle(index: number, entry: Entry): void {
    this.#done.files++;
    this.#done.bytes += entry.sizeBytes;
    this.#announce(index);
  }

  #announce(index: number): void {
    if (this.#settled.has(index)) return;
    this.#settled.add(index);
    this.#committedEntries.add(index);
  }
}
