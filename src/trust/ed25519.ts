// Ed25519 (RFC 8032) as identities need it: a key from its 32-byte seed, signatures, and a check
// that also refuses weak public keys. The private key never leaves the CryptoKey made here.

import { concatBytes, fromHex, toHex } from "../base/bytes.ts";

/** Bytes of a private seed, and of a public key. */
export const KEY_BYTES = 32;
/** Bytes of a signature. */
export const SIGNATURE_BYTES = 64;

/** PKCS#8 (RFC 8410) around a seed: the 32 seed bytes follow. */
const PKCS8_PREFIX = fromHex("302e020100300506032b657004220420");

/**
 * Public keys of small order, sign bit cleared. For these a signature can be made that holds for
 * every message (tried with 01 00...), so a name like that would prove nothing.
 */
const WEAK_KEYS: ReadonlySet<string> = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

/** A key pair whose private half can only sign. */
export interface SigningKey {
  readonly publicKey: Uint8Array<ArrayBuffer>;
  sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

/** The key pair of a 32-byte seed. */
export async function signingKey(seed: Uint8Array): Promise<SigningKey> {
  const pkcs8 = seedToPkcs8(seed);
  const readable = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
  const { x } = await crypto.subtle.exportKey("jwk", readable);
  if (x === undefined) throw new TypeError("The runtime exports no public key from Ed25519");
  const publicKey = Uint8Array.from(
    atob(x.replaceAll("-", "+").replaceAll("_", "/")),
    (char) => char.charCodeAt(0),
  );
  const key = await crypto.subtle.importKey("pkcs8", pkcs8, "Ed25519", false, ["sign"]);
  return {
    publicKey,
    sign: async (bytes) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, bytes)),
  };
}

/** Whether the signature holds. False, never an error, for whatever a peer sent instead of one. */
export async function verifySignature(
  publicKey: Uint8Array,
  signature: Uint8Array,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  if (signature.byteLength !== SIGNATURE_BYTES || isWeakKey(publicKey)) return false;
  try {
    const key = await crypto.subtle.importKey("raw", publicKey.slice(), "Ed25519", false, [
      "verify",
    ]);
    return await crypto.subtle.verify("Ed25519", key, signature.slice(), bytes);
  } catch {
    return false; // not a point of the curve
  }
}

/** Whether these bytes cannot serve as a public key: wrong length or small order. */
export function isWeakKey(publicKey: Uint8Array): boolean {
  if (publicKey.byteLength !== KEY_BYTES) return true;
  const cleared = publicKey.slice();
  cleared[KEY_BYTES - 1]! &= 0x7f;
  return WEAK_KEYS.has(toHex(cleared));
}

/** PKCS#8 of a seed, 48 bytes. */
export function seedToPkcs8(seed: Uint8Array): Uint8Array<ArrayBuffer> {
  if (seed.byteLength !== KEY_BYTES) throw new RangeError(`A seed has ${KEY_BYTES} bytes`);
  return concatBytes([PKCS8_PREFIX, seed]);
}

/** Seed of a PKCS#8 Ed25519 key, or null when it is another key or form. */
export function seedFromPkcs8(pkcs8: Uint8Array): Uint8Array<ArrayBuffer> | null {
  const prefixBytes = PKCS8_PREFIX.byteLength;
  if (pkcs8.byteLength !== prefixBytes + KEY_BYTES) return null;
  if (toHex(pkcs8.subarray(0, prefixBytes)) !== toHex(PKCS8_PREFIX)) return null;
  return new Uint8Array(pkcs8.slice(prefixBytes));
}
