// One client's session at the server: each request or offer becomes a transfer, under the grant the
// client was admitted with.

import { type ErrorCode, SftpxError, toSftpxError } from "../base/errors.ts";
import type { Store } from "../store/store.ts";
import { type Identity, identityName } from "../trust/identity.ts";
import type { TicketUse } from "../trust/ticket_book.ts";
import type { Offer, Request, TransferMessage } from "../wire/messages.ts";
import { parseCompression } from "./compression.ts";
import type { Equipment } from "./equipment.ts";
import type { Admission, OpenSession } from "./handshake.ts";
import type { Hub, TransferChannel } from "./hub.ts";
import type { ServeEvent, SessionEvent, TransferSummary } from "./options.ts";
import { atMost } from "./patience.ts";
import { failedSummary } from "./progress.ts";
import { receiptCheck, receiptSigner, type SessionEnds } from "./receipt.ts";
import { runReceive } from "./receive_run.ts";
import { resumeKey } from "./resume_key.ts";
import { runSend, sayAbort } from "./send_run.ts";
import { resolveServedSource } from "./sources.ts";
import { LIMITS } from "../base/limits.ts";
import type { Takeover } from "./takeover.ts";

export interface ServedSessionOptions {
  readonly hub: Hub;
  readonly clientIdentity: Uint8Array;
  readonly admission: Admission;
  readonly identity: Identity;
  readonly root: string;
  readonly store: Store;
  readonly equipment: Equipment;
  readonly takeover: Takeover;
  /** Claims the ticket's use for a transfer that begins; null where none is counted. */
  readonly claimTicket: () => Promise<TicketUse | null>;
  readonly nextTransfer: () => number;
  readonly onEvent: (event: ServeEvent) => void;
  readonly onDone: (summary: TransferSummary) => void;
  readonly signal: AbortSignal;
}

export class ServedSession implements OpenSession {
  readonly #options: ServedSessionOptions;
  readonly #ends: SessionEnds;
  readonly #joined = new Set<number>();
  readonly #running = new Set<Promise<void>>();
  readonly #over = Promise.withResolvers<void>();

