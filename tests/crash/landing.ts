// What the chunk workers do to parts, and what is seen of files and names: the calls on a real disk that
// the store's own seam does not make.

import * as fs from "node:fs";
import type { Disk } from "../../src/store/disk.ts";

/** One write of a chunk worker. */
export interface LandedChunk {
  readonly atBytes: number;
  readonly bytes: Uint8Array;
  readonly fileBytes: number;
  readonly sync: boolean;
}

/** What a transfer is received with: the store's disk, and the chunk workers' writes. */
export interface Ground {
  readonly disk: Disk;
  land(path: string, chunk: LandedChunk): void;
}

/** Writes a chunk as `pool/land.ts` does; answers whether the part was given its size before. */
export function landChunk(path: string, { atBytes, bytes, fileBytes }: LandedChunk): boolean {
  const { O_CREAT, O_RDWR } = fs.constants;
  const fd = fs.openSync(path, O_RDWR | O_CREAT, 0o600);
  try {
    const isWhole = atBytes === 0 && bytes.byteLength === fileBytes;
    const { size } = fs.fstatSync(fd);
    const isResized = size > fileBytes || (size < fileBytes && !isWhole);
    if (isResized) fs.ftruncateSync(fd, fileBytes);
    fs.writeSync(fd, bytes, 0, bytes.byteLength, atBytes);
    return isResized;
  } finally {
    fs.closeSync(fd);
  }
}

/** What stands there, links not followed. */
export function seenAt(path: string) {
  const stat = fs.lstatSync(path, { bigint: true });
  const kind = stat.isDirectory() ? "directory" : stat.isSymbolicLink() ? "link" : "file";
  const target = kind === "link" ? fs.readlinkSync(path) : null;
  const { ino: inode, mtimeNs } = stat;
  return { kind, target, inode, mode: Number(stat.mode & 0o7777n), mtimeNs } as const;
}

export function readOrNull(path: string): Uint8Array | null {
  try {
    return new Uint8Array(fs.readFileSync(path));
  } catch {
    return null;
  }
}
