// The worker's side of `messages.ts`: requests in, answers out, one at a time. What one transfer asks
// for is done in order; where that takes long, others get their turn in between. Knows nothing of how
// messages travel, so that `workers/store.ts` stays a page of wiring.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { DiskStore, DiskStoreOptions } from "./disk_store.ts";
import { PackedEntries, unpackEntries } from "./entry_columns.ts";
import { inTheWay } from "./in_the_way.ts";
import type { StoreArgs, StoreReply, StoreRequest, WalkAnswer } from "./messages.ts";
import { packPlacements, type PlacementColumns } from "./placement_columns.ts";
import { unpackRuns } from "./run_columns.ts";
import { someOf, type Steps } from "./steps.ts";
import type { Outcome, WalkBatch } from "./store.ts";
import { walk } from "./walk.ts";
import { packBatch } from "./walk_columns.ts";
import { unpackWholeFiles } from "./whole_columns.ts";

type Call = Extract<StoreRequest, { kind: "call" }>;
type Asked = Extract<StoreRequest, { readonly call: number }>;

/** A call that is not through, and what its transfer asked for since. */
interface LongCall {
  readonly call: number;
  readonly steps: Steps<unknown>;
  readonly waiting: Call[];
}

/** Opens what holds a root; its code is not needed where nothing but a walk is asked for. */
export type StoreMaker = (options: DiskStoreOptions) => DiskStore;

export interface StoreServiceOptions {
  readonly makeStore: StoreMaker;
  readonly post: (reply: StoreReply) => void;
  /** Calls `goOn` once, after the messages that are there by now. */
  readonly later: () => void;
  /** The process's own clock by default. */
  readonly nowMs?: () => number;
}

export class StoreService {
  readonly #options: StoreServiceOptions;
  readonly #walks = new Map<number, Generator<WalkBatch, void>>();
  /** By transfer; whose turn is next comes first. */
  readonly #long = new Map<number, LongCall>();
  #store: DiskStore | null = null;

  constructor(options: StoreServiceOptions) {
    this.#options = options;
  }

  /** Does what a request asks, or begins with it. */
  handle(request: StoreRequest): void {
    switch (request.kind) {
      case "walk":
        this.#walks.set(request.walk, walk(request.sources, request.options));
        return;
      case "walk_end":
        this.#walks.get(request.walk)?.return();
        this.#walks.delete(request.walk);
        return;
      case "receives":
        return;
      case "open":
      case "walk_next":
        return this.#answer(request);
      case "call":
        return this.#take(request);
    }
  }

  /** Does more of what is not through, for one transfer. */
  goOn(): void {
    const [next] = this.#long;
    if (next === undefined) return;
    const [transfer, long] = next;
    this.#long.delete(transfer);
    this.#work(transfer, long);
  }

  #take(request: Call): void {
    const transfer = transferOf(request);
    const long = transfer === null ? undefined : this.#long.get(transfer);
    if (request.method === "close") [...this.#long.keys()].forEach((id) => this.#breakOff(id));
    if (request.method === "abandon" && transfer !== null) this.#breakOff(transfer);
    else if (long !== undefined) return void long.waiting.push(request);
    const steps = this.#stepsOf(request);
    if (steps === null || transfer === null) return this.#answer(request);
    this.#work(transfer, { call: request.call, steps, waiting: [] });
  }

