import assert from "node:assert/strict";
import type { FoundEntries } from "../engine/sender.ts";
import type { Store, WalkBatch, WalkOptions } from "../store/store.ts";
import { WalkFeed, walkFrom, type WalkPlan } from "./walk_feed.ts";

const BATCH: WalkBatch = { entries: [], paths: [], sources: [], notices: [] };

function scene(batches: readonly WalkBatch[]) {
  const told: string[] = [];
  const asked: (WalkOptions | undefined)[] = [];
  const taker = {
    wantsEntries: true,
    addEntries: (_: FoundEntries) => void told.push("entries"),
    omit: ({ path }: { path: string }) => void told.push(`omit ${path}`),
    endEntries: () => void told.push("end"),
  };
  const feed = new WalkFeed(taker, { onNotice: (text) => void told.push(`notice ${text}`) });
  const store = {
    walk: async function* (_: unknown, options?: WalkOptions) {
      asked.push(options);
      yield* batches;
    },
  } as unknown as Store;
  const stop = new AbortController();
  const channel = { flushed: () => Promise.resolve() };
  const run = () =>
    feed.run({ store, sources: [], options: { filters: [] } }, {
      pump: () => void told.push("pump"),
      flushed: () => channel.flushed(),
      signal: stop.signal,
    });
  return { told, asked, taker, feed, channel, run, stop };
}

Deno.test("a walk's batches go in, its notices are told, its failures are left out", async () => {
  const notices = [
    { path: "socket", code: null, message: "skipped" },
    { path: "shut", code: "permission", message: "no" },
  ] as const;
  const { told, asked, run } = scene([{ ...BATCH, notices }, BATCH]);
  await run();
  assert.deepEqual(told, [
    "notice skipped",
    "omit shut",
    "entries",
    "pump",
    "entries",
    "pump",
    "end",
    "pump",
  ]);
  assert.deepEqual(asked[0]?.filters, []);
});

Deno.test("a taker that wants nothing is left alone until it is woken and does", async () => {
  const { told, taker, feed, run } = scene([BATCH]);
  taker.wantsEntries = false;
  const running = run();
  feed.wake();
  await Promise.resolve();
  assert.deepEqual(told, []);
  taker.wantsEntries = true;
  feed.wake();
  await running;
  assert.deepEqual(told, ["entries", "pump", "end", "pump"]);
});

Deno.test("no further batch is taken before what follows from one is on its way", async () => {
  const { told, channel, run } = scene([BATCH, BATCH]);
  const [flushing, sent] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  channel.flushed = () => {
    flushing.resolve();
    return sent.promise;
  };
  const running = run();
  await flushing.promise;
  await new Promise((resolve) => setTimeout(resolve));
  assert.deepEqual(told, ["entries", "pump"]);
  sent.resolve();
  await running;
  assert.deepEqual(told, ["entries", "pump", "entries", "pump", "end", "pump"]);
});

Deno.test("what comes in has its turn after each batch, however fast the walk is", async () => {
  const { told, taker, run } = scene([BATCH, BATCH]);
  taker.addEntries = () => {
    told.push("entries");
    setTimeout(() => told.push("arrived"));
  };
  await run();
  const turn = ["entries", "pump", "arrived"];
  assert.deepEqual(told, [...turn, ...turn, "end", "pump"]);
});

Deno.test("an abort ends a feed that waits", async () => {
  const { told, taker, run, stop } = scene([BATCH]);
  taker.wantsEntries = false;
  const running = run();
  stop.abort(new Error("enough"));
  await assert.rejects(running, /enough/);
  assert.deepEqual(told, []);
});

Deno.test("a walk begins where the receiver said, and is what it was in all else", () => {
  const store = {} as Store;
  const options = { files: ["a", "b"], filters: [], recursive: true };
  const plan: WalkPlan = { store, sources: [], options };
  assert.equal(walkFrom(plan, null), plan);
  assert.deepEqual(walkFrom(plan, "a/b"), { ...plan, options: { ...options, from: "a/b" } });
});
