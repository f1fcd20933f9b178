// One client's session at the server: each request or offer becomes a transfer, under the grant that
// its client has at that moment.

import { toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { ReceivePolicy } from "../store/policy.ts";
import type { Store } from "../store/store.ts";
import type { Admitted } from "../trust/grant.ts";
import { type Identity, identityName } from "../trust/identity.ts";
import type { List, Measure, Offer, Request, TransferMessage } from "../wire/messages.ts";
import { sayAbort } from "./abort.ts";
import {
  type AccessEvent,
  askedBy,
  type Moved,
  NOTHING_MOVED,
  type Opener,
  outcomeOf,
} from "./access.ts";
import type { Equipment } from "./equipment.ts";
import type { Admission, OpenSession } from "./handshake.ts";
import type { Hub, TransferChannel } from "./hub.ts";
import type { ServeEvent, SessionEvent, TransferSummary } from "./options.ts";
import { atMost } from "./patience.ts";
import { failedSummary, secondsSince } from "./progress.ts";
import type { SessionEnds } from "./receipt.ts";
import { serveList } from "./serve_list.ts";
import { Measurements } from "./serve_measure.ts";
import { servePull, servePush } from "./served_transfer.ts";
import { KeyHold, type Takeover } from "./takeover.ts";
import { carriersOf } from "./telling.ts";
import { type ClaimUse, TicketClaim } from "./ticket_claim.ts";

export interface ServedSessionOptions {
  readonly hub: Hub;
  readonly clientIdentity: Uint8Array;
  readonly admission: Admission;
  readonly identity: Identity;
  readonly root: string;
  readonly policy: ReceivePolicy;
  readonly store: Store;
  readonly equipment: Equipment;
  readonly takeover: Takeover;
  /** What the client may do now. Throws `refused` once that is nothing. */
  readonly grantOf: () => Promise<Admitted>;
  /** Claims the ticket's use for a transfer that begins. */
  readonly claimUse: ClaimUse;
  /** Opens the server's further ports to this session; absent where it has none. */
  readonly openPorts?: (() => Promise<readonly number[]>) | undefined;
  readonly nextTransfer: () => number;
  readonly onEvent: (event: ServeEvent) => void;
  /** A transfer that is no dry run began: its end is told by `onDone`. */
  readonly onBegan: () => void;
  /** A transfer ended; `began` unless it was refused before it could. */
  readonly onDone: (summary: TransferSummary, end: { readonly began: boolean }) => void;
  readonly signal: AbortSignal;
}

export class ServedSession implements OpenSession {
  readonly #options: ServedSessionOptions;
  readonly #ends: SessionEnds;
  /** Where the client's first connection came from. */
  readonly #address: string;
  /** What carries it. */
  readonly #stack: string;
  readonly #measurements = new Measurements();
  readonly #joined = new Set<number>();
  readonly #running = new Set<Promise<void>>();
  readonly #over = Promise.withResolvers<void>();

  constructor(options: ServedSessionOptions) {
    this.#options = options;
    this.#ends = {
      serverIdentity: options.identity.publicKey,
      clientIdentity: options.clientIdentity,
    };
    const [first] = options.hub.connections;
    this.#address = first?.remoteAddress ?? "";
    this.#stack = first?.stack ?? "";
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
    hub.onPorts = this.#openPorts;
    hub.start();
    hub.feelPulse(); // How long an answer takes is known when the client is gone.
    await hub.ended;
    await Promise.all(this.#running);
    hub.close("none", "");
    this.#over.resolve();
  }

  /** Once: they stay as they are for as long as the session lasts. */
  readonly #openPorts = () => {
    const { hub, openPorts } = this.#options;
    hub.onPorts = () => {};
    // A client that reads nothing any more is none to tell, and no reason for anybody else to go down.
    openPorts?.().then((ports) => hub.tellPorts(ports)).catch(() => {});
  };

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
    const uses: Extract<SessionEvent, { kind: "connection" }>[] = [];
    const onEvent = (event: SessionEvent) => {
      if (event.kind === "connection") uses.push(event);
      if (event.kind === "start") {
        began = true;
        if (!first.dryRun) this.#options.onBegan();
      }
      this.#options.onEvent({ kind: "transfer", transfer, event });
    };
    const startMs = performance.now();
    const { hub, identity, root, policy, store, equipment, takeover, signal } = this.#options;
    using hold = new KeyHold(takeover, hub, { signal });
    // A dry run commits nothing: no use is spent on it, and none that is paused is touched.
    const claim = first.dryRun ? null : new TicketClaim(this.#options.claimUse);
    let { admitted } = this.#options.admission;
    let summary: TransferSummary;
    try {
      admitted = await this.#options.grantOf();
      const session = { ends: this.#ends, identity, admitted, root, store, equipment, hold };
      const served = { ...session, policy, channel, claim, onEvent, signal: hold.signal };
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
      claim?.settle(summary);
    } catch (thrown) {
      onEvent({ kind: "notice", message: toSftpxError(thrown).message });
    }
    this.#tellAccess(first, { admitted, transfer, startMs, ...outcomeOf(summary) });
    // The last that is told of a transfer.
    const transport = carriersOf(uses) ?? this.#stack;
    this.#options.onEvent({
      kind: "transfer_done",
      transfer,
      summary: { ...summary, transport },
    });
    this.#options.onDone(summary, { began });
  }

  /** A list or a measurement. Never rejects. */
  async #answer(channel: TransferChannel, first: List | Measure): Promise<void> {
    const startMs = performance.now();
    const { root, store, equipment, signal } = this.#options;
    let { admitted } = this.#options.admission;
    let moved = NOTHING_MOVED;
    let ended: Pick<AccessEvent, "result" | "reason"> = { result: "ok", reason: null };
    try {
      admitted = await this.#options.grantOf();
      if (first.type === "list") {
        const { entries } = await serveList(channel, first, { root, admitted, store, signal });
        moved = { ...moved, files: entries };
      } else {
        const how = { admitted, limit: equipment.rateLimit, signal };
        const { bytes } = await this.#measurements.serve(channel, first, how);
        moved = { ...moved, bytes, wireBytes: bytes };
      }
    } catch (thrown) {
      const error = toSftpxError(thrown);
      if (!error.remote) sayAbort(channel, error);
      ended = { result: error.code, reason: error.message };
    }
    this.#tellAccess(first, { admitted, transfer: null, startMs, ...moved, ...ended });
  }

  #tellAccess(
    first: Opener,
    { admitted, startMs, ...outcome }: Moved & {
      readonly admitted: Admitted;
      readonly transfer: number | null;
      readonly startMs: number;
    } & Pick<AccessEvent, "result" | "reason">,
  ): void {
    const { clientIdentity, onEvent } = this.#options;
    onEvent({
      kind: "access",
      address: this.#address,
      identity: identityName(clientIdentity),
      ...askedBy(first, { grantRoot: admitted.grant.root }),
      ...outcome,
      seconds: secondsSince(startMs),
    });
  }
}