  constructor(options: ServedSessionOptions) {
    this.#options = options;
    this.#ends = {
      serverIdentity: options.identity.publicKey,
      clientIdentity: options.clientIdentity,
    };
  }

  get key(): Uint8Array {
    return this.#options.admission.key;
  }

  get hub(): Hub {
    return this.#options.hub;
  }

  reserve(connection: number): boolean {
    if (connection < 1 || connection >= LIMITS.connections) return false;
    if (this.#joined.has(connection)) return false;
    this.#joined.add(connection);
    return true;
  }

  /** Serves until the client leaves. */
  async run(): Promise<void> {
    const { hub } = this.#options;
    hub.onOpen = (channel, first) => {
      const work = this.#transfer(channel, first);
      this.#running.add(work);
      work.then(() => this.#running.delete(work));
    };
    hub.start();
    await hub.ended;
    await Promise.all(this.#running);
    hub.close("none", "");
    this.#over.resolve();
  }

  /** Settles when running transfers have ended and the client had its time to leave. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
    await atMost(this.#over.promise, LIMITS.partingMs);
  }

  /** One transfer from its first message to its summary. Never rejects. */
  async #transfer(channel: TransferChannel, first: TransferMessage): Promise<void> {
    const transfer = this.#options.nextTransfer();
    const onEvent = (event: SessionEvent) => {
      this.#options.onEvent({ kind: "transfer", transfer, event });
    };
    const startMs = performance.now();
    let summary: TransferSummary;
    let use: TicketUse | null = null;
    try {
      use = await this.#options.claimTicket();
      summary = first.type === "request"
        ? await this.#send(channel, first, onEvent)
        : await this.#receive(channel, first as Offer, onEvent);
    } catch (thrown) {
      const error = toSftpxError(thrown);
      sayAbort(channel, error);
      channel.close();
      summary = failedSummary(error, { chunkBytes: 0, startMs });
    }
    await settleUse(use, summary).catch((thrown) => {
      onEvent({ kind: "notice", message: toSftpxError(thrown).message });
    });
    this.#options.onEvent({ kind: "transfer_done", transfer, summary });
    this.#options.onDone(summary);
  }

  /** A pull: this end sends what the client asks for. */
  async #send(
    channel: TransferChannel,
    request: Request,
    onEvent: (event: SessionEvent) => void,
  ): Promise<TransferSummary> {
    const { admission, clientIdentity, root, store, equipment, signal } = this.#options;
    if (!admission.grant.read) {
      throw new SftpxError("refused", "Cannot pull: the grant is to write");
    }
    const compression = parseCompression(request.compress);
    const sources = [];
    for (const { path } of request.sources) sources.push(await resolveServedSource(root, path));
    const offer: Offer = {
      type: "offer",
      transfer: channel.transfer,
      sources: sources.map((source) => source.offered),
      destination: "",
      intoDirectory: false,
      chunkBytes: request.chunkBytes,
      checksum: false,
      atomic: false,
      given: request.sources.map(({ path }) => path),
      nowNs: BigInt(Date.now()) * 1_000_000n,
    };
    const peer = identityName(clientIdentity);
    onEvent({ kind: "start", direction: "pull", chunkBytes: offer.chunkBytes, peer });
    return await runSend({
      channel,
      offer,
      sources: sources.map((source) => source.walk),
      missing: [],
      hashing: equipment.hashing,
      store,
      pool: equipment.pool,
      compression,
      lanes: Math.min(Math.max(1, request.lanes), LIMITS.lanesPerConnection),
      reserve: (chunkBytes) => equipment.reserveSlots(chunkBytes),
      verifyReceipt: receiptCheck(this.#ends, "server"),
      onEvent,
      signal,
    });
  }

  /** A push: this end receives what the client offers. */
  async #receive(
    channel: TransferChannel,
    offer: Offer,
    onEvent: (event: SessionEvent) => void,
  ): Promise<TransferSummary> {
    const { admission, clientIdentity, identity, store, equipment, signal } = this.#options;
    const { takeover, hub } = this.#options;
    const { grant } = admission;
    if (!grant.write) throw new SftpxError("refused", "Cannot push: the grant is to read");
    const key = resumeKey(equipment.hashing, {
      peer: clientIdentity,
      direction: "push",
      destination: offer.destination,
      given: offer.given,
    });
    await takeover.clear(key);
    const begun = await store.begin({
      key,
      destination: offer.destination,
      intoDirectory: offer.intoDirectory,
      sources: offer.sources,
      chunkBytes: offer.chunkBytes,
      checksum: offer.checksum,
      writeOnce: grant.writeOnce,
      mayRead: grant.read,
      senderNowNs: offer.nowNs,
    });
    using _held = takeover.hold(key, hub);
    try {
      using share = equipment.reserveSlots(begun.chunkBytes);
      const peer = identityName(clientIdentity);
      onEvent({ kind: "start", direction: "push", chunkBytes: begun.chunkBytes, peer });
      return await runReceive({
        channel,
        offer,
        begun,
        hashing: equipment.hashing,
        store,
        pool: equipment.pool,
        slots: share.slots,
        sign: receiptSigner(this.#ends, { transfer: channel.transfer, identity }),
        onEvent,
        signal,
      });
    } catch (thrown) {
      // It did not even start: a run that did puts its own transfer aside.
      await store.abandon(begun.id).catch(() => {});
      throw thrown;
    }
  }
}

/** Ends after which the same command, run again, goes on where it was. */
const RESUMABLE: ReadonlySet<ErrorCode> = new Set(["lost", "terminated", "interrupted"]);

/** A counted use is spent by a committed transfer, kept by one that may resume, else given back. */
export async function settleUse(use: TicketUse | null, summary: TransferSummary): Promise<void> {
  if (use === null) return;
  if (summary.root !== null) return await use.spend();
  if (summary.error !== null && RESUMABLE.has(summary.error.code)) use.pause();
  else await use.release();
}
