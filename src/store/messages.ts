// What the main thread and `workers/store.ts` say to each other: numbered calls and their answers,
// and walks that are pulled batch by batch. Nothing is transferred; everything is cloned, so that entries
// and what becomes of them travel as columns.

import type { ErrorCode } from "../base/errors.ts";
import type { EntryColumns } from "./entry_columns.ts";
import type { RunColumns } from "./run_columns.ts";
import type { Pruned, Store, WalkOptions, WalkSource } from "./store.ts";
import type { WalkColumns } from "./walk_columns.ts";
import type { WholeColumns } from "./whole_columns.ts";

/** The store's calls that are one question and one answer. */
export type StoreMethod = Exclude<keyof Store, "walk">;

/** What a call is made with. */
export type StoreArgs<M extends StoreMethod> = M extends keyof PackedArgs ? PackedArgs[M]
  : Parameters<Store[M]>;

/** Of the calls that tell of much at once: it goes as columns. */
interface PackedArgs {
  readonly plan: [id: number, first: number, entries: EntryColumns, sources: readonly number[]];
  readonly register: [
    id: number,
    first: number,
    entries: EntryColumns,
    sources: readonly number[],
    refused?: readonly number[] | undefined,
  ];
  readonly journal: [id: number, runs: RunColumns, leaveOut?: readonly number[] | undefined];
  readonly commit: [id: number, files: WholeColumns, leaveOut?: readonly number[] | undefined];
}

/** Main thread to worker. */
export type StoreRequest =
  /** A root will be opened: what holds one is to load meanwhile. */
  | { readonly kind: "receives" }
  | {
    readonly kind: "open";
    readonly call: number;
    readonly root: string | null;
    readonly keep: boolean;
    readonly readOnly: boolean;
    readonly keepForMs: number;
    /** The process's file mask where its own thread may ask for it. */
    readonly mask?: number;
  }
  | {
    [M in StoreMethod]: {
      readonly kind: "call";
      readonly call: number;
      readonly method: M;
      readonly args: StoreArgs<M>;
    };
  }[StoreMethod]
  | {
    readonly kind: "walk";
    readonly walk: number;
    readonly sources: readonly WalkSource[];
    readonly options: WalkOptions;
  }
  /** One more batch of a walk; the answer is null at its end. */
  | { readonly kind: "walk_next"; readonly call: number; readonly walk: number }
  | { readonly kind: "walk_end"; readonly walk: number };

/** Worker to main thread. */
export type StoreReply =
  | { readonly kind: "answer"; readonly call: number; readonly value: unknown }
  | {
    readonly kind: "failure";
    readonly call: number;
    readonly code: ErrorCode;
    readonly message: string;
    readonly remote: boolean;
    /** The key that is in the way of a `begin`. */
    readonly inTheWay: Uint8Array | null;
  };

/** What `walk_next` is answered with. */
export type WalkAnswer = WalkColumns | null;

/** What one `prune` call is answered with: so much at a time that other transfers get their turn, and
 * that its names are no burden. */
export interface PrunedSome extends Pruned {
  /** Call again for the rest. */
  readonly more: boolean;
}
