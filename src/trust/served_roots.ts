// Which process serves a root, as far as the ticket book is concerned: one at a time, so that what
// it keeps of running transfers is all there is to know. The claim is a lock that the kernel gives
// back when its holder dies.

import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { FileLock } from "../runtime/database.ts";

/** The roots that this process claims, with their lock files beside the book. */
export class ServedRoots {
  readonly #directory: string;
  readonly #locks = new Map<string, FileLock>();

  constructor(bookPath: string) {
    this.#directory = dirname(bookPath);
  }

  /** Claims a root for this book until it is released; false when another one has it. */
  claim(root: string): boolean {
    if (this.#locks.has(root)) return true;
    const lock = FileLock.alone(this.#lockPath(root));
    if (lock === null) return false;
    this.#locks.set(root, lock);
    return true;
  }

  /** Whether any book claims it. */
  isClaimed(root: string): boolean {
    if (this.#locks.has(root)) return true;
    const path = this.#lockPath(root);
    if (!existsSync(path)) return false;
    const lock = new FileLock(path);
    try {
      return !lock.tryShared();
    } finally {
      lock.close();
    }
  }

  release(root: string): void {
    this.#locks.get(root)?.discard();
    this.#locks.delete(root);
  }

  close(): void {
    for (const root of [...this.#locks.keys()]) this.release(root);
  }

  #lockPath(root: string): string {
    const name = createHash("sha256").update(root).digest("hex").slice(0, 32);
    return join(this.#directory, `serving-${name}.lock`);
  }
}
