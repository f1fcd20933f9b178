// The hash as the engine needs it: derive-key mode only. `codec/` provides it; the engine imports
// no package and does no I/O.

/** A running hash. */
export interface KeyedHash {
  update(bytes: Uint8Array): void;
  /** 32 bytes; the hash is used up. */
  digest(): Uint8Array;
}

/** BLAKE3 in derive-key mode. */
export interface Hashing {
  deriveKey(context: string): KeyedHash;
  /** The same of bytes that are all there: 32 bytes. */
  derive(context: string, bytes: Uint8Array): Uint8Array;
}
