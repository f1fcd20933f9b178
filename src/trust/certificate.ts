// The server's leaf certificate: a fresh P-256 key, named `sftpx`, signed by the identity, held in
// memory and made anew at each process start. It is no CA, and it proves the identity only to a
// client that pinned it (see anchor.ts).
//
// Template (DER): v3; random positive serial of 16 bytes; Ed25519; issuer CN "sftpx identity";
// validity from a day before its making; subject CN "sftpx"; P-256 key; extensions basicConstraints
// critical (empty: no CA), keyUsage critical digitalSignature, extKeyUsage serverAuth,
// subjectAltName DNS:sftpx; signature by the identity.

import { encodeUtf8 } from "../base/bytes.ts";
import {
  bootstrapCrossPem,
  certificate,
  commonName,
  criticalExtension,
  ed25519Algorithm,
  identityNameDer,
  SERVER_NAME,
} from "./anchor.ts";
import { derBits, derInteger, derOctets, derOid, derSequence, derTagged, derTime } from "./der.ts";
import type { Identity } from "./identity.ts";
import { encodePem } from "./pem.ts";

export { anchorPem } from "./anchor.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * A client's clock may run behind the server's by this much, and ahead of it by what is left of
 * `LEAF_LIFE_MS`; beyond it the client's TLS says that the certificate is not valid yet, or expired.
 */
const BACKDATED_MS = DAY_MS;

/**
 * How long a leaf is good for. No listener swaps its certificate while it runs, so an expiry within
 * the process's life locks every new client out; the leaf's key lies in the same memory as the
 * identity's, so a shorter life would guard against little. A year of uptime and a month to spare.
 */
export const LEAF_LIFE_MS = 400 * DAY_MS;

const P256 = { name: "ECDSA", namedCurve: "P-256" } as const;

/** What a listener is given. */
export interface Leaf {
  /** Leaf, then the identity's bootstrap certificate (which no pinned client trusts). */
  readonly certificatePem: string;
  /** The leaf's private key, PKCS#8. A secret (I9). */
  readonly keyPem: string;
  /** When new clients begin to refuse it, milliseconds since 1970. */
  readonly expiresMs: number;
}

/** Makes a leaf key and its certificate. */
export async function issueLeaf(
  identity: Identity,
  options: { readonly nowMs: number },
): Promise<Leaf> {
  const pair = await crypto.subtle.generateKey(P256, true, ["sign", "verify"]);
  const expiresMs = options.nowMs + LEAF_LIFE_MS;
  const tbs = leafTbs(new Uint8Array(await crypto.subtle.exportKey("spki", pair.publicKey)), {
    fromMs: options.nowMs - BACKDATED_MS,
    untilMs: expiresMs,
    serverName: SERVER_NAME,
  });
  const leaf = encodePem("CERTIFICATE", certificate(tbs, await identity.sign(tbs)));
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  return {
    certificatePem: leaf + await bootstrapCrossPem(identity.publicKey),
    keyPem: encodePem("PRIVATE KEY", pkcs8),
    expiresMs,
  };
}

/** The signed part of a leaf. Exported for tests, which also build leaves that must be refused. */
export function leafTbs(
  publicKeyInfo: Uint8Array<ArrayBuffer>,
  options: {
    readonly fromMs: number;
    readonly untilMs: number;
    /** Name for the alternative-name extension; null leaves it out. */
    readonly serverName: string | null;
  },
): Uint8Array<ArrayBuffer> {
  const serial = crypto.getRandomValues(new Uint8Array(16));
  serial[0] = 0x40 | serial[0]! & 0x3f; // positive, and always 16 bytes long
  return derSequence(
    derTagged(0, derInteger(Uint8Array.of(2)), { constructed: true }),
    derInteger(serial),
    ed25519Algorithm(),
    identityNameDer(),
    derSequence(derTime(options.fromMs), derTime(options.untilMs)),
    commonName(SERVER_NAME),
    publicKeyInfo,
    derTagged(3, derSequence(...leafExtensions(options.serverName)), { constructed: true }),
  );
}

function leafExtensions(serverName: string | null): Uint8Array<ArrayBuffer>[] {
  const extensions = [
    criticalExtension("2.5.29.19", derSequence()),
    criticalExtension("2.5.29.15", derBits(Uint8Array.of(0x80), 7)), // digitalSignature
    extension("2.5.29.37", derSequence(derOid("1.3.6.1.5.5.7.3.1"))), // serverAuth
  ];
  if (serverName !== null) {
    const dnsName = derTagged(2, encodeUtf8(serverName), { constructed: false });
    extensions.push(extension("2.5.29.17", derSequence(dnsName)));
  }
  return extensions;
}

function extension(oid: string, value: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  return derSequence(derOid(oid), derOctets(value));
}
