// Frames that lie, as data: every field of header and record at its edges, chunks that are not what
// they say, lanes that end as they may not. The manifest they belong to is honest.

import type { ErrorCode } from "../../../src/base/errors.ts";
import { LIMITS } from "../../../src/base/limits.ts";
import { encodeLaneEnd, FRAME_HEADER_BYTES, RECORD_BYTES } from "../../../src/wire/frame.ts";
import { CHUNK_BYTES, content, type HostileSender } from "../hostile_sender.ts";
import { noise } from "../../e2e/trees.ts";

/** The entry of a file of two chunks, and of one of a few bytes. */
export const LARGE = 1;
export const SMALL = 2;
export const LARGE_BYTES = noise(CHUNK_BYTES + 5);
export const SMALL_BYTES = content("small");
const FIRST = LARGE_BYTES.slice(0, CHUNK_BYTES);
const TAIL = LARGE_BYTES.slice(CHUNK_BYTES);
const OTHER = content("other");

/** 16 MiB of zeros, as zstd has them (RFC 8878): one run-length block after another. */
const BOMB = runLengthFrame(128, 128 * 1024);
/** A window of 2^41 - 2^38 bytes, the widest a header can name. */
const WIDE_WINDOW = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0x00, 0xff, 0x03, 0x00, 0x00, 0x00);

/** What comes on one lane, and what comes of it: nothing at all where neither is named. */
export interface FrameLie {
  readonly what: string;
  readonly lane: (sender: HostileSender) => Uint8Array<ArrayBuffer>[];
  /** The lane is ended behind it. */
  readonly closes?: boolean;
  /** The transfer ends with this code. */
  readonly ends?: ErrorCode;
  /** This entry fails alone. */
  readonly fails?: Readonly<Record<number, ErrorCode>>;
}

export const FRAME_LIES: Readonly<Record<string, readonly FrameLie[]>> = {
  "their headers": headers(),
  "their records": records(),
  "what they carry": contents(),
  "where they end": lanes(),
};

function headers(): FrameLie[] {
  const patched = (what: string, patch: (view: DataView) => void): FrameLie => ({
    what,
    lane: (sender) => [patchedFrame(sender, patch)],
    ends: "protocol",
  });
  const most = CHUNK_BYTES + RECORD_BYTES;
  return [
    ...[0, 3, 0xff].map((kind) => patched(`kind ${kind}`, (view) => view.setUint8(0, kind))),
    ...[1, 0x80].map((flags) => patched(`flags ${flags}`, (view) => view.setUint8(1, flags))),
    ...[0, LIMITS.recordsPerFrame + 1, 0xffff].map((count) =>
      patched(`${count} records`, (view) => view.setUint16(2, count))
    ),
    ...[0, RECORD_BYTES - 1, most + 1, 0xffff_ffff].map((bytes) =>
      patched(`a body of ${bytes} bytes`, (view) => view.setUint32(12, bytes))
    ),
    patched("one record more than its table has", (view) => view.setUint16(2, 2)),
    patched("an end with records", (view) => view.setUint8(0, 2)),
    {
      what: "an end that counts frames that never came",
      lane: (sender) => [encodeLaneEnd(sender.transfer, 1)],
      ends: "protocol",
    },
    {
      what: "an end that counts none of its frames",
      lane: (sender) => [small(sender), encodeLaneEnd(sender.transfer, 0)],
      ends: "protocol",
    },
    {
      what: "a frame of another transfer behind one of this",
      lane: (sender) => [
        small(sender),
        sender.frame([{ entry: SMALL, bytes: SMALL_BYTES }], { transfer: 77 }),
      ],
      ends: "protocol",
    },
    {
      what: "a transfer that nobody opened",
      lane: (sender) => [sender.frame([{ entry: 0, bytes: OTHER }], { transfer: 77 })],
    },
  ];
}

function records(): FrameLie[] {
  const patched = (what: string, patch: (view: DataView) => void): FrameLie => ({
    what,
    lane: (sender) => [patchedFrame(sender, patch)],
    ends: "protocol",
  });
  const at = FRAME_HEADER_BYTES;
  return [
    patched("no raw bytes", (view) => view.setUint32(at + 8, 0)),
    patched("more raw bytes than a chunk", (view) => view.setUint32(at + 8, CHUNK_BYTES + 1)),
    patched("raw bytes past all bounds", (view) => view.setUint32(at + 8, 0xffff_ffff)),
    patched("fewer stored bytes than raw ones", (view) => view.setUint32(at + 12, 4)),
    patched("stored bytes past all bounds", (view) => view.setUint32(at + 12, 0xffff_ffff)),
    patched("an encoding nobody knows", (view) => view.setUint8(at + 16, 3)),
    patched("something where nothing belongs", (view) => view.setUint8(at + 19, 1)),
    patched("zstd that saves nothing", (view) => view.setUint8(at + 16, 1)),
    patched("the same, with bytes", (view) => view.setUint8(at + 16, 2)),
    {
      what: "chunks that are more together than a frame may hold",
      lane: (sender) => {
        const zeros = { bytes: content("1234"), rawBytes: CHUNK_BYTES, encoding: "zstd" } as const;
        return [sender.frame([{ entry: LARGE, ...zeros }, { entry: SMALL, ...zeros }])];
      },
      ends: "protocol",
    },
    {
      what: "stored bytes that do not fill the body",
      lane: (sender) => {
        const frame = sender.frame([{ entry: SMALL, bytes: SMALL_BYTES }]);
        const longer = new Uint8Array(frame.byteLength + 1);
        longer.set(frame);
        viewOf(longer).setUint32(12, longer.byteLength - FRAME_HEADER_BYTES);
        return [longer];
      },
      ends: "protocol",
    },
    chunk("a chunk of an entry that never came", { entry: 3, bytes: SMALL_BYTES }),
    chunk("a chunk of the last entry there can be", { entry: 0xffff_ffff, bytes: SMALL_BYTES }),
    chunk("a chunk past the end of its file", { entry: SMALL, chunk: 1, bytes: SMALL_BYTES }),
    chunk("a chunk far past the end", { entry: SMALL, chunk: 0xffff_ffff, bytes: SMALL_BYTES }),
    chunk("a last chunk that is too long", { entry: LARGE, chunk: 1, bytes: content("longer") }),
    chunk("a last chunk that is too short", { entry: LARGE, chunk: 1, bytes: content("x") }),
    chunk("a first chunk that is too short", { entry: LARGE, chunk: 0, bytes: SMALL_BYTES }),
    chunk("a chunk called the same that nobody holds", {
      entry: SMALL,
      bytes: new Uint8Array(0),
      rawBytes: SMALL_BYTES.byteLength,
      encoding: "same",
    }),
    {
      what: "a chunk of a directory",
      lane: (sender) => [sender.frame([{ entry: 0, bytes: OTHER }])],
    },
  ];
}

