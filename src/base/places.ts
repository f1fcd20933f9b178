// Places that run out, in all and for one source: a newcomer that finds none left takes that of the one
// who came longest ago, unless even that one is too new. Whoever is honest is through in a moment;
// whoever stays on to be in the way makes room first, and before that who said that it can be done
// without. No clock: the time is an argument.

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
  /** It makes room for anybody, however new it is. */
  yields: boolean;
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
    let out: Holder<T> | null = null;
    if ((own?.size ?? 0) >= mostPerSource) out = nextOf(own);
    else if (this.#holders.size >= most) out = nextOf(this.#crowd());
    if (out !== null && !out.yields && nowMs - out.sinceMs < graceMs) return null;
    if (out !== null) this.leave(out.guest);
    const holder = { guest, source, sinceMs: nowMs, yields: false };
    this.#holders.set(guest, holder);
    const all = this.#perSource.get(source) ?? new Set();
    this.#perSource.set(source, all.add(holder));
    return { out: out?.guest ?? null };
  }

  /** From now on a guest makes room before all others of its source. */
  yield(guest: T): void {
    const holder = this.#holders.get(guest);
    if (holder !== undefined) holder.yields = true;
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

/** Who makes room: the newest that yields, which has furthest to go yet, else the eldest. */
function nextOf<T>(holders: Set<Holder<T>> = new Set()): Holder<T> | null {
  const all = [...holders];
  return all.findLast((holder) => holder.yields) ?? all[0] ?? null;
}
