// How many frames a worker's job takes. A job costs a message each way and wakes two threads, so it
// should be long beside that; but no lane should wait for one, and the last jobs of a transfer should
// end together. So its size follows what a frame takes a worker: many raw ones, one that is compressed.

/** A job should keep its worker so long: some tens of times what handing it over costs. */
const JOB_MS = 8;
/** Share of the newest figure in what is expected. */
const NEWEST = 0.25;

export class BatchSize {
  readonly #most: number;
  readonly #jobs: number;
  #frameMs: number | null = null;

  /** Never more than so many frames, nor more jobs than these at the workers at once. */
  constructor({ most, jobs = Infinity }: { readonly most: number; readonly jobs?: number }) {
    if (!(most >= 1)) throw new RangeError(`batches of ${most} frames`);
    if (!(jobs >= 1)) throw new RangeError(`${jobs} jobs at once`);
    this.#most = Math.floor(most);
    this.#jobs = jobs;
  }

  /** A frame took a worker so long. */
  took(busyMs: number): void {
    this.#frameMs = this.#frameMs === null
      ? busyMs
      : this.#frameMs + NEWEST * (busyMs - this.#frameMs);
  }

  /** Frames of the next job; one before anything is known, so that the first lanes wait least. */
  get frames(): number {
    if (this.#frameMs === null) return 1;
    return Math.max(1, Math.min(this.#most, Math.round(JOB_MS / this.#frameMs)));
  }

  /**
   * Whether to wait until there is room for a whole job: where there is less, and enough frames are
   * ahead of the lanes that none of them waits meanwhile. Or until workers are done with one: what is
   * decided for each job is decided when it is about to begin.
   */
  waits({ room, ahead, packing }: {
    readonly room: number;
    readonly ahead: number;
    /** Frames of those ahead that workers have. */
    readonly packing: number;
  }): boolean {
    if (packing >= this.#jobs * this.frames) return true;
    return room < this.frames && ahead >= this.frames;
  }
}
