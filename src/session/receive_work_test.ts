import assert from "node:assert/strict";
import type { Receiver } from "../engine/receiver.ts";
import type { Begun, Placement, Store } from "../store/store.ts";
import { type ReceiverWork, ReceiveWork, type ReceiveWorkOptions } from "./receive_work.ts";

const OUTCOME = { committed: [], changed: [], failures: [] };

/**
 * A store that answers when it is told to, and what was asked of it and of the engine, in order. With `holds`
 * all answers are held.
 */
function bench({ holds = false } = {}) {
  const log: string[] = [];
  const waiting: (() => void)[] = [];
  const held: (() => void)[] = holds ? waiting : [];
  const answered = async <T>(asked: string, answer: T): Promise<T> => {
    log.push(asked);
    if (holds) await new Promise<void>((resolve) => held.push(resolve));
    return answer;
  };
  const store = {
    register(_: number, first: number): Promise<readonly Placement[]> {
      log.push(`register ${first}`);
      const { promise, resolve } = Promise.withResolvers<readonly Placement[]>();
      waiting.push(() => resolve([]));
      return promise;
    },
    forget: () => answered("forget", undefined),
    journal: () => answered("journal", undefined),
    commit: () => answered("commit", OUTCOME),
    placeDirectories: () => answered("place", OUTCOME),
    prune: () => answered("prune", { deleted: ["x"], failures: [], more: true }),
  } as unknown as Store;
  const receiver = {
    registered: (first: number) => void log.push(`registered ${first}`),
    directoriesPlaced: () => void log.push("placed"),
    pruned: ({ more }: { more: boolean }) => void log.push(more ? "more" : "all"),
    forgotten: () => void log.push("forgotten"),
    journalled: () => void log.push("journalled"),
    digested: () => void log.push("digested"),
    committed: () => void log.push("committed"),
  } as unknown as Receiver;
  const taken: (() => void)[] = [];
  const stop = new AbortController();
  const begun: Begun = { id: 1, fresh: [], chunkBytes: 1 << 16, from: null };
  const work = new ReceiveWork({
    receiver,
    store,
    begun,
    equipment: { pool: { count: 1, run: () => answered("digest", undefined) } },
    told: () => holds ? Promise.resolve() : new Promise<void>((resolve) => taken.push(resolve)),
    onPruned: (deleted: number) => void log.push(`removed ${deleted}`),
    signal: stop.signal,
  } as unknown as ReceiveWorkOptions);
  const register = (first: number) =>
    work.carryOut({ kind: "register", first, entries: [], sources: [] });
  const place: ReceiverWork = { kind: "place", leaveOut: [] };
  return { log, waiting, held, work, register, place, taken, stop };
}

/** Whatever can go on goes on. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
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
  await assert.rejects(second, { name: "AbortError" });
  assert.deepEqual(log, []);
});

Deno.test("once the run is over nothing more is asked for, and only what is in place is told", async () => {
  const { log, held, work, register, place, stop } = bench({ holds: true });
  const stamp = { device: 1n, inode: 2n, sizeBytes: 3, mtimeNs: 4n, ctimeNs: 5n };
  const begun = [
    ...[0, 1, 2].map((first) => register(first)),
    work.carryOut(place),
    work.carryOut({ kind: "digest", entry: 1, path: "/a", stamp }),
    work.carryOut({ kind: "forget", chunks: [] }),
    work.carryOut({ kind: "journal", runs: [], leaveOut: [] }),
    work.carryOut({ kind: "prune" }),
    work.carryOut({ kind: "commit", files: [], leaveOut: [] }),
  ];
  const settled = Promise.allSettled(begun);
  await turn();
  assert.deepEqual(log.splice(0), [
    ...["register 0", "register 1", "forget", "journal", "commit", "digest", "prune"],
  ]);
  stop.abort();
  held.splice(0).forEach((answer) => answer());
  const outcomes = (await settled).map(({ status }) => status);
  assert.deepEqual(outcomes, [...Array(8).fill("rejected"), "fulfilled"]);
  assert.deepEqual(log, ["removed 1", "committed"]);
});
