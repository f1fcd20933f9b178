// What a client works with: its chunk workers and its store, made once for all attempts of a command.
// The store's worker starts beside reaching the server, chunk workers once there is something for them to do:
// nobody waits for one before it is needed, and a run that finds all as it was starts none.

import { toSftpxError } from "../base/errors.ts";
import type { Hashing } from "../engine/hashing.ts";
import type { WorkerAccess } from "../runtime/runtime.ts";
import { type StartedStore, startStore, storeAccess } from "../store/open.ts";
import type { Store, StoreOptions } from "../store/store.ts";
import { Equipment, loadHashing } from "./equipment.ts";
import type { TransferOptions } from "./options.ts";

/** A store, and the root it is on; null for one that only walks. */
interface Opening {
  readonly root: string | null;
  readonly store: Promise<Store>;
}

export class Workshop implements AsyncDisposable {
  readonly #options: TransferOptions;
  /** What the store's worker may do, and whether it is more than a walk. */
  readonly #storing: Parameters<typeof startStore>[1];
  readonly #equipping: Promise<Equipment | null>;
  /** Its worker starts before it is known on which root; then null. */
  #starting: StartedStore | null;
  #opening: Opening | null = null;

  /**
   * Begins to set up; a dry run moves no bytes and has no workers. `access` is what its workers may do,
   * and its store's too where that only walks.
   */
  constructor(
    options: TransferOptions,
    { access, onlyWalks }: { readonly access: WorkerAccess; readonly onlyWalks: boolean },
  ) {
    this.#options = options;
    this.#storing = onlyWalks
      ? { access, receives: false }
      : { access: storeAccess(access.write ?? []), receives: true };
    const { workers, workerCount, depth, dryRun } = options;
    const { rateBytesPerSecond } = options;
    const limit = rateBytesPerSecond === undefined ? {} : { rateBytesPerSecond };
    this.#starting = startStore(workers.store, this.#storing);
    this.#equipping = dryRun ? Promise.resolve(null) : Equipment.start({
      chunkWorkerUrl: workers.chunk,
      workerCount,
      depth,
      access,
      onDemand: true,
      ...limit,
    });
    this.#equipping.catch(() => {}); // Told where it is asked for.
  }

  /** What moves bytes; null in a dry run. */
  equipment(): Promise<Equipment | null> {
    return this.#equipping;
  }

  async hashing(): Promise<Hashing> {
    const equipment = await this.#equipping;
    return equipment?.hashing ?? await loadHashing();
  }

  /** A store on a root, null for one that only walks; that of another root is closed first. */
  async store(root: string | null, more: Partial<StoreOptions> = {}): Promise<Store> {
    if (this.#opening?.root !== root) {
      // At once: whoever asks meanwhile gets the same, and no second worker is started.
      const store = this.#open({ root, keep: false, ...more }, this.#opening);
      store.catch(() => {});
      this.#opening = { root, store };
    }
    const opening = this.#opening;
    try {
      return await opening.store;
    } catch (error) {
      // Another attempt opens it anew.
      if (this.#opening === opening) this.#opening = null;
      throw error;
    }
  }

  /** A store that only walks, before it is open: what goes wrong then is the walk's. */
  walker(): Pick<Store, "walk"> {
    const store = () => this.store(null);
    return {
      async *walk(...args) {
        yield* (await store()).walk(...args);
      },
    };
  }

  /** What goes wrong here is told, and is not what the command came to. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#starting?.terminate();
    const equipment = await this.#equipping.catch(() => null);
    try {
      await this.#closeStore();
    } catch (thrown) {
      this.#options.onEvent({ kind: "notice", message: toSftpxError(thrown).message });
    } finally {
      await equipment?.[Symbol.asyncDispose]();
    }
  }

  async #open(
    options: Parameters<StartedStore["open"]>[0],
    before: Opening | null,
  ): Promise<Store> {
    const started = this.#starting;
    this.#starting = null;
    await closed(before);
    return await (started ?? startStore(this.#options.workers.store, this.#storing)).open(options);
  }

  async #closeStore(): Promise<void> {
    const opening = this.#opening;
    this.#opening = null;
    await closed(opening);
  }
}

async function closed(opening: Opening | null): Promise<void> {
  const store = await opening?.store.catch(() => null);
  await store?.close();
}
