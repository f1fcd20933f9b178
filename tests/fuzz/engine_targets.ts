// The two halves of a transfer under fuzz, without a wire: one or both lie at random, again and again,
// within what a message may say. The model store sees that I1 and I2 hold with every step.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Message } from "../../src/wire/messages.ts";
import type { Random } from "../simulation/clock.ts";
import { assertDone } from "../simulation/expectation.ts";
import type { Lie } from "../simulation/link.ts";
import { ModelDisk } from "../simulation/model_disk.ts";
import { ModelSource, type SimulatedFrame } from "../simulation/model_source.ts";
import { type Attempt, runAttempt } from "../simulation/simulation.ts";
import { anyMessage } from "../vectors/messages.ts";
import { randomOf } from "./mutation.ts";
import { changedMessage } from "./script.ts";
import type { Tally, Target } from "./target.ts";

/** Messages of chance, made once: what is fuzzed is what becomes of them. */
const STRANGE = fc.sample(anyMessage, { seed: 1, numRuns: 2_000 }).filter((message) =>
  "transfer" in message && message.type !== "offer"
);

export const ENGINE_TARGETS: readonly Target[] = [
  engineTarget("engine-sender", { sender: true, receiver: false }),
  engineTarget("engine-receiver", { sender: false, receiver: true }),
  engineTarget("engine-both", { sender: true, receiver: true }),
];

interface Liars {
  readonly sender: boolean;
  readonly receiver: boolean;
}

function engineTarget(name: string, liars: Liars): Target {
  return { name, atOnce: 1, run: (seed, tally) => runLies(randomOf(seed), liars, tally) };
}

function runLies(random: Random, liars: Liars, tally: Tally): void {
  const chunkBytes = random.pick([4, 16]);
  const source = new ModelSource(random, { chunkBytes });
  const disk = new ModelDisk();
  if (random.chance(0.4)) stand(source, disk, random);
  const attempts = random.pick([1, 1, 2, 3]);
  let isHonest = true;
  for (let number = 0; number < attempts; number++) {
    const teller = new Teller(random);
    const isDeleting = random.chance(0.3);
    const options = {
      random,
      source,
      disk,
      chunkBytes,
      attempt: number,
      atomic: random.chance(0.2),
      delete: isDeleting,
      ...random.chance(0.2) ? { losses: 2 } : {},
      passesOver: liars.sender,
      lies: {
        ...liars.sender ? { sender: teller.messages, frame: teller.frames } : {},
        ...liars.receiver ? { receiver: teller.messages } : {},
      },
    };
    const attempt = runAttempt(options);
    // Who lied once is believed the next time: what is kept of a transfer is its own peer's.
    isHonest &&= teller.told === 0;
    checkEnds(attempt, { isHonest, disk, isDeleting });
    tally.add(worded(attempt));
  }
}

/** Some of what is sent stands there already, or something like it. */
function stand({ nodes }: ModelSource, disk: ModelDisk, random: Random): void {
  for (const { entry, bytes } of nodes) {
    if (random.chance(0.5)) continue;
    if (entry.kind === "directory") disk.finals.set(entry.path, { kind: "directory" });
    if (entry.kind !== "file" || bytes.byteLength === 0) continue;
    const standing = bytes.slice();
    if (random.chance(0.7)) standing[random.below(standing.byteLength)]! ^= 1;
    disk.finals.set(entry.path, { kind: "file", bytes: standing, record: null });
  }
}

function checkEnds(
  attempt: Attempt,
  { isHonest, disk, isDeleting }: {
    readonly isHonest: boolean;
    readonly disk: ModelDisk;
    readonly isDeleting: boolean;
  },
): void {
  const { sender, receiver, receiving } = attempt;
  for (const { result, error, crashed } of [sender, receiver]) {
    assert.ok(!crashed && (result === null) !== (error === null), "an end without an end");
    assert.notEqual(error?.code, "internal", String(error?.stack));
  }
  // No receipt without a result.
  if (receiver.result !== null) assert.ok(receiving.signed !== null, "done, and nothing signed");
  if (isHonest && !isDeleting && receiver.result !== null && sender.result !== null) {
    assertDone(attempt, disk);
  }
}

/** Tells lies now and then, and keeps count. */
class Teller {
  told = 0;
  readonly #random: Random;
  readonly #often: number;
  #held: Message[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.#often = random.pick([0, 0.02, 0.05, 0.2]);
  }

  readonly messages: Lie<Message> = (message) => {
    const random = this.#random;
    // What starts the receiver is the offer itself.
    if (message.type === "offer" || !random.chance(this.#often)) return [...this.#late(), message];
    this.told++;
    switch (random.below(6)) {
      case 0:
        return [];
      case 1:
        return [message, message];
      case 2:
        this.#held.push(message);
        return [];
      case 3:
        return [message, { ...random.pick(STRANGE), transfer: 1 } as Message];
      default: {
        // Models have smaller chunks than travel.
        if (message.type === "accept") return [changedAccept(random, message)];
        const changed = changedMessage(random, message);
        return [changed === null || !("transfer" in changed) ? message : changed];
      }
    }
  };

  readonly frames: Lie<SimulatedFrame> = (frame) => {
    const random = this.#random;
    if (!random.chance(this.#often)) return [frame];
    this.told++;
    const at = random.below(frame.records.length);
    const record = frame.records[at]!;
    const off = () => random.pick([-1, 1, 1 << 20]);
    switch (random.below(6)) {
      case 0:
        return [frame, frame];
      case 1:
        // Not another frame's number: what is acknowledged by it could mean either.
        return [{ ...frame, frame: frame.frame + (1 << 20) }];
      case 2:
        return [withRecord(frame, at, { ...record, entry: Math.max(0, record.entry + off()) })];
      case 3:
        return [withRecord(frame, at, { ...record, chunk: Math.max(0, record.chunk + off()) })];
      case 4:
        return [withRecord(frame, at, { ...record, digest: random.bytes(32) })];
      default: {
        const bytes = frame.bytes.map((one, index) =>
          index === at && one !== null ? flipped(one) : one
        );
        return [{ ...frame, bytes }];
      }
    }
  };

  #late(): readonly Message[] {
    if (this.#held.length === 0 || !this.#random.chance(0.3)) return [];
    const late = this.#held;
    this.#held = [];
    return late;
  }
}

function changedAccept(random: Random, accept: Extract<Message, { type: "accept" }>): Message {
  const { from: _, ...without } = accept;
  return random.pick<Message>([
    { ...accept, fresh: accept.fresh.map((isFresh) => !isFresh) },
    { ...accept, fresh: [...accept.fresh, true] },
    { ...accept, chunkBytes: 2 * accept.chunkBytes },
    { ...without, from: random.pick(["", "b", "\u{10ffff}"]) },
    without,
  ]);
}

function withRecord(
  frame: SimulatedFrame,
  at: number,
  record: SimulatedFrame["records"][number],
): SimulatedFrame {
  return { ...frame, records: frame.records.with(at, record) };
}

function flipped(bytes: Uint8Array): Uint8Array {
  const other = bytes.slice();
  if (other.byteLength > 0) other[0]! ^= 1;
  return other;
}

function worded({ sender, receiver }: Attempt): string {
  return `${receiver.error?.code ?? "done"}/${sender.error?.code ?? "done"}`;
}
