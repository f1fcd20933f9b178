// Bytes a transfer has in place, and how many of them never travelled. Only grows (I10).

import type { ChunkRecord } from "../wire/frame.ts";

/** What the receiver holds of open files, and what no record has settled yet; nothing where it is none. */
export function heldOf(
  files: readonly { heldBytes(chunkBytes: number): number }[],
  chunkBytes: number,
): { readonly heldBytes?: number } {
  const heldBytes = files.reduce((sum, file) => sum + file.heldBytes(chunkBytes), 0);
  return heldBytes === 0 ? {} : { heldBytes };
}

export class Tally {
  #bytesDone = 0;
  #reusedBytes = 0;
  #hasMoved = false;

  get bytesDone(): number {
    return this.#bytesDone;
  }

  /** Of `bytesDone`, those not sent. */
  get reusedBytes(): number {
    return this.#reusedBytes;
  }

  /** Bytes have to travel, or had to. */
  get hasMoved(): boolean {
    return this.#hasMoved;
  }

  /** Some bytes are not at the receiver. */
  move(): void {
    this.#hasMoved = true;
  }

  /** A chunk is dealt with whose record came in a frame. */
  count({ rawBytes, encoding }: Pick<ChunkRecord, "rawBytes" | "encoding">): void {
    this.#bytesDone += rawBytes;
    if (encoding === "same") this.#reusedBytes += rawBytes;
  }

  /** Bytes were there already, and no record speaks of them. */
  reuse(bytes: number): void {
    this.#bytesDone += bytes;
    this.#reusedBytes += bytes;
  }
}
