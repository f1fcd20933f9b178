// Files that are announced and not done with, at either end: what memory a transfer takes (I8). Both
// ends bound them by the same rule, so that what the sender finds room for the receiver never refuses.

import { LIMITS } from "../base/limits.ts";

export class OpenFiles<File extends { readonly index: number; readonly chunks: number }> {
  readonly #files = new Map<number, File>();
  /** Those of which the receiver has a part: of thousands that are open mostly none. */
  readonly #inParts = new Set<File>();
  /** How many have room and are not held here. */
  #reserved = 0;
  /** Chunks of all of them. */
  #chunks = 0;

  get size(): number {
    return this.#files.size + this.#reserved;
  }

  /** Whether one more file with so many chunks may be open. */
  hasRoom(chunks: number): boolean {
    return this.size < LIMITS.openEntries && this.#chunks + chunks <= LIMITS.openChunks;
  }

  /** The open file of an entry. */
  find(index: number): File | undefined {
    return this.#files.get(index);
  }

  /** Those that are open now. */
  all(): readonly File[] {
    return [...this.#files.values()];
  }

  /** Those that `holdPart` named. */
  get inParts(): readonly File[] {
    return [...this.#inParts];
  }

  open(file: File): void {
    this.#files.set(file.index, file);
    this.#chunks += file.chunks;
  }

  /** Takes the room of a file with so many chunks, which is held elsewhere. */
  reserve(chunks: number): void {
    this.#reserved++;
    this.#chunks += chunks;
  }

  /** Gives it back. */
  release(chunks: number): void {
    this.#reserved--;
    this.#chunks -= chunks;
  }

  /** The receiver has a part of a file that is open. */
  holdPart(file: File): void {
    this.#inParts.add(file);
  }

  /** Nothing more happens to a file that is open. */
  close(file: File): void {
    this.#files.delete(file.index);
    this.#inParts.delete(file);
    this.#chunks -= file.chunks;
  }
}
