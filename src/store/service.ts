// The worker's side of `messages.ts`: requests in, answers out, one at a time and in order. Knows
// nothing of how messages travel, so that `workers/store.ts` stays a page of wiring.

import { toSftpxError } from "../base/errors.ts";
import { DiskStore } from "./disk_store.ts";
import type { StoreReply, StoreRequest } from "./messages.ts";
import { inTheWay, type WalkBatch } from "./store.ts";
import { walk } from "./walk.ts";

export class StoreService {
  readonly #walks = new Map<number, Generator<WalkBatch, void>>();
  #store: DiskStore | null = null;

  /** Does what a request asks; null where it asks for no answer. */
  handle(request: StoreRequest): StoreReply | null {
    switch (request.kind) {
      case "walk":
        this.#walks.set(request.walk, walk(request.sources, request.options));
        return null;
      case "walk_end":
        this.#walks.get(request.walk)?.return();
        this.#walks.delete(request.walk);
        return null;
      case "open":
      case "call":
      case "walk_next":
        return this.#answer(request);
    }
  }

  #answer(request: Exclude<StoreRequest, { kind: "walk" | "walk_end" }>): StoreReply {
    const { call } = request;
    try {
      return { kind: "answer", call, value: this.#value(request) };
    } catch (thrown) {
      const error = toSftpxError(thrown);
      const { code, message, remote } = error;
      return { kind: "failure", call, code, message, remote, inTheWay: inTheWay(error) };
    }
  }

  #value(request: Exclude<StoreRequest, { kind: "walk" | "walk_end" }>): unknown {
    switch (request.kind) {
      case "open":
        this.#store = new DiskStore(request);
        return undefined;
      case "walk_next":
        return this.#walks.get(request.walk)?.next().value ?? null;
      case "call":
        return this.#call(request);
    }
  }

  #call(request: Extract<StoreRequest, { kind: "call" }>): unknown {
    const store = this.#store;
    if (store === null) throw new TypeError("Cannot use the store: it is not open");
    switch (request.method) {
      case "begin":
        return store.begin(...request.args);
      case "plan":
        return store.plan(...request.args);
      case "prune":
        return store.prune(...request.args);
      case "register":
        return store.register(...request.args);
      case "journal":
        return store.journal(...request.args);
      case "forget":
        return store.forget(...request.args);
      case "placeDirectories":
        return store.placeDirectories(...request.args);
      case "commit":
        return store.commit(...request.args);
      case "finish":
        return store.finish(...request.args);
      case "abandon":
        return store.abandon(...request.args);
      case "resumable":
        return store.resumable();
      case "clean":
        return store.clean(...request.args);
      case "close":
        return store.close();
    }
  }
}
