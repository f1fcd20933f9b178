// The receiving end of a pull, once the server has offered what it was asked for: where it lands, under
// which resume key, and the run.

import type { ReceiveTransfer } from "../store/store.ts";
import type { Offer } from "../wire/messages.ts";
import { askedFor } from "./asked_for.ts";
import type { Attempt } from "./attempts.ts";
import type { ClientSession } from "./client_session.ts";
import { checkDelete } from "./delete_check.ts";
import type { TransferChannel } from "./hub.ts";
import type { PullOptions, TransferSummary } from "./options.ts";
import { runPlanReceive } from "./plan_receive_run.ts";
import { localPlace, type PullPlace } from "./pull_place.ts";
import { receiptSigner } from "./receipt.ts";
import { runReceive } from "./receive_run.ts";
import { resumeKey } from "./resume_key.ts";
import type { Workshop } from "./workshop.ts";

const NOT_WHOLE = "Nothing is deleted, because a source is not there";

export interface Offered {
  readonly offer: Offer;
  readonly channel: TransferChannel;
  readonly session: ClientSession;
  readonly workshop: Workshop;
  readonly attempt: Attempt;
}

/** Takes what is offered. Throws when it cannot begin; what goes wrong later is in the summary. */
export async function takeOffered(given: PullOptions, offered: Offered): Promise<TransferSummary> {
  const { offer, channel, session, workshop, attempt } = offered;
  const { onEvent } = attempt;
  const options = { ...given, delete: checkDelete(given, offer.sources) };
  // What a source has that is not there is not known, so what it has not is not either.
  const isWhole = offer.sources.length === options.remotes.length;
  if (options.delete && !isWhole) onEvent({ kind: "notice", message: NOT_WHOLE });
  const place = await localPlace(options, offer);
  const { dryRun, keepForMs } = options;
  const store = await workshop.store(place.root, { readOnly: dryRun, keepForMs });
  const transfer = await receiveTransfer(options, { ...offered, place });
  const equipment = await workshop.equipment();
  const begun = { ...await store.begin(transfer), makesBase: place.made };
  const receiving = {
    channel,
    offer: { ...offer, atomic: options.atomic },
    begun,
    store,
    localDelete: options.delete && isWhole,
    spared: options.filters,
    isAsked: askedFor(options),
    onEvent,
    signal: options.signal,
  };
  if (equipment === null) return await runPlanReceive({ ...receiving, tellLines: true });
  if (begun.fresh.includes(true)) equipment.warm();
  // Nothing else takes of it: there is always enough.
  using share = equipment.reserveSlots(begun.chunkBytes);
  // The server spreads its lanes over the connections there are once it is told to begin.
  await session.joined;
  attempt.onAccepted();
  return await runReceive({
    ...receiving,
    paranoid: options.policy.paranoid,
    equipment,
    slots: share.slots,
    sign: receiptSigner(session.ends, { transfer: channel.transfer, identity: session.identity }),
    onWiden: (goal) => session.widen(goal),
    tellEntries: options.tellEntries,
  });
}

async function receiveTransfer(
  options: PullOptions,
  { offer, place, session, workshop }: Offered & { readonly place: PullPlace },
): Promise<ReceiveTransfer> {
  const peer = session.ends.serverIdentity;
  const given = options.remotes.map(({ path }) => path);
  const { destination, intoDirectory } = place;
  const hashing = await workshop.hashing();
  return {
    key: resumeKey(hashing, { peer, direction: "pull", destination, given }),
    destination,
    intoDirectory,
    sources: offer.sources,
    chunkBytes: offer.chunkBytes,
    checksum: options.checksum,
    policy: options.policy,
    writeOnce: false,
    mayRead: true,
    senderNowNs: offer.nowNs,
    peer,
    given,
    dryRun: options.dryRun,
  };
}
