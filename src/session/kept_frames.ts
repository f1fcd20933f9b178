// Packed frames on their way to the lanes. While connections are about to join that were dialled early the
// first one has a few, and what else there is is kept for all of them: more than the path takes would wait
// in its windows for the others.

import type { Packed } from "../pool/messages.ts";

/** Frames that the first connection has by itself. */
const ALONE_FRAMES = 2;

export class KeptFrames {
  readonly #put: (packed: Packed) => void;
  #kept: Packed[] = [];

  /** `put` gives one to the lanes. */
  constructor(put: (packed: Packed) => void) {
    this.#put = put;
  }

  get count(): number {
    return this.#kept.length;
  }

  /** Gives it on, or keeps it while others are waited for. */
  give(packed: Packed, { isWaiting }: { readonly isWaiting: boolean }): void {
    if (isWaiting && packed.frame >= ALONE_FRAMES) this.#kept.push(packed);
    else this.#put(packed);
  }

  /** Nobody is waited for any more. */
  release(): void {
    for (const packed of this.#kept.splice(0)) this.#put(packed);
  }
}
