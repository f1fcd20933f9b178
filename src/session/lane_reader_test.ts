import assert from "node:assert/strict";
import type { ReceiveStream } from "../transport/transport.ts";
import {
  FRAME_HEADER_BYTES,
  frameCapacityBytes,
  RECORD_BYTES,
  writeFrameHeader,
  writeRecord,
} from "../wire/frame.ts";
import { type ArrivedFrame, LaneReader } from "./lane_reader.ts";
import type { IncomingLane, TransferChannel } from "./transfer_channel.ts";
import { Mailbox } from "./mailbox.ts";
import { RateLimit } from "./rate_limit.ts";

const CHUNK_BYTES = 65_536;
const SLOTS = 3;

Deno.test("no more frames are read than there are slots, however many lanes bring more (I8)", async () => {
  const scene = new Scene();
  const lanes = Array.from({ length: 8 }, () => scene.addLane());
  await scene.quiet();
  assert.equal(scene.arrived.length, SLOTS);
  const begun = lanes.filter(({ bodies }) => bodies > 0).length;
  assert.equal(begun, SLOTS, "a lane without a slot is not read any further");
  scene.reader.giveBack(scene.arrived.shift()!.body.buffer);
  await scene.quiet();
  assert.equal(scene.arrived.length, SLOTS, "the slot that came back is used again");
  scene.reader.halt();
});

Deno.test("a transfer that is over gives the memory of its frames back, each as it is done with", async () => {
  const scene = new Scene();
  scene.addLane();
  await scene.quiet();
  scene.reader.halt();
  const buffers = scene.arrived.map(({ body }) => body.buffer);
  assert.equal(buffers.length, SLOTS);
  for (const buffer of buffers) scene.reader.giveBack(buffer);
  assert.ok(buffers.every((buffer) => buffer.detached));
});

Deno.test("a lane that comes when its transfer is over is cancelled, and nothing more is read", async () => {
  const scene = new Scene();
  const before = scene.addLane();
  await scene.quiet();
  scene.reader.halt();
  const [done] = scene.arrived;
  const { readBytes } = before;
  // A frame is done with late, and whoever waits for a buffer from then on would wait for ever.
  scene.reader.giveBack(done!.body.buffer);
  const late = [scene.addLane(), scene.addLane()];
  await scene.quiet();
  assert.deepEqual([before, ...late].map(({ isCancelled }) => isCancelled), [true, true, true]);
  assert.deepEqual(late.map(({ readBytes }) => readBytes), [0, 0]);
  assert.deepEqual([before.readBytes, scene.arrived.length], [readBytes, SLOTS]);
});

Deno.test("a frame that is whole when its transfer is over goes nowhere", async () => {
  const scene = new Scene();
  const lane = scene.addLane();
  lane.onBody = () => scene.reader.halt();
  await scene.quiet();
  assert.deepEqual([lane.bodies, scene.arrived.length, lane.isCancelled], [1, 0, true]);
});

Deno.test("a chunk alone in its frame lies behind its record, where it can be written from", async () => {
  const scene = new Scene();
  scene.addLane();
  await scene.quiet();
  const [frame] = scene.arrived;
  assert.ok(frame !== undefined);
  assert.equal((frame.body.byteOffset + RECORD_BYTES) % 512, 496);
  assert.equal(frame.body.byteLength, RECORD_BYTES + CHUNK_BYTES);
  assert.equal(frame.records[0]?.storedBytes, CHUNK_BYTES);
  assert.ok(frame.body.subarray(RECORD_BYTES).every((byte) => byte === 7));
  scene.reader.halt();
});

Deno.test("a lane is read no faster than the limit allows, whatever its sender knows of it", async () => {
  // Nobody's time passes: what is due to begin with is all there is.
  const clock = { nowMs: () => 0, wait: () => new Promise<void>(() => {}) };
  const limit = new RateLimit(2 * CHUNK_BYTES, clock);
  const scene = new Scene(limit);
  const lanes = Array.from({ length: 4 }, () => scene.addLane());
  await scene.quiet();
  assert.equal(scene.arrived.length, 0);
  const readBytes = lanes.reduce((sum, lane) => sum + lane.readBytes, 0);
  // A slice of each lane is there before it is known how much it is.
  const mostBytes = limit.bytesPerSecond / 10 + (1 + lanes.length) * limit.sliceBytes;
  assert.ok(readBytes > limit.sliceBytes && readBytes <= mostBytes, `${readBytes} bytes`);
  scene.reader.halt();
});

/** A receiver that takes frames and is never done with them. */
class Scene {
  readonly reader: LaneReader;
  readonly arrived: ArrivedFrame[] = [];
  readonly #lanes = new Mailbox<IncomingLane>();

  constructor(limit: RateLimit | null = null) {
    const channel = { transfer: 1, lanes: this.#lanes } as unknown as TransferChannel;
    this.reader = new LaneReader({
      channel,
      limit,
      chunkBytes: CHUNK_BYTES,
      slots: SLOTS,
      onLane: () => () => {},
      onFrame: (frame) => {
        this.arrived.push(frame);
        return Promise.resolve();
      },
      onError: (error) => assert.fail(String(error)),
    });
    this.reader.run();
  }

  /** A lane that brings the same frame for ever. */
  addLane(): EndlessLane {
    const stream = new EndlessLane();
    const opening = stream.frame.slice(0, FRAME_HEADER_BYTES);
    this.#lanes.put({ stream, opening } as unknown as IncomingLane);
    return stream;
  }

  /** Everything that can happen without a slot has happened: nothing here waits for a clock. */
  async quiet(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve));
  }
}

class EndlessLane implements ReceiveStream {
  readonly frame = frameOf();
  /** Times that a body, or a part of it, was asked for. */
  bodies = 0;
  readBytes = 0;
  isCancelled = false;
  onBody = () => {};
  #at = FRAME_HEADER_BYTES;

  read(into: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#at >= FRAME_HEADER_BYTES) {
      this.bodies++;
      this.onBody();
    }
    const { byteOffset, byteLength } = into;
    this.readBytes += byteLength;
    const view = new Uint8Array(into.buffer.transfer(), byteOffset, byteLength);
    view.set(this.frame.subarray(this.#at, this.#at + view.length));
    this.#at = (this.#at + view.length) % this.frame.length;
    return Promise.resolve(view);
  }

  cancel(): void {
    this.isCancelled = true;
  }
}

function frameOf(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(frameCapacityBytes(1, CHUNK_BYTES)).fill(7);
  writeRecord(bytes, 0, {
    entry: 0,
    chunk: 0,
    rawBytes: CHUNK_BYTES,
    storedBytes: CHUNK_BYTES,
    encoding: "raw",
    digest: new Uint8Array(32),
  });
  const bodyBytes = bytes.length - FRAME_HEADER_BYTES;
  writeFrameHeader(bytes, { transfer: 1, frame: 0, records: 1, bodyBytes });
  return bytes;
}
