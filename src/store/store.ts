// The store as the session sees it: an asynchronous face over `workers/store.ts`, which owns the
// disk and SQLite. Types only; `open.ts` makes one. Nothing of it blocks the main thread. One store
// serves one ROOT, whatever the number of transfers; a sender's store only walks.

import type { ErrorCode } from "../base/errors.ts";
import type { Range } from "../base/ranges.ts";
import type {
  Entry,
  EntryFailure,
  FilterRule,
  OfferedSource,
  PlanStep,
  Stamp,
} from "../wire/messages.ts";
import type { EntriesInTurn } from "./entry_columns.ts";
import type { Interrupted } from "./interrupted.ts";
import type { ReceivePolicy } from "./policy.ts";

/** A source to walk, resolved on this machine. */
export interface WalkSource {
  /** Absolute path. */
  readonly path: string;
  /** First component of its entries' paths; unused for `contents`. */
  readonly name: string;
  /** Entries come without the source's own name (`dir/`, `.`, `..`). */
  readonly contents: boolean;
  /** The source itself may be a link and is followed (`link/`). Links below it never are. */
  readonly follow: boolean;
  /** Real path of the directory that a peer's `path` was seen to lie below, through no link: the walk is
   * refused if one came since, and is confined to it (I5). */
  readonly root?: string;
}

/** What of its sources a walk names. */
export interface WalkOptions {
  /** What these exclude is passed over, directories with all they hold. */
  readonly filters?: readonly FilterRule[];
  /** Of the one source, a directory's contents, only these paths below it, with what they contain
   * and the directories above them. One that is not there is a notice `source_missing`. */
  readonly files?: readonly string[];
  /** False stops at what a source's own directory holds; true by default. */
  readonly recursive?: boolean;
  /** False passes over links with a notice each; true by default. */
  readonly links?: boolean;
  /** First whatever `isFromOn` this path, then the rest; each of the two in ascending order. */
  readonly from?: string;
}

/** What a walk found, in strictly ascending path-byte order over all batches (twice with `from`). */
export interface WalkBatch {
  readonly entries: readonly Entry[];
  /** Absolute path of each entry. */
  readonly paths: readonly string[];
  /** Index of each entry's source. */
  readonly sources: readonly number[];
  /** What was left out: special files, unreadable directories, names that cannot travel. */
  readonly notices: readonly WalkNotice[];
}

export interface WalkNotice {
  /** Path as it would have travelled; not yet escaped for display. */
  readonly path: string;
  /** Null for a mere notice (a socket was skipped); a code when the entry counts as failed. */
  readonly code: ErrorCode | null;
  readonly message: string;
}

/** A receiving transfer as the store needs to know it. */
export interface ReceiveTransfer {
  /** Resume key, 32 bytes: hash of peer identity, direction, destination and given names. */
  readonly key: Uint8Array;
  /** Destination under the store's root, relative with `/`; empty for the root itself. */
  readonly destination: string;
  readonly intoDirectory: boolean;
  readonly sources: readonly OfferedSource[];
  readonly chunkBytes: number;
  readonly checksum: boolean;
  readonly policy: ReceivePolicy;
  /** Path under the store's root that links are not to leave; the root itself by default. */
  readonly linkRoot?: string;
  /** An existing file is never replaced. */
  readonly writeOnce: boolean;
  /** With `writeOnce`: a file may be replaced by one that begins with all of it. Absent for no. */
  readonly appendOnly?: boolean;
  /** Who is charged for what it keeps, 32 bytes; absent where nobody is. */
  readonly account?: Uint8Array;
  /** Bytes that its account may keep under the root, and of one file; absent for no bound. */
  readonly quotaBytes?: number;
  readonly maxFileBytes?: number;
  /** The peer may learn what stands here. Else nothing that it did not send itself is answered with
   * a digest: every file it offers is new, or held from its own earlier attempt. */
  readonly mayRead: boolean;
  /** The sender's clock before its walk: what a held part's `recordedNs` is set to. */
  readonly senderNowNs: bigint;
  /** Identity of the peer, 32 bytes, and source names as given: what `resumable` tells. */
  readonly peer: Uint8Array;
  readonly given: readonly string[];
  /** Only `plan`, `prune` and `abandon` follow, and nothing under the root is touched or locked. */
  readonly dryRun: boolean;
}

