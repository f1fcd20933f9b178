// A simulated dry run: both planning halves, a clock that only this file moves, and a disk on which
// nothing may change.

import assert from "node:assert/strict";
import { SftpxError } from "../../src/base/errors.ts";
import { PlanReceiver } from "../../src/engine/plan_receiver.ts";
import type { PlanLine, PlanResult } from "../../src/engine/plan_report.ts";
import { PlanSender } from "../../src/engine/plan_sender.ts";
import type { Message, Offer, TransferMessage } from "../../src/wire/messages.ts";
import { Clock, type Random } from "./clock.ts";
import { ControlPipe, type Lie } from "./link.ts";
import type { ModelDisk } from "./model_disk.ts";
import type { ModelSource } from "./model_source.ts";
import { ModelStore } from "./model_store.ts";
import { offerFor } from "./simulation.ts";

const BATCH_ENTRIES = 7;
const STEP_LIMIT = 50_000;

export interface PlanOptions {
  readonly random: Random;
  readonly source: ModelSource;
  readonly disk: ModelDisk;
  readonly chunkBytes: number;
  readonly attempt?: number;
  readonly delete?: boolean;
  /** The receiver deletes of its own accord. */
  readonly localDelete?: boolean;
  readonly conflicts?: ReadonlySet<string>;
  /** Paths the sender leaves out. */
  readonly omit?: ReadonlySet<string>;
  readonly lies?: { readonly sender?: Lie<Message>; readonly receiver?: Lie<Message> };
}

/** How one end came to its end. */
export interface PlanEnding {
  readonly lines: PlanLine[];
  readonly notices: string[];
  result: PlanResult | null;
  error: SftpxError | null;
}

interface Half {
  readonly result: PlanResult | null;
  handle(message: TransferMessage): void;
  pollLine(): PlanLine | null;
  pollNotice(): string | null;
}

/** Runs one dry run to its end; with a liar, until nothing happens any more. */
export function runPlan(options: PlanOptions): { sender: PlanEnding; receiver: PlanEnding } {
  const { random, source, disk, chunkBytes, lies } = options;
  const clock = new Clock();
  const offer: Offer = {
    ...offerFor(source, { chunkBytes, attempt: options.attempt ?? 0 }),
    delete: options.delete === true,
    dryRun: true,
  };
  const conflicts = options.conflicts ?? new Set<string>();
  const store = new ModelStore(disk, { offer, attempt: options.attempt ?? 0, conflicts });
  const { fresh } = store;
  const localDelete = options.localDelete === true;
  const before = structuredClone([...disk.finals]);
  const sender = new PlanSender(offer);
  const receiver = new PlanReceiver(offer, { fresh, chunkBytes: store.chunkBytes, localDelete });

  const act = () => {
    for (let action = receiver.poll(); action !== null; action = receiver.poll()) {
      if (action.kind === "send") toSender.send(action.message);
      else if (action.kind === "prune") {
        clock.after(
          random.below(15),
          receiving(() => receiver.pruned(store.prune({ isDry: true }))),
        );
      } else {
        const { first, entries, sources } = action;
        const steps = store.plan(first, entries, sources);
        // Answers keep their order: the store does one thing at a time.
        answerMs = Math.max(answerMs, clock.nowMs + random.below(30));
        clock.after(answerMs - clock.nowMs, receiving(() => receiver.planned(first, steps)));
      }
    }
  };
  let answerMs = 0;
  let isWalking = false;
  let next = 0;
  const walk = () => {
    if (isWalking || !sender.wantsEntries) return;
    isWalking = true;
    clock.after(
      random.below(20),
      sending(() => {
        const nodes = source.nodes.slice(next, next + 1 + random.below(BATCH_ENTRIES));
        if (nodes.length === 0) return sender.endEntries();
        isWalking = false;
        next += nodes.length;
        const kept = nodes.filter(({ entry }) => !options.omit?.has(entry.path));
        for (const { entry } of nodes.filter((node) => !kept.includes(node))) {
          sender.omit({ path: entry.path, code: "source_unreadable", message: "Cannot read it" });
        }
        sender.addEntries({
          entries: kept.map((node) => source.entryOf(node)),
          paths: kept.map(({ entry }) => entry.path),
          sources: kept.map((node) => node.source),
        });
      }),
    );
  };
  const say = () => {
    for (let said = sender.pollMessage(); said !== null; said = sender.pollMessage()) {
      toReceiver.send(said);
    }
    walk();
  };
  const sides = {
    sender: sideOf(sender, say),
    receiver: sideOf(receiver, act),
  };
  const sending = (happens: () => void) => () => sides.sender.input(happens);
  const receiving = (happens: () => void) => () => sides.receiver.input(happens);
  const toReceiver = new ControlPipe({ clock, random }, {
    lie: lies?.sender,
    deliver: (message) =>
      sides.receiver.input(() => {
        if (message.type !== "offer") receiver.handle(message as TransferMessage);
      }),
  });
  const toSender = new ControlPipe({ clock, random }, {
    lie: lies?.receiver,
    deliver: (message) => sides.sender.input(() => sender.handle(message as TransferMessage)),
  });
  sides.sender.input(() => {});
  for (let steps = 0; clock.step(); steps++) assert.ok(steps < STEP_LIMIT, "every run ends");
  assert.deepEqual([...disk.finals], before, "a dry run changes nothing");
  return { sender: sides.sender.ending, receiver: sides.receiver.ending };
}

/** One end: every input is followed by what it makes the half say; an error ends it. */
function sideOf(
  half: Half,
  act: () => void,
): { readonly ending: PlanEnding; input(happens: () => void): void } {
  const ending: PlanEnding = { lines: [], notices: [], result: null, error: null };
  return {
    ending,
    input(happens) {
      if (ending.error !== null || ending.result !== null) return;
      try {
        happens();
        act();
      } catch (error) {
        if (!(error instanceof SftpxError)) throw error;
        ending.error = error;
        return;
      }
      for (let line = half.pollLine(); line !== null; line = half.pollLine()) {
        ending.lines.push(line);
      }
      for (let text = half.pollNotice(); text !== null; text = half.pollNotice()) {
        ending.notices.push(text);
      }
      ending.result = half.result;
    },
  };
}
