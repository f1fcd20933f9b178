// Opens a store: starts its worker and answers with the asynchronous face of it. When the worker
// dies, every promise waiting and every later call rejects with `worker`; nothing is repeated.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { fileMask } from "../runtime/file_mask.ts";
import { spawnWorker, type WorkerAccess } from "../runtime/runtime.ts";
import {
  type EntriesInTurn,
  type EntryColumns,
  PackedEntries,
  packEntries,
} from "./entry_columns.ts";
import type { StoreArgs, StoreMethod, StoreReply, StoreRequest, WalkAnswer } from "./messages.ts";
import { type PlacementColumns, unpackPlacements } from "./placement_columns.ts";
import { packRuns } from "./run_columns.ts";
import type { Store, StoreOptions, WalkBatch, WalkOptions, WalkSource } from "./store.ts";
import { unpackBatch } from "./walk_columns.ts";
import { packWholeFiles } from "./whole_columns.ts";

/** Batches of one walk asked for before the first is taken: keeps the disk busy, bounds memory. */
const WALK_BATCHES_AHEAD = 4;

/**
 * What the worker of a store at these places may do. Links are made only by who may read and write
 * everything, so it keeps what files this process may reach, and loses the network; a copy of a state is
 * made where temporary files go.
 */
export function storeAccess(places: readonly string[]): WorkerAccess {
  return { read: null, write: null, env: ["TMPDIR", "TMP", "TEMP"], places };
}

/** A request as its sender writes it; the call's number comes on top. */
type Numbered = Extract<StoreRequest, { readonly call: number }>;
type Unnumbered = Numbered extends infer R ? R extends Numbered ? Omit<R, "call"> : never : never;

interface Waiter {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: SftpxError) => void;
}

/** Opens a store on a root, or one that only walks. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const { workerUrl, root } = options;
  const access = storeAccess(root === null ? [] : [root]);
  return await startStore(workerUrl, { access, receives: root !== null }).open(options);
}

/** A store's worker that is on its way before it is known what it will be opened on. */
export interface StartedStore {
  /** Opens the store, once; where that fails nothing is left running. */
  open(options: Omit<StoreOptions, "workerUrl">): Promise<Store>;
  /** Ends one that is not opened after all. */
  terminate(): void;
}

/**
 * Starts a store's worker; one that only walks can do with less than all. One that will be opened on a root
 * is told so with `receives`, so that it is ready for it.
 */
export function startStore(
  workerUrl: URL,
  { access, receives }: { readonly access: WorkerAccess; readonly receives: boolean },
): StartedStore {
  const proxy = new StoreProxy(workerUrl, access);
  if (receives) proxy.expectRoot();
  return {
    async open({ root, keep, readOnly = false, keepForMs = LIMITS.keepForMs }) {
      try {
        // The worker has not all that it takes to ask.
        const mask = fileMask() ?? undefined;
        const more = mask === undefined ? {} : { mask };
        await proxy.ask({ kind: "open", root, keep, readOnly, keepForMs, ...more });
        return proxy;
      } catch (thrown) {
        proxy.terminate();
        throw thrown;
      }
    },
    terminate: () => proxy.terminate(),
  };
}

class StoreProxy implements Store {
  readonly #worker: Worker;
  readonly #waiters = new Map<number, Waiter>();
  #nextCall = 1;
  #nextWalk = 1;
  #death: SftpxError | null = null;

