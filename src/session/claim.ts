// First contact: hearing which identity a server claims, before anything is pinned. The connection
// proves nothing (any server satisfies its anchor), so nothing is said on it, nothing but the claim is
// taken from it, and it is closed; whoever believes the claim connects anew, pinned to it.

import { SftpxError } from "../base/errors.ts";
import { untilAborted } from "../transport/addresses.ts";
import type { Connection, ReceiveStream } from "../transport/transport.ts";
import { bootstrapAnchorPem } from "../trust/anchor.ts";
import { isWeakKey, KEY_BYTES } from "../trust/ed25519.ts";
import { emptyRootStore } from "../trust/root_store.ts";
import { type ReachOptions, reachWithin } from "./reach.ts";

/**
 * The identity that the server at one of these addresses claims, 32 bytes. Throws `unreachable` when
 * none answers, `version` when it knows no claims, `protocol` when it answers with anything else.
 */
export async function learnIdentity(options: ReachOptions): Promise<Uint8Array<ArrayBuffer>> {
  if (options.transport.addsToRuntimeRoots) emptyRootStore();
  const anchorPem = await bootstrapAnchorPem();
  return await reachWithin(options, async (dial, signal) => {
    const connection = await dial({ protocol: "sftpx-claim/1", anchorPem });
    try {
      return await untilAborted(takeClaim(connection), signal);
    } finally {
      connection.close("none", "");
      await connection.closed;
    }
  });
}

/** Server: names this identity to a peer on a claim connection, and reads nothing. */
export async function claimIdentity(connection: Connection, publicKey: Uint8Array): Promise<void> {
  const lane = await connection.openLane();
  await lane.write(publicKey.slice());
  await lane.close();
}

async function takeClaim(connection: Connection): Promise<Uint8Array<ArrayBuffer>> {
  const lane = await connection.acceptLane();
  if (lane === null) {
    throw new SftpxError("lost", "Lost the server before it said who it is", { remote: true });
  }
  const claim = await readToEnd(lane);
  if (claim === null || isWeakKey(claim)) {
    const found = claim?.byteLength === KEY_BYTES ? "is no usable key" : "is no identity";
    throw new SftpxError("protocol", `Cannot learn the server's identity: its claim ${found}`, {
      remote: true,
    });
  }
  return claim;
}

/** What a lane carries up to its end; null when that is more than an identity. */
async function readToEnd(lane: ReceiveStream): Promise<Uint8Array<ArrayBuffer> | null> {
  const claim = new Uint8Array(KEY_BYTES);
  for (let filled = 0;;) {
    const got = await lane.read(new Uint8Array(KEY_BYTES + 1));
    if (got === null) return claim.slice(0, filled);
    if (filled + got.byteLength > KEY_BYTES) {
      lane.cancel();
      return null;
    }
    claim.set(got, filled);
    filled += got.byteLength;
  }
}
