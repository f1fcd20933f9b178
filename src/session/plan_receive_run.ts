// A dry run at the receiving end: the store says what would become of each entry, and changes nothing.
// It is asked no faster than the peer takes its answers (I8).

import type { IsAsked } from "../engine/manifest_check.ts";
import { PlanReceiver, type PlanReceiverAction } from "../engine/plan_receiver.ts";
import type { Begun, Store } from "../store/store.ts";
import type { FilterRule, Offer } from "../wire/messages.ts";
import type { TransferSummary } from "./options.ts";
import { PacedSender } from "./paced_sender.ts";
import { PlanRun, type PlanRunOptions } from "./plan_run.ts";

export interface PlanReceiveOptions extends PlanRunOptions {
  readonly offer: Offer;
  readonly begun: Begun;
  readonly store: Store;
  /** Would remove what is extraneous though the offer does not ask for it. */
  readonly localDelete: boolean;
  /** What removing spares. */
  readonly spared: readonly FilterRule[];
  /** What a pull holds its server to. */
  readonly isAsked?: IsAsked | null;
}

/** Runs one dry run at the receiving end. Never rejects: what went wrong is in the summary. */
export async function runPlanReceive(options: PlanReceiveOptions): Promise<TransferSummary> {
  const { channel, offer, begun, store, spared } = options;
  const { fresh, chunkBytes } = begun;
  const receiver = new PlanReceiver(offer, { ...options, fresh, chunkBytes });
  let planning: Promise<void> = Promise.resolve();
  const plan = async (
    { first, entries, sources }: Extract<PlanReceiverAction, { kind: "plan" }>,
  ): Promise<void> => {
    await told.flushed();
    if (run.stopped.aborted) return;
    receiver.planned(first, await store.plan(begun.id, first, entries, sources));
    run.pump();
  };
  const carryOut = async (action: PlanReceiverAction): Promise<void> => {
    switch (action.kind) {
      case "send":
        return await told.send(action.message);
      case "plan":
        planning = planning.then(() => plan(action));
        return await planning;
      case "prune":
        await told.flushed();
        if (run.stopped.aborted) return;
        receiver.pruned(await store.prune(begun.id, spared));
        return run.pump();
    }
  };
  const run = new PlanRun(receiver, {
    ...options,
    act: () => {
      for (let action = receiver.poll(); action !== null; action = receiver.poll()) {
        run.task(carryOut(action));
      }
    },
  });
  const told = new PacedSender(channel, run.stopped);
  try {
    return await run.run({ chunkBytes });
  } finally {
    await store.abandon(begun.id).catch(() => {});
  }
}
