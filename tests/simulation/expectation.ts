// What an attempt must have come to, worked out from the models alone.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { concatBytes, encodeUtf8, toHex } from "../../src/base/bytes.ts";
import { comparePaths } from "../../src/base/path.ts";
import type { EntryReport } from "../../src/engine/report.ts";
import type { Entry } from "../../src/wire/messages.ts";
import { chunkDigest } from "../../src/engine/_fixture.ts";
import type { JournalRow, ModelDisk } from "./model_disk.ts";
import { digestOf } from "./model_store.ts";
import type { Side } from "./side.ts";
import type { Attempt } from "./simulation.ts";

/** Paths either end reported as failed. */
export function failedPaths({ sending, receiving }: Attempt): Set<string> {
  return new Set([...sending.failures, ...receiving.failures].map(({ path }) => path));
}

/** Both ends agree, and what is not failed is in place to the bit. */
export function assertDone(attempt: Attempt, disk: ModelDisk): void {
  const { sender, receiver, sending, store } = attempt;
  assert.equal(sender.error, null);
  assert.equal(receiver.error, null);
  assert.ok(sender.result !== null && receiver.result !== null);
  const isLocal = !attempt.offer.delete;
  assert.deepEqual(sender.result, isLocal ? { ...receiver.result, deleted: 0 } : receiver.result);
  assertTold(attempt);
  const failed = failedPaths(attempt);
  assert.equal(receiver.result.failed, failed.size);
  const good = sending.walked.filter(({ entry }) => !failed.has(entry.path));
  for (const { entry, bytes } of good) {
    const node = disk.finals.get(entry.path);
    assert.equal(node?.kind, entry.kind, entry.path);
    if (node?.kind === "file") assert.deepEqual(node.bytes, bytes, entry.path);
    if (node?.kind === "link") assert.equal(node.target, entry.target);
  }
  const files = good.filter(({ entry }) => entry.kind === "file");
  assert.equal(receiver.result.files, files.length);
  assert.equal(receiver.result.bytes, files.reduce((sum, { bytes }) => sum + bytes.length, 0));
  assert.equal(toHex(receiver.result.root), toHex(rootOf(good, store.chunkBytes)));
}

/** Both ends counted and told what the store did, each entry once. */
function assertTold(attempt: Attempt): void {
  const { receiver, sending, receiving, store, offer } = attempt;
  const failed = failedPaths(attempt);
  const changed = [...store.changed].filter((path) => !failed.has(path)).sort();
  assert.equal(receiver.result?.changed, changed.length);
  assert.equal(receiver.result?.deleted, store.deleted.size);
  const deleted = [...store.deleted].sort();
  assert.deepEqual(told(receiving, "deleted"), deleted);
  assert.deepEqual(told(sending, "deleted"), offer.delete ? deleted : []);
  for (const side of [receiving, sending]) assert.deepEqual(told(side, "done"), changed);
  assert.deepEqual(told(sending, "unchanged"), told(receiving, "unchanged"));
  const settled = changed.length + told(receiving, "unchanged").length;
  assert.equal(settled, sending.walked.length - failed.size, "each entry is told or failed");
}

function told({ entries }: Side, result: EntryReport["result"]): string[] {
  return entries.filter((entry) => entry.result === result).map(({ path }) => path).sort();
}

/** Root by its definition: one record an entry, by path, all laid end to end. */
export function rootOf(
  walked: readonly { entry: Entry; bytes: Uint8Array }[],
  chunkBytes: number,
): Uint8Array {
  const ascending = walked.toSorted((a, b) => comparePaths(a.entry.path, b.entry.path));
  const records = ascending.map(({ entry, bytes }) => {
    const path = encodeUtf8(entry.path);
    const head = Buffer.alloc(1 + 4);
    head.writeUInt8({ file: 1, directory: 2, link: 3 }[entry.kind]);
    head.writeUInt32BE(path.byteLength, 1);
    const tail = Buffer.alloc(9);
    tail.writeBigUInt64BE(BigInt(entry.sizeBytes));
    tail.writeUInt8(entry.kind === "file" && (entry.mode & 0o111) !== 0 ? 1 : 0, 8);
    const target = encodeUtf8(entry.target ?? "");
    const targetBytes = Buffer.alloc(4);
    targetBytes.writeUInt32BE(target.byteLength);
    const content = entry.kind === "file"
      ? [digestOf(bytes, chunkBytes)]
      : entry.kind === "link"
      ? [targetBytes, target]
      : [];
    return concatBytes([head, path, tail, ...content]);
  });
  const hash = createHash("sha256").update("sftpx 1 root\0").update(concatBytes(records));
  return new Uint8Array(hash.digest());
}

/** A chunk the journal holds, and the size of the file it was cut from. */
export interface HeldChunk {
  readonly digest: Uint8Array;
  readonly sizeBytes: number;
}

/** Chunks the journal holds, as the sender's `sentRaw` names them. */
export function journalled(journal: ReadonlyMap<string, JournalRow>): Map<string, HeldChunk> {
  const held = new Map<string, HeldChunk>();
  for (const [path, { chunks, stamp: { sizeBytes } }] of journal) {
    for (const [chunk, digest] of chunks) held.set(`${path} ${chunk}`, { digest, sizeBytes });
  }
  return held;
}

/** What the journal held and the source still has is not sent again. */
export function assertResumed(
  held: ReadonlyMap<string, HeldChunk>,
  { sending, store: { chunkBytes } }: Attempt,
): void {
  for (const { entry, bytes } of sending.walked) {
    for (let at = 0; at < bytes.byteLength; at += chunkBytes) {
      const name = `${entry.path} ${at / chunkBytes}`;
      const chunk = held.get(name);
      // A file of another size begins anew: its part was laid out for the old one.
      const same = chunk?.sizeBytes === bytes.byteLength &&
        Buffer.compare(chunk.digest, chunkDigest(bytes.subarray(at, at + chunkBytes))) === 0;
      if (same) assert.ok(!sending.sentRaw.has(name), `chunk ${name} is sent again`);
    }
  }
}
