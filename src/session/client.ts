// The client's end of a session: connect, prove, transfer once, part in order. `push` and `pull`
// never reject: whatever goes wrong is the summary's error, so that a caller has one end to tell.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { openStore } from "../store/open.ts";
import type { ReceiveTransfer, Store, StoreOptions } from "../store/store.ts";
import { requireRead, requireWrite } from "../trust/grant.ts";
import type { Offer } from "../wire/messages.ts";
import { sayAbort } from "./abort.ts";
import { askedFor } from "./asked_for.ts";
import { ClientSession } from "./client_session.ts";
import { Equipment, loadHashing } from "./equipment.ts";
import { checkDelete } from "./delete_check.ts";
import type { TransferChannel } from "./hub.ts";
import { localSources, localWalk, type PushSources } from "./local_sources.ts";
import type { PullOptions, PushOptions, TransferOptions, TransferSummary } from "./options.ts";
import { runPlanReceive } from "./plan_receive_run.ts";
import { runPlanSend } from "./plan_send_run.ts";
import { failedSummary, idleProgress } from "./progress.ts";
import { localPlace, type PullPlace } from "./pull_place.ts";
import { requestOf, requestOffer, sameServer } from "./pull_request.ts";
import { receiptCheck, receiptSigner } from "./receipt.ts";
import { runReceive } from "./receive_run.ts";
import { resumeKey } from "./resume_key.ts";
import { runSend } from "./send_run.ts";
import { together } from "./together.ts";

/** The only transfer of a client's session. */
const TRANSFER = 1;

const NOT_WHOLE = "Nothing is deleted, because a source is not there";

/** Sends local sources to a server. */
export async function push(options: PushOptions): Promise<TransferSummary> {
  return await attempt(options, async () => {
    const found = await localSources(options);
    const offer = offerOf(options, found);
    options.onEvent(idleProgress("connect"));
    const [equipment, store, session] = await together([
      equip(options),
      OpenStore.open({ root: null, workerUrl: options.workers.store, keep: false }),
      ClientSession.open(options, options.remote),
    ]);
    await using _equipment = equipment;
    await using _store = store;
    await using _session = session;
    requireWrite(session.admitted, "push");
    tellStart(options, { direction: "push", offer, session });
    const sending = {
      channel: session.hub.open(TRANSFER),
      offer,
      walk: { store: store.it, sources: found.walks, options: localWalk(options) },
      missing: found.missing,
      onEvent: options.onEvent,
      signal: options.signal,
    };
    const summary = equipment === null
      ? await runPlanSend({ ...sending, tellLines: true })
      : await runSend({
        ...sending,
        equipment,
        compression: options.compression,
        lanes: options.lanes,
        verifyReceipt: receiptCheck(session.ends, "client"),
        tellEntries: options.tellEntries,
      });
    await session.part();
    return summary;
  });
}

/** Fetches remote sources into a local destination. */
export async function pull(options: PullOptions): Promise<TransferSummary> {
  return await attempt(options, async () => {
    const remote = sameServer(options.remotes);
    const request = requestOf(options, TRANSFER);
    options.onEvent(idleProgress("connect"));
    const [equipment, session] = await together([
      equip(options),
      ClientSession.open(options, remote),
    ]);
    await using _equipment = equipment;
    await using _session = session;
    requireRead(session.admitted, "pull");
    const channel = session.hub.open(TRANSFER);
    const offer = await requestOffer(request, { channel, signal: options.signal });
    let summary: TransferSummary;
    try {
      summary = await take(options, { offer, channel, equipment, session });
    } catch (thrown) {
      // It waits for an accept. What this end's disk is like is no matter of the server's.
      const { code } = toSftpxError(thrown);
      sayAbort(channel, new SftpxError(code, "The client cannot take what it asked for"));
      await session.part();
      throw thrown;
    }
    await session.part();
    return checkTold(summary, { offered: offer.sources.length, asked: request.sources.length });
  });
}

/** A source that the server leaves out is a failure that it has to tell. */
function checkTold(
  summary: TransferSummary,
  { offered, asked }: { readonly offered: number; readonly asked: number },
): TransferSummary {
  if (summary.error !== null || offered === asked) return summary;
  const text = "Cannot pull: the server left out a source and did not say why";
  return { ...summary, ok: false, error: new SftpxError("protocol", text, { remote: true }) };
}

