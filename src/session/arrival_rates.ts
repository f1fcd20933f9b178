// How often peers may come to the door, by their address: a bucket for each IPv4 address or IPv6 /64, and
// one for each IPv6 /48. Whoever fails there comes less often. What is remembered is bounded; who comes
// from where nobody came from lately comes freely, and all together are the listener's to bound.

import { siteOf, sourceOf } from "../base/address.ts";
import { LIMITS } from "../base/limits.ts";
import { type Rate, TokenBucket } from "../base/token_bucket.ts";

const PER_ADDRESS: Rate = {
  burst: LIMITS.arrivalsAtOncePerAddress,
  perSecond: LIMITS.arrivalsPerSecondPerAddress,
};
const PER_SITE: Rate = {
  burst: PER_ADDRESS.burst * LIMITS.addressesPerSite,
  perSecond: PER_ADDRESS.perSecond * LIMITS.addressesPerSite,
};

export class ArrivalRates {
  /** The one that came least lately first. */
  readonly #buckets = new Map<string, TokenBucket>();

  /** Addresses and sites that are remembered. */
  get remembered(): number {
    return this.#buckets.size;
  }

  /** Whether a peer may come in now; counts it if so. */
  arrive(remoteAddress: string, nowMs: number): boolean {
    const buckets: TokenBucket[] = [];
    for (const [key, rate] of bucketsOf(remoteAddress)) {
      const bucket = this.#bucket(key, rate, nowMs);
      if (!bucket.has(nowMs)) return false;
      buckets.push(bucket);
    }
    for (const bucket of buckets) bucket.spend(1, nowMs);
    return true;
  }

  /**
   * A connection from there joined a session, which is to have only so many: a client that opens several
   * keeps none of its neighbours away.
   */
  join(remoteAddress: string, nowMs: number): void {
    for (const [key, rate] of bucketsOf(remoteAddress)) {
      this.#bucket(key, rate, nowMs).giveBack(nowMs);
    }
  }

  /** A peer from there was refused, or broke the protocol. */
  fail(remoteAddress: string, nowMs: number): void {
    for (const [key, rate] of bucketsOf(remoteAddress)) {
      this.#bucket(key, rate, nowMs).spend(LIMITS.arrivalsPerFailure, nowMs);
    }
  }

  #bucket(key: string, rate: Rate, nowMs: number): TokenBucket {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(rate, nowMs);
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    for (const oldest of this.#buckets.keys()) {
      if (this.#buckets.size <= LIMITS.rememberedAddresses) break;
      this.#buckets.delete(oldest);
    }
    return bucket;
  }
}

/**
 * What is counted for an address. The site is first: once it comes too often, its networks, of which it
 * makes up as many as it sends packets, push nobody out of what is remembered.
 */
function bucketsOf(remoteAddress: string): readonly (readonly [key: string, rate: Rate])[] {
  const site = siteOf(remoteAddress);
  const own = [`host ${sourceOf(remoteAddress)}`, PER_ADDRESS] as const;
  return site === null ? [own] : [[`site ${site}`, PER_SITE], own];
}
