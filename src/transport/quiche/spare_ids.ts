// The ids by which the peer of one connection may address this end: kept in supply, given back, and all
// replaced when the peer has to show that it hears what is sent to a new place.

import { randomBytes } from "node:crypto";
import type { NativeConnection } from "./binding.ts";
import { isAddressedTo, textOf } from "./connection_ids.ts";

/** Makes ids known to the endpoint, and unknown again. */
export interface IdRegister {
  issue(): Uint8Array;
  retire(id: Uint8Array): void;
}

/** Ids that the peer has of this end at a time, the one in use among them. */
const IN_SUPPLY = 2;
/** Stands for the id that the connection began with. */
const FIRST = "";

export class SpareIds {
  readonly #native: NativeConnection;
  readonly #register: IdRegister;
  /** As many as the peer remembers. */
  #most = 0;
  /** Those the peer may use, oldest first. */
  #usable: string[] = [FIRST];
  /** Those it is told to give back. */
  readonly #called = new Set<string>();
  /** New ones of which it is not known whether the peer has them: quiche must not call these back. */
  #unsure: Uint8Array[] = [];

  constructor(native: NativeConnection, register: IdRegister) {
    this.#native = native;
    this.#register = register;
  }

  get isUnsure(): boolean {
    return this.#unsure.length > 0;
  }

  /** Some for the peer to choose from; those it gave back are forgotten. */
  keep(): void {
    this.#forgetRetired();
    const native = this.#native;
    // Told before any is given out: later those that were retired are counted as well.
    if (this.#most === 0) this.#most = native.activeSourceCids() + native.sourceCidsLeft();
    while (native.activeSourceCids() < Math.min(IN_SUPPLY, this.#most)) {
      if (this.#issue() === null) return;
    }
  }

  /** The peer's own packet: to use a new id is to have heard of all of them. */
  heard(packet: Uint8Array): void {
    if (this.#unsure.some((id) => isAddressedTo(packet, id))) this.#unsure = [];
  }

  /**
   * New ones until the peer is left none but those and `fresh`, or as many as go before it gives some back;
   * none while it is not known to have the last.
   */
  renew(fresh: readonly Uint8Array[]): readonly Uint8Array[] {
    this.#forgetRetired();
    const known = new Set(fresh.map(textOf));
    if (this.#most === 0 || this.#unsure.some((id) => !known.has(textOf(id)))) return [];
    const made = [];
    // One that is new itself is never called back: its frame may not have left yet.
    while (!known.has(this.#usable[0] ?? FIRST) || known.size === 0) {
      const id = this.#issue();
      if (id === null) break;
      known.add(textOf(id));
      this.#unsure.push(id);
      made.push(id);
    }
    return made;
  }

  #issue(): Uint8Array | null {
    const count = this.#native.activeSourceCids();
    // It keeps no more, those on their way back among them, and calls one back even where it then fails.
    if (count >= 2 * this.#most - 1) return null;
    // quiche makes room by calling the oldest back.
    const isFull = count >= this.#most;
    const id = this.#register.issue();
    try {
      this.#native.newSourceCid(id, BigInt(`0x${randomBytes(16).toString("hex")}`), true);
    } catch {
      this.#register.retire(id);
      return null;
    }
    const oldest = isFull ? this.#usable.shift() : undefined;
    if (oldest !== undefined) this.#called.add(oldest);
    this.#usable.push(textOf(id));
    return id;
  }

  #forgetRetired(): void {
    while (true) {
      const id = this.#native.retiredScidNext() ?? null;
      if (id === null) return;
      this.#register.retire(id);
      const text = textOf(id);
      if (this.#called.delete(text)) continue;
      const isFirst = !this.#usable.includes(text);
      if (isFirst && this.#called.delete(FIRST)) continue;
      this.#usable = this.#usable.filter((usable) => usable !== (isFirst ? FIRST : text));
    }
  }
}
