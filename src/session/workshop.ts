// What a client works with: its chunk workers and its store, made once for all attempts of a command.
// All workers start at once, beside reaching the server; nobody waits for one before it is needed.

import { toSftpxError } from "../base/errors.ts";
import type { Hashing } from "../engine/hashing.ts";
import type { WorkerAccess } from "../runtime/runtime.ts";
import { type StartedStore, startStore, storeAccess } from "../store/open.ts";
import type { Store, StoreOptions } from "../store/store.ts";
import { Equipment, loadHashing } from "./equipment.ts";
import type { TransferOptions } from "./options.ts";

export class Workshop implements AsyncDisposable {
  readonly #options: TransferOptions;
  /** What the store's worker may do; undefined for what any store may. */
  readonly #storeAccess: WorkerAccess;
  readonly #equipping: Promise<Equipment | null>;
  /** Its worker starts before it is known on which root; then null. */
  #starting: StartedStore | null;
  #opening: { readonly root: string | null; readonly store: Promise<Store> } | null = null;

  /**
   * Begins to set up; a dry run moves no bytes and has no workers. `access` is what its workers may do,
   * and its store's too where that only walks.
   */
  constructor(
    options: TransferOptions,
    { access, onlyWalks }: { readonly access: WorkerAccess; readonly onlyWalks: boolean },
  ) {
    this.#options = options;
    this.#storeAccess = onlyWalks ? access : storeAccess(access.write ?? []);
    const { workers, workerCount, depth, dryRun } = options;
    this.#starting = startStore(workers.store, this.#storeAccess);
    this.#equipping = dryRun
      ? Promise.resolve(null)
      : Equipment.start({ chunkWorkerUrl: workers.chunk, workerCount, depth, access });
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
      await this.#closeStore();
      const started = this.#starting ?? startStore(this.#options.workers.store, this.#storeAccess);
      this.#starting = null;
      const store = started.open({ root, keep: false, ...more });
      store.catch(() => {});
      this.#opening = { root, store };
    }
    try {
      return await this.#opening!.store;
    } catch (error) {
      this.#opening = null; // Another attempt opens it anew.
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

  async #closeStore(): Promise<void> {
    const opening = this.#opening;
    this.#opening = null;
    const store = await opening?.store.catch(() => null);
    await store?.close();
  }
}