  constructor(url: URL, access: WorkerAccess) {
    this.#worker = spawnWorker(url, { name: "sftpx store", access });
    this.#worker.onmessage = (event: MessageEvent<StoreReply>) => this.#settle(event.data);
    this.#worker.onmessageerror = () => this.#die("a message could not be read");
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#die(event.message);
    };
  }

  /** Sends one request; the answer's type is the caller's to know. */
  ask<T>(request: Unnumbered): Promise<T> {
    if (this.#death !== null) return Promise.reject(this.#death);
    const call = this.#nextCall++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiters.set(call, { resolve, reject });
    this.#post({ ...request, call } as StoreRequest);
    return promise as Promise<T>;
  }

  expectRoot(): void {
    this.#post({ kind: "receives" });
  }

  terminate(): void {
    this.#worker.terminate();
    this.#die("it was closed");
  }

  async *walk(
    sources: readonly WalkSource[],
    options: WalkOptions & { readonly signal?: AbortSignal } = {},
  ): AsyncIterable<WalkBatch> {
    const walk = this.#nextWalk++;
    const { signal, ...what } = options;
    this.#post({ kind: "walk", walk, sources, options: what });
    const ahead: Promise<WalkAnswer>[] = [];
    const more = () => {
      const next = this.ask<WalkAnswer>({ kind: "walk_next", walk });
      // Looked at when its turn comes; until then its failure is nobody's surprise.
      next.catch(() => {});
      ahead.push(next);
    };
    try {
      for (let i = 0; i < WALK_BATCHES_AHEAD; i++) more();
      for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) {
        signal?.throwIfAborted();
        const found = await untilAborted(next, signal);
        if (found === null) return;
        more();
        const batch = unpackBatch(found);
        // A step that found nothing in its time.
        if (batch.entries.length > 0 || batch.notices.length > 0) yield batch;
      }
    } finally {
      this.#post({ kind: "walk_end", walk });
    }
  }

  begin(...args: Parameters<Store["begin"]>): ReturnType<Store["begin"]> {
    return this.#call("begin", args);
  }

  plan(...[id, first, entries, ...rest]: Parameters<Store["plan"]>): ReturnType<Store["plan"]> {
    return this.#call("plan", [id, first, packEntries(entries), ...rest]);
  }

  prune(...args: Parameters<Store["prune"]>): ReturnType<Store["prune"]> {
    return this.#call("prune", args);
  }

  async register(
    ...[id, first, entries, ...rest]: Parameters<Store["register"]>
  ): ReturnType<Store["register"]> {
    const args: StoreArgs<"register"> = [id, first, columnsOf(entries), ...rest];
    const placed = this.ask<PlacementColumns>({ kind: "call", method: "register", args });
    return unpackPlacements(await placed);
  }

  journal(...[id, runs, ...rest]: Parameters<Store["journal"]>): ReturnType<Store["journal"]> {
    return this.#call("journal", [id, packRuns(runs), ...rest]);
  }

  forget(...args: Parameters<Store["forget"]>): ReturnType<Store["forget"]> {
    return this.#call("forget", args);
  }

  placeDirectories(
    ...args: Parameters<Store["placeDirectories"]>
  ): ReturnType<Store["placeDirectories"]> {
    return this.#call("placeDirectories", args);
  }

  commit(...[id, files, ...rest]: Parameters<Store["commit"]>): ReturnType<Store["commit"]> {
    return this.#call("commit", [id, packWholeFiles(files), ...rest]);
  }

  finish(...args: Parameters<Store["finish"]>): ReturnType<Store["finish"]> {
    return this.#call("finish", args);
  }

  abandon(...args: Parameters<Store["abandon"]>): ReturnType<Store["abandon"]> {
    return this.#call("abandon", args);
  }

  resumable(): ReturnType<Store["resumable"]> {
    return this.#call("resumable", []);
  }

  clean(...args: Parameters<Store["clean"]>): ReturnType<Store["clean"]> {
    return this.#call("clean", args);
  }

  async close(): Promise<void> {
    try {
      await this.#call("close", []);
    } finally {
      this.terminate();
    }
  }

  #call<M extends StoreMethod>(method: M, args: StoreArgs<M>): ReturnType<Store[M]> {
    const request = { kind: "call", method, args } as Unnumbered;
    return this.ask(request) as ReturnType<Store[M]>;
  }

  #post(request: StoreRequest): void {
    if (this.#death === null) this.#worker.postMessage(request);
  }

  #settle(reply: StoreReply): void {
    const waiter = this.#waiters.get(reply.call);
    this.#waiters.delete(reply.call);
    if (reply.kind === "answer") return waiter?.resolve(reply.value);
    const { code, message, remote, inTheWay } = reply;
    waiter?.reject(new SftpxError(code, message, { remote, cause: inTheWay ?? undefined }));
  }

  #die(found: string): void {
    this.#death ??= new SftpxError("worker", `Cannot use the store: ${found}`);
    const waiters = [...this.#waiters.values()];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.reject(this.#death);
  }
}

/** Settles like `next`, or rejects with the signal's reason, and leaves no listener behind. */
async function untilAborted<T>(next: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return await next;
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([next, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function columnsOf(entries: EntriesInTurn): EntryColumns {
  return entries instanceof PackedEntries ? entries.columns : packEntries([...entries]);
}
