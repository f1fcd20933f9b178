// The identity of this peer: its long-term Ed25519 key. The 32-byte public half is its name, shown
// as 52 base32 characters. Private bytes are read from or written to one file and never appear in
// an error, a log or an object's fields (I9).

import { fromBase32, toBase32 } from "../base/bytes.ts";
import { SftpxError } from "../base/errors.ts";
import { escapeText } from "../base/text.ts";
import {
  isWeakKey,
  KEY_BYTES,
  seedFromPkcs8,
  seedToPkcs8,
  signingKey,
  verifySignature,
} from "./ed25519.ts";
import { decodePem, encodePem } from "./pem.ts";
import { createTrustFile, readTrustFile } from "./trust_file.ts";

/** Characters of an identity's name. */
export const IDENTITY_NAME_CHARS = 52;

const FILE = { what: "identity", secret: true } as const;
const PEM_LABEL = "PRIVATE KEY";

/** A peer's own key. */
export interface Identity {
  /** Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array<ArrayBuffer>;
  /** The public key as 52 lowercase base32 characters. */
  readonly name: string;
  /** Ed25519 signature, 64 bytes. */
  sign(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
}

/** An identity that lives in memory only. */
export function generateIdentity(): Promise<Identity> {
  return identityFromSeed(crypto.getRandomValues(new Uint8Array(KEY_BYTES)));
}

/** The identity of a 32-byte private seed. */
export async function identityFromSeed(seed: Uint8Array): Promise<Identity> {
  const { publicKey, sign } = await signingKey(seed);
  return { publicKey, name: identityName(publicKey), sign };
}

/**
 * Reads the identity file; with `create`, makes it first when there is none. Of several processes
 * that make it at once, all end with the same identity. Refuses a file that others may read.
 */
export async function loadIdentity(
  path: string,
  options: { readonly create: boolean },
): Promise<Identity> {
  let text = await readTrustFile(path, FILE);
  if (text === null && options.create) {
    const seed = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
    await createTrustFile(path, encodePem(PEM_LABEL, seedToPkcs8(seed)), FILE);
    text = await readTrustFile(path, FILE); // the winner's, ours or another process's
  }
  if (text === null) {
    throw new SftpxError("failed", `Cannot load identity "${escapeText(path)}": there is no file`);
  }
  const pkcs8 = decodePem(PEM_LABEL, text);
  const seed = pkcs8 === null ? null : seedFromPkcs8(pkcs8);
  if (seed === null) {
    // Made anew in passing, it would be another identity that no peer knows: a person decides.
    const found = text.trim() === ""
      ? "it is empty"
      : "it is damaged or no unencrypted Ed25519 key";
    throw new SftpxError(
      "failed",
      `Cannot load identity "${escapeText(path)}": ${found}; restore it from a copy, or move it ` +
        "away to get a new one, which no peer knows yet",
    );
  }
  return await identityFromSeed(seed);
}

/** A public key as its 52-character name. */
export function identityName(publicKey: Uint8Array): string {
  if (publicKey.byteLength !== KEY_BYTES) {
    throw new RangeError(`An identity has ${KEY_BYTES} bytes, not ${publicKey.byteLength}`);
  }
  return toBase32(publicKey);
}

/** An identity's name in groups of four, for two people to compare. */
export function formatFingerprint(publicKey: Uint8Array): string {
  return identityName(publicKey).replace(/.{4}(?=.)/g, "$& ");
}

/** Reads an identity's name. Throws `usage` on anything but a usable key's canonical name. */
export function parseIdentityName(text: string): Uint8Array<ArrayBuffer> {
  const shown = escapeText(text, 64);
  if (text.length !== IDENTITY_NAME_CHARS) {
    throw new SftpxError(
      "usage",
      `Cannot read identity "${shown}": it has ${text.length} characters, not ${IDENTITY_NAME_CHARS}`,
    );
  }
  let publicKey: Uint8Array<ArrayBuffer>;
  try {
    publicKey = fromBase32(text);
  } catch (cause) {
    throw new SftpxError("usage", `Cannot read identity "${shown}": it is mangled`, { cause });
  }
  if (isWeakKey(publicKey)) {
    throw new SftpxError("usage", `Cannot read identity "${shown}": it is no usable key`);
  }
  return publicKey;
}

/** Whether the owner of this public key signed these bytes. Never throws. */
export function verifyIdentity(
  publicKey: Uint8Array,
  signature: Uint8Array,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  return verifySignature(publicKey, signature, bytes);
}
