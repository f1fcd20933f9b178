// Whole transfers between two engines under a virtual clock: random trees, latencies, lost lanes and
// crashes. A failing seed replays by itself.

import assert from "node:assert/strict";
import { assertDone, assertResumed, failedPaths, journalled } from "./expectation.ts";
import { START_NS } from "./model_source.ts";
import { nowNsOf } from "./simulation.ts";
import { attemptIn, forSeeds, makeWorld, standSome, type World } from "./world.ts";

Deno.test("a fresh transfer ends with every entry in place, whatever the lanes do", () => {
  forSeeds(150, (seed) => {
    const world = makeWorld(seed);
    const attempt = attemptIn(world, { losses: seed % 4, atomic: seed % 5 === 0 });
    assertDone(attempt, world.disk);
    assert.equal(failedPaths(attempt).size, 0);
    assert.equal(world.disk.parts.size, 0, "no part is left");
  });
});

Deno.test("a transfer onto what stands there ends with every entry in place", () => {
  forSeeds(150, (seed) => {
    const world = makeWorld(seed);
    standSome(world, 0.7);
    const attempt = attemptIn(world, { losses: seed % 3, atomic: seed % 4 === 0 });
    assertDone(attempt, world.disk);
    assert.equal(failedPaths(attempt).size, 0);
  });
});

Deno.test("a second transfer of the same tree sends nothing", () => {
  forSeeds(40, (seed) => {
    const world = makeWorld(seed);
    assertDone(attemptIn(world), world.disk);
    const again = attemptIn(world, { attempt: 1 });
    assertDone(again, world.disk);
    assert.equal(again.sending.sentRaw.size, 0);
  });
});

Deno.test("a transfer that crashes is resumed, by either end, and sends no journalled chunk", () => {
  let resumed = 0;
  forSeeds(300, (seed) => {
    const world = makeWorld(seed);
    const { random, source, disk } = world;
    if (random.chance(0.4)) standSome(world, 0.4);
    for (let attempt = 0; attempt < 3; attempt++) {
      const side = random.pick(["sender", "receiver"] as const);
      const crash = { side, step: random.below(120) };
      const held = journalled(disk.journal);
      if (held.size > 0) resumed++;
      const ended = attemptIn(world, { attempt, crash, losses: random.below(2) });
      assertResumed(held, ended);
      if (ended.sender.result === null) assert.ok(ended.sender.error ?? ended.sender.crashed);
      for (const node of source.files) {
        if (random.chance(0.15)) {
          source.change(node, nowNsOf(attempt) + 1_000_000_000n, { resize: random.chance(0.3) });
        }
      }
    }
    const held = journalled(disk.journal);
    const last = attemptIn(world, { attempt: 3 });
    assertResumed(held, last);
    assertDone(last, disk);
    assert.equal(failedPaths(last).size, 0);
    assert.equal(disk.journal.size, 0, "a transfer that succeeded leaves no journal");
  });
  assert.ok(resumed > 100, `only ${resumed} attempts had a journal to resume from`);
});

Deno.test("a manifest that is said with the offer ends as any, fresh, standing or resumed", () => {
  forSeeds(150, (seed) => {
    const world = makeWorld(seed);
    const { random, disk } = world;
    if (seed % 2 === 0) standSome(world, 0.5);
    const crash = { side: random.pick(["sender", "receiver"] as const), step: random.below(120) };
    attemptIn(world, { crash, announces: seed % 3 > 0 });
    const held = journalled(disk.journal);
    const last = attemptIn(world, { attempt: 1, announces: true, losses: seed % 3 });
    assertResumed(held, last);
    assertDone(last, disk);
    assert.equal(failedPaths(last).size, 0);
    const again = attemptIn(world, { attempt: 2, announces: true });
    assertDone(again, disk);
    assert.equal(again.sending.sentRaw.size, 0);
  });
});

Deno.test("entries that fail at either end fail alone", () => {
  forSeeds(200, (seed) => {
    const world = makeWorld(seed);
    const { random, source, disk } = world;
    if (random.chance(0.5)) standSome(world, 0.4);
    const disturb = [];
    const conflicts = new Set<string>();
    for (const node of source.nodes) {
      if (random.chance(0.1)) conflicts.add(node.entry.path);
      if (node.entry.kind !== "file") continue;
      if (random.chance(0.1)) node.isUnreadable = true;
      if (!random.chance(0.2)) continue;
      const nowNs = START_NS + 5n;
      const act = () => source.change(node, nowNs, { resize: random.chance(0.3) });
      disturb.push({ atMs: random.below(400), act });
    }
    const attempt = attemptIn(world, { disturb, conflicts, losses: seed % 3 });
    assertDone(attempt, disk);
  });
});

