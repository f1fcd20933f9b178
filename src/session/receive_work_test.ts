import assert from "node:assert/strict";
import type { Receiver } from "../engine/receiver.ts";
import type { Begun, Placement, Store } from "../store/store.ts";
import { type ReceiverWork, ReceiveWork, type ReceiveWorkOptions } from "./receive_work.ts";

/** A store that answers when it is told to, and what was asked of it and of the engine, in order. */
function bench() {
  const log: string[] = [];
  const waiting: (() => void)[] = [];
  const store = {
    register(_: number, first: number): Promise<readonly Placement[]> {
      log.push(`register ${first}`);
      const { promise, resolve } = Promise.withResolvers<readonly Placement[]>();
      waiting.push(() => resolve([]));
      return promise;
    },
    placeDirectories() {
      log.push("place");
      return Promise.resolve({ committed: [], changed: [], failures: [] });
    },
    prune() {
      log.push("prune");
      return Promise.resolve({ deleted: ["x"], failures: [], more: true });
    },
  } as unknown as Store;
  const receiver = {
    registered: (first: number) => void log.push(`registered ${first}`),
    directoriesPlaced: () => void log.push("placed"),
    pruned: ({ more }: { more: boolean }) => void log.push(more ? "more" : "all"),
  } as unknown as Receiver;
  const taken: (() => void)[] = [];
  const stop = new AbortController();
  const begun: Begun = { id: 1, fresh: [], chunkBytes: 1 << 16, from: null };
  const work = new ReceiveWork({
    receiver,
    store,
    begun,
    equipment: { pool: { workers: 1 } },
    told: () => new Promise<void>((resolve) => taken.push(resolve)),
    onPruned: (deleted: number) => void log.push(`removed ${deleted}`),
    signal: stop.signal,
  } as unknown as ReceiveWorkOptions);
  const register = (first: number) =>
    work.carryOut({ kind: "register", first, entries: [], sources: [] });
  const place: ReceiverWork = { kind: "place", leaveOut: [] };
  return { log, waiting, work, register, place, taken, stop };
}

Deno.test("entries are registered two batches at a time, and in order", async () => {
  const { log, waiting, register } = bench();
  const all = [0, 1, 2, 3].map((first) => register(first));
  assert.deepEqual(log, ["register 0", "register 1"]);
  waiting.shift()!();
  await all[0];
  assert.deepEqual(log.splice(0), ["register 0", "register 1", "registered 0", "register 2"]);
  for (let at = 1; at < all.length; at++) {
    waiting.shift()!();
    await all[at];
  }
  assert.deepEqual(log, ["registered 1", "register 3", "registered 2", "registered 3"]);
});

Deno.test("directories are placed once all that was announced is registered", async () => {
  const { log, waiting, work, register, place } = bench();
  const all = [0, 1, 2].map((first) => register(first));
  const placed = work.carryOut(place);
  while (waiting.length > 0) {
    waiting.shift()!();
    await all[log.filter((line) => line.startsWith("registered")).length];
  }
  await placed;
  assert.deepEqual(log.slice(-3), ["registered 2", "place", "placed"]);
});

Deno.test("nothing more is removed before the peer took what it was told, or once the run is over", async () => {
  const { log, work, taken, stop } = bench();
  const first = work.carryOut({ kind: "prune" });
  assert.deepEqual(log, []);
  taken.shift()!();
  await first;
  assert.deepEqual(log.splice(0), ["prune", "removed 1", "more"]);
  const second = work.carryOut({ kind: "prune" });
  stop.abort();
  taken.shift()!();
  await second;
  assert.deepEqual(log, []);
});