export interface Begun {
  /** Handle for the calls below. */
  readonly id: number;
  /** For each source: nothing stands there and no part is held. To a peer that may not read, what
   * stands there is not told: all are, unless an attempt of its own went before. */
  readonly fresh: readonly boolean[];
  /** Chunk size a journal of this key fixes, else the one asked for. */
  readonly chunkBytes: number;
  /** Path in the manifest before which all was durable when the attempt before ended; else null. */
  readonly from: string | null;
  /** The directory that entries go into is none of them, and still to be made. */
  readonly makesBase?: boolean;
  /** Small files are synced together when they are journalled or committed, not by who writes them. */
  readonly syncsTogether?: boolean;
}

/** Where an entry goes. `part` is the absolute path its chunks are written to. */
export type Placement =
  | { readonly kind: "new"; readonly part: string }
  /** In place already by our own record; `digest` is the file digest. */
  | { readonly kind: "unchanged"; readonly digest: Uint8Array }
  /** A part with journalled chunks. */
  | {
    readonly kind: "held";
    readonly part: string;
    readonly chunks: HeldChunks;
    readonly stamp: Stamp;
    readonly recordedNs: bigint;
  }
  /** A file stands there without a record: hash it, compare, copy what is the same. */
  | {
    readonly kind: "stands";
    readonly part: string;
    readonly path: string;
    /** What was seen there: whoever reads it by its path makes sure that it is still this file. */
    readonly stamp: Stamp;
  }
  /** Directories and links: placed when the manifest is closed. */
  | { readonly kind: "later" }
  /** A link, and this end takes none. */
  | { readonly kind: "skipped" }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

/** Consecutive chunks with their digests, 32 bytes each. */
export interface ChunkRun {
  readonly first: number;
  readonly digests: Uint8Array;
}

/** All that is held of one file: one buffer of digests, however many its ranges are. */
export interface HeldChunks {
  /** Ascending; they neither overlap nor touch. */
  readonly ranges: readonly Range[];
  /** Digests of these chunks in order, 32 bytes each. */
  readonly digests: Uint8Array;
}

/** Verified chunks of one entry to be journalled. */
export interface JournalRun extends ChunkRun {
  readonly entry: number;
  /** The worker that wrote them has synced the part. */
  readonly synced: boolean;
}

/** Chunks of one entry. */
export interface EntryChunks {
  readonly entry: number;
  readonly ranges: readonly Range[];
}

/** A file whose every chunk is verified and written. */
export interface WholeFile {
  readonly entry: number;
  /** File digest. */
  readonly digest: Uint8Array;
  readonly synced: boolean;
  /** The file that stands there is the same: keep it, set its mode and time only. */
  readonly keep: boolean;
  /**
   * Under an append-only transfer: what was seen to stand there and to be the beginning of the part;
   * null where it is not; absent where nothing was compared yet.
   */
  readonly begins?: Stamp | null;
}

/** A file that stands where a part is to go, to be compared with the beginning of it. */
export interface Comparison {
  readonly entry: number;
  /** Absolute path of the part. */
  readonly part: string;
  /** Absolute path of what stands there, and what was seen. */
  readonly path: string;
  readonly stamp: Stamp;
}

/** What became of some entries. */
export interface Outcome {
  readonly committed: readonly number[];
  /** Entries made, replaced, or given another mode or time; some may have been committed before. */
  readonly changed: readonly number[];
  readonly failures: readonly EntryFailure[];
  /** Files of a `commit` that nothing was done with: it is called again when these are compared. */
  readonly compare?: readonly Comparison[];
}

/** What can be resumed under a root. */
export interface Resumable extends Interrupted {
  /** A transfer is at it now, in this process or another. */
  readonly running: boolean;
}

