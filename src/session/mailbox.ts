// A queue that is awaited: one side puts, the other takes in order. It ends by closing (takers get
// null once it is empty) or by failing (takers get the error).

export class Mailbox<T> {
  readonly #items: { readonly item: T; readonly bytes: number }[] = [];
  readonly #takers: PromiseWithResolvers<T | null>[] = [];
  #ended = false;
  #error: Error | null = null;
  #heldBytes = 0;

  /** What was put and not taken yet comes to. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Items put and not taken yet. */
  get size(): number {
    return this.#items.length;
  }

  /** `bytes` is what it weighs until it is taken. */
  put(item: T, bytes = 0): void {
    if (this.#ended) return;
    const taker = this.#takers.shift();
    if (taker !== undefined) return taker.resolve(item);
    this.#items.push({ item, bytes });
    this.#heldBytes += bytes;
  }

  /** The next item, or null once closed. */
  take(): Promise<T | null> {
    const held = this.#items.shift();
    if (held !== undefined) {
      this.#heldBytes -= held.bytes;
      return Promise.resolve(held.item);
    }
    if (this.#error !== null) return Promise.reject(this.#error);
    if (this.#ended) return Promise.resolve(null);
    const taker = Promise.withResolvers<T | null>();
    this.#takers.push(taker);
    return taker.promise;
  }

  /** Whoever waits by this promise of {@linkcode take} waits no more, and gets null. */
  withdraw(taking: Promise<T | null>): void {
    const at = this.#takers.findIndex(({ promise }) => promise === taking);
    for (const taker of at < 0 ? [] : this.#takers.splice(at, 1)) taker.resolve(null);
  }

  /** Ends it: what is queued can still be taken. */
  close(): void {
    this.#end(null);
  }

  /** Ends it and hands back what nobody took. */
  drain(): T[] {
    this.#end(null);
    this.#heldBytes = 0;
    return this.#items.splice(0).map(({ item }) => item);
  }

  /** Ends it with an error, after what is queued. */
  fail(error: Error): void {
    this.#end(error);
  }

  #end(error: Error | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    for (const taker of this.#takers.splice(0)) {
      if (error === null) taker.resolve(null);
      else taker.reject(error);
    }
  }
}
