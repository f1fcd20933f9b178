// Ports that take a TCP connection and hang up before a word. A server whose door is full does that, and
// is waited for; so does a port forward that leads nowhere, and is given up when it was never heard for
// as long as a port that is silent. Time is an argument.

export class HangUps {
  readonly #mostMs: number;
  /** Since when each address does so; null for one that was heard. */
  readonly #sinceMs = new Map<string, number | null>();

  constructor(mostMs: number) {
    this.#mostMs = mostMs;
  }

  /** A handshake was completed there: it is a server's, whatever it does from now on. */
  heard(address: string): void {
    this.#sinceMs.set(address, null);
  }

  /** It hung up; whether it is given up. */
  isOver(address: string, nowMs: number): boolean {
    const sinceMs = this.#sinceMs.get(address);
    if (sinceMs === null) return false;
    if (sinceMs === undefined) this.#sinceMs.set(address, nowMs);
    return nowMs - (sinceMs ?? nowMs) >= this.#mostMs;
  }
}
