// What the receiver put in place and has yet to tell the sender: an entry once, and that it had to be
// changed once, never before the entry itself.

import { RangeSet } from "../base/ranges.ts";
import type { Range } from "../wire/messages.ts";
import type { InPlace } from "./in_place.ts";

export class CommitNews {
  readonly #inPlace: InPlace;
  /** Entries the store had to change; some of them may not be in place yet. */
  readonly #changed = new RangeSet();
  readonly #unsaid = new RangeSet();
  readonly #unsaidChanged = new RangeSet();

  constructor(inPlace: InPlace) {
    this.#inPlace = inPlace;
  }

  /** An entry stands under its final name; that it does may be said again. */
  settle(index: number): void {
    if (!this.#inPlace.settle(index)) return;
    this.#unsaid.add(index);
    if (this.#changed.has(index)) this.#sayChanged(index);
  }

  /** An entry was made or replaced, or given another mode or time. */
  change(index: number): void {
    if (this.#changed.has(index)) return;
    this.#changed.add(index);
    if (this.#inPlace.has(index)) this.#sayChanged(index);
  }

  /** What is new since the last call, in at most `limit` ranges each; null when nothing is. */
  drain(limit: number): { entries: readonly Range[]; changed: readonly Range[] } | null {
    const entries = this.#unsaid.drain(limit);
    const changed = this.#unsaid.size > 0 ? [] : this.#unsaidChanged.drain(limit);
    return entries.length + changed.length === 0 ? null : { entries, changed };
  }

  #sayChanged(index: number): void {
    if (this.#inPlace.change(index)) this.#unsaidChanged.add(index);
  }
}
