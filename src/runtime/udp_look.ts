// How long a socket that was just read is looked at again, once a turn of the event loop, before it is
// waited for: being woken costs more than a turn. Looking is paid with the bytes that move, so that no
// trickle of packets, of whomever, keeps a core busy (I8): at a megabyte a second it takes one percent.

/** Most that is looked in a row, and the longest wait that makes it worth while. */
export const LOOK_MS = 0.3;
const BYTES_PER_MS = 100_000;
/** Most that a turn is charged with: what is beyond it, others did in it. */
const TURN_MS = 0.05;

export class LookBudget {
  #budgetMs = 0;
  /** When a packet came last, when it was looked last, and when the wait began. */
  #takenMs = 0;
  #lookedMs = 0;
  #waitingMs = Number.NEGATIVE_INFINITY;
  /** Whether the last wait was short: a slow peer's packets are not looked for in vain. */
  #isQuick = true;

  /** Bytes came or went. */
  moved(bytes: number): void {
    this.#budgetMs = Math.min(LOOK_MS, this.#budgetMs + bytes / BYTES_PER_MS);
  }

  /** Packets were taken, at most now. */
  took(nowMs: number): void {
    this.#takenMs = nowMs;
    this.#lookedMs = nowMs;
  }

  /** A turn went by with a look, whatever it found. */
  looked(nowMs: number): void {
    this.#budgetMs -= Math.min(TURN_MS, nowMs - this.#lookedMs);
    this.#lookedMs = nowMs;
  }

  /** Whether to look again; else a wait begins. */
  mayLook(nowMs: number): boolean {
    const may = this.#isQuick && this.#budgetMs > 0 && nowMs - this.#takenMs < LOOK_MS;
    if (!may) this.#waitingMs = nowMs;
    return may;
  }

  /** The wait ended. */
  woken(nowMs: number): void {
    this.#isQuick = nowMs - this.#waitingMs < LOOK_MS;
  }
}
