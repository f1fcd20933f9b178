// Waiting for a socket without holding up the event loop. In Deno a thread of the runtime sits in
// `ppoll`, and a bell (an eventfd) calls it back. Bun makes no calls aside: there the kernel polls
// (`udp_wait_bell.ts`).

import { BellWaiter } from "./udp_wait_bell.ts";
import { POLLIN, POLLOUT, WaitMemory } from "./udp_wait_memory.ts";
import { BELL_FLAGS, RETRY_MS, type Waiter, type WaiterOptions } from "./udp_waiter.ts";

/** Null where the runtime or the system has no such way. */
export function openWaiter(options: WaiterOptions): Waiter | null {
  return options.kernel.hasAside ? new AsideWaiter(options) : BellWaiter.open(options);
}

/** A thread of the runtime polls. */
class AsideWaiter implements Waiter {
  readonly #options: WaiterOptions;
  readonly #memory: WaitMemory;
  readonly #bell: number;
  /** What is polled for now; null while nothing is. */
  #events: number | null = null;
  #wanted = 0;
  #polling: Promise<void> = Promise.resolve();
  /** Ends the pause after a poll that failed. */
  #endPause: (() => void) | null = null;
  #isClosed = false;

  constructor(options: WaiterOptions) {
    this.#options = options;
    this.#memory = new WaitMemory(options.kernel);
    this.#bell = options.kernel.call("eventfd2", 0, BELL_FLAGS);
  }

  wait(alsoRoom: boolean): void {
    if (this.#isClosed) return;
    this.#wanted |= alsoRoom ? POLLIN | POLLOUT : POLLIN;
    if (this.#events === null) this.#polling = this.#poll();
    else if ((this.#events & this.#wanted) !== this.#wanted) this.#ring();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#endPause?.();
    if (this.#events !== null) this.#ring();
    // The kernel writes to the block until it is back: bell, socket and memory go after.
    await this.#polling;
    this.#options.kernel.attempt("close", this.#bell);
  }

  async #poll(): Promise<void> {
    const { kernel, socket, onReady } = this.#options;
    do {
      this.#events = this.#wanted;
      const polls = this.#memory.polls(socket, this.#bell, this.#events);
      if (await kernel.callAside("ppoll", polls, 2) < 0) await this.#pause();
      // Rung to poll for more: the bell is emptied, and it begins anew.
      if (this.#memory.isRung) kernel.attempt("read", this.#bell, this.#memory.one(), 8);
    } while (!this.#isClosed && this.#memory.polled === 0);
    this.#events = null;
    this.#wanted = 0;
    if (!this.#isClosed) onReady();
  }

  async #pause(): Promise<void> {
    if (this.#isClosed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, RETRY_MS);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = null;
  }

  #ring(): void {
    this.#options.kernel.attempt("write", this.#bell, this.#memory.one(), 8);
  }
}
