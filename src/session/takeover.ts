// One transfer for each key: a resume key, or that of a request on a counted ticket. A client that was
// killed or lost comes back sooner than the server misses it: its new transfer takes the old one's
// place, unless the old one's client still answers.

import { toHex } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import type { Hub } from "./hub.ts";

/** Round trips that a client has to answer in: its link may be full. */
const PATIENT_ROUNDS = 20;

/** A session, as far as it matters whether its client is there. */
type Holding = Pick<Hub, "rttMs" | "heardMs" | "answers" | "close">;

interface Holder {
  readonly hub: Holding;
  readonly ended: Promise<void>;
}

/** The transfers of a server, by key. */
export class Takeover {
  readonly #holders = new Map<string, Set<Holder>>();

  /**
   * Ends the transfers under the same key whose clients are gone, and waits until they are put aside.
   * One that is alive is left alone: whoever keeps the two apart then answers `busy`.
   */
  async clear(key: Uint8Array): Promise<void> {
    const holders = this.#holders.get(toHex(key)) ?? [];
    await Promise.all([...holders].map(endUnlessThere));
  }

  /**
   * Ends all transfers whose clients are gone, and waits until they are put aside; whether there were
   * any. Whoever said something a moment ago is not asked: nobody loses a place to another's hurry.
   */
  async clearSilent(): Promise<boolean> {
    const latestMs = performance.now() - LIMITS.takeoverMs;
    const holders = [...this.#holders.values()].flatMap((those) => [...those]);
    const ended = await Promise.all(holders.map(async (holder) => {
      if (holder.hub.heardMs > latestMs) return false;
      return await endUnlessThere(holder);
    }));
    return ended.includes(true);
  }

  /** Holds a key until disposed of. */
  hold(key: Uint8Array, hub: Holding): Disposable {
    const name = toHex(key);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const holder = { hub, ended };
    const holders = this.#holders.get(name) ?? new Set();
    this.#holders.set(name, holders.add(holder));
    return {
      [Symbol.dispose]: () => {
        holders.delete(holder);
        if (holders.size === 0 && this.#holders.get(name) === holders) this.#holders.delete(name);
        resolve();
      },
    };
  }
}

/** Ends a transfer whose client does not answer; whether it did not. */
async function endUnlessThere({ hub, ended }: Holder): Promise<boolean> {
  if (await hub.answers(patienceMs(hub.rttMs))) return false;
  hub.close("lost", "");
  await ended;
  return true;
}

/** A client that is back at once is not to wait for the longest path there is. */
function patienceMs(rttMs: number | null): number {
  if (rttMs === null) return LIMITS.takeoverMs;
  const { minTakeoverMs, takeoverMs } = LIMITS;
  return Math.min(Math.max(minTakeoverMs, PATIENT_ROUNDS * rttMs), takeoverMs);
}

/** One transfer's hold on its key, from when it is known until the last of the transfer is said. */
export class KeyHold implements Disposable {
  readonly #takeover: Takeover;
  readonly #hub: Hub;
  #held: Disposable | null = null;

  constructor(takeover: Takeover, hub: Hub) {
    this.#takeover = takeover;
    this.#hub = hub;
  }

  /** Ends what a client that is gone left running under the key. */
  clear(key: Uint8Array): Promise<void> {
    return this.#takeover.clear(key);
  }

  /** Ends what clients that are gone left running at all; whether there was any. */
  clearSilent(): Promise<boolean> {
    return this.#takeover.clearSilent();
  }

  take(key: Uint8Array): void {
    this.#held = this.#takeover.hold(key, this.#hub);
  }

  [Symbol.dispose](): void {
    this.#held?.[Symbol.dispose]();
  }
}
