// What the main thread and `workers/chunk.ts` say to each other. Buffers named `buffer` are always
// transferred, never cloned; a reply hands a buffer back so that it can be used again.

import type { ErrorCode } from "../base/errors.ts";
import type { Stamp } from "../wire/messages.ts";
import type { ChunkRecord } from "../wire/frame.ts";

/** How a worker compresses the chunks of a job. */
export type Compression =
  | { readonly kind: "none" }
  /** Chunks of nothing but zeros alone, which cost nothing: as all below do with them. */
  | { readonly kind: "zeros" }
  /** zstd where a sample of the chunk shrinks: by an eighth, or by this share of it. */
  | { readonly kind: "auto"; readonly level: number; readonly leastSaving?: number }
  /** zstd always, kept only where the result is smaller. */
  | { readonly kind: "zstd"; readonly level: number };

/** One chunk to read at the source. */
export interface ChunkToPack {
  readonly entry: number;
  readonly chunk: number;
  /** Index into `PackJob.files`. */
  readonly file: number;
  readonly offsetBytes: number;
  readonly rawBytes: number;
  /** Digest the receiver holds for it: equal means the record says `same` and carries no bytes. */
  readonly held?: Uint8Array;
}

/** One source file of a job. */
export interface FileToPack {
  /** Absolute path. */
  readonly path: string;
  /** What it looked like in the walk; a difference before or after reading fails the entry. */
  readonly stamp: Stamp;
}

/** One frame to build: several small chunks, or one large. */
export interface FrameToPack {
  readonly transfer: number;
  readonly frame: number;
  readonly chunks: readonly ChunkToPack[];
  /** At least `frameCapacityBytes` long. */
  readonly buffer: ArrayBuffer;
}

/** Read, hash and compress into frames. Replies: one `packed` a frame, in any order. */
export interface PackJob {
  readonly kind: "pack";
  readonly job: number;
  readonly files: readonly FileToPack[];
  readonly frames: readonly FrameToPack[];
  readonly compression: Compression;
}

/** A file that stands at the receiver. A directory above it may be another one by now, or a link (I5). */
export interface StandingFile {
  /** Absolute path. */
  readonly path: string;
  /** What the store saw there; whatever else is there now is not read. */
  readonly stamp: Stamp;
}

/** Where one record of a frame goes at the receiver. */
export interface ChunkToLand {
  readonly record: ChunkRecord;
  /** Absolute path of the part; created when absent. */
  readonly path: string;
  readonly offsetBytes: number;
  /** Size of the whole file; the part is extended to it. */
  readonly fileBytes: number;
  /** Zero runs may be left unwritten. */
  readonly sparse: boolean;
  /** This chunk is the whole file: sync it before the reply. */
  readonly sync: boolean;
  /** For a `same` record: the file to copy the chunk from at the same offset; null when the part has it. */
  readonly copyFrom: StandingFile | null;
}

/** One frame to decompress, verify and write. */
export interface FrameToLand {
  readonly frame: number;
  /**
   * The frame's body (record table and stored bytes) in `buffer`, from `bodyOffset`; of no bytes
   * for copies of standing chunks, which no frame carried.
   */
  readonly buffer: ArrayBuffer;
  readonly bodyOffset: number;
  readonly bodyBytes: number;
  /** In the order of the record table; null for a record to be passed over. */
  readonly chunks: readonly (ChunkToLand | null)[];
}

/** Decompress, verify and write. Replies: one `landed` a frame. */
export interface LandJob {
  readonly kind: "land";
  readonly job: number;
  readonly frames: readonly FrameToLand[];
}

/** A standing file to hash, or some chunks of it. */
export interface FileToDigest extends StandingFile {
  /** First chunk and how many; all of them where absent. */
  readonly range?: readonly [first: number, count: number];
}

/** Read and hash files that stand at the receiver. Reply: one `digested` for all of them. */
export interface DigestJob {
  readonly kind: "digest";
  readonly job: number;
  readonly files: readonly FileToDigest[];
  readonly chunkBytes: number;
}

/** A whole file that is to be read again before it is committed. */
export interface FileToReread {
  readonly entry: number;
  /** Absolute path, of a part or of a file that stands there and is kept. */
  readonly path: string;
  readonly sizeBytes: number;
}

