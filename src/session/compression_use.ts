// What was compressed of one transfer, and at which levels, for its summary: an end that sends knows the
// levels, one that receives what came compressed.

import type { Compression } from "../pool/messages.ts";
import type { ChunkRecord } from "../wire/frame.ts";
import type { TransferSummary } from "./options.ts";

/** A level that less of the bytes went at was a try. */
const TOLD_SHARE = 1 / 10;

export class CompressionUse {
  readonly #bytesAt = new Map<number, number>();
  #carriedBytes = 0;
  #compressedBytes = 0;

  /** Chunks go to be packed. */
  chose(choice: Compression, rawBytes: number): void {
    if (choice.kind === "none" || choice.kind === "zeros") return;
    this.#bytesAt.set(choice.level, (this.#bytesAt.get(choice.level) ?? 0) + rawBytes);
  }

  /** Chunks crossed the wire; a digest alone carries nothing. */
  add(records: readonly ChunkRecord[]): void {
    for (const { encoding, rawBytes } of records) {
      if (encoding !== "same") this.#carriedBytes += rawBytes;
      if (encoding === "zstd") this.#compressedBytes += rawBytes;
    }
  }

  /** Nothing where nothing was carried. */
  get summary(): Pick<TransferSummary, "compression"> {
    if (this.#carriedBytes === 0) return {};
    if (this.#compressedBytes === 0) return { compression: "none" };
    const all = [...this.#bytesAt.values()].reduce((sum, bytes) => sum + bytes, 0);
    const levels = [...this.#bytesAt].filter(([, bytes]) => bytes >= TOLD_SHARE * all)
      .map(([level]) => level).sort((a, b) => a - b);
    return {
      compression: levels.length === 0 ? "zstd" : levels.map((level) => `zstd:${level}`).join("+"),
    };
  }
}