/** The receiving end of a pull, once the server has offered what it was asked for. */
async function take(
  given: PullOptions,
  { offer, channel, equipment, session }: {
    readonly offer: Offer;
    readonly channel: TransferChannel;
    readonly equipment: Equipment | null;
    readonly session: ClientSession;
  },
): Promise<TransferSummary> {
  const options = { ...given, delete: checkDelete(given, offer.sources) };
  // What a source has that is not there is not known, so what it has not is not either.
  const isWhole = offer.sources.length === options.remotes.length;
  tellStart(options, { direction: "pull", offer, session });
  if (options.delete && !isWhole) options.onEvent({ kind: "notice", message: NOT_WHOLE });
  const place = await localPlace(options, offer);
  await using store = await OpenStore.open({
    root: place.root,
    workerUrl: options.workers.store,
    keep: false,
    readOnly: options.dryRun,
  });
  const transfer = await receiveTransfer(options, { offer, place, session });
  const begun = { ...await store.it.begin(transfer), makesBase: place.made };
  const receiving = {
    channel,
    offer: { ...offer, atomic: options.atomic },
    begun,
    store: store.it,
    localDelete: options.delete && isWhole,
    spared: options.filters,
    isAsked: askedFor(options),
    onEvent: options.onEvent,
    signal: options.signal,
  };
  if (equipment === null) return await runPlanReceive({ ...receiving, tellLines: true });
  using share = equipment.reserveSlots(begun.chunkBytes);
  return await runReceive({
    ...receiving,
    equipment,
    slots: share.slots,
    sign: receiptSigner(session.ends, { transfer: TRANSFER, identity: session.identity }),
    tellEntries: options.tellEntries,
  });
}

/** A store that is closed when its block ends. */
class OpenStore implements AsyncDisposable {
  readonly it: Store;

  private constructor(store: Store) {
    this.it = store;
  }

  static async open(options: StoreOptions): Promise<OpenStore> {
    return new OpenStore(await openStore(options));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.it.close();
  }
}

function offerOf(options: PushOptions, { offered, deletes }: PushSources): Offer {
  const { path } = options.remote;
  return {
    type: "offer",
    transfer: TRANSFER,
    sources: offered,
    destination: path.replace(/\/+$/, ""),
    intoDirectory: path.endsWith("/") || options.sources.length > 1,
    chunkBytes: options.chunkBytes,
    checksum: options.checksum,
    atomic: options.atomic,
    given: options.sources,
    nowNs: BigInt(Date.now()) * 1_000_000n,
    delete: deletes,
    filters: deletes ? options.filters : [],
    dryRun: options.dryRun,
  };
}

async function receiveTransfer(
  options: PullOptions,
  { offer, place, session }: {
    readonly offer: Offer;
    readonly place: PullPlace;
    readonly session: ClientSession;
  },
): Promise<ReceiveTransfer> {
  const peer = session.ends.serverIdentity;
  const given = options.remotes.map(({ path }) => path);
  const { destination, intoDirectory } = place;
  const key = resumeKey(await loadHashing(), { peer, direction: "pull", destination, given });
  return {
    key,
    destination,
    intoDirectory,
    sources: offer.sources,
    chunkBytes: offer.chunkBytes,
    checksum: options.checksum,
    writeOnce: false,
    mayRead: true,
    senderNowNs: offer.nowNs,
    peer,
    given,
    dryRun: options.dryRun,
  };
}

/** What moves bytes; a dry run moves none. */
async function equip(options: TransferOptions): Promise<Equipment | null> {
  if (options.dryRun) return null;
  return await Equipment.start({
    chunkWorkerUrl: options.workers.chunk,
    workerCount: options.workerCount,
    depth: options.depth,
  });
}

function tellStart(
  { onEvent }: TransferOptions,
  { direction, offer, session }: {
    readonly direction: "push" | "pull";
    readonly offer: Offer;
    readonly session: ClientSession;
  },
): void {
  const { chunkBytes } = offer;
  session.hub.feelPulse();
  onEvent({ kind: "start", direction, chunkBytes, peer: session.ends.serverName });
}

/** Turns a throw into the summary of a transfer that never began. */
async function attempt(
  options: TransferOptions,
  work: () => Promise<TransferSummary>,
): Promise<TransferSummary> {
  const startMs = performance.now();
  try {
    return await work();
  } catch (thrown) {
    const reason = options.signal.aborted ? options.signal.reason : thrown;
    const { chunkBytes, dryRun } = options;
    return failedSummary(toSftpxError(reason), { chunkBytes, startMs, dryRun });
  }
}
