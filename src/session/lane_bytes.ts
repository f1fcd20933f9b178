// Bytes of a lane, as many as are wanted: a frame that ends early is a loss, never a short frame (I4).

import { SftpxError } from "../base/errors.ts";
import type { ReceiveStream } from "../transport/transport.ts";

/** So many are waited for at a time: answers of some ten KiB each cost a receiver a tenth of its time. */
const LEAST_BYTES = 256 * 1024;

/**
 * Reads `bytes` bytes into `buffer` (which is detached), its front or `offsetBytes`; null when the stream
 * ended before the first of them. An end in between throws `lost` (I4).
 */
export async function readExactly(
  stream: ReceiveStream,
  buffer: ArrayBuffer,
  { bytes, offsetBytes = 0 }: { readonly bytes: number; readonly offsetBytes?: number },
): Promise<Uint8Array<ArrayBuffer> | null> {
  let held = buffer;
  for (let filled = 0; filled < bytes;) {
    const left = bytes - filled;
    const into = new Uint8Array(held, offsetBytes + filled, left);
    const read = await stream.read(into, { leastBytes: Math.min(left, LEAST_BYTES) });
    if (read === null) {
      if (filled === 0) return null;
      throw new SftpxError("lost", "Lost the peer: a lane ended within a frame");
    }
    filled += read.byteLength;
    held = read.buffer;
  }
  return new Uint8Array(held, offsetBytes, bytes);
}
