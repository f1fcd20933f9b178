// The client's end of a session: connect, prove, transfer once, part in order. `push` and `pull`
// never reject: whatever goes wrong is the summary's error, so that a caller has one end to tell.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { openStore } from "../store/open.ts";
import type { ReceiveTransfer, Store } from "../store/store.ts";
import type { Offer } from "../wire/messages.ts";
import { ClientSession } from "./client_session.ts";
import { Equipment } from "./equipment.ts";
import type { PullOptions, PushOptions, TransferOptions, TransferSummary } from "./options.ts";
import { failedSummary } from "./progress.ts";
import { localPlace, requestOffer, sameServer } from "./pull_request.ts";
import { receiptCheck, receiptSigner } from "./receipt.ts";
import { runReceive } from "./receive_run.ts";
import { resumeKey } from "./resume_key.ts";
import { runSend } from "./send_run.ts";
import { type ResolvedSource, resolveLocalSource } from "./sources.ts";

/** The only transfer of a client's session. */
const TRANSFER = 1;

/** Sends local sources to a server. */
export async function push(options: PushOptions): Promise<TransferSummary> {
  return await attempt(options, async () => {
    const { sources, missing } = await resolveSources(options.sources);
    await using equipment = await equip(options);
    await using store = new OpenStore(
      await openStore({ root: null, workerUrl: options.workers.store, keep: false }),
    );
    await using session = await ClientSession.open(options, options.remote);
    if (!session.welcome.write) {
      throw new SftpxError("refused", "Cannot push: the grant is to read");
    }
    const offer = offerOf(options, sources);
    const channel = session.hub.open(TRANSFER);
    options.onEvent({
      kind: "start",
      direction: "push",
      chunkBytes: offer.chunkBytes,
      peer: session.ends.serverName,
    });
    const summary = await runSend({
      channel,
      offer,
      sources: sources.map((source) => source.walk),
      missing,
      hashing: equipment.hashing,
      store: store.it,
      pool: equipment.pool,
      compression: options.compression,
      lanes: options.lanes,
      reserve: (chunkBytes) => equipment.reserveSlots(chunkBytes),
      verifyReceipt: receiptCheck(session.ends, "client"),
      onEvent: options.onEvent,
      signal: options.signal,
    });
    await session.part();
    return summary;
  });
}

/** Fetches remote sources into a local destination. */
export async function pull(options: PullOptions): Promise<TransferSummary> {
  return await attempt(options, async () => {
    const remote = sameServer(options.remotes);
    await using equipment = await equip(options);
    await using session = await ClientSession.open(options, remote);
    if (!session.welcome.read) {
      throw new SftpxError("refused", "Cannot pull: the grant is to write");
    }
    const channel = session.hub.open(TRANSFER);
    const offer = await requestOffer(options, channel);
    options.onEvent({
      kind: "start",
      direction: "pull",
      chunkBytes: offer.chunkBytes,
      peer: session.ends.serverName,
    });
    const place = await localPlace(options.destination, offer);
    await using store = new OpenStore(
      await openStore({ root: place.root, workerUrl: options.workers.store, keep: false }),
    );
    const transfer: ReceiveTransfer = {
      key: resumeKey(equipment.hashing, {
        peer: session.ends.serverIdentity,
        direction: "pull",
        destination: place.destination,
        given: options.remotes.map(({ path }) => path),
      }),
      destination: place.destination,
      intoDirectory: place.intoDirectory,
      sources: offer.sources,
      chunkBytes: offer.chunkBytes,
      checksum: options.checksum,
      writeOnce: false,
      mayRead: true,
      senderNowNs: offer.nowNs,
    };
    const begun = await store.it.begin(transfer);
    using share = equipment.reserveSlots(begun.chunkBytes);
    const summary = await runReceive({
      channel,
      offer: { ...offer, atomic: options.atomic },
      begun,
      hashing: equipment.hashing,
      store: store.it,
      pool: equipment.pool,
      slots: share.slots,
      sign: receiptSigner(session.ends, { transfer: TRANSFER, identity: session.identity }),
      onEvent: options.onEvent,
      signal: options.signal,
    });
    await session.part();
    return summary;
  });
}

/** A store that is closed when its block ends. */
class OpenStore implements AsyncDisposable {
  readonly it: Store;

  constructor(store: Store) {
    this.it = store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.it.close();
  }
}

/** Local sources that exist; with several, one that is missing fails alone. */
async function resolveSources(given: readonly string[]): Promise<{
  sources: ResolvedSource[];
  missing: { path: string; error: SftpxError }[];
}> {
  const sources: ResolvedSource[] = [];
  const missing: { path: string; error: SftpxError }[] = [];
  for (const path of given) {
    try {
      sources.push(await resolveLocalSource(path));
    } catch (thrown) {
      missing.push({ path, error: toSftpxError(thrown) });
    }
  }
  if (sources.length === 0) throw missing[0]!.error;
  return { sources, missing };
}

function offerOf(options: PushOptions, sources: readonly ResolvedSource[]): Offer {
  const { path } = options.remote;
  return {
    type: "offer",
    transfer: TRANSFER,
    sources: sources.map((source) => source.offered),
    destination: path.replace(/\/+$/, ""),
    intoDirectory: path.endsWith("/") || options.sources.length > 1,
    chunkBytes: options.chunkBytes,
    checksum: options.checksum,
    atomic: options.atomic,
    given: options.sources,
    nowNs: BigInt(Date.now()) * 1_000_000n,
  };
}

function equip(options: TransferOptions): Promise<Equipment> {
  return Equipment.start({
    chunkWorkerUrl: options.workers.chunk,
    workerCount: options.workerCount,
    depth: options.depth,
  });
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
    return failedSummary(toSftpxError(reason), { chunkBytes: options.chunkBytes, startMs });
  }
}
