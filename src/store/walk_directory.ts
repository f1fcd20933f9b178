// A directory that a walk reads names from, known by device and inode. Between two steps of a walk a
// peer that may write can put a link in its place, or above it: what its path leads to then is not
// read, and nothing of it is told (I5). Within a step no peer gets a turn: the store's worker is one.

import type { BigIntStats } from "node:fs";
import { dirname } from "node:path";
import { SftpxError } from "../base/errors.ts";
import { isNotCapable } from "../base/os_error.ts";
import { escapeText } from "../base/text.ts";
import { type Disk, lookAt } from "./disk.ts";

export class WalkDirectory {
  readonly path: string;
  /** Path as it travels; for what has none, the name of its source. */
  readonly shown: string;
  readonly #disk: Disk;
  readonly #device: bigint;
  readonly #inode: bigint;
  /** Step in which it was last seen to stand; null once something else did. */
  #seenIn: number | null;

  constructor(
    { path, disk }: { readonly path: string; readonly disk: Disk },
    { shown, stat, step }: {
      readonly shown: string;
      /** What was seen at the path in this step. */
      readonly stat: BigIntStats;
      readonly step: number;
    },
  ) {
    this.path = path;
    this.#disk = disk;
    this.shown = shown;
    this.#device = stat.dev;
    this.#inode = stat.ino;
    this.#seenIn = step;
  }

  /** Something else was seen in its place: it is never read again. */
  get isGone(): boolean {
    return this.#seenIn === null;
  }

  /** Whether it stands where it stood: looked up once a step. */
  stands(step: number): boolean {
    if (this.#seenIn === null || this.#seenIn === step) return this.#seenIn === step;
    this.#seenIn = this.#isThere() ? step : null;
    return this.#seenIn === step;
  }

  #isThere(): boolean {
    try {
      const stat = this.#disk.look(this.path);
      return stat !== null && stat.dev === this.#device && stat.ino === this.#inode;
    } catch {
      // A directory above it is none any more, or may not be entered.
      return false;
    }
  }
}

/** Refuses a path that leads through a link; `itself` may be one unless names are read from it. */
export function refuseLinks(
  path: string,
  { itself, name }: { readonly itself: boolean; readonly name: string },
): void {
  for (let at = itself ? path : dirname(path); dirname(at) !== at; at = dirname(at)) {
    if (!isLink(at)) continue;
    throw new SftpxError("refused", `Cannot read "${escapeText(name)}": it leads through a link`);
  }
}

/**
 * What the runtime may not look at lies above what it was given, and so above every served root: no peer
 * put anything there.
 */
function isLink(path: string): boolean {
  try {
    return lookAt(path)?.isSymbolicLink() === true;
  } catch (thrown) {
    if (isNotCapable(thrown)) return false;
    throw thrown;
  }
}
