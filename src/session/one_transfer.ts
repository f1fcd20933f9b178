// The one transfer that `serve --once` is for. It is over with the first that ends, unless its client
// was lost or sent away for a while: then that one is waited for, and a further transfer takes the lost
// one's place.

import type { ErrorCode } from "../base/errors.ts";
import type { TransferSummary } from "./options.ts";

/** How transfers end whose clients begin them again. */
const COME_BACK: ReadonlySet<ErrorCode | undefined> = new Set(["lost", "busy"]);

export interface OneTransferOptions {
  /** How long a client that was lost has to come back. */
  readonly waitMs: number;
  /** Called once, with what it came to. */
  readonly onOver: (summary: TransferSummary) => void;
}

export class OneTransfer {
  readonly #options: OneTransferOptions;
  #running = 0;
  /** What was lost, while it is waited for. */
  #lost: TransferSummary | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: OneTransferOptions) {
    this.#options = options;
  }

  /** A transfer began. */
  began(): void {
    this.#running++;
    this.giveUp();
  }

  /** One that began has ended. */
  done(summary: TransferSummary): void {
    this.#running--;
    const { waitMs, onOver } = this.#options;
    this.giveUp();
    if (!COME_BACK.has(summary.error?.code)) return onOver(summary);
    if (this.#running > 0) return;
    this.#lost = summary;
    this.#timer = setTimeout(() => {
      this.#lost = null;
      onOver(summary);
    }, waitMs);
  }

  /** Waits no longer; answers what was lost, if anything was waited for. */
  giveUp(): TransferSummary | null {
    clearTimeout(this.#timer);
    const lost = this.#lost;
    this.#lost = null;
    return lost;
  }
}
