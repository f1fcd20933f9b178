// The receiver's signed statement of what it committed: counts and root of one transfer between two
// named peers. It proves to the sender, and to anyone the sender shows it to, who says so.

import { KEY_BYTES } from "./ed25519.ts";
import { type Identity, verifyIdentity } from "./identity.ts";
import { sized, statementBytes, u32, u64 } from "./statement.ts";

const CONTEXT = "sftpx receipt 1";
const ROOT_BYTES = 32;

/** What a receipt states. */
export interface ReceiptFields {
  /** Both ends of the session, whichever of them receives. */
  readonly serverIdentity: Uint8Array;
  readonly clientIdentity: Uint8Array;
  /** Number of the transfer in its session. */
  readonly transfer: number;
  /** Root over the committed entries, 32 bytes. */
  readonly root: Uint8Array;
  /** Files committed, their logical bytes, and entries that failed. */
  readonly files: number;
  readonly bytes: number;
  readonly failed: number;
  /** Entries made, replaced or given another mode or time; and those deleted because asked to. */
  readonly changed: number;
  readonly deleted: number;
}

/** The receiver's signature, 64 bytes. */
export function signReceipt(
  identity: Identity,
  fields: ReceiptFields,
): Promise<Uint8Array<ArrayBuffer>> {
  return identity.sign(receiptBytes(fields));
}

/** Whether the owner of `publicKey` (the peer as authenticated, not as claimed) stated this. */
export function verifyReceipt(
  publicKey: Uint8Array,
  fields: ReceiptFields,
  signature: Uint8Array,
): Promise<boolean> {
  return verifyIdentity(publicKey, signature, receiptBytes(fields));
}

/** The bytes a receiver signs. */
export function receiptBytes(fields: ReceiptFields): Uint8Array<ArrayBuffer> {
  return statementBytes(CONTEXT, [
    sized(fields.serverIdentity, KEY_BYTES, "serverIdentity"),
    sized(fields.clientIdentity, KEY_BYTES, "clientIdentity"),
    u32(fields.transfer),
    sized(fields.root, ROOT_BYTES, "root"),
    u64(fields.files),
    u64(fields.bytes),
    u64(fields.failed),
    u64(fields.changed),
    u64(fields.deleted),
  ]);
}
