// The chunks of a frame as they go to a worker. The frame has their records itself, and of the rest most
// is numbers: cloned as objects each chunk names all that it holds, and each digest is a view of a buffer.

import type { ChunkJob, ChunkToLand, FrameToLand, LandJob } from "./messages.ts";

/** What `FrameToLand.chunks` says, where a frame carried all of it. */
export interface ChunkColumns {
  readonly length: number;
  /** Of the parts, with a NUL between two; empty for a record to be passed over. */
  readonly paths: string;
  /** Two numbers a chunk: where it goes, and the size of the whole file. */
  readonly bytes: Float64Array;
  readonly flags: Uint8Array;
}

/** A frame on its way to a worker. */
export interface SentFrame extends Omit<FrameToLand, "chunks"> {
  readonly chunks: ChunkColumns | FrameToLand["chunks"];
}

/** What lands, on its way to a worker. */
export interface SentLandJob extends Omit<LandJob, "frames"> {
  readonly frames: readonly SentFrame[];
}

/** A job as a worker is given it. */
export type SentJob = Exclude<ChunkJob, LandJob> | SentLandJob;

/** A chunk as a worker sees it: its record is in the frame, but for copies, which no frame carried. */
export type SentChunk = Omit<ChunkToLand, "record">;

const LANDS = 1;
const SPARSE = 2;
const SYNC = 4;

/** As it goes; a frame with something to be copied goes as it is. */
export function packFrame(frame: FrameToLand): SentFrame {
  const { chunks, bodyBytes } = frame;
  if (bodyBytes === 0) return frame;
  const paths: string[] = [];
  const bytes = new Float64Array(2 * chunks.length);
  const flags = new Uint8Array(chunks.length);
  for (let at = 0; at < chunks.length; at++) {
    const chunk = chunks[at]!;
    if (chunk === null) {
      paths.push("");
      continue;
    }
    if (chunk.copyFrom !== null) return frame;
    paths.push(chunk.path);
    bytes[2 * at] = chunk.offsetBytes;
    bytes[2 * at + 1] = chunk.fileBytes;
    flags[at] = LANDS | (chunk.sparse ? SPARSE : 0) | (chunk.sync ? SYNC : 0);
  }
  return { ...frame, chunks: { length: chunks.length, paths: paths.join("\0"), bytes, flags } };
}

/** As it was, but for the records. */
export function unpackChunks(chunks: SentFrame["chunks"]): readonly (SentChunk | null)[] {
  if (!("paths" in chunks)) return chunks;
  const { paths, bytes, flags } = chunks;
  return paths.split("\0").map((path, at) => {
    const flag = flags[at]!;
    return (flag & LANDS) === 0 ? null : {
      path,
      offsetBytes: bytes[2 * at]!,
      fileBytes: bytes[2 * at + 1]!,
      sparse: (flag & SPARSE) !== 0,
      sync: (flag & SYNC) !== 0,
      copyFrom: null,
    };
  });
}
