// One transfer at the server, either way, under the grant its client was admitted with. All that the
// client names lies under the grant's root; the answers of a dry run are under the same rules.

import { concatBytes } from "../base/bytes.ts";
import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { inTheWay } from "../store/in_the_way.ts";
import type { ReceivePolicy } from "../store/policy.ts";
import type { Begun, ReceiveTransfer, Store, WalkOptions } from "../store/store.ts";
import { type Admitted, type Grant, requireRead, requireWrite } from "../trust/grant.ts";
import { type Identity, identityName } from "../trust/identity.ts";
import type { Offer, Request } from "../wire/messages.ts";
import { parseCompression } from "./compression.ts";
import { checkDelete, checkDeleteGrant } from "./delete_check.ts";
import type { Equipment } from "./equipment.ts";
import { grantedDestination } from "./granted_place.ts";
import type { TransferChannel } from "./hub.ts";
import type { LaneChoice } from "./lane_control.ts";
import { Movement } from "./movement.ts";
import type { SessionEvent, TransferSummary } from "./options.ts";
import { runPlanReceive } from "./plan_receive_run.ts";
import { runPlanSend } from "./plan_send_run.ts";
import { receiptCheck, receiptSigner, type SessionEnds } from "./receipt.ts";
import { runReceive } from "./receive_run.ts";
import { requestKey, resumeKey } from "./resume_key.ts";
import { runSend } from "./send_run.ts";
import { type ResolvedSource, resolveServedSource } from "./sources.ts";
import type { KeyHold } from "./takeover.ts";
import type { TicketClaim } from "./ticket_claim.ts";

/** What a transfer at the server has to work with. */
export interface ServedTransfer {
  readonly channel: TransferChannel;
  readonly ends: SessionEnds;
  readonly identity: Identity;
  readonly admitted: Admitted;
  /** Directory served. */
  readonly root: string;
  /** What the one who serves takes of links and modes. */
  readonly policy: ReceivePolicy;
  readonly store: Store;
  readonly equipment: Equipment;
  /** Keeps its key for it. */
  readonly hold: KeyHold;
  /** A real transfer's hold on its ticket; null for a dry run. */
  readonly claim: TicketClaim | null;
  readonly onEvent: (event: SessionEvent) => void;
  readonly signal: AbortSignal;
}

/** A pull: this end sends what the client asks for. */
export async function servePull(
  served: ServedTransfer,
  request: Request,
): Promise<TransferSummary> {
  const { channel, ends, admitted, root, store, equipment, claim, onEvent, signal } = served;
  requireRead(admitted, "pull");
  const compression = parseCompression(request.compress);
  const { sources, missing } = await requestedSources(request, { root, grant: admitted.grant });
  const offered = sources.map((source) => source.offered);
  const { filters, files, dryRun } = request;
  if (files !== undefined && (offered.length !== 1 || offered[0]?.contents !== true)) {
    throw new SftpxError("usage", "Cannot send listed files: their source is not one directory");
  }
  const offer: Offer = {
    type: "offer",
    transfer: channel.transfer,
    sources: offered,
    destination: "",
    intoDirectory: false,
    chunkBytes: request.chunkBytes,
    checksum: false,
    atomic: false,
    given: request.sources.map(({ path }) => path),
    nowNs: BigInt(Date.now()) * 1_000_000n,
    delete: false,
    filters: [],
    dryRun,
  };
  await claimPull(served, requestKey(equipment.hashing, request));
  const peer = identityName(ends.clientIdentity);
  onEvent({ kind: "start", direction: "pull", chunkBytes: offer.chunkBytes, peer });
  const options: WalkOptions = files === undefined ? { filters } : { filters, files };
  const walk = { store, sources: sources.map((source) => source.walk), options };
  const sending = { channel, offer, walk, missing, onEvent, signal };
  // What may not be read here is met by a real run: none of it is opened by its path (I5).
  if (dryRun) return await runPlanSend({ ...sending, isOwn: false, tellLines: false });
  return await runSend({
    ...sending,
    equipment,
    compression,
    lanes: servedLanes(request, channel),
    verifyReceipt: receiptCheck(ends, "server"),
    onMoved: () => claim?.moved(),
    tellEntries: false,
  });
}

/**
 * The client opens connections where it says that it does; how many lanes they carry is ours to say. Those
 * that its user asked for come while it makes up its mind: they are counted when it accepts.
 */
function servedLanes({ adapts, lanes }: Request, channel: TransferChannel): LaneChoice {
  const { transfer } = channel;
  const isFixed = adapts === undefined || adapts === "lanes";
  const hasFixedLanes = adapts !== "lanes" && adapts !== "both";
  return {
    get connections() {
      return isFixed ? channel.connections.length : 0;
    },
    get lanes() {
      const most = LIMITS.lanesPerConnection * channel.connections.length;
      return hasFixedLanes ? Math.min(lanes, most) : 0;
    },
    mostConnections: LIMITS.connections,
    /** Nobody asked for more than one by then: its client saw a path that is long. */
    get isLong() {
      return !isFixed && channel.connections.length > 1;
    },
    hasOther: !isFixed,
    widen: ({ quic, tcp }) => channel.send({ type: "widen", transfer, quic, tcp }),
  };
}

