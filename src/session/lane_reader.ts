// Reads the lanes of a receiving transfer: one frame at a time off each, into buffers of which there
// are only so many (I8). A lane that breaks off is no failure: its frames are sent again.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { BufferPool } from "../pool/buffers.ts";
import { offsetForDirect } from "../pool/direct.ts";
import type { ReceiveStream } from "../transport/transport.ts";
import {
  type ChunkRecord,
  decodeFrameHeader,
  decodeRecords,
  FRAME_HEADER_BYTES,
  frameBufferBytes,
  type FrameHeader,
  RECORD_BYTES,
} from "../wire/frame.ts";
import type { IncomingLane, LanePath, TransferChannel } from "./hub.ts";
import { readExactly } from "./lane_bytes.ts";
import { pacedIncoming } from "./paced_lane.ts";
import type { RateLimit, RateShare } from "./rate_limit.ts";

type ChunksHeader = Extract<FrameHeader, { kind: "chunks" }>;

/** A frame read whole off a lane. */
export interface ArrivedFrame {
  readonly frame: number;
  readonly records: readonly ChunkRecord[];
  /** Its buffer is given back when it is done with. */
  readonly body: Uint8Array<ArrayBuffer>;
}

export interface LaneReaderOptions {
  readonly channel: TransferChannel;
  /** What its lanes keep to together; null for no limit. */
  readonly limit: RateLimit | null;
  readonly chunkBytes: number;
  /** Frames held at once. */
  readonly slots: number;
  /** Answers what is to be called when it has ended. */
  readonly onLane: (path: LanePath) => () => void;
  /** Takes a frame; the lane it came on waits until it is taken. */
  readonly onFrame: (frame: ArrivedFrame, path: LanePath) => Promise<void>;
  /** The peer broke the protocol on a lane. */
  readonly onError: (error: unknown) => void;
}

export class LaneReader {
  readonly #options: LaneReaderOptions;
  readonly #limit: RateShare | null;
  readonly #buffers: BufferPool;
  readonly #lanes = new Set<ReceiveStream>();
  #freed = Promise.withResolvers<void>();
  #isHalted = false;

  constructor(options: LaneReaderOptions) {
    this.#options = options;
    this.#limit = options.limit?.share() ?? null;
    const bufferBytes = frameBufferBytes(options.chunkBytes);
    this.#buffers = new BufferPool({ bufferBytes, budgetBytes: bufferBytes * options.slots });
  }

  /** Reads every lane of the transfer. */
  async run(): Promise<void> {
    for (;;) {
      const lane = await this.#options.channel.lanes.take();
      if (lane === null) return;
      // Nobody gives a buffer back that it could wait for.
      if (this.#isHalted) lane.stream.cancel();
      else this.#read(pacedIncoming(lane, this.#limit)).catch(this.#options.onError);
    }
  }

  /** A frame's buffer is free. */
  giveBack(buffer: ArrayBuffer): void {
    this.#buffers.give(buffer);
    this.#wake();
  }

  /** Nothing is read any more. */
  halt(): void {
    this.#isHalted = true;
    this.#buffers.close();
    this.#freed.resolve();
    for (const stream of this.#lanes) stream.cancel();
  }

  /** Reads frames off one lane until its end record. */
  async #read(lane: IncomingLane): Promise<void> {
    const { channel, chunkBytes, onLane, onFrame } = this.#options;
    let opening = lane.opening;
    this.#lanes.add(lane.stream);
    const onEnded = onLane(lane);
    try {
      for (let frames = 0;; frames++) {
        const header = decodeFrameHeader(opening, chunkBytes);
        if (header.transfer !== channel.transfer) throw strayFrame();
        if (header.kind === "end") {
          if (header.frame !== frames) throw strayFrame();
          return;
        }
        const body = await this.#readBody(lane, header);
        if (body === null || this.#isHalted) return;
        const records = decodeRecords(body, header.records, chunkBytes);
        await onFrame({ frame: header.frame, records, body }, lane);
        const next = await readExactly(lane.stream, opening.buffer, { bytes: FRAME_HEADER_BYTES });
        if (next === null || this.#isHalted) return;
        opening = next;
      }
    } catch (thrown) {
      const error = toSftpxError(thrown);
      if (error.code !== "lost") throw error;
    } finally {
      lane.stream.cancel();
      this.#lanes.delete(lane.stream);
      onEnded();
    }
  }

  async #readBody(
    lane: IncomingLane,
    header: ChunksHeader,
  ): Promise<Uint8Array<ArrayBuffer> | null> {
    let buffer = this.#buffers.take();
    while (buffer === null) {
      await this.#freed.promise;
      if (this.#isHalted) return null;
      buffer = this.#buffers.take();
    }
    try {
      const { bodyBytes: bytes, records } = header;
      // Then a worker need not copy the chunk that follows the table: it is written from here.
      const offsetBytes = records === 1 ? offsetForDirect(RECORD_BYTES) : 0;
      const body = await readExactly(lane.stream, buffer, { bytes, offsetBytes });
      if (body !== null) return body;
      throw new SftpxError("lost", "Lost the peer: a lane ended within a frame");
    } catch (error) {
      this.#buffers.forfeit(1);
      this.#wake();
      throw error;
    }
  }

  #wake(): void {
    this.#freed.resolve();
    this.#freed = Promise.withResolvers();
  }
}

function strayFrame(): SftpxError {
  return new SftpxError("protocol", "Cannot read lane: its frames do not add up", { remote: true });
}