function contents(): FrameLie[] {
  const zstd = (what: string, bytes: Uint8Array): FrameLie => ({
    what,
    lane: (sender) => [
      sender.frame([{ entry: LARGE, bytes, rawBytes: CHUNK_BYTES, encoding: "zstd" }]),
    ],
    fails: { [LARGE]: "protocol" },
  });
  return [
    {
      what: "a chunk with the digest of another",
      lane: (sender) => [
        sender.frame([{ entry: LARGE, bytes: FIRST, digest: sender.digest(OTHER) }]),
      ],
      fails: { [LARGE]: "integrity" },
    },
    {
      what: "a chunk of other bytes than the seal stands for",
      lane: (sender) => [
        sender.frame([{ entry: LARGE, bytes: noise(CHUNK_BYTES, "other") }]),
        sender.frame([{ entry: LARGE, chunk: 1, bytes: TAIL }]),
      ],
      fails: { [LARGE]: "integrity" },
    },
    {
      what: "a chunk of another file in place of one's own",
      lane: (sender) => [sender.frame([{ entry: SMALL, bytes: OTHER }])],
      fails: { [SMALL]: "integrity" },
    },
    {
      what: "a chunk twice, the second time with other bytes",
      lane: (sender) => [
        sender.frame([{ entry: LARGE, chunk: 1, bytes: TAIL }]),
        sender.frame([{ entry: LARGE, chunk: 1, bytes: OTHER }]),
      ],
    },
    {
      what: "a chunk twice in one frame, with other bytes",
      lane: (sender) => [
        sender.frame([
          { entry: LARGE, chunk: 1, bytes: TAIL },
          { entry: LARGE, chunk: 1, bytes: OTHER },
        ]),
      ],
    },
    {
      what: "a number used twice",
      lane: (sender) => [
        sender.frame([{ entry: LARGE, chunk: 1, bytes: TAIL }], { frame: 9 }),
        sender.frame([{ entry: LARGE, chunk: 0, bytes: FIRST }], { frame: 9 }),
      ],
    },
    zstd("compressed bytes that are none", noise(100)),
    zstd("compressed bytes that give more than was said", BOMB),
    zstd("a window that no decoder should open", WIDE_WINDOW),
    zstd("a compressed frame that is cut short", BOMB.slice(0, -1)),
  ];
}

function lanes(): FrameLie[] {
  const cut = (what: string, bytes: number): FrameLie => ({
    what,
    lane: (sender) => [small(sender).slice(0, bytes)],
    closes: true,
  });
  return [
    cut("within a header", FRAME_HEADER_BYTES - 1),
    cut("behind a header", FRAME_HEADER_BYTES),
    cut("within a record", FRAME_HEADER_BYTES + RECORD_BYTES - 1),
    cut("within a chunk", FRAME_HEADER_BYTES + RECORD_BYTES + 1),
    { what: "behind a frame, without an end record", lane: (s) => [small(s)], closes: true },
    { what: "nowhere: it is left open in mid-frame", lane: (s) => [small(s).slice(0, -1)] },
    {
      what: "with a word more",
      lane: (sender) => [encodeLaneEnd(sender.transfer, 0), small(sender)],
      closes: true,
    },
  ];
}

function runLengthFrame(blocks: number, blockBytes: number): Uint8Array {
  // No content size, a window of 128 KiB.
  const bytes = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
  for (let block = 0; block < blocks; block++) {
    const header = blockBytes << 3 | 1 << 1 | (block === blocks - 1 ? 1 : 0);
    bytes.push(header & 0xff, header >> 8 & 0xff, header >> 16 & 0xff, 0);
  }
  return Uint8Array.from(bytes);
}

function small(sender: HostileSender): Uint8Array<ArrayBuffer> {
  return sender.frame([{ entry: SMALL, bytes: SMALL_BYTES }]);
}

function patchedFrame(
  sender: HostileSender,
  patch: (view: DataView) => void,
): Uint8Array<ArrayBuffer> {
  const frame = small(sender);
  patch(viewOf(frame));
  return frame;
}

/** One chunk that ends the transfer. */
function chunk(
  what: string,
  record: Parameters<HostileSender["frame"]>[0][number],
): FrameLie {
  return { what, lane: (sender) => [sender.frame([record])], ends: "protocol" };
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