  #work(transfer: number, long: LongCall): void {
    const { later, nowMs = () => performance.now() } = this.#options;
    let isThrough = true;
    this.#reply(long.call, () => {
      const done = someOf(long.steps, { forMs: LIMITS.storeStepMs, nowMs });
      isThrough = done !== null;
      return done;
    });
    if (!isThrough) {
      this.#long.set(transfer, long);
      return later();
    }
    // What came meanwhile, up to the next call that is long.
    for (let next = long.waiting.shift(); next !== undefined; next = long.waiting.shift()) {
      const steps = this.#stepsOf(next);
      if (steps !== null) {
        this.#long.set(transfer, { call: next.call, steps, waiting: long.waiting });
        return later();
      }
      this.#answer(next);
    }
  }

  /** A transfer is put aside: what it asked for and did not get is not done any more. */
  #breakOff(transfer: number): void {
    const long = this.#long.get(transfer);
    if (long === undefined) return;
    this.#long.delete(transfer);
    for (const { call } of [long, ...long.waiting]) {
      this.#reply(call, () => {
        throw new SftpxError("terminated", "Cannot go on: the transfer was put aside");
      });
    }
  }

  #answer(request: Asked): void {
    this.#reply(request.call, () => ({ value: this.#value(request) }));
  }

  /** Answers a call, or says why it failed; not at all where it is not through. */
  #reply(call: number, body: () => { readonly value: unknown } | null): void {
    const { post } = this.#options;
    let reply: StoreReply | null;
    try {
      const done = body();
      reply = done === null ? null : { kind: "answer", call, value: done.value };
    } catch (thrown) {
      const error = toSftpxError(thrown);
      const { code, message, remote } = error;
      reply = { kind: "failure", call, code, message, remote, inTheWay: inTheWay(error) };
    }
    if (reply !== null) post(reply);
  }

  #value(request: Asked): unknown {
    switch (request.kind) {
      case "open":
        this.#store = this.#opened(request);
        return undefined;
      case "walk_next":
        return this.#nextOf(request.walk);
      case "call":
        return this.#call(request);
    }
  }

  /** What holds the root; null for a store that only walks. */
  #opened({ root, ...options }: Extract<StoreRequest, { kind: "open" }>): DiskStore | null {
    return root === null ? null : this.#options.makeStore({ ...options, root });
  }

  #nextOf(number: number): WalkAnswer {
    const batch = this.#walks.get(number)?.next().value ?? null;
    return batch === null ? null : packBatch(batch);
  }

  /** What a call that may be long is done by; null for all others. */
  #stepsOf(request: Call): Steps<unknown> | null {
    const store = this.#store;
    if (store === null) return null;
    switch (request.method) {
      case "plan": {
        const [id, first, entries, ...rest] = request.args;
        return store.planning(id, first, unpackEntries(entries), ...rest);
      }
      case "register":
        return registering(store, request.args);
      case "placeDirectories":
        return store.placingDirectories(...request.args);
      case "finish":
        return store.finishing(...request.args);
      default:
        return null;
    }
  }

  #call(request: Call): unknown {
    const store = this.#store;
    if (store === null) {
      if (request.method === "close") return undefined; // There was no root.
      throw new TypeError("Cannot receive: the store has no root");
    }
    switch (request.method) {
      case "begin":
        return store.begin(...request.args);
      case "prune":
        return store.prune(...request.args);
      case "journal":
        return journal(store, request.args);
      case "forget":
        return store.forget(...request.args);
      case "commit":
        return commit(store, request.args);
      case "abandon":
        return store.abandon(...request.args);
      case "resumable":
        return store.resumable();
      case "clean":
        return store.clean(...request.args);
      case "close":
        return store.close();
      case "plan":
      case "register":
      case "placeDirectories":
      case "finish":
        throw new TypeError(`the call "${request.method}" is done in steps`);
    }
  }
}

function* registering(store: DiskStore, args: StoreArgs<"register">): Steps<PlacementColumns> {
  const [id, first, entries, ...rest] = args;
  return packPlacements(yield* store.registering(id, first, new PackedEntries(entries), ...rest));
}

function journal(store: DiskStore, [id, runs, ...rest]: StoreArgs<"journal">): void {
  store.journal(id, unpackRuns(runs), ...rest);
}

function commit(store: DiskStore, [id, files, ...rest]: StoreArgs<"commit">): Outcome {
  return store.commit(id, unpackWholeFiles(files), ...rest);
}

/** The transfer that a call is of; null for one of none. */
function transferOf({ args }: Call): number | null {
  const [first] = args;
  return typeof first === "number" ? first : null;
}
