// What the receiving engine asks for is done here, by the store and the workers, and each answer handed
// back to it. Decides nothing: what to do, and when, is the engine's; what a failure means, the run's. After
// the run's end nothing more is asked for, and the engine hears only of what was put in place: it counts.

import type { Receiver, ReceiverAction } from "../engine/receiver.ts";
import { DigestDesk } from "../pool/digest_desk.ts";
import type { FileToReread } from "../pool/messages.ts";
import { PackedEntries, packEntries } from "../store/entry_columns.ts";
import type { Begun, Outcome, Placement, Store } from "../store/store.ts";
import type { FilterRule } from "../wire/messages.ts";
import { bothOutcomes, comparedWith } from "./comparing.ts";
import type { Equipment } from "./equipment.ts";
import type { Landing } from "./landing.ts";
import type { Movement } from "./movement.ts";

/** All but what is said to the peer. */
export type ReceiverWork = Exclude<ReceiverAction, { kind: "send" | "receipt" }>;

/** One that the store is at, and one that it finds when it is through. */
const REGISTERED_AT_ONCE = 2;

type Work<Kind extends ReceiverWork["kind"]> = Extract<ReceiverWork, { kind: Kind }>;

export interface ReceiveWorkOptions {
  readonly receiver: Receiver;
  readonly store: Store;
  readonly begun: Begun;
  readonly equipment: Pick<Equipment, "pool">;
  readonly landing: Pick<Landing, "put">;
  /** What removing spares. */
  readonly spared: readonly FilterRule[];
  /** Learns of what is done for the transfer. */
  readonly movement?: Movement | undefined;
  /** Called before the first entry is put in place. */
  readonly onMoved?: (() => void) | undefined;
  /** Settles once the peer's end took what it was told so far of what was removed. */
  readonly told: () => Promise<void>;
  readonly onPruned: (deleted: number) => void;
  /** One of several answers came; the last is told by the end of the work. */
  readonly onAnswer: () => void;
  readonly signal: AbortSignal;
}

export class ReceiveWork {
  readonly #options: ReceiveWorkOptions;
  readonly #digests: DigestDesk;
  /** The last registrations, through or not. */
  #registering: readonly Promise<unknown>[] = [];

  constructor(options: ReceiveWorkOptions) {
    this.#options = options;
    const { begun: { chunkBytes }, equipment: { pool }, signal } = options;
    this.#digests = new DigestDesk({ pool, chunkBytes, signal });
  }

  /** Does it; settles when the engine has its answer, and rejects where the run is over by then. */
  async carryOut(action: ReceiverWork): Promise<void> {
    const { receiver, store, begun, landing, movement } = this.#options;
    using _work = movement?.work();
    switch (action.kind) {
      case "register": {
        const placed = this.#register(action);
        return receiver.registered(action.first, await this.#inTime(placed));
      }
      case "digest":
        return await this.#digest(action);
      case "land": {
        const { frame, chunks } = action;
        return landing.put({
          frame,
          buffer: new ArrayBuffer(0),
          bodyOffset: 0,
          bodyBytes: 0,
          chunks,
        });
      }
      case "forget":
        await this.#inTime(store.forget(begun.id, action.chunks));
        return receiver.forgotten();
      case "reread":
        return await this.#reread(action.files);
      case "distrust":
        await store.forget(begun.id, action.chunks);
        return;
      case "journal":
        await this.#inTime(store.journal(begun.id, action.runs, action.leaveOut));
        return receiver.journalled();
      case "place":
        this.#options.onMoved?.();
        // Directories and links at the end of a manifest are nothing that the engine waits for.
        await this.#inTime(this.#registering.at(-1));
        return receiver.directoriesPlaced(await store.placeDirectories(begun.id, action.leaveOut));
      case "commit":
        return receiver.committed(await this.#commit(action));
      case "prune":
        return await this.#prune();
      case "finish":
        return receiver.storeFinished(await store.finish(begun.id, action.leaveOut));
    }
  }

  /** What it comes to; throws where the run was over before. */
  async #inTime<T>(work: T | Promise<T>): Promise<T> {
    const found = await work;
    this.#requireRun();
    return found;
  }

  #requireRun(): void {
    this.#options.signal.throwIfAborted();
  }

  /**
   * In order, and few at a time: what the store's thread has not come to yet would lie there, and what
   * waits here is packed at once. Objects that live that long are what collecting garbage takes its time for.
   */
  #register({ first, entries, sources, refused }: Work<"register">): Promise<readonly Placement[]> {
    const { store, begun } = this.#options;
    const before = this.#registering.at(-REGISTERED_AT_ONCE) ?? null;
    const packed = new PackedEntries(packEntries(entries));
    const ask = () => store.register(begun.id, first, packed, sources, refused);
    const placed = before === null ? ask() : this.#inTime(before).then(ask);
    this.#registering = [...this.#registering, placed].slice(-REGISTERED_AT_ONCE);
    return placed;
  }

  /** Under an append-only grant some files are compared before they are committed. */
  async #commit({ files, leaveOut }: Work<"commit">): Promise<Outcome> {
    const { store, begun, equipment: { pool }, signal } = this.#options;
    const outcome = await store.commit(begun.id, files, leaveOut);
    if (outcome.compare === undefined || signal.aborted) return outcome;
    const begins = await comparedWith(pool, outcome.compare, signal);
    if (signal.aborted) return outcome;
    const rest = files.flatMap((file) => {
      const seen = begins.get(file.entry);
      return seen === undefined ? [] : [{ ...file, begins: seen }];
    });
    return bothOutcomes(outcome, await store.commit(begun.id, rest));
  }

  /** Some of it: no faster than a peer takes what it is told of it (I8). */
  async #prune(): Promise<void> {
    const { receiver, store, begun, spared, told, onPruned } = this.#options;
    await this.#inTime(told());
    const pruned = await store.prune(begun.id, spared);
    onPruned(pruned.deleted.length); // They are gone, whatever became of the run.
    this.#requireRun();
    receiver.pruned(pruned);
  }

  async #digest({ entry, path, stamp }: Work<"digest">): Promise<void> {
    const { digests } = await this.#inTime(this.#digests.digest({ path, stamp }));
    this.#options.receiver.digested(entry, digests);
  }

  async #reread(files: readonly FileToReread[]): Promise<void> {
    const { receiver, equipment: { pool }, begun, onAnswer, signal } = this.#options;
    await pool.run({ kind: "reread", files, chunkBytes: begun.chunkBytes }, {
      onReply: (reply) => {
        if (reply.kind !== "reread" || signal.aborted) return;
        receiver.reread(reply.entry, reply.digests);
        onAnswer();
      },
      signal,
    });
  }
}
