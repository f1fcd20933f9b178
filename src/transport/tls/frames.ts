// The frames in which one TLS connection carries a control stream and lanes (PROTOCOL, "Over TCP"): a
// header of fixed length each, read and written here and nowhere else. Nothing that a peer puts into one
// is believed before it is checked (I3).

import { SftpxError } from "../../base/errors.ts";
import { LIMITS } from "../../base/limits.ts";

export const HEADER_BYTES = 12;
/** The stream both ways; lanes are odd from the client and even from the server. */
export const CONTROL = 0;
/** UTF-8 bytes of a close's reason. */
export const REASON_BYTES = 256;

export type MuxFrame =
  /** A stream begins; lanes in the order of their numbers. */
  | { readonly kind: "open"; readonly stream: number }
  /** Bytes follow. `spends`: all that the stream was allowed is sent. */
  | {
    readonly kind: "data";
    readonly stream: number;
    readonly bytes: number;
    readonly spends: boolean;
  }
  /** The writer ended it in order. */
  | { readonly kind: "end"; readonly stream: number }
  /** The writer gave it up. */
  | { readonly kind: "reset"; readonly stream: number }
  /** The reader gave it up: what comes is thrown away, and a reset is to answer. */
  | { readonly kind: "stop"; readonly stream: number }
  /** So many bytes more may be sent. */
  | { readonly kind: "credit"; readonly stream: number; readonly bytes: number }
  /** The reader is through with a lane, whose place is free. */
  | { readonly kind: "done"; readonly stream: number }
  /** The connection ends, and this is why; the reason's bytes follow. */
  | { readonly kind: "close"; readonly code: number; readonly reasonBytes: number };

const KINDS = ["open", "data", "end", "reset", "stop", "credit", "done", "close"] as const;
const SPENDS = 1;

/** Writes a frame's header at an offset. */
export function encodeHeader(frame: MuxFrame, into: DataView, at = 0): void {
  const isClose = frame.kind === "close";
  into.setUint8(at, KINDS.indexOf(frame.kind));
  into.setUint8(at + 1, frame.kind === "data" && frame.spends ? SPENDS : 0);
  into.setUint16(at + 2, 0);
  into.setUint32(at + 4, isClose ? frame.code : frame.stream);
  into.setUint32(at + 8, lengthOf(frame));
}

function lengthOf(frame: MuxFrame): number {
  switch (frame.kind) {
    case "data":
    case "credit":
      return frame.bytes;
    case "close":
      return frame.reasonBytes;
    default:
      return 0;
  }
}

/** Reads the header that stands there; throws `protocol` for what is none. */
export function decodeHeader(from: DataView, at = 0): MuxFrame {
  const kind = KINDS[from.getUint8(at)];
  const flags = from.getUint8(at + 1);
  const stream = from.getUint32(at + 4);
  const length = from.getUint32(at + 8);
  const known = kind === "data" ? SPENDS : 0;
  if (kind === undefined || (flags & ~known) !== 0 || from.getUint16(at + 2) !== 0) {
    throw badFrame("it is none of this protocol's");
  }
  switch (kind) {
    case "data":
      if (length < 1 || length > LIMITS.muxFrameBytes) throw badFrame(`it has ${length} bytes`);
      return { kind, stream, bytes: length, spends: flags === SPENDS };
    case "credit":
      if (length < 1 || length > LIMITS.mostWindowBytes) {
        throw badFrame(`it allows ${length} bytes`);
      }
      return { kind, stream, bytes: length };
    case "close":
      if (length > REASON_BYTES) throw badFrame(`its reason has ${length} bytes`);
      return { kind, code: stream, reasonBytes: length };
    default:
      if (length !== 0) throw badFrame("it has bytes where none belong");
      return { kind, stream };
  }
}

/** The peer does not keep to the protocol. */
export function badFrame(found: string): SftpxError {
  return new SftpxError("protocol", `Cannot read a frame: ${found}`, { remote: true });
}
