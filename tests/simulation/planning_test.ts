// Dry runs between two engines under a virtual clock: what they say comes true, and a liar at either
// end is refused.

import assert from "node:assert/strict";
import { comparePaths } from "../../src/base/path.ts";
import type { PlanLine } from "../../src/engine/plan_report.ts";
import type { Message } from "../../src/wire/messages.ts";
import { Random } from "./clock.ts";
import { failedPaths } from "./expectation.ts";
import type { Lie } from "./link.ts";
import { ModelDisk } from "./model_disk.ts";
import { ModelSource } from "./model_source.ts";
import { digestOf } from "./model_store.ts";
import { type PlanEnding, type PlanOptions, runPlan } from "./planning.ts";
import { runAttempt } from "./simulation.ts";

const SEEDS = 80;
const CHANGING = new Set(["create", "replace", "update", "resume"]);

interface World {
  readonly random: Random;
  readonly source: ModelSource;
  readonly disk: ModelDisk;
  readonly chunkBytes: number;
}

/** A tree, and a destination with some of it, some of it altered, and some more. */
function makeWorld(seed: number, { empty = false } = {}): World {
  const random = new Random(seed);
  const chunkBytes = random.pick([4, 16]);
  const source = new ModelSource(random, { chunkBytes });
  const disk = new ModelDisk();
  const world = { random, source, disk, chunkBytes };
  if (!empty) standSome(world);
  return world;
}

function standSome({ random, source, disk, chunkBytes }: World): void {
  for (const { entry, bytes, stamp } of source.nodes) {
    const slash = entry.path.lastIndexOf("/");
    const hasParent = slash < 0 || disk.finals.has(entry.path.slice(0, slash));
    if (!hasParent || random.chance(0.3)) continue;
    const { path, kind, target = "" } = entry;
    if (kind === "directory") {
      disk.finals.set(path, { kind });
      disk.finals.set(`${path}/extra`, { kind: "link", target: "x" });
    } else if (kind === "link") {
      disk.finals.set(path, { kind, target: random.pick([target, "elsewhere"]) });
    } else {
      const standing = random.chance(0.5) ? bytes : Uint8Array.of(...bytes, 1);
      const digest = digestOf(standing, chunkBytes);
      const record = standing === bytes && random.chance(0.5)
        ? { digest, mtimeNs: stamp!.mtimeNs, chunkBytes }
        : null;
      disk.finals.set(path, { kind, bytes: standing, record });
    }
  }
}

