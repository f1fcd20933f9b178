// Bytes of a lane, as many as are wanted: a frame that ends early is a loss, never a short frame (I4).

import { SftpxError } from "../base/errors.ts";
import type { ReceiveStream } from "../transport/transport.ts";

/**
 * Reads `bytes` bytes into the front of `buffer` (which is detached); null when the stream ended
 * before the first of them. An end in between throws `lost` (I4).
 */
export async function readExactly(
  stream: ReceiveStream,
  buffer: ArrayBuffer,
  { bytes }: { bytes: number },
): Promise<Uint8Array<ArrayBuffer> | null> {
  let held = buffer;
  for (let filled = 0; filled < bytes;) {
    const read = await stream.read(new Uint8Array(held, filled, bytes - filled));
    if (read === null) {
      if (filled === 0) return null;
      throw new SftpxError("lost", "Lost the peer: a lane ended within a frame");
    }
    filled += read.byteLength;
    held = read.buffer;
  }
  return new Uint8Array(held, 0, bytes);
}
