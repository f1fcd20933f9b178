// One transfer's hold on the ticket it came with. A counted use is spent by a commit and given back only
// where nothing came of the transfer: how it ends is the peer's to say, what it got by then is not.

import type { ErrorCode } from "../base/errors.ts";
import type { TicketUse } from "../trust/ticket_book.ts";
import type { TransferSummary } from "./options.ts";

/** Claims a use for the transfer of this key, 32 bytes; null where none is counted. */
export type ClaimUse = (purpose: Uint8Array) => TicketUse | null;

export class TicketClaim {
  readonly #claimUse: ClaimUse;
  #use: TicketUse | null = null;
  #hasMoved = false;

  constructor(claimUse: ClaimUse) {
    this.#claimUse = claimUse;
  }

  /** The transfer is about to begin. Throws `refused` or `busy`. */
  take(purpose: Uint8Array): void {
    this.#use = this.#claimUse(purpose);
  }

  /** Bytes of a file leave this end, or the first entry is put in place: there is no way back. */
  moved(): void {
    this.#hasMoved = true;
  }

  /** How the transfer ended decides on the use. Throws when that cannot be written down. */
  settle(summary: Pick<TransferSummary, "root" | "error" | "wireBytes">): void {
    if (this.#use === null) return;
    if (summary.root !== null) this.#use.spend();
    else if (this.#hasMoved || leavesParts(summary)) this.#use.pause();
    else this.#use.release();
  }
}

/** Ends after which the same command, run again, goes on where it was. */
const RESUMABLE: ReadonlySet<ErrorCode> = new Set([
  "lost",
  "terminated",
  "interrupted",
]);

function leavesParts({ error, wireBytes }: Pick<TransferSummary, "error" | "wireBytes">): boolean {
  return wireBytes > 0 && error !== null && RESUMABLE.has(error.code);
}
