// The trust anchor of a server: a synthetic CA certificate made from the 32 bytes of its identity
// alone, the same on every machine. TLS stacks do not verify an anchor's own signature, so a client
// that knows only the public key can pin it without any certificate authority.
//
// Template (DER, every byte fixed but the key):
//   Certificate SEQUENCE
//     tbsCertificate SEQUENCE
//       [0] version 2 (v3)
//       serialNumber 1
//       signature            Ed25519 (1.3.101.112), no parameters
//       issuer               CN = UTF8String "sftpx identity"
//       validity             UTCTime 200101000000Z, GeneralizedTime 99991231235959Z
//       subject              as issuer
//       subjectPublicKeyInfo Ed25519, BIT STRING of the 32-byte identity
//       [3] extensions       basicConstraints critical CA:TRUE pathLen 0
//                            keyUsage critical keyCertSign
//     signatureAlgorithm     Ed25519
//     signature              BIT STRING of 64 zero bytes: well-formed, never verified
// `anchor_test.ts` holds a golden copy.

import {
  derBits,
  derInteger,
  derOctets,
  derOid,
  derSequence,
  derSet,
  derTagged,
  derText,
  derTime,
  derTrue,
} from "./der.ts";
import { KEY_BYTES, SIGNATURE_BYTES, signingKey } from "./ed25519.ts";
import { encodeUtf8 } from "../base/bytes.ts";
import { encodePem } from "./pem.ts";

type Der = Uint8Array<ArrayBuffer>;

/** Name that every server's leaf carries and every client asks for. */
export const SERVER_NAME = "sftpx";

const IDENTITY_NAME = "sftpx identity";
const BOOTSTRAP_NAME = "sftpx bootstrap";
const FROM_MS = Date.UTC(2020, 0, 1);
const UNTIL_MS = Date.UTC(9999, 11, 31, 23, 59, 59);

/**
 * Private seed of the bootstrap key, public on purpose: 32 ASCII bytes. It vouches for nothing. A
 * client that knows no identity yet uses its anchor to reach a server and hear the claimed one,
 * then leaves and comes back pinned.
 */
const BOOTSTRAP_SEED = encodeUtf8("sftpx bootstrap key: no secret 1");

/** The anchor that pins a server to this identity, PEM. Deterministic. */
export function anchorPem(publicKey: Uint8Array): string {
  return encodePem("CERTIFICATE", selfIssued(IDENTITY_NAME, publicKey));
}

/** The anchor of a first contact, which any server satisfies: it authenticates nobody. */
export async function bootstrapAnchorPem(): Promise<string> {
  const bootstrap = await signingKey(BOOTSTRAP_SEED);
  return encodePem("CERTIFICATE", selfIssued(BOOTSTRAP_NAME, bootstrap.publicKey));
}

/**
 * The identity's CA certificate issued by the bootstrap key, PEM: a server sends it after its leaf.
 * Same template, with issuer "sftpx bootstrap" and a true signature.
 */
export async function bootstrapCrossPem(publicKey: Uint8Array): Promise<string> {
  const bootstrap = await signingKey(BOOTSTRAP_SEED);
  const tbs = authorityTbs(publicKey, { issuer: BOOTSTRAP_NAME, subject: IDENTITY_NAME });
  return encodePem("CERTIFICATE", certificate(tbs, await bootstrap.sign(tbs)));
}

/** Issuer of every leaf: the anchor's subject. */
export function identityNameDer(): Der {
  return commonName(IDENTITY_NAME);
}

/** Name with a common name only. */
export function commonName(text: string): Der {
  return derSequence(derSet(derSequence(derOid("2.5.4.3"), derText(text))));
}

/** AlgorithmIdentifier of Ed25519. */
export function ed25519Algorithm(): Der {
  return derSequence(derOid("1.3.101.112"));
}

/** One critical extension. */
export function criticalExtension(oid: string, value: Der): Der {
  return derSequence(derOid(oid), derTrue(), derOctets(value));
}

/** A certificate from its signed part and an Ed25519 signature. */
export function certificate(tbs: Der, signature: Uint8Array): Der {
  return derSequence(tbs, ed25519Algorithm(), derBits(signature));
}

function selfIssued(name: string, publicKey: Uint8Array): Der {
  const tbs = authorityTbs(publicKey, { issuer: name, subject: name });
  return certificate(tbs, new Uint8Array(SIGNATURE_BYTES));
}

function authorityTbs(
  publicKey: Uint8Array,
  names: { readonly issuer: string; readonly subject: string },
): Der {
  if (publicKey.byteLength !== KEY_BYTES) {
    throw new RangeError(`An identity has ${KEY_BYTES} bytes, not ${publicKey.byteLength}`);
  }
  return derSequence(
    derTagged(0, derInteger(Uint8Array.of(2)), { constructed: true }),
    derInteger(Uint8Array.of(1)),
    ed25519Algorithm(),
    commonName(names.issuer),
    derSequence(derTime(FROM_MS), derTime(UNTIL_MS)),
    commonName(names.subject),
    derSequence(ed25519Algorithm(), derBits(publicKey)),
    derTagged(
      3,
      derSequence(
        criticalExtension("2.5.29.19", derSequence(derTrue(), derInteger(Uint8Array.of(0)))),
        criticalExtension("2.5.29.15", derBits(Uint8Array.of(0x04), 2)), // keyCertSign
      ),
      { constructed: true },
    ),
  );
}
