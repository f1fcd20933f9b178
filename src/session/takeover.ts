// One receiver for each resume key. A client that was killed comes back sooner than the server misses
// it: its new transfer takes the old one's place, unless the old one's client still answers.

import { toHex } from "../base/bytes.ts";
import { LIMITS } from "../base/limits.ts";
import type { Hub } from "./hub.ts";

interface Holder {
  readonly hub: Hub;
  readonly ended: Promise<void>;
}

/** The transfers a server receives, by resume key. */
export class Takeover {
  readonly #holders = new Map<string, Holder>();

  /**
   * Ends a transfer under the same key whose client is gone, and waits until it is put aside. One
   * that is alive is left alone: the store then answers `busy`.
   */
  async clear(key: Uint8Array): Promise<void> {
    const holder = this.#holders.get(toHex(key));
    if (holder === undefined || await holder.hub.answers(LIMITS.takeoverMs)) return;
    holder.hub.close("lost", "");
    await holder.ended;
  }

  /** Holds a key until disposed of. */
  hold(key: Uint8Array, hub: Hub): Disposable {
    const name = toHex(key);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    this.#holders.set(name, { hub, ended });
    return {
      [Symbol.dispose]: () => {
        this.#holders.delete(name);
        resolve();
      },
    };
  }
}
