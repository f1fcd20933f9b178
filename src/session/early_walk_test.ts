import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import type { WalkBatch, WalkOptions } from "../store/store.ts";
import type { Entry } from "../wire/messages.ts";
import { EarlyWalk } from "./early_walk.ts";

type Options = WalkOptions & { readonly signal?: AbortSignal };

const SOURCES = [{ path: "/s", name: "s", contents: true, follow: false }];

interface Holding {
  readonly perBatch?: number;
  readonly notices?: WalkBatch["notices"];
}

function fileEntry(path: string): Entry {
  return { path, kind: "file", sizeBytes: 1, mtimeNs: 0n, mode: 0o644 };
}

/** Lets an early walk find what it will. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 500; turn++) await Promise.resolve();
}

/** A store whose walks give so many batches, each named after its walk. */
function storeOf(batches: number, { perBatch = 0, notices = [] }: Holding = {}) {
  const entries = Array.from({ length: perBatch }, (_, i) => fileEntry(`${i}`));
  const sources = entries.map(() => 0);
  const begun: Options[] = [];
  const ended: number[] = [];
  let given = 0;
  return {
    begun,
    ended,
    get given() {
      return given;
    },
    async *walk(_sources: unknown, options: Options = {}): AsyncIterable<WalkBatch> {
      const number = begun.push(options);
      try {
        for (let i = 0; i < batches; i++) {
          await Promise.resolve();
          options.signal?.throwIfAborted();
          given++;
          yield { entries, paths: [`${number}:${i}`], sources, notices };
        }
      } finally {
        ended.push(number);
      }
    },
  };
}

async function taken(walk: AsyncIterable<WalkBatch>): Promise<readonly string[]> {
  const paths: string[] = [];
  for await (const batch of walk) paths.push(...batch.paths);
  return paths;
}

Deno.test("an early walk has begun before anybody asks, and is the one that is taken", async () => {
  const store = storeOf(3);
  await using early = new EarlyWalk({ store, sources: SOURCES, options: { links: false } });
  assert.equal(store.begun.length, 1);
  assert.equal(store.begun[0]?.links, false);
  assert.deepEqual(await taken(early.walk(SOURCES)), ["1:0", "1:1", "1:2"]);
  assert.deepEqual(store.ended, [1]);
  // A second time is another walk.
  assert.deepEqual(await taken(early.walk(SOURCES)), ["2:0", "2:1", "2:2"]);
});

Deno.test("an early walk takes what may be open, and no more until it is asked (I8)", async () => {
  const perBatch = 512;
  const store = storeOf(50, { perBatch });
  await using early = new EarlyWalk({ store, sources: SOURCES, options: {} });
  await turns();
  assert.equal(store.given, Math.floor(LIMITS.openEntriesAhead / perBatch) + 1);
  assert.deepEqual(early.announce(1), [], "there is more of it");
  assert.equal((await taken(early.walk(SOURCES))).length, 50);
});

Deno.test("an early walk that is whole can be announced, and taken after all", async () => {
  const store = storeOf(2, { perBatch: 3 });
  await using early = new EarlyWalk({ store, sources: SOURCES, options: {} });
  assert.deepEqual(early.announce(7), [], "nothing is found yet");
  await turns();
  const messages = early.announce(7);
  assert.deepEqual(messages.map(({ type }) => type), ["entries", "manifest_end"]);
  assert.deepEqual(early.announced?.map(({ paths }) => paths), [["1:0"], ["1:1"]]);
  assert.deepEqual(await taken(early.walk(SOURCES)), ["1:0", "1:1"]);
});

Deno.test("an early walk is not announced once it is old, nor with something to tell", async () => {
  let nowMs = 0;
  const store = storeOf(1, { perBatch: 1 });
  const plan = { store, sources: SOURCES, options: {} };
  await using old = new EarlyWalk(plan, { nowMs: () => nowMs });
  await turns();
  nowMs = 2000;
  assert.equal(old.announce(1).length, 2);
  nowMs = 2001;
  assert.deepEqual(old.announce(1), []);
  const notices = [{ path: "x", code: "source_unreadable", message: "no" }] as const;
  await using telling = new EarlyWalk({ ...plan, store: storeOf(1, { perBatch: 1, notices }) });
  await turns();
  assert.deepEqual(telling.announce(1), []);
});

Deno.test("a server that wants another order gets it, and the early walk ends", async () => {
  const store = storeOf(2);
  await using early = new EarlyWalk({ store, sources: SOURCES, options: {} });
  assert.deepEqual(await taken(early.walk(SOURCES, { from: "b" })), ["2:0", "2:1"]);
  assert.equal(store.begun[1]?.from, "b");
  assert.deepEqual(store.ended, [1, 2]);
});

Deno.test("what was found too long ago is looked for again", async () => {
  let nowMs = 0;
  const plan = { sources: SOURCES, options: {} };
  const walked = async (laterMs: number) => {
    const store = storeOf(1);
    await using early = new EarlyWalk({ ...plan, store }, { nowMs: () => nowMs });
    nowMs += laterMs;
    return await taken(early.walk(SOURCES));
  };
  assert.deepEqual(await walked(2000), ["1:0"]);
  assert.deepEqual(await walked(2001), ["2:0"]);
});

Deno.test("an early walk that nobody takes ends when it is let go of", async () => {
  const store = storeOf(5);
  {
    await using _early = new EarlyWalk({ store, sources: SOURCES, options: {} });
  }
  assert.deepEqual(store.ended, [1]);
  assert.ok(store.given <= 1);
});

Deno.test("whoever takes an early walk can break it off, and learns what went wrong with it", async () => {
  const stop = new AbortController();
  const store = storeOf(5);
  await using early = new EarlyWalk({ store, sources: SOURCES, options: {} });
  const reason = new Error("stopped");
  await assert.rejects(async () => {
    for await (const _batch of early.walk(SOURCES, { signal: stop.signal })) stop.abort(reason);
  }, reason);
  const broken = {
    // deno-lint-ignore require-yield
    async *walk(): AsyncIterable<WalkBatch> {
      await Promise.resolve();
      throw new Error("no disk");
    },
  };
  await using failing = new EarlyWalk({ store: broken, sources: SOURCES, options: {} });
  await assert.rejects(taken(failing.walk(SOURCES)), /no disk/);
});

Deno.test("an early walk knows its bytes once it is whole, and says the same messages each time", async () => {
  let nowMs = 0;
  const store = storeOf(2, { perBatch: 3 });
  const plan = { store, sources: SOURCES, options: {} };
  await using early = new EarlyWalk(plan, { nowMs: () => nowMs });
  assert.equal(early.wholeBytes, null);
  await turns();
  assert.equal(early.wholeBytes, 6);
  const messages = early.announce(1);
  assert.equal(early.announce(1), messages, "they may be encoded by now");
  nowMs = 2001;
  assert.deepEqual(early.announce(1), []);
  assert.equal(early.announced, null, "what was not said in the end was not announced");
});
