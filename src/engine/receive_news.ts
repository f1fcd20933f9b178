// What the sender and the user are to be told of a receiving transfer. Verdicts, failures and
// acknowledgements gather between polls and leave in as few messages as they fit.

import { LIMITS } from "../base/limits.ts";
import { RangeSet } from "../base/ranges.ts";
import type { EntryFailure, TransferMessage, Verdict } from "../wire/messages.ts";
import type { DurabilityLedger } from "./durability.ts";
import type { Pruning } from "./pruning.ts";
import { type FailureReport, FAILURES_PER_MESSAGE } from "./report.ts";
import type { Settlement } from "./settlement.ts";

export class ReceiveNews {
  readonly #transfer: number;
  readonly #ledger: DurabilityLedger;
  readonly #settlement: Settlement;
  readonly #pruning: Pruning;
  readonly #verdicts: Verdict[] = [];
  readonly #failures: EntryFailure[] = [];
  readonly #storedFrames = new RangeSet();
  readonly #reports: FailureReport[] = [];

  constructor(
    transfer: number,
    { ledger, settlement, pruning }: {
      readonly ledger: DurabilityLedger;
      readonly settlement: Settlement;
      readonly pruning: Pruning;
    },
  ) {
    this.#transfer = transfer;
    this.#ledger = ledger;
    this.#settlement = settlement;
    this.#pruning = pruning;
  }

  /** What is needed of a file. */
  decided(verdict: Verdict): void {
    this.#verdicts.push(verdict);
  }

  /** This end gave an entry up. */
  failed(failure: EntryFailure): void {
    this.#failures.push(failure);
  }

  /** Every chunk of a frame is dealt with. */
  stored(frame: number): void {
    this.#storedFrames.add(frame);
  }

  /** The user is to hear of a failure, of whichever end. */
  report(failure: FailureReport): void {
    this.#reports.push(failure);
  }

  /** An entry that failed since the last call, or null. */
  pollReport(): FailureReport | null {
    return this.#reports.shift() ?? this.#pruning.pollReport();
  }

  /** The next message, or null. */
  poll(): TransferMessage | null {
    const transfer = this.#transfer;
    const limit = LIMITS.rangesPerMessage;
    if (this.#verdicts.length > 0) {
      const verdicts = this.#verdicts.splice(0, LIMITS.entriesPerMessage);
      return { type: "need", transfer, verdicts };
    }
    if (this.#failures.length > 0) {
      const failures = this.#failures.splice(0, FAILURES_PER_MESSAGE);
      return { type: "failed", transfer, failures };
    }
    if (this.#storedFrames.size > 0) {
      return { type: "stored", transfer, frames: this.#storedFrames.drain(limit) };
    }
    if (this.#ledger.hasDurable) {
      return { type: "durable", transfer, frames: this.#ledger.drain(limit) };
    }
    const committed = this.#settlement.entries.drainCommitted(limit);
    if (committed !== null) return { type: "committed", transfer, ...committed };
    return this.#pruning.pollMessage();
  }
}
