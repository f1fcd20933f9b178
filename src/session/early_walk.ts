// A walk that begins while its server is being reached, so that what it finds is there when it is asked for. It
// runs no further ahead than any walk (I8), and is begun anew where the server wants another order or took so
// long that files may be others by now. What it found of a short tree can be announced with the offer.

import { LIMITS } from "../base/limits.ts";
import { earlyManifest } from "../engine/early_manifest.ts";
import type { Store, WalkBatch, WalkOptions, WalkSource } from "../store/store.ts";
import type { Message } from "../wire/messages.ts";
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
  readonly #found: WalkBatch[] = [];
  /** There is nothing behind what was found. */
  #isWhole = false;
  #announced: readonly WalkBatch[] | null = null;
  /** The whole manifest, once it was asked for; null where it is too long. */
  #manifest: readonly Message[] | null | undefined;
  readonly #ahead: Promise<void>;

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
    this.#ahead = this.#goAhead(this.#batches);
    this.#ahead.catch(() => {}); // Told to whoever takes it.
  }

  /**
   * The whole manifest, to be said with the offer; empty where it is not all found yet, too long, not fresh, or
   * something else has to be told of it. The same messages each time.
   */
  announce(transfer: number): readonly Message[] {
    const isPlain = this.#found.every(({ notices }) => notices.length === 0);
    this.#announced = null;
    if (!this.#isWhole || !this.#isFresh || !isPlain) return [];
    if (this.#manifest === undefined) this.#manifest = earlyManifest(transfer, this.#found);
    this.#announced = this.#manifest === null ? null : this.#found;
    return this.#manifest ?? [];
  }

  /** Bytes of all files; null while they are not all found. */
  get wholeBytes(): number | null {
    if (!this.#isWhole) return null;
    let bytes = 0;
    for (const { entries } of this.#found) {
      for (const { sizeBytes } of entries) bytes += sizeBytes;
    }
    return bytes;
  }

  /** What was announced last; null where nothing was. */
  get announced(): readonly WalkBatch[] | null {
    return this.#announced;
  }

  /** What was begun, for as long as it is fresh and in the order that is asked for; else a walk of its own. */
  async *walk(
    sources: readonly WalkSource[],
    options: WalkOptions & { readonly signal?: AbortSignal } = {},
  ): AsyncIterable<WalkBatch> {
    const batches = this.#batches;
    if (batches === null || options.from !== undefined || !this.#isFresh) {
      await this.#leave();
      return yield* this.#store.walk(sources, options);
    }
    this.#batches = null;
    const { signal } = options;
    using _stopped = signal && whenAborted(signal, (reason) => this.#stop.abort(reason));
    try {
      let taken = 0;
      while (taken < this.#found.length) yield this.#found[taken++]!;
      await this.#ahead;
      while (taken < this.#found.length) yield this.#found[taken++]!;
      if (this.#isWhole) return;
      for (let next = await batches.next(); !next.done; next = await batches.next()) {
        yield next.value;
      }
    } finally {
      await batches.return?.();
    }
  }

  /** Ends one that nobody took. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#leave();
  }

  get #isFresh(): boolean {
    return this.#nowMs() - this.#begunMs <= FRESH_MS;
  }

  /** Finds as much as may be open at once, or what there is when somebody takes it. */
  async #goAhead(batches: AsyncIterator<WalkBatch>): Promise<void> {
    for (let entries = 0; entries <= LIMITS.openEntriesAhead;) {
      const { done, value } = await batches.next();
      if (done) {
        this.#isWhole = true;
        return;
      }
      this.#found.push(value);
      if (this.#batches === null) return;
      entries += value.entries.length;
    }
  }

  async #leave(): Promise<void> {
    const batches = this.#batches;
    this.#batches = null;
    if (batches === null) return;
    this.#stop.abort(new DOMException("nobody took the walk", "AbortError"));
    // It ends by itself; the store may not even be open yet.
    await this.#ahead.catch(() => {});
    await batches.return?.();
  }
}
