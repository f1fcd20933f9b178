// What one side hands over and another waits for: connections of a listener, lanes of a connection.

/** Things handed over in order; `take` waits, and answers null once it has ended. */
export class Queue<T> {
  readonly #items: T[] = [];
  readonly #waiting: ((item: T | null) => void)[] = [];
  #ended = false;

  push(item: T): void {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) waiting(item);
    else if (!this.#ended) this.#items.push(item);
  }

  take(): Promise<T | null> {
    const item = this.#items.shift();
    if (item !== undefined) return Promise.resolve(item);
    if (this.#ended) return Promise.resolve(null);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends it and hands back what nobody took. */
  end(): T[] {
    this.#ended = true;
    for (const resolve of this.#waiting.splice(0)) resolve(null);
    return this.#items.splice(0);
  }
}
