// Feeds a walk to a sending half of the engine, as fast as that wants entries and no faster (I8).

import type { ErrorCode } from "../base/errors.ts";
import type { FoundEntries } from "../engine/sender.ts";
import type { Store, WalkOptions, WalkSource } from "../store/store.ts";
import { whenAborted } from "./abort.ts";

/** What is walked for a transfer. */
export interface WalkPlan {
  readonly store: Pick<Store, "walk">;
  readonly sources: readonly WalkSource[];
  readonly options: WalkOptions;
}

/** A walk that names first what the receiver misses; null where it said nothing of that. */
export function walkFrom(plan: WalkPlan, from: string | null): WalkPlan {
  return from === null ? plan : { ...plan, options: { ...plan.options, from } };
}

/** A sending half, as a walk sees it. */
export interface EntryTaker {
  readonly wantsEntries: boolean;
  addEntries(found: FoundEntries): void;
  omit(omission: { path: string; code: ErrorCode; message: string }): void;
  endEntries(): void;
}

export class WalkFeed {
  readonly #taker: EntryTaker;
  readonly #onNotice: (message: string) => void;
  #wanted = Promise.withResolvers<void>();

  constructor(taker: EntryTaker, { onNotice }: { readonly onNotice: (message: string) => void }) {
    this.#taker = taker;
    this.#onNotice = onNotice;
  }

  /** The taker may want more by now. */
  wake(): void {
    if (!this.#taker.wantsEntries) return;
    this.#wanted.resolve();
    this.#wanted = Promise.withResolvers();
  }

  /**
   * Walks to the end; `pump` lets the taker say what follows from each batch, `flushed` settles when
   * that is on its way: what was found must neither pile up nor keep the peer's answers waiting.
   */
  async run(
    { store, sources, options }: WalkPlan,
    { pump, flushed, signal }: {
      readonly pump: () => void;
      readonly flushed: () => Promise<void>;
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    using _stopped = whenAborted(signal, () => this.#wanted.resolve());
    for await (const batch of store.walk(sources, { ...options, signal })) {
      for (const { path, code, message } of batch.notices) {
        if (code === null) this.#onNotice(message);
        else this.#taker.omit({ path, code, message });
      }
      while (!this.#taker.wantsEntries) {
        signal.throwIfAborted();
        await this.#wanted.promise;
      }
      signal.throwIfAborted();
      this.#taker.addEntries(batch);
      pump();
      await flushed();
      await arrivals();
    }
    this.#taker.endEntries();
    pump();
  }
}

/**
 * Lets come in what has arrived. A walk answers as fast as it is asked, and a loop that always has
 * something to do looks at its sockets only now and then: acknowledgements would wait, what was sent
 * would wait for them, and the peer's answers for the end of the walk. A timer is due only once the
 * loop has looked.
 */
async function arrivals(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve));
}
