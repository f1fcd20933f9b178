// The client's end of a transfer: connect, prove, transfer, part in order; and all of it again when the
// server is lost on the way. `push` and `pull` never reject: whatever goes wrong is the summary's
// error, so that a caller has one end to tell. What runs the transfer itself loads while its server is
// being reached, and only that of its direction.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { requireRead, requireWrite } from "../trust/grant.ts";
import type { Message, Offer } from "../wire/messages.ts";
import { sayAbort } from "./abort.ts";
import { type Attempt, runAttempts } from "./attempts.ts";
import { ClientSession } from "./client_session.ts";
import { areForSeveral } from "./early_connections.ts";
import { EarlyWalk } from "./early_walk.ts";
import type { Opening } from "./handshake.ts";
import type { Outlook } from "./head_start.ts";
import type { TransferChannel } from "./hub.ts";
import { localSources, localWalk, type PushSources } from "./local_sources.ts";
import type {
  PullOptions,
  PushOptions,
  Remote,
  TransferOptions,
  TransferSummary,
} from "./options.ts";
import { failedSummary, idleProgress } from "./progress.ts";
import { requestOf, requestOffer, sameServer } from "./pull_request.ts";
import { receiptCheck } from "./receipt.ts";
import { pullAccess, pushAccess } from "./worker_access.ts";
import { Workshop } from "./workshop.ts";

/** The only transfer of a client's session. */
const TRANSFER = 1;

/** Sends local sources to a server. */
export async function push(options: PushOptions): Promise<TransferSummary> {
  return await ended(options, async () => {
    let found: PushSources | null = await localSources(options);
    options.onEvent(idleProgress("connect"));
    await using workshop = new Workshop(options, {
      access: pushAccess(found.walks),
      onlyWalks: true,
    });
    workshop.store(null).catch(() => {}); // It is asked for again.
    return await runAttempts(options, async (attempt) => {
      // They may be others by now.
      const sources = found ?? await localSources(options);
      found = null;
      return await send(options, { attempt, sources, workshop });
    });
  });
}

/** One attempt at a push. */
async function send(
  options: PushOptions,
  { attempt, sources, workshop }: {
    readonly attempt: Attempt;
    readonly sources: PushSources;
    readonly workshop: Workshop;
  },
): Promise<TransferSummary> {
  const { remote } = options;
  const offer = offerOf(options, sources);
  const walking = { sources: sources.walks, options: localWalk(options) };
  if (!options.dryRun) import("./send_run.ts").catch(() => {}); // It is asked for again.
  await using store = new EarlyWalk({ ...walking, store: workshop.walker() });
  const isShown = !options.dryRun && sources.missing.length === 0;
  const manifest = isShown ? () => store.announce(offer.transfer) : null;
  const outlook = options.dryRun ? null : pushOutlook(store, workshop);
  const opening = { attempt, remote, opening: offer, manifest, outlook };
  await using session = await openSession(options, opening);
  requireWrite(session.admitted, "push");
  const equipment = await workshop.equipment();
  tellStart(attempt, { direction: "push", offer, session });
  const sending = {
    channel: session.opened(offer),
    offer,
    walk: { ...walking, store },
    missing: sources.missing,
    onEvent: attempt.onEvent,
    signal: options.signal,
  };
  const summary = equipment === null
    ? await (await import("./plan_send_run.ts")).runPlanSend({
      ...sending,
      isOwn: true,
      tellLines: true,
    })
    : await (await import("./send_run.ts")).runSend({
      ...sending,
      announced: session.hasManifest ? store.announced : null,
      equipment,
      compression: options.compression,
      lanes: session.lanes(options.lanes),
      verifyReceipt: receiptCheck(session.ends, "client"),
      onAccepted: attempt.onAccepted,
      onCarried: attempt.onCarried,
      tellEntries: options.tellEntries,
    });
  await session.part();
  return summary;
}

/** Fetches remote sources into a local destination. */
export async function pull(options: PullOptions): Promise<TransferSummary> {
  return await ended(options, async () => {
    const remote = sameServer(options.remotes);
    const request = requestOf(options, TRANSFER);
    options.onEvent(idleProgress("connect"));
    await using workshop = new Workshop(options, {
      access: pullAccess(options.destination),
      onlyWalks: false,
    });
    import("./pull_take.ts").catch(() => {}); // It is asked for again.
    const outlook = pullOutlook(options);
    return await runAttempts(options, async (attempt) => {
      const opening = { attempt, remote, opening: request, outlook };
      await using session = await openSession(options, opening);
      requireRead(session.admitted, "pull");
      // What is new here comes, but for what is not there at all.
      session.joinEarly();
      const channel = session.opened(request);
      const offer = await requestOffer(request, { channel, signal: options.signal });
      tellStart(attempt, { direction: "pull", offer, session });
      try {
        const { takeOffered } = await import("./pull_take.ts");
        const summary = await takeOffered(options, { offer, channel, session, workshop, attempt });
        await session.part();
        return checkTold(summary, { offered: offer.sources.length, asked: request.sources.length });
      } catch (thrown) {
        await turnAway(channel, { session, thrown });
        throw thrown;
      }
    });
  });
}

/** The server waits for an accept. What this end's disk is like is no matter of the server's. */
async function turnAway(
  channel: TransferChannel,
  { session, thrown }: { readonly session: ClientSession; readonly thrown: unknown },
): Promise<void> {
  const { code } = toSftpxError(thrown);
  sayAbort(channel, new SftpxError(code, "The client cannot take what it asked for"));
  await session.part();
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

/** A worker is 50 ms of a core, which has nothing else to do while the offer travels. */
function pushOutlook(store: EarlyWalk, workshop: Workshop): Outlook {
  return {
    get isForSeveral() {
      return areForSeveral(store.wholeBytes);
    },
    prepare: () => {
      if (store.wholeBytes === 0) return;
      workshop.equipment().then((equipment) => equipment?.warm(), () => {});
    },
  };
}

/**
 * What comes is not known before it is offered. Where something of it is there it may all be, and nothing
 * comes; where nothing is, connections that a short answer had no need of cost three handshakes.
 */
function pullOutlook(options: PullOptions): Outlook | null {
  if (options.dryRun) return null;
  let isForSeveral = false;
  import("./pull_place.ts").then(async ({ isNewPlace }) => {
    isForSeveral = await isNewPlace(options);
  }, () => {});
  return {
    get isForSeveral() {
      return isForSeveral;
    },
    prepare: () => {},
  };
}

/** A session whose server is missed soon, so that there is time left to find it again. */
async function openSession(
  options: TransferOptions,
  { attempt, remote, opening, manifest = null, outlook = null }: {
    readonly attempt: Attempt;
    readonly remote: Remote;
    readonly opening: Opening;
    /** What an offer announces at once, if anything. */
    readonly manifest?: (() => readonly Message[]) | null;
    readonly outlook?: Outlook | null;
  },
): Promise<ClientSession> {
  const { timeoutMs, onEvent } = attempt;
  const mostMs = options.timeoutMs / 2;
  const watch = options.dryRun
    ? { silenceMs: options.timeoutMs }
    : { silenceMs: Math.min(LIMITS.silenceMs, mostMs), mostMs };
  // A busy server is waited for by the attempts, who tell so; a plan is a single one.
  const waitsForBusy = options.dryRun;
  const how = { ...options, timeoutMs, waitsForBusy, onEvent };
  const session = await ClientSession.open(how, remote, { watch, opening, manifest, outlook });
  attempt.onSession(session);
  return session;
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

function tellStart(
  { onEvent }: Attempt,
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
async function ended(
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
