// One client's session at the server: each request or offer becomes a transfer, under the grant the
// client was admitted with.

import { type ErrorCode, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Store } from "../store/store.ts";
import { type Identity, identityName } from "../trust/identity.ts";
import type { TicketUse } from "../trust/ticket_book.ts";
import type { List, Measure, Offer, Request, TransferMessage } from "../wire/messages.ts";
import { sayAbort } from "./abort.ts";
import { askedBy, type Moved, NOTHING_MOVED, type Opener, outcomeOf } from "./access.ts";
import type { Equipment } from "./equipment.ts";
import type { Admission, OpenSession } from "./handshake.ts";
import type { Hub, TransferChannel } from "./hub.ts";
import type { ServeEvent, SessionEvent, TransferSummary } from "./options.ts";
import { atMost } from "./patience.ts";
import { failedSummary } from "./progress.ts";
import type { SessionEnds } from "./receipt.ts";
import { serveList } from "./serve_list.ts";
import { serveMeasure } from "./serve_measure.ts";
import { servePull, servePush } from "./served_transfer.ts";
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
  /** A transfer ended; `began` unless it was refused before it could. */
  readonly onDone: (summary: TransferSummary, end: { readonly began: boolean }) => void;
  readonly signal: AbortSignal;
}

export class ServedSession implements OpenSession {
  readonly #options: ServedSessionOptions;
  readonly #ends: SessionEnds;
  /** Where the client's first connection came from. */
  readonly #address: string;
  readonly #joined = new Set<number>();
  readonly #running = new Set<Promise<void>>();
  readonly #over = Promise.withResolvers<void>();

  constructor(options: ServedSessionOptions) {
    this.#options = options;
    this.#ends = {
      serverIdentity: options.identity.publicKey,
      clientIdentity: options.clientIdentity,
    };
    this.#address = options.hub.connections[0]?.remoteAddress ?? "";
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
      const work = this.#serve(channel, first);
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

  /** Whatever a client asks for, from its first message to its line in the access log. */
  async #serve(channel: TransferChannel, first: TransferMessage): Promise<void> {
    switch (first.type) {
      case "request":
      case "offer":
        return await this.#transfer(channel, first);
      case "list":
      case "measure":
        return await this.#answer(channel, first);
      default:
        return channel.close(); // The hub opens nothing else.
    }
  }

  /** One transfer from its first message to its summary. Never rejects. */
  async #transfer(channel: TransferChannel, first: Request | Offer): Promise<void> {
    const transfer = this.#options.nextTransfer();
    let began = false;
    const onEvent = (event: SessionEvent) => {
      began ||= event.kind === "start";
      this.#options.onEvent({ kind: "transfer", transfer, event });
    };
    const startMs = performance.now();
    let summary: TransferSummary;
    let use: TicketUse | null = null;
    try {
      // A dry run commits nothing: no use is spent on it, and none that is paused is touched.
      if (!first.dryRun) use = await this.#options.claimTicket();
      const { hub, admission: { grant }, identity, root, store } = this.#options;
      const { equipment, takeover, signal } = this.#options;
      const session = { hub, ends: this.#ends, identity, grant, root, store, equipment, takeover };
      const served = { ...session, channel, onEvent, signal };
      summary = first.type === "request"
        ? await servePull(served, first)
        : await servePush(served, first);
    } catch (thrown) {
      const error = toSftpxError(thrown);
      sayAbort(channel, error);
      channel.close();
      summary = failedSummary(error, { chunkBytes: 0, startMs, dryRun: first.dryRun });
    }
    try {
      settleUse(use, summary);
    } catch (thrown) {
      onEvent({ kind: "notice", message: toSftpxError(thrown).message });
    }
    this.#tellAccess(first, { transfer, startMs, ...outcomeOf(summary) });
    // The last that is told of a transfer.
    this.#options.onEvent({ kind: "transfer_done", transfer, summary });
    this.#options.onDone(summary, { began });
  }

  /** A list or a measurement. Never rejects. */
  async #answer(channel: TransferChannel, first: List | Measure): Promise<void> {
    const startMs = performance.now();
    let moved = NOTHING_MOVED;
    let result = "ok";
    try {
      const { hub, root, store, signal, admission: { grant } } = this.#options;
      if (first.type === "list") {
        const { entries } = await serveList(channel, first, { root, grant, store, signal });
        moved = { ...moved, files: entries };
      } else {
        const { bytes } = await serveMeasure(channel, first, { hub, grant, signal });
        moved = { ...moved, bytes, wireBytes: bytes };
      }
    } catch (thrown) {
      const error = toSftpxError(thrown);
      if (!error.remote) sayAbort(channel, error);
      result = error.code;
    }
    this.#tellAccess(first, { transfer: null, startMs, ...moved, result });
  }

  #tellAccess(
    first: Opener,
    { startMs, ...outcome }: Moved & {
      readonly transfer: number | null;
      readonly startMs: number;
      readonly result: string;
    },
  ): void {
    const { clientIdentity, admission, onEvent } = this.#options;
    onEvent({
      kind: "access",
      address: this.#address,
      identity: identityName(clientIdentity),
      ...askedBy(first, { grantRoot: admission.grant.root }),
      ...outcome,
      seconds: Math.round(performance.now() - startMs) / 1000,
    });
  }
}

/** Ends after which the same command, run again, goes on where it was. */
const RESUMABLE: ReadonlySet<ErrorCode> = new Set(["lost", "terminated", "interrupted"]);

/** A counted use is spent by a committed transfer, kept by one that may resume, else given back. */
export function settleUse(use: TicketUse | null, summary: TransferSummary): void {
  if (use === null) return;
  if (summary.root !== null) use.spend();
  else if (summary.error !== null && RESUMABLE.has(summary.error.code)) use.pause();
  else use.release();
}
