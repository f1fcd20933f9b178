// Whether what the receiver acknowledges is true at that moment: `stored` means verified and
// written, `durable` means journalled or committed.

import assert from "node:assert/strict";
import { equalBytes } from "../../src/base/bytes.ts";
import type { ChunkRecord } from "../../src/wire/frame.ts";
import type { Message, Range } from "../../src/wire/messages.ts";
import { chunkDigest } from "../../src/engine/_fixture.ts";
import type { ModelDisk } from "./model_disk.ts";
import type { SimulatedFrame } from "./model_source.ts";
import type { ModelStore } from "./model_store.ts";

export class AcknowledgementCheck {
  readonly #records = new Map<number, readonly ChunkRecord[]>();
  readonly #disk: ModelDisk;
  readonly #store: ModelStore;
  /** Paths of entries that failed: nothing is promised of their chunks. */
  readonly #hasFailed: (path: string) => boolean;

  constructor(
    { disk, store, hasFailed }: {
      disk: ModelDisk;
      store: ModelStore;
      hasFailed: (path: string) => boolean;
    },
  ) {
    this.#disk = disk;
    this.#store = store;
    this.#hasFailed = hasFailed;
  }

  arrived({ frame, records }: SimulatedFrame): void {
    this.#records.set(frame, records);
  }

  said(message: Message): void {
    if (message.type === "stored") {
      this.#each(message.frames, (record) => {
        assert.ok(this.#isWritten(record), "a chunk is called stored that is not written");
      });
    }
    if (message.type === "durable") {
      this.#each(message.frames, (record) => {
        assert.ok(this.#isDurable(record), "a chunk is called durable that is not journalled");
      });
    }
  }

  #each(ranges: readonly Range[], check: (record: ChunkRecord) => void): void {
    for (const [first, count] of ranges) {
      for (let frame = first; frame < first + count; frame++) {
        const records = this.#records.get(frame);
        assert.ok(records !== undefined, "a frame is acknowledged that never came");
        for (const record of records) {
          const path = this.#store.pathOf(record.entry);
          if (path !== null && !this.#hasFailed(path)) check(record);
        }
      }
    }
  }

  #isWritten(record: ChunkRecord): boolean {
    const part = this.#disk.parts.get(this.#store.partOf(record.entry));
    return this.#isIn(part?.bytes, record) || this.#isFinal(record);
  }

  #isDurable(record: ChunkRecord): boolean {
    const row = this.#disk.journal.get(this.#store.pathOf(record.entry)!);
    const claimed = row?.chunks.get(record.chunk);
    return claimed !== undefined && equalBytes(claimed, record.digest) || this.#isFinal(record);
  }

  /** In place, be it ours or the file that stood there and stays. */
  #isFinal(record: ChunkRecord): boolean {
    const node = this.#disk.finals.get(this.#store.pathOf(record.entry)!);
    return node?.kind === "file" && this.#isIn(node.bytes, record);
  }

  #isIn(bytes: Uint8Array | undefined, { chunk, rawBytes, digest }: ChunkRecord): boolean {
    if (bytes === undefined) return false;
    const at = chunk * this.#store.chunkBytes;
    return equalBytes(chunkDigest(bytes.subarray(at, at + rawBytes)), digest);
  }
}