/** Read again what was written. Replies: one `reread` a file. */
export interface RereadJob {
  readonly kind: "reread";
  readonly job: number;
  readonly files: readonly FileToReread[];
  readonly chunkBytes: number;
}

/** Compare a file that stands at the receiver with the beginning of a part. Reply: one `compared`. */
export interface CompareJob extends StandingFile {
  readonly kind: "compare";
  readonly job: number;
  /** Absolute path. */
  readonly part: string;
}

export type ChunkJob = PackJob | LandJob | DigestJob | RereadJob | CompareJob;

/** Why one chunk failed; the others of its frame go on. */
export interface ChunkFailure {
  readonly entry: number;
  readonly code: ErrorCode;
  readonly message: string;
}

/** What packing a frame took: `compression_plan.ts` decides by it. */
export interface PackWork {
  /** All of it: reading, hashing, sampling, compressing. */
  readonly busyMs: number;
  /** Raw bytes of chunks of nothing but zeros: of them nothing else is told. */
  readonly zeroBytes: number;
  /** Raw bytes of chunks that were sampled, or compressed at once. */
  readonly sampledBytes: number;
  /** Of these, those of chunks that were compressed. */
  readonly triedBytes: number;
  /** What these came to, and in how long. */
  readonly keptBytes: number;
  readonly triedMs: number;
  /** What these would come to if they shrank as their samples did. */
  readonly sampleBytes: number;
}

/** A frame is ready to be written to a lane. */
export interface Packed {
  readonly kind: "packed";
  readonly job: number;
  readonly frame: number;
  readonly buffer: ArrayBuffer;
  /** Bytes of the frame from offset 0; 0 when every chunk of it failed. */
  readonly frameBytes: number;
  /**
   * The records in it: chunks that failed are left out. From a worker there come none, for the frame has
   * them too: the pool reads them there.
   */
  readonly records: readonly ChunkRecord[];
  readonly failures: readonly ChunkFailure[];
  readonly work: PackWork;
}

/** A frame's chunks were dealt with. */
export interface Landed {
  readonly kind: "landed";
  readonly job: number;
  readonly frame: number;
  /** Handed back for use again. */
  readonly buffer: ArrayBuffer;
  readonly failures: readonly ChunkFailure[];
}

/** Files were hashed. */
export interface Digested {
  readonly kind: "digested";
  readonly job: number;
  /** In the order of the job's files. */
  readonly files: readonly FileDigests[];
}

/** What a file's chunks hash to; or why that is not known. */
export interface FileDigests {
  /** Of the chunks asked for, in order, 32 bytes each; null when they could not be read. */
  readonly digests: Uint8Array | null;
  readonly failure: { readonly code: ErrorCode; readonly message: string } | null;
}

/** A file was read again. */
export interface Reread {
  readonly kind: "reread";
  readonly job: number;
  readonly entry: number;
  /** Chunk digests in order, 32 bytes each; null when it could not be read whole. */
  readonly digests: Uint8Array | null;
}

/** A file and the beginning of a part were read. */
export interface Compared {
  readonly kind: "compared";
  readonly job: number;
  /** They are the same, byte for byte. */
  readonly begins: boolean;
}

/** A job failed as a whole: a defect, not a bad file. */
export interface JobFailed {
  readonly kind: "job_failed";
  readonly job: number;
  readonly message: string;
}

/** The worker is up; first message of all. */
export interface Ready {
  readonly kind: "ready";
  /** Names of the codecs it loaded, for `--version --verbose`. */
  readonly codecs: {
    readonly hash: string;
    readonly compress: string;
    readonly decompress: string;
  };
}

/** End of a job that had fewer replies than were due. */
export interface JobDone {
  readonly kind: "job_done";
  readonly job: number;
}

/** A reply that carries a result. */
export type JobReply = Packed | Landed | Digested | Reread | Compared;

export type ChunkReply =
  | Ready
  | JobFailed
  | JobDone
  /** `isLast`: the job ends with it. */
  | JobReply & { readonly isLast: boolean };

/** First message to a worker: what to load. */
export interface ChunkInit {
  readonly kind: "init";
  /** Codec names to leave out, for tests (`SFTPX_WITHOUT`, comma-separated). */
  readonly without: readonly string[];
  /** It will most likely be given chunks to land, and makes itself ready for that. */
  readonly lands?: boolean;
}
