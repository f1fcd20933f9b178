// Transfers that break off, at any step and more than once, under a sender that names first what is
// missing and under one that does not: what they come to in the end, and what is sent again.

import assert from "node:assert/strict";
import { equalBytes } from "../../src/base/bytes.ts";
import { isFromOn } from "../../src/base/path.ts";
import { chunkDigest } from "../../src/engine/_fixture.ts";
import { assertDone, assertResumed, failedPaths, journalled } from "./expectation.ts";
import { ModelDisk } from "./model_disk.ts";
import { type Attempt, type AttemptOptions, nowNsOf } from "./simulation.ts";
import { attemptIn, forSeeds, makeWorld, standSome, type World } from "./world.ts";

const ATTEMPTS = 12;
/** Between two attempts, after the first has ended. */
const PAUSE_NS = 1_000_000_000n;

/** Breaks a transfer off again and again, and at last lets it end; answers every attempt. */
function insist(
  world: World,
  { step, between = () => {}, ...options }: Partial<AttemptOptions> & {
    /** At which step of an end it crashes, at most. */
    readonly step: number;
    readonly between?: (attempt: number) => void;
  },
): Attempt[] {
  const { random, disk } = world;
  const attempts: Attempt[] = [];
  for (let attempt = 0; attempt <= ATTEMPTS; attempt++) {
    const held = journalled(disk.journal);
    const side = random.pick(["sender", "receiver"] as const);
    const crash = { side, step: random.below(step) };
    const ended = attemptIn(world, {
      attempt,
      losses: random.below(2),
      followsHint: random.chance(0.7),
      ...(attempt < ATTEMPTS ? { crash } : {}),
      ...options,
    });
    attempts.push(ended);
    assertResumed(held, ended);
    if (ended.receiver.result !== null && ended.sender.result !== null) break;
    between(attempt);
  }
  return attempts;
}

function changeSome({ random, source }: World, attempt: number): void {
  for (const node of source.files) {
    if (!random.chance(0.1)) continue;
    source.change(node, nowNsOf(attempt) + PAUSE_NS, { resize: random.chance(0.3) });
  }
}

/** Whether the manifest of an attempt began anew. */
function isInSections({ store: { from }, sending: { walked } }: Attempt): boolean {
  if (from === null) return false;
  const firsts = walked.map(({ entry }) => isFromOn(entry.path, from));
  const wrap = firsts.indexOf(false);
  return wrap > 0 && !firsts.slice(wrap).includes(true) &&
    walked[wrap]!.entry.path < walked[wrap - 1]!.entry.path;
}

Deno.test("a transfer that crashes at any step, again and again, comes to what a plain one does", () => {
  let hinted = 0;
  let inSections = 0;
  let plain = 0;
  forSeeds(150, (seed) => {
    const world = makeWorld(seed);
    if (seed % 3 === 0) standSome(world, 0.3);
    const attempts = insist(world, { step: 90, atomic: seed % 5 === 0 });
    const last = attempts.at(-1)!;
    assertDone(last, world.disk);
    assert.equal(failedPaths(last).size, 0);
    assert.equal(world.disk.journal.size, 0);
    assert.equal(world.disk.frontier, null);
    const { chunkBytes } = last.store;
    const fresh = attemptIn({ ...world, disk: new ModelDisk(), chunkBytes });
    assert.deepEqual(last.receiver.result?.root, fresh.receiver.result?.root);
    hinted += attempts.filter(({ store }) => store.from !== null).length;
    inSections += attempts.filter(isInSections).length;
    plain += attempts.filter((each) =>
      each.store.from !== null && each.sending.walked.some(({ entry }) =>
        !isFromOn(entry.path, each.store.from!)
      ) && !isInSections(each)
    ).length;
  });
  assert.ok(hinted > 200, `only ${hinted} attempts had a hint`);
  assert.ok(inSections > 50, `only ${inSections} manifests began anew`);
  assert.ok(plain > 30, `only ${plain} senders did not heed the hint`);
});

