// What the pool's tests share: a scratch directory, contents, and jobs made by hand.

import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FRAME_HEADER_BYTES, frameCapacityBytes } from "../../wire/frame.ts";
import { type Codecs, loadCodecs } from "../codecs.ts";
import { type OpenedPart, openToRead, type PartOpener, stampOf } from "../files.ts";
import type {
  ChunkToLand,
  ChunkToPack,
  FileToPack,
  FrameToLand,
  Packed,
  StandingFile,
} from "../messages.ts";

/** A directory of its own for each test, removed with `using`. */
export class Scratch {
  readonly path = fs.mkdtempSync(join(tmpdir(), "sftpx-pool-"));

  file(name: string, bytes: Uint8Array): string {
    const path = join(this.path, name);
    fs.writeFileSync(path, bytes);
    return path;
  }

  [Symbol.dispose](): void {
    fs.rmSync(this.path, { recursive: true, force: true });
  }
}

/** Opens a part by its path, made when absent, where nobody swaps what it lies in. */
export function openToWrite(path: string): OpenedPart {
  const { O_CREAT, O_NOFOLLOW = 0, O_RDWR } = fs.constants;
  const fd = fs.openSync(path, O_RDWR | O_NOFOLLOW | O_CREAT, 0o600);
  const stat = fs.fstatSync(fd);
  return { fd, sizeBytes: stat.size, isFile: stat.isFile() };
}

/** Parts that are opened so, with nothing to let go of. */
export const PLAIN_PARTS: PartOpener = {
  open: openToWrite,
  put: () => false,
  release: () => {},
};

/** Codecs every test machine has. */
export function testCodecs(): Promise<Codecs> {
  return loadCodecs({ without: ["zstd-napi"] });
}

/** A source file as a walk would describe it. */
export function walked(path: string): FileToPack {
  const fd = openToRead(path);
  try {
    return { path, stamp: stampOf(fd) };
  } finally {
    fs.closeSync(fd);
  }
}

/** A file that stands at the receiver, with the stamp of what its path leads to now. */
export function standing(path: string): StandingFile {
  const found = fs.statSync(path, { bigint: true, throwIfNoEntry: false });
  const stamp = {
    device: found?.dev ?? 0n,
    inode: found?.ino ?? 0n,
    sizeBytes: Number(found?.size ?? 0),
    mtimeNs: found?.mtimeNs ?? 0n,
    ctimeNs: found?.ctimeNs ?? 0n,
  };
  return { path, stamp };
}

/** A buffer that just holds these chunks. */
export function bufferFor(chunks: readonly ChunkToPack[]): ArrayBuffer {
  const rawBytes = chunks.reduce((sum, chunk) => sum + chunk.rawBytes, 0);
  return new ArrayBuffer(frameCapacityBytes(chunks.length, rawBytes));
}

/** What the main thread makes of a packed frame at the other end. */
export function landingOf(
  packed: Pick<Packed, "buffer" | "frameBytes" | "records" | "frame">,
  place: (record: Packed["records"][number]) => Omit<ChunkToLand, "record"> | null,
): FrameToLand {
  return {
    frame: packed.frame,
    buffer: packed.buffer,
    bodyOffset: FRAME_HEADER_BYTES,
    bodyBytes: packed.frameBytes - FRAME_HEADER_BYTES,
    chunks: packed.records.map((record) => {
      const placed = place(record);
      return placed === null ? null : { record, ...placed };
    }),
  };
}

/** Bytes that do not shrink, the same for the same seed. */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(length / 4));
  let state = seed >>> 0 || 1;
  for (let at = 0; at < words.length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[at] = state;
  }
  return new Uint8Array(words.buffer, 0, length).slice();
}

/** Bytes that shrink. */
export function prose(length: number): Uint8Array<ArrayBuffer> {
  const line = "every chunk of a frame is what the walk saw, or is left out with a reason\n";
  const text = line.repeat(Math.ceil(length / line.length)).slice(0, length);
  return Uint8Array.from(new TextEncoder().encode(text));
}