/** What of the resumable goes. */
export interface CleanOptions {
  /** Only what was last journalled before this moment, nanoseconds since 1970; null for all. */
  readonly beforeNs: bigint | null;
}

/** What removing the extraneous came to; paths below the destination, a directory's with a `/`. */
export interface Pruned {
  readonly deleted: readonly string[];
  readonly failures: readonly WalkNotice[];
  /** That was not all: to be called again. */
  readonly more?: boolean;
}

/** The store's face. Every promise rejects with SftpxError; `worker` when the worker died. */
export interface Store {
  /** Walks sources; batches are produced only as fast as they are taken. */
  walk(
    sources: readonly WalkSource[],
    options?: WalkOptions & { readonly signal?: AbortSignal },
  ): AsyncIterable<WalkBatch>;
  /** Locks the destination for this key and resolves it. `busy` when another transfer holds it. */
  begin(transfer: ReceiveTransfer): Promise<Begun>;
  /** As `register` for a dry run: says what would be done, in the same order, and does nothing. */
  plan(
    id: number,
    first: number,
    entries: readonly Entry[],
    sources: readonly number[],
  ): Promise<readonly PlanStep[]>;
  /**
   * Removes from the directories offered, below the destination, what the manifest does not name and
   * `filters` do not exclude; never `.sftpx`, never through a link. Between the last `commit` and
   * `finish`; for a dry run it only says what it would remove. Some at a time: there may be any number (I8).
   */
  prune(id: number, filters: readonly FilterRule[]): Promise<Pruned>;
  /** Registers entries `first`, `first + 1`, ...; the answer is in the same order. For those in
   * `refused`, which failed when they came, nothing is kept, counted or answered but that. */
  register(
    id: number,
    first: number,
    entries: EntriesInTurn,
    sources: readonly number[],
    refused?: readonly number[],
  ): Promise<readonly Placement[]>;
  /** Syncs the parts, then journals the runs, in this order (I2). Entries in `leaveOut` failed
   * elsewhere since the last call that said so: a resume need not begin with them. */
  journal(id: number, runs: readonly JournalRun[], leaveOut?: readonly number[]): Promise<void>;
  /** Drops these chunks from the journal, before they are overwritten (I2); the others stay in it. */
  forget(id: number, chunks: readonly EntryChunks[]): Promise<void>;
  /** The manifest is closed and checked: makes its directories. Entries in `leaveOut` failed
   * elsewhere: no directory or link of theirs is placed, no mode set. */
  placeDirectories(id: number, leaveOut?: readonly number[]): Promise<Outcome>;
  /** Puts whole files under their final names (I1). Directories must have been placed. `leaveOut`
   * as in `journal`. */
  commit(
    id: number,
    files: readonly WholeFile[],
    leaveOut?: readonly number[],
  ): Promise<Outcome>;
  /** Links, then directory modes and times, then directory syncs; forgets the journal of this key
   * unless entries failed with something to resume. `leaveOut` as in `placeDirectories`. */
  finish(id: number, leaveOut?: readonly number[]): Promise<Outcome>;
  /** Releases the lock and keeps parts and journal for a resume. */
  abandon(id: number): Promise<void>;
  resumable(): Promise<readonly Resumable[]>;
  /** Forgets what can be resumed, with its parts; what runs is left alone. Answers what went. */
  clean(options: CleanOptions): Promise<readonly Resumable[]>;
  /** Closes the database and the worker; removes `.sftpx` unless kept or something is resumable. */
  close(): Promise<void>;
}

export interface StoreOptions {
  /** Absolute root, existing or to be made; null for a store that only walks. */
  readonly root: string | null;
  /** URL of `workers/store.ts`, made in `mod.ts`. */
  readonly workerUrl: URL;
  /** Keep `.sftpx` after a clean close (`serve`). */
  readonly keep: boolean;
  /** Nothing is made or changed, not even a root that does not exist, and other stores on it go on
   * undisturbed: dry transfers and `resumable` only. */
  readonly readOnly?: boolean;
  /** What was last journalled longer ago is forgotten when it is opened; `LIMITS.keepForMs` by default. */
  readonly keepForMs?: number;
}