function forSeeds(body: (seed: number) => void): void {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      body(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** Both ends told the same plan, whole. */
function assertAgreed({ sender, receiver }: { sender: PlanEnding; receiver: PlanEnding }): void {
  assert.equal(sender.error, null);
  assert.equal(receiver.error, null);
  assert.ok(sender.result !== null);
  const { firstFailure, ...counts } = sender.result;
  const { firstFailure: first, ...others } = receiver.result!;
  assert.deepEqual(counts, others);
  assert.equal(firstFailure === null, first === null);
  const shown = (lines: readonly PlanLine[]) =>
    lines.map(({ remote: _, ...line }) => line).sort((a, b) => comparePaths(a.path, b.path));
  assert.deepEqual(shown(sender.lines), shown(receiver.lines));
}

function pathsOf({ lines }: PlanEnding, actions: ReadonlySet<string>): string[] {
  return lines.filter(({ action }) => actions.has(action)).map(({ path }) => path).sort();
}

Deno.test("what a dry run says is what a real one then does", () => {
  const seen = new Set<string>();
  forSeeds((seed) => {
    const world = makeWorld(seed, { empty: seed % 8 === 0 });
    const { random, source } = world;
    const conflicts = new Set(
      source.nodes.filter(() => random.chance(0.05)).map(({ entry }) => entry.path),
    );
    const options = { ...world, conflicts, delete: seed % 2 === 0 };
    const plan = runPlan(options);
    assertAgreed(plan);
    const { lines, result } = plan.receiver;
    for (const { action } of lines) seen.add(action);
    const real = runAttempt({ ...options, attempt: 0 });
    const failed = failedPaths(real);
    assert.equal(real.receiver.result?.failed, result?.failed);
    assert.deepEqual(pathsOf(plan.receiver, new Set(["fail"])), [...failed].sort());
    assert.deepEqual(pathsOf(plan.receiver, new Set(["delete"])), [...real.store.deleted].sort());
    assert.equal(result?.deleted, real.store.deleted.size);
    assert.equal(result?.entries, source.nodes.length);
    assert.equal(result?.files, real.receiver.result?.files);
    assert.equal(result?.bytes, real.receiver.result?.bytes);
    for (const path of pathsOf(plan.receiver, CHANGING)) {
      assert.ok(real.store.changed.has(path), path);
    }
    for (const path of pathsOf(plan.receiver, new Set(["unchanged"]))) {
      assert.ok(!real.store.changed.has(path), path);
    }
    assert.equal(pathsOf(plan.receiver, CHANGING).length, result?.changed);
    assert.equal(pathsOf(plan.receiver, new Set(["compare"])).length, result?.undecided);
  });
  assert.deepEqual([...seen].sort(), [
    "compare",
    "create",
    "delete",
    "fail",
    "replace",
    "unchanged",
  ]);
});

Deno.test("a dry run after a crash says what would be resumed", () => {
  let resumed = 0;
  forSeeds((seed) => {
    const world = makeWorld(seed, { empty: true });
    const crash = { side: "receiver", step: 60 } as const;
    runAttempt({ ...world, attempt: 0, crash });
    const plan = runPlan({ ...world, attempt: 1 });
    assertAgreed(plan);
    const lines = plan.sender.lines.filter(({ action }) => action === "resume");
    for (const { path } of lines) assert.ok(world.disk.journal.has(path));
    resumed += lines.length;
  });
  assert.ok(resumed > 20, `only ${resumed} would be resumed`);
});

Deno.test("what is left out would fail, and then nothing would be deleted", () => {
  forSeeds((seed) => {
    const world = makeWorld(seed);
    const files = world.source.files.map(({ entry }) => entry.path);
    if (files.length === 0) return;
    const omit = new Set([world.random.pick(files)]);
    const plan = runPlan({ ...world, omit, delete: true });
    assertAgreed(plan);
    for (const { lines, notices, result } of [plan.sender, plan.receiver]) {
      assert.deepEqual(lines.filter(({ path }) => omit.has(path)).map(({ action }) => action), [
        "fail",
      ]);
      assert.ok(!lines.some(({ action }) => action === "delete"));
      assert.deepEqual(notices, ["Nothing would be deleted, because some entries would fail"]);
      assert.equal(result?.failed, 1);
      assert.equal(result?.firstFailure?.code, "source_unreadable");
    }
  });
});

Deno.test("what a receiver would delete of its own accord is no matter of the sender's", () => {
  let deleted = 0;
  forSeeds((seed) => {
    const { sender, receiver } = runPlan({ ...makeWorld(seed), localDelete: true });
    assert.equal(sender.error, null);
    assert.equal(sender.result?.deleted, 0);
    deleted += receiver.result?.deleted ?? 0;
    assert.ok(!sender.lines.some(({ action }) => action === "delete"));
  });
  assert.ok(deleted > 20, `only ${deleted} would be deleted`);
});

/** Runs many dry runs in which a lie is told once; answers those in which it was. */
function tell(
  side: "sender" | "receiver",
  make: (once: () => boolean) => Lie<Message>,
  options: Partial<PlanOptions> = {},
): { sender: PlanEnding; receiver: PlanEnding }[] {
  const runs: { sender: PlanEnding; receiver: PlanEnding }[] = [];
  for (let seed = 1; seed <= 20; seed++) {
    let told = false;
    const lie = make(() => !told && (told = true));
    const run = runPlan({ ...makeWorld(seed), ...options, lies: { [side]: lie } });
    if (told) runs.push(run);
  }
  assert.ok(runs.length > 5, `the lie was told only ${runs.length} times`);
  return runs;
}

function about<T extends Message["type"]>(
  type: T,
  once: () => boolean,
  lie: (said: Extract<Message, { type: T }>) => readonly Message[],
): Lie<Message> {
  return (said) =>
    said.type === type && once() ? lie(said as Extract<Message, { type: T }>) : [said];
}

/** The other end refuses, and takes the plan for whole at neither. */
function assertRefused(side: "sender" | "receiver", lie: (once: () => boolean) => Lie<Message>, {
  options = {},
}: { options?: Partial<PlanOptions> } = {}): void {
  const honest = side === "sender" ? "receiver" : "sender";
  for (const run of tell(side, lie, options)) {
    assert.equal(run[honest].error?.code, "protocol");
    assert.equal(run[honest].error?.remote, true);
    assert.equal(run[honest].result, null);
  }
}

const FAILURE = { entry: 0, code: "io", message: "" };
const ROOT = new Uint8Array(32);

Deno.test("a plan that does not follow the manifest is refused", () => {
  assertRefused("receiver", (once) => about("planned", once, (said) => [said, said]));
  assertRefused(
    "receiver",
    (once) => about("planned", once, (said) => [{ ...said, first: said.first + 1 }]),
  );
  const step = { action: "create" } as const;
  assertRefused(
    "receiver",
    (once) =>
      about("planned", once, (said) => [{
        ...said,
        steps: Array.from({ length: 512 }, () => step),
      }]),
  );
});

Deno.test("a plan that ends before its last step, or counts another number, is refused", () => {
  const end: Message = { type: "plan_end", transfer: 1, entries: 0, deleted: 0 };
  assertRefused("receiver", (once) => about("planned", once, (said) => [end, said]));
  assertRefused(
    "receiver",
    (once) => about("plan_end", once, (said) => [{ ...said, entries: said.entries + 1 }]),
  );
  assertRefused(
    "receiver",
    (once) => about("plan_end", once, (said) => [{ ...said, deleted: said.deleted + 1 }]),
    { options: { delete: true } },
  );
  assertRefused("receiver", (once) => about("deleted", once, () => []), {
    options: { delete: true },
  });
});

Deno.test("a deletion that nobody asked for, or before the plan is whole, is refused", () => {
  const deleted: Message = { type: "deleted", transfer: 1, paths: ["x"], kept: [] };
  assertRefused("receiver", (once) => about("plan_end", once, (said) => [deleted, said]));
  assertRefused("receiver", (once) => about("planned", once, (said) => [deleted, said]), {
    options: { delete: true },
  });
});

Deno.test("what belongs to a real transfer is refused in a plan, at either end", () => {
  const ofReceiver: Message[] = [
    { type: "need", transfer: 1, verdicts: [] },
    { type: "have", transfer: 1, entry: 0, ranges: [[0, 1]], digests: ROOT },
    { type: "stored", transfer: 1, frames: [] },
    { type: "durable", transfer: 1, frames: [] },
    { type: "committed", transfer: 1, entries: [], changed: [] },
    { type: "failed", transfer: 1, failures: [FAILURE] },
    { type: "accept", transfer: 1, fresh: [], chunkBytes: 4 },
  ];
  for (const message of ofReceiver) {
    assertRefused("receiver", (once) => about("planned", once, (said) => [message, said]));
  }
  const ofSender: Message[] = [
    { type: "sealed", transfer: 1, files: [] },
    { type: "failed", transfer: 1, failures: [FAILURE] },
    { type: "finish", transfer: 1, root: ROOT, frames: 0 },
    { type: "done", transfer: 1 },
  ];
  for (const message of ofSender) {
    assertRefused("sender", (once) => about("manifest_end", once, (said) => [message, said]));
  }
});

Deno.test("an accept for other sources is refused", () => {
  assertRefused(
    "receiver",
    (once) => about("accept", once, (said) => [{ ...said, fresh: [...said.fresh, true] }]),
  );
});

Deno.test("a manifest that skips, repeats, goes on after its end or miscounts is refused", () => {
  assertRefused("sender", (once) => about("entries", once, (said) => [said, said]));
  assertRefused(
    "sender",
    (once) => about("entries", once, (said) => [{ ...said, first: said.first + 1 }]),
  );
  assertRefused(
    "sender",
    (once) =>
      about("entries", once, (said) => [{ ...said, entries: said.entries.toReversed() }, said]),
  );
  assertRefused("sender", (once) => about("manifest_end", once, (said) => [said, said]));
  for (const name of ["entries", "files", "bytes"] as const) {
    assertRefused(
      "sender",
      (once) => about("manifest_end", once, (said) => [{ ...said, [name]: said[name] + 1 }]),
    );
  }
  const omitted: Message = {
    type: "omitted",
    transfer: 1,
    omissions: [{ path: "x", code: "io", message: "" }],
  };
  assertRefused("sender", (once) => about("manifest_end", once, (said) => [said, omitted]));
});

Deno.test("an abort ends the other end of a plan with its code", () => {
  const abort: Message = { type: "abort", transfer: 1, code: "no_space", message: "No" };
  for (const { sender } of tell("receiver", (once) => about("planned", once, () => [abort]))) {
    assert.equal(sender.error?.code, "no_space");
  }
  for (const { receiver } of tell("sender", (once) => about("entries", once, () => [abort]))) {
    assert.equal(receiver.error?.code, "no_space");
  }
});
