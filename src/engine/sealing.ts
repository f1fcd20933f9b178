// How a file of the sender stops being open: sealed and stored, or dropped. Owns what the receiver is
// still to be told of it, and keeps a file open until it was told, as the receiver does (I8).

import type { ErrorCode } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { EntryFailure, Message, SealedFile } from "../wire/messages.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import type { Hashing } from "./hashing.ts";
import type { OpenFiles } from "./open_files.ts";
import { FAILURES_PER_MESSAGE } from "./report.ts";
import { fileDigest, type RootLog } from "./root.ts";
import type { SendFile } from "./send_file.ts";
import type { SendOutcome } from "./send_outcome.ts";

export class Sealing {
  readonly #files: OpenFiles<SendFile>;
  readonly #log: RootLog;
  readonly #outcome: SendOutcome;
  readonly #hashing: Hashing;
  readonly #sealed: SealedFile[] = [];
  readonly #failures: EntryFailure[] = [];
  /** Open files neither sealed nor failed. */
  #unsealed = 0;

  constructor(
    files: OpenFiles<SendFile>,
    { log, outcome, hashing }: {
      readonly log: RootLog;
      readonly outcome: SendOutcome;
      readonly hashing: Hashing;
    },
  ) {
    this.#files = files;
    this.#log = log;
    this.#outcome = outcome;
    this.#hashing = hashing;
  }

  /** Every file that was opened is sealed or failed. */
  get isOver(): boolean {
    return this.#unsealed === 0;
  }

  /** The receiver is to be told of files that are open no more here, and still are there. */
  get hasFailures(): boolean {
    return this.#failures.length > 0;
  }

  /** Files were announced, to be sealed one day. */
  opened(count: number): void {
    this.#unsealed += count;
  }

  /** A chunk was read: its file is sealed with the last one, or failed if it is not what it was. */
  know(record: ChunkRecord, chunkBytes: number): void {
    const file = this.#files.find(record.entry);
    if (file === undefined) return;
    const known = file.know(record.chunk, record.digest);
    if (known === "differs") {
      const message = "Cannot send it: it changed while it was read";
      this.fail(record.entry, { code: "source_changed", message });
    } else if (known === "new" && file.isKnown) {
      this.seal(file, chunkBytes);
    }
  }

  /** This end stands by a file whose chunks are all known. */
  seal(file: SendFile, chunkBytes: number): void {
    const { sizeBytes, digests, kept } = file;
    const digest = fileDigest(this.#hashing, { sizeBytes, chunkBytes, digests });
    this.#log.seal(file.index, digest);
    this.#sealed.push({ entry: file.index, digest, kept });
    file.sealed = "yes";
    this.#unsealed--;
  }

  /** The receiver stored a chunk; false when that changes nothing. */
  store(record: ChunkRecord): boolean {
    const file = this.#files.find(record.entry);
    if (file === undefined || !file.store(record.chunk)) return false;
    this.#maybeClose(file);
    return true;
  }

  /**
   * All that is in place was stored, also where a chunk came twice and the second was not acknowledged; what
   * was not known to be, as it is taken out of the books.
   */
  *storeRest(chunkBytes: number): Generator<Pick<ChunkRecord, "rawBytes" | "encoding">> {
    for (const file of this.#files.all()) {
      yield* file.storeRest(chunkBytes);
      this.drop(file.index);
    }
  }

  /** This end gives an entry up. */
  fail(index: number, { code, message }: { code: ErrorCode; message: string }): void {
    const sealed = (this.#files.find(index)?.sealed ?? "no") !== "no";
    this.#failures.push(this.#outcome.giveUp(index, { code, message, sealed }));
    this.drop(index);
  }

  /** Nothing more is to be done for an entry, open or not. */
  drop(index: number): void {
    const file = this.#files.find(index);
    if (file === undefined) return;
    if (file.sealed === "no") this.#unsealed--;
    this.#files.close(file);
  }

  /** The next message of seals or failures; it counts as said. */
  poll(transfer: number): Message | null {
    if (this.#sealed.length > 0) {
      const files = this.#sealed.splice(0, LIMITS.entriesPerMessage);
      for (const { entry } of files) this.#sealSent(entry);
      return { type: "sealed", transfer, files };
    }
    if (this.#failures.length === 0) return null;
    return {
      type: "failed",
      transfer,
      failures: this.#failures.splice(0, FAILURES_PER_MESSAGE),
    };
  }

  #sealSent(index: number): void {
    const file = this.#files.find(index);
    if (file === undefined) return;
    file.sealed = "sent";
    this.#maybeClose(file);
  }

  /** While the receiver has not heard of the seal the file is open there, and so it is here. */
  #maybeClose(file: SendFile): void {
    if (file.sealed === "sent" && file.isAllStored) this.#files.close(file);
  }
}