/**
 * Claims the ticket's use for a pull. Pulls hinder each other only there: one on the same use whose
 * client is gone makes room, as the client that came back for it would have to wait else.
 */
async function claimPull(
  { ends, claim, hold }: ServedTransfer,
  purpose: Uint8Array,
): Promise<void> {
  if (claim === null) return;
  const key = concatBytes([ends.clientIdentity, purpose]);
  try {
    claim.take(purpose);
  } catch (thrown) {
    if (toSftpxError(thrown).code !== "busy") throw thrown;
    await hold.clear(key);
    claim.take(purpose);
  }
  hold.take(key);
}

/** What is there of what was asked for; throws when nothing is. What is not fails alone. */
async function requestedSources(
  request: Request,
  { root, grant }: { readonly root: string; readonly grant: Grant },
): Promise<
  { sources: readonly ResolvedSource[]; missing: readonly { path: string; error: SftpxError }[] }
> {
  const sources: ResolvedSource[] = [];
  const missing: { path: string; error: SftpxError }[] = [];
  for (const { path } of request.sources) {
    try {
      sources.push(await resolveServedSource(root, path, { grantRoot: grant.root }));
    } catch (thrown) {
      missing.push({ path, error: toSftpxError(thrown) });
    }
  }
  if (sources.length === 0 && missing[0] !== undefined) throw missing[0].error;
  return { sources, missing };
}

/** A push: this end receives what the client offers. */
export async function servePush(served: ServedTransfer, offer: Offer): Promise<TransferSummary> {
  const { admitted, hold, store } = served;
  requireWrite(admitted, "push");
  if (offer.delete) checkDeleteGrant(admitted.grant);
  checkDelete({ delete: offer.delete, files: null }, offer.sources);
  const transfer = await receiveTransfer(served, offer);
  // First of all: one that is gone and not missed yet has the ticket's use as well.
  if (!offer.dryRun) await hold.clear(transfer.key);
  served.claim?.take(transfer.key);
  const begun = await beginPush(served, transfer);
  const movement = new Movement();
  if (!offer.dryRun) hold.take(transfer.key, movement);
  try {
    return await receive(served, { offer, begun, movement });
  } catch (thrown) {
    // It did not even start: a run that did puts its own transfer aside.
    await store.abandon(begun.id).catch(() => {});
    throw thrown;
  }
}

/** Another one may hold the place whose client is gone and not missed yet, or lets it stand still. */
async function beginPush(
  { store, hold }: ServedTransfer,
  transfer: ReceiveTransfer,
): Promise<Begun> {
  for (;;) {
    try {
      return await store.begin(transfer);
    } catch (thrown) {
      const key = inTheWay(toSftpxError(thrown));
      if (key === null || !await hold.makeWay(key)) throw thrown;
    }
  }
}

async function receive(
  served: ServedTransfer,
  { offer, begun, movement }: {
    readonly offer: Offer;
    readonly begun: Begun;
    readonly movement: Movement;
  },
): Promise<TransferSummary> {
  const { channel, ends, identity, store, equipment, claim, onEvent, signal } = served;
  const { chunkBytes } = begun;
  const peer = identityName(ends.clientIdentity);
  const start = { kind: "start", direction: "push", chunkBytes, peer } as const;
  const spared = offer.filters;
  const receiving = { channel, offer, begun, store, localDelete: false, spared, onEvent, signal };
  if (offer.dryRun) {
    onEvent(start);
    return await runPlanReceive({ ...receiving, tellLines: false });
  }
  using share = equipment.reserveSlots(chunkBytes);
  onEvent(start);
  return await runReceive({
    ...receiving,
    paranoid: served.policy.paranoid,
    equipment,
    movement,
    slots: share.slots,
    sign: receiptSigner(ends, { transfer: channel.transfer, identity }),
    onMoved: () => claim?.moved(),
    tellEntries: false,
  });
}

async function receiveTransfer(
  { ends, admitted, root, policy, equipment }: ServedTransfer,
  offer: Offer,
): Promise<ReceiveTransfer> {
  const { grant } = admitted;
  const { given } = offer;
  const peer = ends.clientIdentity;
  const grantRoot = grant.root;
  const { destination, intoDirectory } = await grantedDestination(root, { grantRoot, offer });
  return {
    key: resumeKey(equipment.hashing, { peer, direction: "push", destination, given }),
    destination,
    intoDirectory,
    sources: offer.sources,
    chunkBytes: offer.chunkBytes,
    checksum: offer.checksum,
    policy,
    linkRoot: grantRoot,
    // What must only grow is otherwise as what must not change.
    writeOnce: grant.writeOnce || grant.appendOnly === true,
    ...(grant.appendOnly && !grant.writeOnce ? { appendOnly: true } : {}),
    account: admitted.account ?? peer,
    ...(grant.quotaBytes === undefined ? {} : { quotaBytes: grant.quotaBytes }),
    ...(grant.maxFileBytes === undefined ? {} : { maxFileBytes: grant.maxFileBytes }),
    mayRead: grant.read,
    senderNowNs: offer.nowNs,
    peer,
    given,
    dryRun: offer.dryRun,
  };
}