Deno.test("sources that change between attempts end as they are in the last one", () => {
  forSeeds(100, (seed) => {
    const world = makeWorld(seed);
    const attempts = insist(world, {
      step: 90,
      between: (attempt) => changeSome(world, attempt),
    });
    const last = attempts.at(-1)!;
    assertDone(last, world.disk);
    assert.equal(failedPaths(last).size, 0);
  });
});

Deno.test("sources that change while they are sent, before a crash, end as one version or fail", () => {
  forSeeds(60, (seed) => {
    const world = makeWorld(seed);
    const { random, source } = world;
    const disturb = source.files.filter(() => random.chance(0.3)).map((node) => ({
      atMs: random.below(300),
      act: () => source.change(node, nowNsOf(0) + 5n, { resize: false }),
    }));
    const crash = { side: "receiver", step: random.below(120) } as const;
    const held = attemptIn(world, { disturb, crash });
    if (held.receiver.result !== null) return;
    const last = attemptIn(world, { attempt: 1 });
    assertDone(last, world.disk);
    assert.equal(failedPaths(last).size, 0);
  });
});

Deno.test("sources that change between crashes cost a window of what is held, not all of it", () => {
  const journalChunks = 4;
  // What was forgotten and not compared yet: a window, and those of chunks that are on their way.
  const boundChunks = 3 * journalChunks;
  let [most, changes, held] = [0, 0, 0];
  forSeeds(60, (seed) => {
    const world = makeWorld(seed);
    const { random, source, disk, chunkBytes } = world;
    const large = source.files.slice(0, 2);
    for (const node of large) {
      node.bytes = random.bytes((60 + random.below(40)) * chunkBytes);
      source.change(node, nowNsOf(-1), { resize: false });
    }
    for (let attempt = 0; attempt <= 6; attempt++) {
      const before = journalled(disk.journal);
      const crash = { side: "receiver", step: 60 + random.below(150) } as const;
      const ended = attemptIn(world, {
        attempt,
        journalChunks,
        ...(attempt < 6 ? { crash } : {}),
      });
      if (ended.receiver.result !== null) return assertDone(ended, disk);
      const after = journalled(disk.journal);
      const lost = unchangedOf(before, ended).filter((name) => !after.has(name));
      assert.ok(lost.length <= boundChunks, `${lost.length} chunks are to be sent again`);
      most = Math.max(most, lost.length);
      held += after.size;
      for (const node of large) {
        for (let count = random.below(4); count > 0; count--, changes++) {
          source.change(node, nowNsOf(attempt) + PAUSE_NS, { resize: false });
        }
      }
    }
  });
  assert.ok(most > 0 && changes > 100 && held > 2000, `${most}, ${changes}, ${held}`);
});

/** Chunks that were journalled, are in the source still, and have no final name yet. */
function unchangedOf(
  journal: ReturnType<typeof journalled>,
  { sending, store: { chunkBytes, committed } }: Attempt,
): string[] {
  return sending.walked.flatMap(({ entry: { path }, bytes }) => {
    if (committed.has(path)) return [];
    const names = Array.from({ length: Math.ceil(bytes.byteLength / chunkBytes) }, (_, chunk) => {
      const digest = journal.get(`${path} ${chunk}`)?.digest;
      const now = chunkDigest(bytes.subarray(chunk * chunkBytes, (chunk + 1) * chunkBytes));
      return digest !== undefined && equalBytes(digest, now) ? [`${path} ${chunk}`] : [];
    });
    return names.flat();
  });
}