Deno.test("with atomic, one failed entry keeps every other from its final name", () => {
  let refused = 0;
  forSeeds(60, (seed) => {
    const world = makeWorld(seed);
    const victim = world.random.pick(world.source.files);
    if (victim.bytes.byteLength === 0) return;
    victim.isUnreadable = true;
    const attempt = attemptIn(world, { atomic: true });
    assert.equal(attempt.receiver.error?.code, "source_unreadable");
    assert.equal(attempt.sender.result, null);
    assert.equal(world.disk.finals.size, 0);
    refused++;
  });
  assert.ok(refused > 20);
});

Deno.test("a full disk ends the transfer, and a larger one resumes it", () => {
  let filled = 0;
  forSeeds(80, (seed) => {
    const world = makeWorld(seed);
    const attempt = attemptIn(world, { roomChunks: world.random.below(20) });
    if (attempt.receiver.result === null) {
      filled++;
      assert.equal(attempt.receiver.error?.code, "no_space");
    }
    const held = journalled(world.disk.journal);
    const last = attemptIn(world, { attempt: 1 });
    assertResumed(held, last);
    assertDone(last, world.disk);
  });
  assert.ok(filled > 30, `only ${filled} disks were filled`);
});

/** Puts what no source has into and beside the directories offered; answers both. */
function standExtra({ source, disk }: World): { inside: string[]; beside: string[] } {
  const directories = source.nodes.filter(({ entry }) => entry.kind === "directory");
  const isContents = source.sources[0]!.contents;
  const parents = directories.slice(0, 2).map(({ entry }) => `${entry.path}/`);
  const inside: string[] = [];
  for (const parent of isContents ? ["", ...parents] : parents) {
    const above = parent.slice(0, -1).split("/");
    above.forEach((_, at) => {
      const path = above.slice(0, at + 1).join("/");
      if (path !== "") disk.finals.set(path, { kind: "directory" });
    });
    disk.finals.set(`${parent}extra`, { kind: "directory" });
    const bytes = Uint8Array.of(1);
    for (const path of [`${parent}extra/file`, `${parent}extra.link`]) {
      disk.finals.set(path, { kind: "file", bytes, record: null });
    }
    inside.push(`${parent}extra`, `${parent}extra/file`, `${parent}extra.link`);
  }
  const beside = isContents ? [] : ["other", "dirty"];
  for (const path of beside) disk.finals.set(path, { kind: "directory" });
  return { inside: inside.sort(), beside };
}

Deno.test("what no source has is deleted once all is in place, and both ends hear of it", () => {
  let deleted = 0;
  forSeeds(80, (seed) => {
    const world = makeWorld(seed);
    if (seed % 2 === 0) standSome(world, 0.5);
    const { inside, beside } = standExtra(world);
    const attempt = attemptIn(world, { delete: true, losses: seed % 3 });
    assertDone(attempt, world.disk);
    assert.deepEqual([...attempt.store.deleted].sort(), inside);
    for (const path of inside) assert.ok(!world.disk.finals.has(path), path);
    for (const path of beside) assert.ok(world.disk.finals.has(path), path);
    assert.equal(attempt.sender.result?.deleted, inside.length);
    for (const { notices } of [attempt.sending, attempt.receiving]) assert.deepEqual(notices, []);
    deleted += inside.length;
  });
  assert.ok(deleted > 100, `only ${deleted} were deleted`);
});

Deno.test("what a receiver deletes of its own accord is no matter of the sender's", () => {
  forSeeds(40, (seed) => {
    const world = makeWorld(seed);
    const { inside } = standExtra(world);
    const attempt = attemptIn(world, { localDelete: true });
    assertDone(attempt, world.disk);
    assert.equal(attempt.receiver.result?.deleted, inside.length);
    assert.equal(attempt.sender.result?.deleted, 0);
    assert.equal(attempt.receiving.signed?.deleted, 0, "nor of the receipt's");
  });
});

Deno.test("nothing is deleted when an entry failed at either end, and both say so", () => {
  let kept = 0;
  forSeeds(80, (seed) => {
    const world = makeWorld(seed);
    const { inside } = standExtra(world);
    const files = world.source.files.filter(({ bytes }) => bytes.byteLength > 0);
    if (files.length === 0) return;
    const victim = world.random.pick(files);
    if (seed % 2 === 0) victim.isUnreadable = true;
    const conflicts = new Set(seed % 2 === 0 ? [] : [victim.entry.path]);
    const attempt = attemptIn(world, { delete: true, conflicts });
    assertDone(attempt, world.disk);
    for (const path of inside) assert.ok(world.disk.finals.has(path), path);
    for (const { notices } of [attempt.sending, attempt.receiving]) {
      assert.deepEqual(notices, ["Nothing was deleted, because some entries failed"]);
    }
    kept += inside.length;
  });
  assert.ok(kept > 100, `only ${kept} were kept`);
});

