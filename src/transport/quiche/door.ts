// Who may begin a handshake with a quiche server: judges each packet that belongs to no connection. It
// knows no socket, no clock and no addon. Whoever has proved nothing gets less than it sent, and nothing
// is remembered of it: version negotiation, Retry and refusals are answered and forgotten.

import { randomBytes } from "node:crypto";
import { type Rate, TokenBucket } from "../../base/token_bucket.ts";
import { formatAddress } from "../addresses.ts";
import {
  LEAST_CLIENT_ID_BYTES,
  LEAST_INITIAL_BYTES,
  type LongHeader,
  QUIC_VERSION,
  readLongHeader,
} from "./long_header.ts";
import { type Origin, RetryTokens } from "./retry_token.ts";
import { refusal, REFUSALS, retry, versionNegotiation } from "./stateless_packets.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** What becomes of a packet, and of whoever sent it. */
export type DoorVerdict =
  | { readonly kind: "drop" }
  /** A whole datagram to send back. */
  | { readonly kind: "answer"; readonly packet: Bytes }
  | Admission;

/** Somebody who may begin a handshake. */
export interface Admission {
  readonly kind: "accept";
  /** The id that the connection has on this end. */
  readonly ownId: Bytes;
  /** What the client addresses its first packets to; the same as `ownId` after a Retry. */
  readonly clientId: Bytes;
  /** What it began with before it was sent a Retry; null where it was not. */
  readonly originalId: Bytes | null;
}

export interface DoorLimits {
  /** Handshakes under way from which on an address has to be proved first; 0 for always. */
  readonly retryFromHalfOpen: number;
  /** How long a Retry may be answered. */
  readonly retryMs: number;
  /** Answers to those nothing is kept of; more are dropped. */
  readonly answers: Rate;
}

/** What the server says of itself and of those it let in. */
export interface Household {
  /** Handshakes under way. */
  readonly halfOpen: number;
  /** Whether one more may begin, whoever it is. */
  mayBegin(nowMs: number): boolean;
  /** Whether a peer of this address may; asked once for each that otherwise might. */
  mayEnter(remoteAddress: string): boolean;
  /** One begins, and counts. */
  begin(nowMs: number): void;
}

interface DoorOptions {
  readonly limits: DoorLimits;
  readonly household: Household;
  /** Length of this end's connection ids. */
  readonly idBytes: number;
  readonly nowMs: number;
}

const DROP: DoorVerdict = { kind: "drop" };

export class Door {
  readonly #limits: DoorLimits;
  readonly #household: Household;
  readonly #idBytes: number;
  readonly #tokens: RetryTokens;
  readonly #answers: TokenBucket;

  constructor({ limits, household, idBytes, nowMs }: DoorOptions) {
    this.#limits = limits;
    this.#household = household;
    this.#idBytes = idBytes;
    this.#tokens = new RetryTokens({ lifeMs: limits.retryMs });
    this.#answers = new TokenBucket(limits.answers, nowMs);
  }

  /** A datagram that begins with a packet of no connection there is. */
  judge(
    datagram: Uint8Array,
    { remote, nowMs }: { readonly remote: Origin; readonly nowMs: number },
  ): DoorVerdict {
    // Whatever is shorter is no client's first: nobody real waits for an answer to it, and an answer
    // to a forged address would make more of less.
    if (datagram.length < LEAST_INITIAL_BYTES) return DROP;
    const header = readLongHeader(datagram);
    if (header === null) return DROP;
    // A version negotiation is never answered: two servers would talk to each other for ever.
    if (header.version === 0) return DROP;
    if (header.version !== QUIC_VERSION) {
      return this.#answer(nowMs, () => versionNegotiation(header));
    }
    if (header.type !== "initial" || header.destinationId.length < LEAST_CLIENT_ID_BYTES) {
      return DROP;
    }
    return this.#judgeInitial(header, remote, nowMs);
  }

  #judgeInitial(header: LongHeader, remote: Origin, nowMs: number): DoorVerdict {
    const { destinationId: ownId, token } = header;
    const proof = this.#tokens.check(token, { origin: remote, ownId, nowMs });
    switch (proof.kind) {
      case "bad":
        return this.#answer(nowMs, () => refusal(header, REFUSALS.invalidToken));
      case "good":
        return this.#admit(header, { remote, nowMs, originalId: proof.originalId });
      case "foreign":
        // Before anything is counted: what a made-up address costs would be missing for real ones.
        return this.#household.halfOpen >= this.#limits.retryFromHalfOpen
          ? this.#answer(nowMs, () => this.#retry(header, remote, nowMs))
          : this.#admit(header, { remote, nowMs, originalId: null });
    }
  }

  #admit(
    header: LongHeader,
    { remote, nowMs, originalId }: {
      readonly remote: Origin;
      readonly nowMs: number;
      readonly originalId: Bytes | null;
    },
  ): DoorVerdict {
    // Not even a refusal: whoever is real repeats its first packet, and there is nothing cheaper.
    if (!this.#household.mayBegin(nowMs)) return DROP;
    if (!this.#household.mayEnter(formatAddress(remote.host, remote.port))) {
      return this.#answer(nowMs, () => refusal(header, REFUSALS.busy));
    }
    // Only now: an address that is turned away each time would spend what all others come by.
    this.#household.begin(nowMs);
    const clientId = header.destinationId.slice();
    const ownId = originalId === null ? this.#madeId() : clientId;
    return { kind: "accept", ownId, clientId, originalId };
  }

  #retry(header: LongHeader, origin: Origin, nowMs: number): Bytes {
    const ownId = this.#madeId();
    const token = this.#tokens.issue(header.destinationId, { origin, ownId, nowMs });
    return retry(header, { ownId, token });
  }

  #madeId(): Bytes {
    return new Uint8Array(randomBytes(this.#idBytes));
  }

  #answer(nowMs: number, packet: () => Bytes): DoorVerdict {
    if (!this.#answers.has(nowMs)) return DROP;
    this.#answers.spend(1, nowMs);
    return { kind: "answer", packet: packet() };
  }
}
