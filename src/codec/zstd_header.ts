// What a zstd stream claims, read without decoding it (RFC 8878, section 3.1.1). Promises that a
// decoder is handed exactly one frame of bounded window and plausible size (I3). Refuses dictionaries,
// skippable frames, a second frame, trailing bytes and truncation.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";

const MAGIC = 0xfd2fb528;
/** Largest block of any frame (RFC 8878, 3.1.1.2.4). */
const MAX_BLOCK_BYTES = 128 * 1024;
const CHECKSUM_BYTES = 4;

/** A frame that may be handed to a decoder. */
export interface ZstdFrame {
  /** Memory a streaming decoder sets aside. */
  readonly windowBytes: number;
  /** Size after decoding as the frame claims it; null when it does not say. */
  readonly contentBytes: number | null;
}

/** Checks that `bytes` is one frame whose content can be `rawBytes` long. */
export function checkZstdFrame(bytes: Uint8Array, options: { rawBytes: number }): ZstdFrame {
  const { rawBytes } = options;
  const { frame, blocksAt, checksum } = readHeader(bytes);
  if (frame.windowBytes > 2 ** LIMITS.zstdWindowLog) {
    throw refused(`a window of ${frame.windowBytes} bytes`);
  }
  if (frame.contentBytes !== null && frame.contentBytes !== rawBytes) {
    throw refused(`${frame.contentBytes} bytes of content where ${rawBytes} were announced`);
  }
  const end = endOfBlocks(bytes, { at: blocksAt, rawBytes }) + (checksum ? CHECKSUM_BYTES : 0);
  if (end > bytes.length) throw refused("a truncated frame");
  if (end < bytes.length) throw refused(`${bytes.length - end} bytes after the frame`);
  return frame;
}

interface Header {
  readonly frame: ZstdFrame;
  readonly blocksAt: number;
  readonly checksum: boolean;
}

function readHeader(bytes: Uint8Array): Header {
  if (bytes.length < 6) throw refused("a truncated frame");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== MAGIC) throw refused("no zstd frame at its start");
  const descriptor = view.getUint8(4);
  const sizeFlag = descriptor >> 6;
  const singleSegment = (descriptor & 0x20) !== 0;
  if ((descriptor & 0x08) !== 0) throw refused("a reserved bit set");
  if ((descriptor & 0x03) !== 0) throw refused("a dictionary");
  const sizeAt = singleSegment ? 5 : 6;
  const sizeBytes = sizeFlag === 0 ? (singleSegment ? 1 : 0) : 1 << sizeFlag;
  if (bytes.length < sizeAt + sizeBytes) throw refused("a truncated frame");
  const contentBytes = readContentBytes(view, { at: sizeAt, sizeBytes });
  const windowBytes = singleSegment ? contentBytes ?? 0 : windowOf(view.getUint8(5));
  return {
    frame: { windowBytes, contentBytes },
    blocksAt: sizeAt + sizeBytes,
    checksum: (descriptor & 0x04) !== 0,
  };
}

function readContentBytes(view: DataView, field: { at: number; sizeBytes: number }): number | null {
  switch (field.sizeBytes) {
    case 0:
      return null;
    case 1:
      return view.getUint8(field.at);
    case 2:
      return view.getUint16(field.at, true) + 256;
    case 4:
      return view.getUint32(field.at, true);
    default:
      return Number(view.getBigUint64(field.at, true));
  }
}

function windowOf(descriptor: number): number {
  const base = 2 ** (10 + (descriptor >> 3));
  return base + (base / 8) * (descriptor & 7);
}

// Walks the block headers; what raw and RLE blocks yield is known without decoding them.
function endOfBlocks(bytes: Uint8Array, from: { at: number; rawBytes: number }): number {
  let at = from.at;
  let known = 0;
  for (;;) {
    if (at + 3 > bytes.length) throw refused("a truncated frame");
    const header = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16);
    const type = (header >> 1) & 3;
    const size = header >> 3;
    if (type === 3) throw refused("a reserved block type");
    if (size > MAX_BLOCK_BYTES) throw refused(`a block of ${size} bytes`);
    if (type !== 2) known += size;
    if (known > from.rawBytes) throw refused(`more content than ${from.rawBytes} bytes`);
    at += 3 + (type === 1 ? 1 : size);
    if ((header & 1) === 1) return at;
  }
}

function refused(found: string): SftpxError {
  return new SftpxError("protocol", `Cannot decompress chunk: it has ${found}`, { remote: true });
}
