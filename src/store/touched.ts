// Directories with new names in them, to be made durable before a transfer ends. Of one that the manifest
// names a bit is kept where it is registered; only others are kept by path, and those are few (I8).

/** A directory that is registered. */
interface Flagged {
  readonly path: string;
  isTouched: boolean;
}

export interface TouchedOptions {
  /** Absolute path of the root. */
  readonly root: string;
  /** The registered directory that goes to a path below the root; null for none. */
  readonly find: (final: string) => Flagged | null;
  /** Registered directories that are touched. */
  readonly flagged: () => Iterable<Flagged>;
}

export class Touched {
  /** What an absolute path of something below the root begins with. */
  readonly #root: string;
  readonly #options: TouchedOptions;
  /** Absolute paths. */
  readonly #others = new Set<string>();
  /** Files come one after the other into the same. */
  #last: { readonly absolute: string; readonly directory: Flagged } | null = null;

  constructor(options: TouchedOptions) {
    const { root } = options;
    this.#root = root.endsWith("/") ? root : `${root}/`;
    this.#options = options;
  }

  /** How many are kept by path. */
  get others(): number {
    return this.#others.size;
  }

  /** A directory, by its absolute path, got a new name or lost one. */
  add(absolute: string): void {
    const directory = this.#registered(absolute);
    if (directory === null) this.#others.add(absolute);
    else directory.isTouched = true;
  }

  /** Absolute paths of all; each is forgotten once the next is asked for. */
  *rest(): Generator<string> {
    for (const directory of this.#options.flagged()) {
      yield this.#root + directory.path;
      directory.isTouched = false;
    }
    for (const absolute of this.#others) {
      yield absolute;
      this.#others.delete(absolute);
    }
  }

  #registered(absolute: string): Flagged | null {
    if (this.#last?.absolute === absolute) return this.#last.directory;
    if (!absolute.startsWith(this.#root)) return null;
    const directory = this.#options.find(absolute.slice(this.#root.length));
    if (directory !== null) this.#last = { absolute, directory };
    return directory;
  }
}
