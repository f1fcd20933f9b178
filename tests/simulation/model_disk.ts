// The receiver's disk of a simulated run. It outlives crashes, loses what was not synced in them,
// and checks with every step that I1 and I2 hold.

import assert from "node:assert/strict";
import { DIGEST_BYTES } from "../../src/wire/frame.ts";
import type { Stamp } from "../../src/wire/messages.ts";
import type { Random } from "./clock.ts";
import { chunkDigest } from "../../src/engine/_fixture.ts";

/** A part: what programs read, and what a power cut would leave. */
export class ModelPart {
  /** Its bytes changed though nobody wrote: what the journal says of them is no longer ours to keep. */
  isDamaged = false;
  bytes = new Uint8Array(0);
  #durable = new Uint8Array(0);
  #unsynced: { readonly atBytes: number; readonly bytes: Uint8Array }[] = [];

  get isSynced(): boolean {
    return this.#unsynced.length === 0;
  }

  get durable(): Uint8Array {
    return this.#durable;
  }

  write(atBytes: number, bytes: Uint8Array, fileBytes: number): void {
    this.bytes = apply(this.bytes, { atBytes, bytes, fileBytes });
    this.#unsynced.push({ atBytes, bytes: bytes.slice() });
  }

  sync(): void {
    this.#durable = this.bytes.slice();
    this.#unsynced = [];
  }

  /** Each write that was not synced survives, is torn or is gone, by chance. */
  crash(random: Random): void {
    let bytes = this.#durable;
    for (const write of this.#unsynced) {
      const kept = random.pick([0, write.bytes.byteLength >> 1, write.bytes.byteLength]);
      const fileBytes = Math.max(bytes.byteLength, write.atBytes + kept);
      bytes = apply(bytes, { ...write, bytes: write.bytes.subarray(0, kept), fileBytes });
    }
    this.bytes = bytes.slice();
    this.#durable = bytes.slice();
    this.#unsynced = [];
  }
}

/** Journalled chunks of one file. */
export interface JournalRow {
  readonly part: string;
  readonly stamp: Stamp;
  readonly recordedNs: bigint;
  readonly chunkBytes: number;
  /** Digest by chunk. */
  readonly chunks: Map<number, Uint8Array>;
}

export type FinalNode =
  | {
    readonly kind: "file";
    readonly bytes: Uint8Array;
    /** Our own record of the commit, if there is one. */
    readonly record: {
      readonly digest: Uint8Array;
      readonly mtimeNs: bigint;
      readonly chunkBytes: number;
    } | null;
  }
  | { readonly kind: "directory" }
  | { readonly kind: "link"; readonly target: string };

export class ModelDisk {
  readonly parts = new Map<string, ModelPart>();
  /** By entry path. */
  readonly journal = new Map<string, JournalRow>();
  readonly finals = new Map<string, FinalNode>();
  /** Path of the first entry that was not durable when something last was; null where none is known. */
  frontier: string | null = null;

  partAt(path: string): ModelPart {
    let part = this.parts.get(path);
    if (part === undefined) this.parts.set(path, part = new ModelPart());
    return part;
  }

  /** A worker writes a chunk. Overwriting what the journal claims breaks I2. */
  writeChunk(
    path: string,
    write: { atBytes: number; bytes: Uint8Array; fileBytes: number },
  ): void {
    for (const row of this.journal.values()) {
      if (row.part !== path) continue;
      const claimed = row.chunks.get(write.atBytes / row.chunkBytes);
      if (claimed === undefined) continue;
      assert.deepEqual(claimed, chunkDigest(write.bytes), "I2: a claimed chunk is overwritten");
    }
    this.partAt(path).write(write.atBytes, write.bytes, write.fileBytes);
  }

  /** Everything the journal claims must be what a power cut would leave (I2). */
  checkJournal(): void {
    for (const [path, { part, chunkBytes, chunks, stamp }] of this.journal) {
      if (this.parts.get(part)?.isDamaged) continue;
      const durable = this.parts.get(part)?.durable ?? new Uint8Array(0);
      for (const [chunk, digest] of chunks) {
        const end = Math.min((chunk + 1) * chunkBytes, stamp.sizeBytes);
        const bytes = durable.subarray(chunk * chunkBytes, end);
        assert.deepEqual(chunkDigest(bytes), digest, `I2: chunk ${chunk} of ${path}`);
        assert.equal(digest.byteLength, DIGEST_BYTES);
      }
    }
  }

  crash(random: Random): void {
    for (const part of this.parts.values()) part.crash(random);
    this.sweep();
    this.checkJournal();
  }

  /** Parts the journal does not know are removed. */
  sweep(): void {
    const known = new Set([...this.journal.values()].map((row) => row.part));
    for (const path of this.parts.keys()) if (!known.has(path)) this.parts.delete(path);
  }
}

function apply(
  before: Uint8Array,
  write: { atBytes: number; bytes: Uint8Array; fileBytes: number },
): Uint8Array<ArrayBuffer> {
  const after = new Uint8Array(Math.max(before.byteLength, write.fileBytes));
  after.set(before);
  after.set(write.bytes, write.atBytes);
  return after;
}
