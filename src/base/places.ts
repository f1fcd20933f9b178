// Places that run out, in all and for one source: a newcomer that finds none left takes that of the one
// who came longest ago, unless even that one is too new. Whoever is honest is through in a moment;
// whoever stays on to be in the way makes room first. No clock: the time is an argument.

interface PlacesOptions {
  readonly most: number;
  readonly mostPerSource: number;
  /** Nobody loses a place that was taken less long ago. */
  readonly graceMs: number;
}

interface Holder<T> {
  readonly guest: T;
  readonly source: string;
  readonly sinceMs: number;
}

export class Places<T> {
  readonly #options: PlacesOptions;
  /** In the order they came. */
  readonly #holders = new Map<T, Holder<T>>();
  readonly #perSource = new Map<string, Set<Holder<T>>>();

  constructor(options: PlacesOptions) {
    this.#options = options;
  }

  get count(): number {
    return this.#holders.size;
  }

  /** Those who have a place, the oldest first. */
  guests(): readonly T[] {
    return [...this.#holders.keys()];
  }

  /** Gives a place, and answers who lost it, if anybody; null when there is none to give. */
  enter(guest: T, { source, nowMs }: { readonly source: string; readonly nowMs: number }):
    | { readonly out: T | null }
    | null {
    const { most, mostPerSource, graceMs } = this.#options;
    const own = this.#perSource.get(source);
    let eldest: Holder<T> | null = null;
    if ((own?.size ?? 0) >= mostPerSource) eldest = firstOf(own);
    else if (this.#holders.size >= most) eldest = firstOf(this.#crowd());
    if (eldest !== null && nowMs - eldest.sinceMs < graceMs) return null;
    if (eldest !== null) this.leave(eldest.guest);
    const holder = { guest, source, sinceMs: nowMs };
    this.#holders.set(guest, holder);
    const all = this.#perSource.get(source) ?? new Set();
    this.#perSource.set(source, all.add(holder));
    return { out: eldest?.guest ?? null };
  }

  /** Whoever has no place leaves none. */
  leave(guest: T): void {
    const holder = this.#holders.get(guest);
    if (holder === undefined) return;
    this.#holders.delete(guest);
    const own = this.#perSource.get(holder.source);
    own?.delete(holder);
    if (own?.size === 0) this.#perSource.delete(holder.source);
  }

  /** The source that has most: one that comes often cannot push out those who come alone. */
  #crowd(): Set<Holder<T>> | undefined {
    let crowd: Set<Holder<T>> | undefined;
    for (const holders of this.#perSource.values()) {
      if (holders.size > (crowd?.size ?? 0)) crowd = holders;
    }
    return crowd;
  }
}

function firstOf<T>(holders: Set<Holder<T>> | undefined): Holder<T> | null {
  for (const holder of holders ?? []) return holder;
  return null;
}
