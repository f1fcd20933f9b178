// On a short path the walk goes first: no frame is made while it may go on. Its manifest is then closed
// before most files come, and the receiver puts them in place as they do (I1), with no journal entry and no
// second look at each. A longer path is what everything waits for: there frames leave at once.

/** A walk that takes longer finds a disk slower than any path. */
const MOST_MS = 1000;

/** The sending half of the engine, as far as its walk goes. */
export interface Gathering {
  /** The walk is not over, and may go on though nothing is sent. */
  readonly isGathering: boolean;
}

export class WalkFirst implements Disposable {
  readonly #timer: ReturnType<typeof setTimeout> | undefined;
  #isOver = false;

  /** Begins with the walk; `onOver` is called if that takes too long. */
  constructor(isShort: boolean, onOver: () => void) {
    if (!isShort) {
      this.#isOver = true;
      return;
    }
    this.#timer = setTimeout(() => {
      this.#isOver = true;
      onOver();
    }, MOST_MS);
  }

  /** Whether frames wait; once they do not, they never do again. */
  holds(sender: Gathering): boolean {
    if (!this.#isOver && !sender.isGathering) this[Symbol.dispose]();
    return !this.#isOver;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#isOver = true;
  }
}
