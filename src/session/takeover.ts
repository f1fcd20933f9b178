// One transfer for each key (a resume key, or that of a request on a counted ticket) and for each place.
// A client that was killed or lost comes back sooner than the server misses it: its new transfer takes
// the old one's place, unless the old one's client is still there and lets it move.

import { toHex } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { whenAborted } from "./abort.ts";
import type { Hub } from "./hub.ts";
import type { Movement } from "./movement.ts";

/** Round trips that a client has to answer in: its link may be full. */
const PATIENT_ROUNDS = 20;
/** As many of the last one felt, which has in it what a full link adds. */
const FULL_ROUNDS = 2;

/** A session, as far as it matters whether its client is there. */
type Holding = Pick<Hub, "rttMs" | "lastRttMs" | "heardMs" | "isThere" | "close">;

/** A transfer that has a place to itself. */
export interface PlaceHolder {
  /** Whether its client lets it move. */
  readonly movement: Movement;
  /** Ends it for this reason, and leaves its session alone. */
  readonly giveWay: (error: SftpxError) => void;
}

interface Holder {
  readonly hub: Holding;
  /** Null where nobody asks for its place. */
  readonly place: PlaceHolder | null;
  readonly ended: Promise<void>;
}

/** The transfers of a server, by key. */
export class Takeover {
  readonly #holders = new Map<string, Set<Holder>>();
  readonly #stillMs: number;
  readonly #mostMs: number;

  constructor(
    { stillMs, mostMs }: {
      /** Who asks for a place gets it from a transfer that has stood still for so long. */
      readonly stillMs: number;
      /** Longest patience with a client that is asked whether it is there. */
      readonly mostMs: number;
    },
  ) {
    this.#stillMs = stillMs;
    this.#mostMs = mostMs;
  }

  /**
   * Ends the transfers under the same key whose clients are gone, and waits until they are put aside.
   * One that is alive is left alone: whoever keeps the two apart then answers `busy`.
   */
  async clear(key: Uint8Array): Promise<void> {
    const holders = [...this.#holders.get(toHex(key)) ?? []];
    await Promise.all(holders.map((holder) => this.#end(holder, this.#patienceMs(holder))));
  }

  /**
   * Ends the transfer under this key, another client's, if that is gone, and waits until it is put
   * aside; whether it was. A client is asked only after it was silent for long, and has long to answer:
   * nobody loses a place to another's hurry.
   */
  async makeWay(key: Uint8Array): Promise<boolean> {
    const latestMs = performance.now() - this.#mostMs;
    const holders = [...this.#holders.get(toHex(key)) ?? []];
    const ended = await Promise.all(holders.map(async (holder) => {
      if (holder.hub.heardMs > latestMs && !this.#standsStill(holder)) return false;
      return await this.#end(holder, this.#mostMs);
    }));
    return ended.includes(true);
  }

  /** Holds a key until disposed of. */
  hold(key: Uint8Array, hub: Holding, place: PlaceHolder | null = null): Disposable {
    const name = toHex(key);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const holder = { hub, place, ended };
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

  /** Ends a transfer that stands still, or whose client is not there; whether it did. */
  async #end(holder: Holder, withinMs: number): Promise<boolean> {
    const { hub, place, ended } = holder;
    if (this.#standsStill(holder)) place?.giveWay(stoodStill(this.#stillMs));
    else if (await hub.isThere({ withinMs, mostMs: this.#mostMs })) return false;
    else hub.close("lost", "");
    await ended;
    return true;
  }

  /** A client that is back at once is not to wait for the longest path there is. */
  #patienceMs({ hub: { rttMs, lastRttMs } }: Holder): number {
    if (rttMs === null) return this.#mostMs;
    const roundsMs = Math.max(PATIENT_ROUNDS * rttMs, FULL_ROUNDS * lastRttMs);
    return Math.min(Math.max(LIMITS.minTakeoverMs, roundsMs), this.#mostMs);
  }

  #standsStill({ place }: Holder): boolean {
    return place !== null && place.movement.stillMs(performance.now()) >= this.#stillMs;
  }
}

/** Its client may come back: it waits for the place then as others do. */
function stoodStill(stillMs: number): SftpxError {
  const found = `nothing came for ${stillMs / 1000} s, and another transfer asks for the place`;
  return new SftpxError("busy", `Cannot go on: ${found}`);
}

/** One transfer's hold on its key, from when it is known until the last of the transfer is said. */
export class KeyHold implements Disposable {
  readonly #takeover: Takeover;
  readonly #hub: Hub;
  readonly #stop = new AbortController();
  readonly #stopped: Disposable;
  #held: Disposable | null = null;

  constructor(takeover: Takeover, hub: Hub, { signal }: { readonly signal: AbortSignal }) {
    this.#takeover = takeover;
    this.#hub = hub;
    // Not `AbortSignal.any`: in a transfer under way it was seen not to pass an abort on.
    this.#stopped = whenAborted(signal, (reason) => this.#stop.abort(reason));
  }

  /** Aborted with the session's own, and when the transfer has to give way to another one. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Ends what a client that is gone left running under the key. */
  clear(key: Uint8Array): Promise<void> {
    return this.#takeover.clear(key);
  }

  /** Ends what another client that is gone left running under the key; whether there was any. */
  makeWay(key: Uint8Array): Promise<boolean> {
    return this.#takeover.makeWay(key);
  }

  /** `movement` is that of a transfer to whose place others may want to write. */
  take(key: Uint8Array, movement: Movement | null = null): void {
    const giveWay = (error: SftpxError) => this.#stop.abort(error);
    const place = movement === null ? null : { movement, giveWay };
    this.#held = this.#takeover.hold(key, this.#hub, place);
  }

  [Symbol.dispose](): void {
    this.#stopped[Symbol.dispose]();
    this.#held?.[Symbol.dispose]();
  }
}
