// A dry run at the sending end: the walk goes in, the receiver's plan comes back. No file is read, at
// most opened.

import type { SftpxError } from "../base/errors.ts";
import { PlanSender } from "../engine/plan_sender.ts";
import type { Offer } from "../wire/messages.ts";
import type { TransferSummary } from "./options.ts";
import { PlanRun, type PlanRunOptions } from "./plan_run.ts";
import { readableFiles } from "./readable_files.ts";
import { WalkFeed, type WalkPlan } from "./walk_feed.ts";

export interface PlanSendOptions extends PlanRunOptions {
  readonly offer: Offer;
  readonly walk: WalkPlan;
  /** The files are this user's own, who is told of those that cannot be read. */
  readonly isOwn: boolean;
  /** Sources that could not be found: failures of their own. */
  readonly missing: readonly { readonly path: string; readonly error: SftpxError }[];
}

/** Runs one dry run at the sending end. Never rejects: what went wrong is in the summary. */
export async function runPlanSend(options: PlanSendOptions): Promise<TransferSummary> {
  const { channel, offer, walk, isOwn, missing } = options;
  const sender = new PlanSender(offer);
  const run = new PlanRun(sender, {
    ...options,
    act: () => {
      for (let message = sender.pollMessage(); message !== null; message = sender.pollMessage()) {
        channel.send(message);
      }
      feed.wake();
    },
  });
  const feed = new WalkFeed(isOwn ? readableFiles(sender) : sender, {
    onNotice: (message) => run.notice(message),
  });
  for (const { path, error: { code, message } } of missing) sender.omit({ path, code, message });
  const walking = {
    pump: () => run.pump(),
    flushed: () => channel.flushed(),
    signal: run.stopped,
  };
  return await run.run({
    chunkBytes: offer.chunkBytes,
    onMessage: ({ type }) => {
      if (type === "accept") run.task(feed.run(walk, walking));
    },
  });
}
