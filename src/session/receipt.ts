// Receipts as a session sends and checks them: signed by the receiver, checked against the identity
// that was authenticated, never the one a message claims.

import { equalBytes } from "../base/bytes.ts";
import type { TransferResult } from "../engine/report.ts";
import type { Identity } from "../trust/identity.ts";
import { type ReceiptFields, signReceipt, verifyReceipt } from "../trust/receipt.ts";
import type { Receipt } from "../wire/messages.ts";

/** Both ends of a session, as authenticated. */
export interface SessionEnds {
  readonly serverIdentity: Uint8Array;
  readonly clientIdentity: Uint8Array;
}

/** Signs what this end committed. */
export function receiptSigner(
  ends: SessionEnds,
  { transfer, identity }: { transfer: number; identity: Identity },
): (result: TransferResult) => Promise<Receipt> {
  return async ({ root, files, bytes, failed, changed, deleted }) => {
    const stated = { transfer, root, files, bytes, failed, changed, deleted };
    const signature = await signReceipt(identity, statementOf(ends, stated));
    return { type: "receipt", ...stated, identity: identity.publicKey, signature };
  };
}

/** Checks receipts that the other end (not `self`) signed. */
export function receiptCheck(
  ends: SessionEnds,
  self: "client" | "server",
): (receipt: Receipt) => Promise<boolean> {
  const peer = self === "client" ? ends.serverIdentity : ends.clientIdentity;
  return async (receipt) =>
    equalBytes(receipt.identity, peer) &&
    await verifyReceipt(peer, statementOf(ends, receipt), receipt.signature);
}

function statementOf(
  ends: SessionEnds,
  stated: Omit<ReceiptFields, keyof SessionEnds>,
): ReceiptFields {
  const { transfer, root, files, bytes, failed, changed, deleted } = stated;
  const { serverIdentity, clientIdentity } = ends;
  return {
    serverIdentity,
    clientIdentity,
    transfer,
    root,
    files,
    bytes,
    failed,
    changed,
    deleted,
  };
}
