// The sender's disk of a simulated run: a random tree, sources that fail or change under the
// reader, and the worker that packs frames from it.

import type { ErrorCode } from "../../src/base/errors.ts";
import { comparePaths } from "../../src/base/path.ts";
import type { PlannedFrame } from "../../src/engine/sender.ts";
import type { ChunkRecord } from "../../src/wire/frame.ts";
import type { Entry, OfferedSource, Stamp } from "../../src/wire/messages.ts";
import type { Random } from "./clock.ts";
import { chunkDigest } from "../../src/engine/_fixture.ts";

/** A frame as it travels: records and the raw bytes of each; null for a chunk that is the same. */
export interface SimulatedFrame {
  readonly frame: number;
  readonly records: readonly ChunkRecord[];
  readonly bytes: readonly (Uint8Array | null)[];
}

export interface PackedFrame extends SimulatedFrame {
  readonly failures: readonly { entry: number; code: ErrorCode; message: string }[];
}

/** One node of the tree. */
export interface SourceNode {
  readonly entry: Omit<Entry, "stamp">;
  readonly source: number;
  bytes: Uint8Array;
  stamp: Stamp | undefined;
  isUnreadable: boolean;
}

/** Nanoseconds since 1970 at the start of the first attempt. */
export const START_NS = 1_800_000_000_000_000_000n;
const SECOND_NS = 1_000_000_000n;
const NAMES = ["a", "b", "B", "a-b", "a b", "é", "日本", "𝄞x", "z.tar", "-rf", "~", "\ufffdy"];

export class ModelSource {
  readonly sources: readonly OfferedSource[];
  readonly nodes: SourceNode[] = [];
  readonly #random: Random;
  #inode = 1n;

  constructor(random: Random, { chunkBytes }: { chunkBytes: number }) {
    this.#random = random;
    const contents = random.chance(0.3);
    this.sources = contents
      ? [{ name: "root", kind: "directory", contents: true }]
      : [{ name: "dir", kind: "directory", contents: false }, {
        name: "file",
        kind: "file",
        contents: false,
      }, { name: "link", kind: "link", contents: false }];
    if (contents) {
      this.#fill("", 0, { depth: 0, chunkBytes });
    } else {
      this.#addDirectory("dir", 0, { depth: 0, chunkBytes });
      this.#addFile("file", 1, chunkBytes);
      this.#addLink("link", 2);
    }
    this.nodes.sort((a, b) => comparePaths(a.entry.path, b.entry.path));
  }

  get files(): SourceNode[] {
    return this.nodes.filter((node) => node.entry.kind === "file");
  }

  /** The manifest entry of a node as a walk finds it now. */
  entryOf({ entry, bytes, stamp }: SourceNode): Entry {
    if (stamp === undefined) return entry;
    return { ...entry, sizeBytes: bytes.byteLength, mtimeNs: stamp.mtimeNs, stamp };
  }

  /** Rewrites part of a file; its stamp shows it. */
  change(node: SourceNode, nowNs: bigint, { resize }: { resize: boolean }): void {
    const random = this.#random;
    node.bytes = node.bytes.slice();
    if (resize || node.bytes.byteLength === 0) {
      const grown = new Uint8Array(random.below(2 * node.bytes.byteLength + 40));
      grown.set(node.bytes.subarray(0, grown.byteLength));
      node.bytes = grown;
    }
    const at = random.below(node.bytes.byteLength);
    node.bytes.set(random.bytes(Math.min(3, node.bytes.byteLength - at)), at);
    node.stamp = this.#stamp(node.bytes, nowNs);
  }

  /** What a worker does with a planned frame. */
  pack(plan: PlannedFrame): PackedFrame {
    const records: ChunkRecord[] = [];
    const payload: (Uint8Array | null)[] = [];
    const failures: { entry: number; code: ErrorCode; message: string }[] = [];
    for (const { entry, chunk, origin, offsetBytes, rawBytes, held } of plan.chunks) {
      const node = this.nodes.find((candidate) => candidate.entry.path === origin.path)!;
      if (node.isUnreadable) {
        failures.push({ entry, code: "source_unreadable", message: "Cannot read it" });
        continue;
      }
      if (node.stamp !== origin.stamp) {
        failures.push({ entry, code: "source_changed", message: "Cannot read it: it changed" });
        continue;
      }
      const bytes = node.bytes.slice(offsetBytes, offsetBytes + rawBytes);
      const digest = chunkDigest(bytes);
      const isSame = held !== undefined && Buffer.compare(held, digest) === 0;
      const encoding = isSame ? "same" : "raw";
      const storedBytes = isSame ? 0 : rawBytes;
      records.push({ entry, chunk, rawBytes, storedBytes, encoding, digest });
      payload.push(isSame ? null : bytes);
    }
    return { frame: plan.frame, records, bytes: payload, failures };
  }

  #fill(
    prefix: string,
    source: number,
    { depth, chunkBytes }: { depth: number; chunkBytes: number },
  ): void {
    const random = this.#random;
    const names = NAMES.filter(() => random.chance(0.4));
    for (const name of names) {
      const path = `${prefix}${name}`;
      const roll = random.next();
      if (roll < 0.2 && depth < 3) {
        this.#addDirectory(path, source, { depth: depth + 1, chunkBytes });
      } else if (roll < 0.3) this.#addLink(path, source);
      else this.#addFile(path, source, chunkBytes);
    }
  }

  #addDirectory(
    path: string,
    source: number,
    options: { depth: number; chunkBytes: number },
  ): void {
    const entry = { path, kind: "directory", sizeBytes: 0, mtimeNs: 5n, mode: 0o755 } as const;
    this.nodes.push({
      entry,
      source,
      bytes: new Uint8Array(0),
      stamp: undefined,
      isUnreadable: false,
    });
    this.#fill(`${path}/`, source, options);
  }

  #addLink(path: string, source: number): void {
    const target = this.#random.pick(["a", "../x", "é/日本"]);
    const entry = { path, kind: "link", sizeBytes: 0, mtimeNs: 5n, mode: 0o777, target } as const;
    this.nodes.push({
      entry,
      source,
      bytes: new Uint8Array(0),
      stamp: undefined,
      isUnreadable: false,
    });
  }

  #addFile(path: string, source: number, chunkBytes: number): void {
    const random = this.#random;
    const bytes = random.bytes(random.pick([
      0,
      1 + random.below(4),
      random.below(chunkBytes + 1),
      chunkBytes,
      chunkBytes + 1,
      random.below(9 * chunkBytes),
      4 * chunkBytes,
    ]));
    const mode = random.pick([0o644, 0o755]);
    const entry = { path, kind: "file", sizeBytes: bytes.byteLength, mtimeNs: 0n, mode } as const;
    // One in four was written the moment before: racily clean.
    const ageNs = random.chance(0.25) ? SECOND_NS : 1000n * SECOND_NS;
    const stamp = this.#stamp(bytes, START_NS - ageNs);
    this.nodes.push({ entry, source, bytes, stamp, isUnreadable: false });
  }

  #stamp(bytes: Uint8Array, timeNs: bigint): Stamp {
    return {
      device: 1n,
      inode: this.#inode++,
      sizeBytes: bytes.byteLength,
      mtimeNs: timeNs,
      ctimeNs: timeNs,
    };
  }
}
