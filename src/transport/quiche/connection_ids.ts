// Which connection a packet belongs to. Ids of our own making have one length and are found by their
// first bytes as one number, so that a packet costs one lookup and no text; what a client made up for its
// first packets is found by the whole of it. Whether a packet is genuine is told by its seal, not here.

import { randomBytes } from "node:crypto";

/** Length of the ids made here: too long to guess, short enough to cost little in every packet. */
export const OWN_ID_BYTES = 16;
const KEY_BYTES = 6;
const LONG = 0x80;
/** Where the destination id stands: after the first byte, or after version and length. */
const SHORT_AT = 1;
const LONG_AT = 6;

export class ConnectionIds<T> {
  readonly #own = new Map<number, T>();
  readonly #foreign = new Map<string, T>();

  /** A new id for an owner. */
  issue(owner: T): Uint8Array<ArrayBuffer> {
    while (true) {
      const id = newId();
      if (this.add(id, owner)) return id;
    }
  }

  /** False where its first bytes are taken already: one of 2^48 is. */
  add(id: Uint8Array, owner: T): boolean {
    const key = keyAt(id, 0);
    if (this.#own.has(key)) return false;
    this.#own.set(key, owner);
    return true;
  }

  /** An id that a client made up: any length, and only good until it knows ours. */
  addForeign(id: Uint8Array, owner: T): void {
    this.#foreign.set(textOf(id), owner);
  }

  remove(id: Uint8Array): void {
    this.#own.delete(keyAt(id, 0));
  }

  removeForeign(id: Uint8Array): void {
    this.#foreign.delete(textOf(id));
  }

  /** Whose packet this is; undefined for a stranger's, or for one that is cut short. */
  find(packet: Uint8Array): T | undefined {
    if (((packet[0] ?? 0) & LONG) === 0) {
      return packet.length < SHORT_AT + OWN_ID_BYTES
        ? undefined
        : this.#own.get(keyAt(packet, SHORT_AT));
    }
    const idBytes = packet[LONG_AT - 1] ?? 0;
    if (packet.length < LONG_AT + idBytes) return undefined;
    if (idBytes === OWN_ID_BYTES) {
      const owner = this.#own.get(keyAt(packet, LONG_AT));
      if (owner !== undefined) return owner;
    }
    if (this.#foreign.size === 0) return undefined;
    return this.#foreign.get(textOf(packet.subarray(LONG_AT, LONG_AT + idBytes)));
  }

  get size(): number {
    return this.#own.size + this.#foreign.size;
  }
}

export function newId(): Uint8Array<ArrayBuffer> {
  return new Uint8Array(randomBytes(OWN_ID_BYTES));
}

function keyAt(bytes: Uint8Array, at: number): number {
  let key = 0;
  for (let i = at; i < at + KEY_BYTES; i++) key = key * 256 + bytes[i]!;
  return key;
}

/** Whether a packet of an established connection is addressed to an id of our own making. */
export function isAddressedTo(packet: Uint8Array, id: Uint8Array): boolean {
  return id.every((byte, at) => packet[SHORT_AT + at] === byte);
}

/** An id as the key of a map. */
export function textOf(id: Uint8Array): string {
  return String.fromCharCode(...id);
}
