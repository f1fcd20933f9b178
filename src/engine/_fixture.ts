// For tests only: a stand-in for BLAKE3 and small manifest entries.

import { createHash } from "node:crypto";
import type { ChunkRecord } from "../wire/frame.ts";
import type { Accept, Entry, Offer, Stamp } from "../wire/messages.ts";
import type { Hashing } from "./hashing.ts";
import type { LanePlanOptions } from "./lane_goal.ts";

/** SHA-256 with the context in front: the engine asks only for a hash keyed by a context. */
export const HASHING: Hashing = {
  deriveKey(context) {
    const hash = createHash("sha256").update(`${context}\0`);
    return {
      update: (bytes) => void hash.update(bytes),
      digest: () => new Uint8Array(hash.digest()),
    };
  },
  derive(context, bytes) {
    const hash = HASHING.deriveKey(context);
    hash.update(bytes);
    return hash.digest();
  },
};

/** Digest of one chunk. */
export function chunkDigest(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

/** 32 equal bytes that stand for a digest. */
export function digest(value: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(32).fill(value);
}

export function stampOf(sizeBytes: number, timeNs = 1_000_000_000n): Stamp {
  return { device: 1n, inode: 2n, sizeBytes, mtimeNs: timeNs, ctimeNs: timeNs };
}

export function fileEntry(path: string, sizeBytes: number): Entry {
  const stamp = stampOf(sizeBytes);
  return { path, kind: "file", sizeBytes, mtimeNs: stamp.mtimeNs, mode: 0o644, stamp };
}

export function directoryEntry(path: string): Entry {
  return { path, kind: "directory", sizeBytes: 0, mtimeNs: 0n, mode: 0o755 };
}

export function linkEntry(path: string, target: string): Entry {
  return { path, kind: "link", sizeBytes: 0, mtimeNs: 0n, mode: 0o777, target };
}

/** A lane plan over QUIC alone that nobody bounds but what a session may have. */
export const FREE_LANES: LanePlanOptions = {
  first: "quic",
  hasOther: false,
  isLocal: false,
  connections: 0,
  lanes: 0,
  mostConnections: 16,
  mostLanes: 16,
  mostBytesPerSecond: null,
};

/** An offer of one directory's contents in chunks of four bytes. */
export function offerOf(fields: Partial<Offer> = {}): Offer {
  return {
    type: "offer",
    transfer: 1,
    sources: [{ name: "top", kind: "directory", contents: true }],
    destination: "",
    intoDirectory: true,
    chunkBytes: 4,
    checksum: false,
    atomic: false,
    given: ["top/"],
    nowNs: 10_000_000_000n,
    delete: false,
    filters: [],
    dryRun: false,
    ...fields,
  };
}

export function acceptOf(fields: Partial<Accept> = {}): Accept {
  return { type: "accept", transfer: 1, fresh: [true], chunkBytes: 4, ...fields };
}

/** A chunk of four bytes as a frame carries it. */
export function recordOf(
  entry: number,
  chunk: number,
  fields: Partial<ChunkRecord> = {},
): ChunkRecord {
  const value = digest(16 * entry + chunk + 1);
  return { entry, chunk, rawBytes: 4, storedBytes: 4, encoding: "raw", digest: value, ...fields };
}
