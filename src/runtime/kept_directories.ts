// Directories that stay open for a turn of the loop at most. What others do to a path meanwhile is as if
// they did it afterwards, and nothing is remembered that grows stale.

/** A commit acts on two, a walk on as many as it is deep. */
const MOST_KEPT = 32;

export class KeptDirectories {
  readonly #open: (path: string) => number;
  readonly #close: (fd: number) => void;
  /** The one used last at the end. */
  readonly #kept = new Map<string, number>();
  /** That one: the next is mostly the same. */
  #last: string | null = null;
  #lastFd = -1;

  /** `open` goes the way to one and answers its descriptor, which `close` gives back. */
  constructor(
    { open, close }: {
      readonly open: (path: string) => number;
      readonly close: (fd: number) => void;
    },
  ) {
    this.#open = open;
    this.#close = close;
  }

  /** Open until this turn of the loop ends, or until others are used that many times. */
  directory(path: string): number {
    if (path === this.#last) return this.#lastFd;
    let fd = this.#kept.get(path);
    if (fd !== undefined) this.#kept.delete(path);
    else {
      if (this.#kept.size === 0) queueMicrotask(() => this.forget());
      else if (this.#kept.size === MOST_KEPT) this.#dropOldest();
      fd = this.#open(path);
    }
    this.#kept.set(path, fd);
    [this.#last, this.#lastFd] = [path, fd];
    return fd;
  }

  /** One goes, by our own doing: its path leads elsewhere from now on, or nowhere. */
  moved(path: string): void {
    for (const kept of this.#kept.keys()) {
      // Asked of all of them for each file that is put in place: the shortest answer first.
      if (kept.length < path.length) continue;
      const isBelow = kept.length === path.length || kept[path.length] === "/";
      if (isBelow && kept.startsWith(path)) return this.forget();
    }
  }

  /** Lets go of all: every way is gone anew. Done by itself when this turn of the loop ends. */
  forget(): void {
    for (const fd of this.#kept.values()) this.#close(fd);
    this.#kept.clear();
    this.#last = null;
  }

  #dropOldest(): void {
    const [oldest] = this.#kept;
    if (oldest === undefined) return;
    this.#kept.delete(oldest[0]);
    this.#close(oldest[1]);
  }
}
