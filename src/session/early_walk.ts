// A walk that begins while its server is being reached, so that what it finds first is there when it is asked
// for. It runs no further ahead than any walk (I8), and is begun anew where the server wants another order or
// took so long that files may be others by now.

import type { Store, WalkBatch, WalkOptions, WalkSource } from "../store/store.ts";
import { whenAborted } from "./abort.ts";
import type { WalkPlan } from "./walk_feed.ts";

/** What was found longer ago is looked for again: a file that changed since would fail. */
const FRESH_MS = 2000;

type Walker = Pick<Store, "walk">;

export interface EarlyWalkOptions {
  /** The process's own clock by default. */
  readonly nowMs?: () => number;
}

export class EarlyWalk implements Walker, AsyncDisposable {
  readonly #store: Walker;
  readonly #nowMs: () => number;
  readonly #begunMs: number;
  readonly #stop = new AbortController();
  /** Null once it is taken. */
  #batches: AsyncIterator<WalkBatch> | null;
  readonly #first: Promise<IteratorResult<WalkBatch>>;

  /** Begins the walk; not before the clock was read that the offer tells. */
  constructor(
    { store, sources, options }: WalkPlan,
    { nowMs = () => performance.now() }: EarlyWalkOptions = {},
  ) {
    this.#store = store;
    this.#nowMs = nowMs;
    this.#begunMs = nowMs();
    const walk = store.walk(sources, { ...options, signal: this.#stop.signal });
    this.#batches = walk[Symbol.asyncIterator]();
    this.#first = this.#batches.next();
    this.#first.catch(() => {}); // Told to whoever takes it.
  }

  /** What was begun, for as long as it is fresh and in the order that is asked for; else a walk of its own. */
  async *walk(
    sources: readonly WalkSource[],
    options: WalkOptions & { readonly signal?: AbortSignal } = {},
  ): AsyncIterable<WalkBatch> {
    const batches = this.#batches;
    const isFresh = this.#nowMs() - this.#begunMs <= FRESH_MS;
    if (batches === null || options.from !== undefined || !isFresh) {
      await this.#leave();
      return yield* this.#store.walk(sources, options);
    }
    this.#batches = null;
    const { signal } = options;
    using _stopped = signal && whenAborted(signal, (reason) => this.#stop.abort(reason));
    try {
      for (let next = await this.#first; !next.done; next = await batches.next()) yield next.value;
    } finally {
      await batches.return?.();
    }
  }

  /** Ends one that nobody took. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const batches = this.#batches;
    this.#batches = null;
    if (batches === null) return;
    this.#stop.abort(new DOMException("nobody took the walk", "AbortError"));
    // It ends by itself; the store may not even be open yet.
    await this.#first.catch(() => {});
    await batches.return?.();
  }
}
