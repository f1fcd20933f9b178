// Control messages that are compressed on their way: a manifest is many bytes that say little, and where a round
// trip is long each doubling of what a connection may send costs one. What comes is bounded before it is
// decompressed (I3), by its own bytes too, and holds one message exactly, of those that shrink.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Zstd } from "../codec/compress.ts";
import { ControlDecoder, encodeMessage } from "../wire/control.ts";
import { type Compressed, type Message, MESSAGE_NUMBERS } from "../wire/messages.ts";

/** The capability of a peer that takes them. */
export const COMPRESSED_MESSAGES = "compressed-messages";

/** Shorter ones fit into a packet or two as they are. */
const LEAST_BYTES = 2048;
const LEVEL = 3;
/** What says names and times. Digests, of which other long messages consist, do not shrink. */
const SHRINKING: ReadonlySet<Message["type"]> = new Set(["entries", "listing"]);
const SHRINKING_NUMBERS: ReadonlySet<number> = new Set(
  [...SHRINKING].map((type) => MESSAGE_NUMBERS[type]),
);

/** zstd for messages: the runtime's own, as nothing else need be loaded for so little. */
export async function loadMessageZstd(): Promise<Zstd> {
  const { loadZstd } = await import("../codec/compress.ts"); // Within one machine nothing shrinks.
  return await loadZstd({ without: ["zstd-napi"] });
}

/** What to send for a message that is encoded already: itself, or less. */
export function compressedBytes(
  bytes: Uint8Array<ArrayBuffer>,
  { type, zstd }: { readonly type: Message["type"]; readonly zstd: Zstd },
): Uint8Array<ArrayBuffer> {
  // One that was too long for one message is several.
  const isOne = bytes.byteLength <= LIMITS.controlMessageBytes;
  if (!SHRINKING.has(type) || bytes.byteLength < LEAST_BYTES || !isOne) return bytes;
  const body = zstd.compress(bytes, LEVEL);
  if (body === null || body.byteLength > bytes.byteLength / 2) return bytes;
  if (!isBounded({ rawBytes: bytes.byteLength, body })) return bytes;
  return encodeMessage({ type: "compressed", rawBytes: bytes.byteLength, body });
}

/** The message that was compressed, and its bytes. */
export function decompressed(
  { rawBytes, body }: Compressed,
  zstd: Zstd,
): { readonly message: Message; readonly bytes: number } {
  try {
    if (!isBounded({ rawBytes, body })) throw broken("it is to give too many bytes");
    const raw = zstd.decompress(body, { rawBytes });
    // Before anything else of it is read.
    if (!SHRINKING_NUMBERS.has(numberOf(raw))) {
      throw broken("it holds another than may be compressed");
    }
    const decoder = new ControlDecoder();
    decoder.lift();
    decoder.push(raw);
    const message = decoder.next();
    if (message === null) throw broken("it holds a part of a message");
    decoder.finish();
    return { message, bytes: rawBytes };
  } catch (error) {
    if (!(error instanceof SftpxError)) throw error;
    const text = `Cannot read compressed message: ${error.message}`;
    throw new SftpxError("protocol", text, { remote: true, cause: error });
  }
}

/** Nobody makes a reader work for next to nothing: what it gives is so many times its own bytes at most. */
function isBounded({ rawBytes, body }: Pick<Compressed, "rawBytes" | "body">): boolean {
  return rawBytes <= LIMITS.compressedMessageRatio * body.byteLength;
}

function numberOf([high = 0, low = 0]: Uint8Array): number {
  return high << 8 | low;
}

function broken(found: string): SftpxError {
  return new SftpxError("protocol", found, { remote: true });
}
