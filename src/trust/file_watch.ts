// Whether a small file is another one than before, seen by its stamp, without a watcher: it is looked at
// when somebody wants to know, and no more often than agreed. One that was written to a moment ago may
// not be whole yet: it counts as changed a little later.

import { stat } from "node:fs/promises";

export class FileWatch {
  readonly #path: string;
  readonly #everyMs: number;
  #stamp: string;
  #lookedMs: number;

  private constructor(path: string, everyMs: number, from: { stamp: string; lookedMs: number }) {
    this.#path = path;
    this.#everyMs = everyMs;
    this.#stamp = from.stamp;
    this.#lookedMs = from.lookedMs;
  }

  /** Begins before the file is read, so that no change is missed. */
  static async begin(
    path: string,
    { everyMs, lookedMs = performance.now() }: {
      readonly everyMs: number;
      /** When it was looked at last, by the clock of `performance`; now by default. */
      readonly lookedMs?: number;
    },
  ): Promise<FileWatch> {
    const { text: stamp } = await stampOf(path);
    return new FileWatch(path, everyMs, { stamp, lookedMs });
  }

  /** Whether it has changed since this was last answered with yes, or since the beginning. */
  async hasChanged(): Promise<boolean> {
    const nowMs = performance.now();
    if (nowMs - this.#lookedMs < this.#everyMs) return false;
    this.#lookedMs = nowMs;
    const { text, mtimeMs } = await stampOf(this.#path);
    if (text === this.#stamp || Math.abs(Date.now() - mtimeMs) < this.#everyMs) return false;
    this.#stamp = text;
    return true;
  }
}

/** One that cannot be looked at is another one too: reading it says why. */
async function stampOf(path: string): Promise<{ readonly text: string; readonly mtimeMs: number }> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs, mtimeMs } = await stat(path, { bigint: true });
    return { text: [dev, ino, size, mtimeNs, ctimeNs].join(), mtimeMs: Number(mtimeMs) };
  } catch {
    return { text: "", mtimeMs: -Infinity };
  }
}
