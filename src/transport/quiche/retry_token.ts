// What a client brings back that was sent a Retry: proof that it can be reached at its address, and the
// connection id it began with. Sealed for one process, address, id and moment; nothing is remembered of
// it. Anything else in its place is told from it, for other servers give out tokens as well.

import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { encodeUtf8 } from "../../base/bytes.ts";
import { MOST_ID_BYTES } from "./long_header.ts";

/** Where a client comes from, to the port: a NAT gives each of its clients one of its own. */
export interface Origin {
  readonly host: string;
  readonly port: number;
}

export interface RetryClaim {
  readonly origin: Origin;
  /** The id that this end made for the Retry: the client must address its next packet to it. */
  readonly ownId: Uint8Array;
  readonly nowMs: number;
}

/** What a token turned out to be. */
export type TokenVerdict =
  | { readonly kind: "good"; readonly originalId: Uint8Array<ArrayBuffer> }
  /** Made by something else: as good as none. */
  | { readonly kind: "foreign" }
  /** It looks like one of ours and does not hold: forged, somebody else's, too old, another process's. */
  | { readonly kind: "bad" };

/** Begins each token, so that a token that went bad is told from another server's. */
const MARK = encodeUtf8("sftpx-retry/1\0");
const TIME_BYTES = 6;
const SEAL_BYTES = 16;
const HEAD_BYTES = MARK.length + TIME_BYTES;

export class RetryTokens {
  readonly #key = randomBytes(32);
  readonly #lifeMs: number;

  constructor({ lifeMs }: { readonly lifeMs: number }) {
    this.#lifeMs = lifeMs;
  }

  /** For a client that began with `originalId`. */
  issue(originalId: Uint8Array, claim: RetryClaim): Uint8Array<ArrayBuffer> {
    const token = new Uint8Array(HEAD_BYTES + originalId.length + SEAL_BYTES);
    token.set(MARK);
    const time = Math.floor(claim.nowMs);
    const view = new DataView(token.buffer);
    view.setUint16(MARK.length, Math.floor(time / 2 ** 32));
    view.setUint32(MARK.length + 2, time % 2 ** 32);
    token.set(originalId, HEAD_BYTES);
    const sealAt = token.length - SEAL_BYTES;
    token.set(this.#seal(token.subarray(0, sealAt), claim), sealAt);
    return token;
  }

  check(token: Uint8Array, claim: RetryClaim): TokenVerdict {
    if (!MARK.every((byte, at) => token[at] === byte)) return { kind: "foreign" };
    const sealAt = token.length - SEAL_BYTES;
    if (sealAt < HEAD_BYTES || sealAt > HEAD_BYTES + MOST_ID_BYTES) return { kind: "bad" };
    const seal = this.#seal(token.subarray(0, sealAt), claim);
    if (!timingSafeEqual(seal, token.subarray(sealAt))) return { kind: "bad" };
    const view = new DataView(token.buffer, token.byteOffset);
    const sealedMs = view.getUint16(MARK.length) * 2 ** 32 + view.getUint32(MARK.length + 2);
    if (claim.nowMs - sealedMs > this.#lifeMs) return { kind: "bad" };
    return { kind: "good", originalId: token.slice(HEAD_BYTES, sealAt) };
  }

  /** Over what stands in the token, and over what its bearer shows by where its packet comes from. */
  #seal(shown: Uint8Array, { origin, ownId }: RetryClaim): Uint8Array {
    const hmac = createHmac("sha256", this.#key);
    // Lengths before the parts: no two claims are written alike.
    hmac.update(Uint8Array.of(shown.length, ownId.length)).update(shown).update(ownId);
    hmac.update(`${origin.port} ${origin.host}`);
    return hmac.digest().subarray(0, SEAL_BYTES);
  }
}