Deno.test("another chunk size is passed over while the journal has one, and both ends hear it", () => {
  let held = 0;
  forSeeds(100, (seed) => {
    const world = makeWorld(seed);
    const sizes = [4, 16, 64];
    for (let attempt = 0; attempt <= 4; attempt++) {
      const journal = journalled(world.disk.journal);
      const fixed = [...world.disk.journal.values()][0]?.chunkBytes ?? null;
      const chunkBytes = world.random.pick(sizes);
      const crash = { side: "receiver", step: world.random.below(100) } as const;
      const options = attempt < 4 ? { crash } : {};
      const ended = attemptIn({ ...world, chunkBytes }, { attempt, ...options });
      assert.equal(ended.store.chunkBytes, fixed ?? chunkBytes);
      assertResumed(journal, ended);
      const isOther = fixed !== null && fixed !== chunkBytes;
      if (isOther) held++;
      for (const { notices, steps } of [ended.sending, ended.receiving]) {
        const told = notices.filter((notice) => notice.startsWith("The chunk size of the attempt"));
        if (steps > 10) assert.equal(told.length, isOther ? 1 : 0);
      }
      if (attempt === 4) assertDone(ended, world.disk);
    }
  });
  assert.ok(held > 50, `only ${held} attempts asked for another size than the journal's`);
});

Deno.test("what was stored before a stop in order is not sent again", () => {
  let stored = 0;
  forSeeds(120, (seed) => {
    const world = makeWorld(seed);
    const crash = { side: "sender", step: world.random.below(250) } as const;
    const slowMs = seed % 3 === 0 ? { commit: 400 } : {};
    const first = attemptIn(world, { crash, slowMs });
    if (first.receiver.result !== null) return;
    const again = attemptIn(world, { attempt: 1, followsHint: seed % 2 === 0 });
    assertDone(again, world.disk);
    for (const name of first.receiving.landedRaw.keys()) {
      assert.ok(!again.sending.sentRaw.has(name), `chunk ${name} is sent again`);
      stored++;
    }
  });
  assert.ok(stored > 300, `only ${stored} chunks were stored before`);
});

Deno.test("each end knows to the byte what it moved before it broke off", () => {
  forSeeds(120, (seed) => {
    const world = makeWorld(seed);
    if (seed % 2 === 0) standSome(world, 0.4);
    for (const ended of insist(world, { step: 120 })) {
      const { sending, receiving } = ended;
      const landedBytes = [...receiving.landedRaw.values()].reduce((sum, bytes) => sum + bytes, 0);
      assert.equal(receiving.movedBytes, landedBytes);
      assert.ok(sending.movedBytes <= receiving.movedBytes);
      if (ended.sender.result !== null) assert.equal(sending.movedBytes, landedBytes);
    }
  });
});

Deno.test("a slow journal or a slow commit holds back what a crash would lose", () => {
  const journalChunks = 3;
  // Two intervals each: of what is journalled and of what awaits its commit. Chunks with the workers when
  // the last room is taken come on top.
  const boundChunks = 2 * 2 * journalChunks + 8;
  let slowest = 0;
  for (const slowMs of [{ journal: 700 }, { commit: 700 }, { journal: 300, commit: 300 }]) {
    forSeeds(60, (seed) => {
      const world = makeWorld(seed);
      const attempt = attemptIn(world, { journalChunks, slowMs, losses: seed % 2 });
      assertDone(attempt, world.disk);
      const peakChunks = attempt.receiving.peakUndurableBytes / attempt.store.chunkBytes;
      assert.ok(peakChunks <= boundChunks, `${peakChunks} chunks were not durable`);
      slowest = Math.max(slowest, peakChunks);
    });
  }
  assert.ok(slowest > journalChunks, "the bound is never met");
});

Deno.test("a file that failed is not what the next attempt begins with", () => {
  let begun = 0;
  forSeeds(80, (seed) => {
    const world = makeWorld(seed);
    const victim = world.source.files.find(({ bytes }) => bytes.byteLength > 0);
    if (victim === undefined) return;
    victim.isUnreadable = true;
    // Nothing is placed: it is with the journal that the store hears of failures.
    const { receiver, receiving } = attemptIn(world, { atomic: true });
    assert.equal(receiver.error?.code, "source_unreadable");
    assert.deepEqual(receiving.failures.map(({ path }) => path), [victim.entry.path]);
    if (world.disk.journal.size === 0) return;
    assert.notEqual(world.disk.frontier, victim.entry.path);
    begun++;
  });
  assert.ok(begun > 20, `only ${begun} attempts have anything to go on with`);
});
