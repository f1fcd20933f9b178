// What the receiving half asks of the session. Each answer comes back through the receiver's method
// of the same matter.

import type { ChunkToLand, FileToReread } from "../pool/messages.ts";
import type { EntryChunks, JournalRun, WholeFile } from "../store/store.ts";
import type { Entry, Message, Stamp } from "../wire/messages.ts";
import type { TransferResult } from "./report.ts";

/** What the session is to do. */
export type ReceiverAction =
  | { readonly kind: "send"; readonly message: Message }
  /** Store: `register`; answer with `registered`. */
  | {
    readonly kind: "register";
    readonly first: number;
    readonly entries: readonly Entry[];
    readonly sources: readonly number[];
    /** Entries that have failed already; absent for none. */
    readonly refused?: readonly number[];
  }
  /** Hash a standing file; answer with `digested`. */
  | {
    readonly kind: "digest";
    readonly entry: number;
    readonly path: string;
    readonly stamp: Stamp;
  }
  /** Copy chunks of a standing file (no frame carried them); answer with `landed`. */
  | { readonly kind: "land"; readonly frame: number; readonly chunks: readonly ChunkToLand[] }
  /** Store: `forget`; answer with `forgotten`. */
  | { readonly kind: "forget"; readonly chunks: readonly EntryChunks[] }
  /** Store: `journal`, and what failed since it was last told; answer with `journalled`. */
  | {
    readonly kind: "journal";
    readonly runs: readonly JournalRun[];
    readonly leaveOut: readonly number[];
  }
  /** Read whole files again, from the device as far as may be; answer with `reread` for each. */
  | { readonly kind: "reread"; readonly files: readonly FileToReread[] }
  /** Store: `forget`, of a file that was not read back as it was written; no answer. */
  | { readonly kind: "distrust"; readonly chunks: readonly EntryChunks[] }
  /** Store: `placeDirectories`, without what failed; answer with `directoriesPlaced`. */
  | { readonly kind: "place"; readonly leaveOut: readonly number[] }
  /** Store: `commit`, and what failed since it was last told; answer with `committed`. */
  | {
    readonly kind: "commit";
    readonly files: readonly WholeFile[];
    readonly leaveOut: readonly number[];
  }
  /** Store: `prune`, once what was told of it before was taken; answer with `pruned`. */
  | { readonly kind: "prune" }
  /** Store: `finish`, without what failed; answer with `storeFinished`. */
  | { readonly kind: "finish"; readonly leaveOut: readonly number[] }
  /** Sign this and send it as the receipt. */
  | { readonly kind: "receipt"; readonly result: TransferResult };

/** What to do with a frame that arrived. */
export type FramePlan =
  /** An entry of it is not placed yet, or the journal is behind: ask again after any next message,
   * placement or answer. */
  | { readonly kind: "hold" }
  /** Nothing to write; the buffer is free. */
  | { readonly kind: "skip" }
  | { readonly kind: "land"; readonly chunks: readonly (ChunkToLand | null)[] };
