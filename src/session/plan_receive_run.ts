// A dry run at the receiving end: the store says what would become of each entry, and changes nothing.

import { PlanReceiver, type PlanReceiverAction } from "../engine/plan_receiver.ts";
import type { Begun, Store } from "../store/store.ts";
import type { FilterRule, Offer } from "../wire/messages.ts";
import type { TransferSummary } from "./options.ts";
import { PlanRun, type PlanRunOptions } from "./plan_run.ts";

export interface PlanReceiveOptions extends PlanRunOptions {
  readonly offer: Offer;
  readonly begun: Begun;
  readonly store: Store;
  /** Would remove what is extraneous though the offer does not ask for it. */
  readonly localDelete: boolean;
  /** What removing spares. */
  readonly spared: readonly FilterRule[];
}

/** Runs one dry run at the receiving end. Never rejects: what went wrong is in the summary. */
export async function runPlanReceive(options: PlanReceiveOptions): Promise<TransferSummary> {
  const { channel, offer, begun, store, localDelete, spared } = options;
  const { fresh, chunkBytes } = begun;
  const receiver = new PlanReceiver(offer, { fresh, chunkBytes, localDelete });
  const carryOut = async (action: PlanReceiverAction): Promise<void> => {
    switch (action.kind) {
      case "send":
        return channel.send(action.message);
      case "plan": {
        const { first, entries, sources } = action;
        receiver.planned(first, await store.plan(begun.id, first, entries, sources));
        return run.pump();
      }
      case "prune":
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
  try {
    return await run.run({ chunkBytes });
  } finally {
    await store.abandon(begun.id).catch(() => {});
  }
}