Deno.test("a second transfer of the same tree changes nothing, and nothing has to move", () => {
  forSeeds(40, (seed) => {
    const world = makeWorld(seed);
    const first = attemptIn(world);
    const size = world.source.nodes.length;
    assert.equal(first.receiver.result?.changed, size);
    const again = attemptIn(world, { attempt: 1 });
    assertDone(again, world.disk);
    assert.equal(again.receiver.result?.changed, 0);
    for (const side of [again.sending, again.receiving]) {
      assert.ok(!side.phases.includes("move"), side.phases.join());
      assert.equal(side.phases.at(-1), "commit");
      const unchanged = side.entries.filter(({ result }) => result === "unchanged");
      assert.equal(unchanged.length, size);
    }
  });
});

Deno.test("a fresh transfer scans, moves and commits; one onto what stands there verifies", () => {
  const seen = new Set<string>();
  forSeeds(60, (seed) => {
    const world = makeWorld(seed);
    const isFresh = seed % 2 === 0;
    if (!isFresh) standSome(world, 0.9);
    const { sending, receiving } = attemptIn(world);
    const isEmpty = world.source.files.every(({ bytes }) => bytes.byteLength === 0);
    for (const { phases } of [sending, receiving]) {
      const way = phases.join(" ");
      if (isFresh && !isEmpty) assert.match(way, /^scan move( verify)? commit$/);
      else seen.add(way);
    }
  });
  for (const way of ["scan verify commit", "scan verify move commit"]) {
    assert.ok(seen.has(way), [...seen].join("; "));
  }
});

Deno.test("what is read again before it is committed ends as it does unread", () => {
  forSeeds(60, (seed) => {
    const world = makeWorld(seed);
    if (seed % 2 === 0) standSome(world, 0.5);
    let reread = 0;
    const paranoid = () => reread++;
    const attempt = attemptIn(world, { paranoid, losses: seed % 3, atomic: seed % 4 === 0 });
    assertDone(attempt, world.disk);
    assert.equal(failedPaths(attempt).size, 0);
    assert.ok(
      seed % 2 === 0 || reread > 0 || world.source.files.every((file) => file.bytes.length === 0),
    );
  });
});

Deno.test("a bit that flips before the commit fails its entry alone, which is sent anew", () => {
  let flipped = 0;
  forSeeds(80, (seed) => {
    const world = makeWorld(seed);
    const flip = new Flip(world);
    const { victim } = flip;
    const attempt = attemptIn(world, { paranoid: flip.apply, journalChunks: 2 });
    assertDone(attempt, world.disk);
    if (!flip.isDone) return;
    flipped++;
    assert.deepEqual(attempt.receiving.failures.map(({ path, code }) => [path, code]), [
      [victim, "integrity"],
    ]);
    assert.equal(world.disk.finals.has(victim), false, "nothing of it has its name");
    const again = attemptIn(world, { attempt: 1, paranoid: () => {} });
    assertDone(again, world.disk);
    assert.equal(failedPaths(again).size, 0);
    assert.equal(
      [...again.sending.sentRaw.keys()].some((name) => name.startsWith(`${victim} `)),
      true,
    );
  });
  assert.ok(flipped > 40, `only ${flipped}`);
});

Deno.test("with atomic, a bit that flips before the commit keeps every entry from its name", () => {
  let flipped = 0;
  forSeeds(40, (seed) => {
    const world = makeWorld(seed);
    const flip = new Flip(world);
    const attempt = attemptIn(world, { paranoid: flip.apply, atomic: true });
    if (!flip.isDone) return;
    flipped++;
    assert.equal(attempt.receiver.error?.code, "integrity");
    assert.equal(world.disk.finals.size, 0);
  });
  assert.ok(flipped > 20, `only ${flipped}`);
});

/** A bit of one file that changes on the disk before the file is read again. */
class Flip {
  readonly victim: string;
  isDone = false;

  constructor(world: World) {
    this.victim = world.random.pick(world.source.files).entry.path;
  }

  /** For `AttemptOptions.paranoid`. */
  readonly apply = (path: string, bytes: Uint8Array): void => {
    if (path !== this.victim) return;
    this.isDone = true;
    bytes[bytes.byteLength >> 1]! ^= 1;
  };
}
