// The paths that a walk was told to take (`--files-from`), as a tree: what of a directory goes, and
// what of it was asked for and may be missing. Text only; looks at no disk.

/** One name of the tree. */
export class PathTree {
  readonly #below = new Map<string, PathTree>();
  /** Named itself, so it is missed when it is not there. */
  isNamed = false;
  /** Named, or in a directory that is: all that it holds goes. */
  isWhole = false;

  /** Names listed right below it. */
  get names(): Iterable<string> {
    return this.#below.keys();
  }

  /** What was listed of a name in it; null where all of that name goes and nothing was asked for. */
  below(name: string): PathTree | null {
    const found = this.#below.get(name);
    if (found !== undefined && this.isWhole) found.isWhole = true;
    return found ?? null;
  }

  /** The name below it, made when it is new. */
  enter(name: string): PathTree {
    let found = this.#below.get(name);
    if (found === undefined) {
      found = new PathTree();
      this.#below.set(name, found);
    }
    return found;
  }

  /** Every path named at or below this one, which stands at `path`. */
  *namedFrom(path: string): Generator<string> {
    if (this.isNamed) yield path;
    yield* this.namedBelow(path);
  }

  /** Every path named below this one, which stands at `path`. */
  *namedBelow(path: string): Generator<string> {
    const open: [path: string, listed: PathTree][] = [[path, this]];
    for (let item = open.pop(); item !== undefined; item = open.pop()) {
      const [above, listed] = item;
      for (const [name, below] of listed.#below) {
        const at = `${above}/${name}`;
        if (below.isNamed) yield at;
        if (below.#below.size > 0) open.push([at, below]);
      }
    }
  }
}

/** The tree of a list of paths relative to one directory; an empty one or `.` is all of it. */
export function pathTree(paths: readonly string[]): PathTree {
  const root = new PathTree();
  for (const path of paths) {
    let at = root;
    for (const name of path.split("/")) if (name !== "" && name !== ".") at = at.enter(name);
    at.isNamed = true;
    at.isWhole = true;
  }
  return root;
}
