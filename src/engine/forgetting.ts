// Which chunks the journal is to claim no more before they are overwritten (I2). Whoever differs in one
// chunk likely differs in more, and each claim dropped is a synced transaction: so all that is held of a
// window goes at once. A window is what the journal's interval is, in bytes and always at the same places
// of a file: no file costs more such transactions than journal entries, and a crash that comes before the
// window is compared costs no more than an interval. One call at a time; what comes up meanwhile waits
// together.

import type { Range } from "../base/ranges.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import type { ReceiverAction } from "./receive_action.ts";
import type { ReceiveFile } from "./receive_file.ts";

/** Chunks whose claims are dropped, by file. */
type Claims = Map<ReceiveFile, Range[]>;

export class Forgetting {
  readonly #windowChunks: number;
  readonly #act: (action: ReceiverAction) => void;
  #underWay: Claims | null = null;
  #next: Claims = new Map();

  constructor(
    { journalBytes, chunkBytes }: { readonly journalBytes: number; readonly chunkBytes: number },
    act: (action: ReceiverAction) => void,
  ) {
    this.#windowChunks = Math.max(Math.floor(journalBytes / chunkBytes), 1);
    this.#act = act;
  }

  /** Whether a record waits for the journal to claim its chunk no more, and sees to it that it does. */
  holdsBack(file: ReceiveFile, { chunk, encoding }: ChunkRecord): boolean {
    if (file.isForgetting(chunk)) return true;
    if (encoding === "same" || !file.isClaimed(chunk)) return false;
    const first = chunk - chunk % this.#windowChunks;
    const ranges = file.forget(first, first + this.#windowChunks);
    this.#next.set(file, [...this.#next.get(file) ?? [], ...ranges]);
    this.#ask();
    return true;
  }

  /** The store did what it was asked last. */
  done(): void {
    for (const [file, ranges] of this.#underWay ?? []) file.forgotten(ranges);
    this.#underWay = null;
    this.#ask();
  }

  #ask(): void {
    if (this.#underWay !== null || this.#next.size === 0) return;
    this.#underWay = this.#next;
    this.#next = new Map();
    const chunks = [...this.#underWay].map(([{ index: entry }, ranges]) => ({ entry, ranges }));
    this.#act({ kind: "forget", chunks });
  }
}
