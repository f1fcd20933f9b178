import assert from "node:assert/strict";
import { BufferPool } from "../pool/buffers.ts";
import type { Packed } from "../pool/messages.ts";
import type { TransferChannel } from "./hub.ts";
import { LaneWriter } from "./lane_writer.ts";
import { Mailbox } from "./mailbox.ts";
import { RateLimit } from "./rate_limit.ts";

const FRAME_BYTES = 100;

/** A lane of the test's: its writes wait until they are let through. */
class HeldLane {
  readonly connection: number;
  readonly #dies = Promise.withResolvers<void>();
  readonly lost = this.#dies.promise;
  readonly writes: { readonly bytes: number; readonly taken: PromiseWithResolvers<void> }[] = [];
  isAborted = false;
  isClosed = false;
  readonly stream = {
    write: (bytes: Uint8Array<ArrayBuffer>) => {
      const taken = Promise.withResolvers<void>();
      this.writes.push({ bytes: bytes.byteLength, taken });
      return taken.promise;
    },
    close: () => {
      this.isClosed = true;
      return Promise.resolve();
    },
    abort: () => {
      this.isAborted = true;
      for (const { taken } of this.writes) taken.reject(new Error("aborted"));
    },
  };
  readonly address = "h:1";
  readonly stack = "memory";
  readonly stats = () => ({ rttMs: null, lossRatio: null, windowBytes: null });

  constructor(connection: number) {
    this.connection = connection;
  }

  /** Its connection has ended. */
  die(): void {
    this.#dies.resolve();
  }

  /** Lets everything through that was written. */
  take(): void {
    for (const { taken } of this.writes) taken.resolve();
  }
}

function setUp(
  { limits = [], frameBytes = FRAME_BYTES, now = () => performance.now() }: {
    readonly limits?: readonly RateLimit[];
    readonly frameBytes?: number;
    readonly now?: () => number;
  } = {},
) {
  const lanes: HeldLane[] = [];
  const lost: number[] = [];
  const written: number[] = [];
  const errors: unknown[] = [];
  const isLast = { now: false };
  const ended = { count: 0 };
  const channel: TransferChannel = {
    transfer: 1,
    rttMs: null,
    connections: [],
    messages: new Mailbox(),
    lanes: new Mailbox(),
    send: () => {},
    openLane: (connection = 0) => {
      const lane = new HeldLane(connection);
      lanes.push(lane);
      return Promise.resolve(lane);
    },
    flushed: () => Promise.resolve(),
    caughtUp: () => Promise.resolve(),
    close: () => {},
  };
  const buffers = new BufferPool({ bufferBytes: frameBytes, budgetBytes: 100 * frameBytes });
  const writer = new LaneWriter({
    channel,
    limits,
    buffers,
    isUnstored: () => true,
    isLast: () => isLast.now,
    onLane: () => () => void ended.count++,
    now,
    onWritten: ({ frame }) => void written.push(frame),
    onLost: (frames) => void lost.push(...frames),
    onNone: (error) => void errors.push(error),
  });
  const put = (frame: number) => {
    const packed = { frame, frameBytes, buffer: buffers.take()!, records: [] };
    writer.put({ kind: "packed", ...packed } as unknown as Packed);
  };
  const on = (connection: number) => lanes.filter((lane) => lane.connection === connection);
  return { writer, lanes, on, put, lost, written, errors, isLast, ended };
}

/** Lets everything happen that waits for nothing but its turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve));
}

Deno.test("spread() opens what is missing on each connection, and no more", async () => {
  const { writer, on, lanes } = setUp();
  writer.spread(new Map([[0, 2]]));
  writer.spread(new Map([[0, 2], [3, 1]]));
  await settle();
  assert.deepEqual([on(0).length, on(3).length, lanes.length], [2, 1, 3]);
  writer.halt();
});

Deno.test("a lane that is to end finishes its frame, says how many there were, and closes", async () => {
  const { writer, on, put, written, lost, errors } = setUp();
  writer.spread(new Map([[0, 1]]));
  await settle();
  put(7);
  await settle();
  writer.spread(new Map([[1, 1]]));
  put(8);
  await settle();
  const [old] = on(0);
  assert.equal(old?.isClosed, false);
  assert.equal(on(1)[0]?.writes.length, 1, "the new lane takes what comes");
  old?.take();
  await settle();
  old?.take();
  await settle();
  assert.deepEqual([old?.isClosed, old?.isAborted, old?.writes.length], [true, false, 2]);
  assert.deepEqual([written, lost, errors], [[7], [], []]);
  writer.halt();
});

Deno.test("a lane that waits for a frame ends at once, and takes none with it", async () => {
  const { writer, on, put } = setUp();
  writer.spread(new Map([[0, 2]]));
  await settle();
  writer.spread(new Map([[0, 1]]));
  await settle();
  for (const lane of on(0)) lane.take();
  await settle();
  assert.deepEqual(on(0).map((lane) => lane.isClosed).sort(), [false, true]);
  put(1);
  await settle();
  const [open] = on(0).filter((lane) => !lane.isClosed);
  assert.equal(open?.writes.length, 1);
  writer.halt();
});

Deno.test("a lane that is not open yet when it is not wanted any more ends once it is", async () => {
  const { writer, on } = setUp();
  writer.spread(new Map([[0, 1], [1, 1]]));
  writer.spread(new Map([[0, 1]]));
  await settle();
  for (const lane of on(1)) lane.take();
  await settle();
  assert.deepEqual(on(1).map((lane) => lane.isClosed), [true]);
  writer.halt();
});

Deno.test("what is opened in place of a lane that broke is not taken for it", async () => {
  const { writer, on, put } = setUp();
  writer.spread(new Map([[0, 2]]));
  await settle();
  put(1);
  await settle();
  const broken = on(0).find((lane) => lane.writes.length === 1);
  broken?.stream.abort();
  await settle();
  // One of two is left: the one to end is it, or was the other; the next one is to stay.
  writer.spread(new Map([[0, 1], [1, 1]]));
  await settle();
  writer.spread(new Map([[0, 2], [1, 1]]));
  await settle();
  const last = on(0).at(-1);
  for (const lane of on(0)) lane.take();
  await settle();
  assert.deepEqual([on(0).length, last?.isClosed], [3, false]);
  writer.halt();
});

Deno.test("nothing is opened once the transfer is over", async () => {
  for (const end of ["halt", "end"] as const) {
    const { writer, lanes } = setUp();
    if (end === "halt") writer.halt();
    else await writer.end(new AbortController().signal);
    writer.spread(new Map([[0, 2]]));
    await settle();
    assert.equal(lanes.length, 0);
  }
});

Deno.test("a lane that is to end and is slow gives no frame back, unless it dies", async () => {
  const { writer, on, put, lost, errors } = setUp();
  writer.spread(new Map([[0, 1]]));
  await settle();
  put(7);
  await settle();
  for (let look = 0; look < 3; look++) writer.spread(new Map([[1, 1]]));
  await settle();
  assert.deepEqual([lost, on(0)[0]?.isAborted], [[], false]);
  on(0)[0]?.stream.abort();
  await settle();
  assert.deepEqual([lost, errors], [[7], []]);
  assert.equal(on(1)[0]?.isAborted, false);
  writer.halt();
});

Deno.test("a lane that ended in order is counted once, whatever becomes of its connection", async () => {
  const { writer, on, put, lost, errors } = setUp();
  writer.spread(new Map([[0, 2], [1, 2]]));
  await settle();
  for (const frame of [1, 2, 3, 4]) put(frame);
  await settle();
  writer.spread(new Map([[0, 2]]));
  for (let round = 0; round < 2; round++) {
    for (const lane of on(1)) lane.take();
    await settle();
  }
  assert.deepEqual(on(1).map((lane) => lane.isClosed), [true, true]);
  const ended = on(1).flatMap((lane) => lane.writes.length === 2 ? [lane] : []);
  assert.equal(ended.length, 2, "each had a frame");
  for (const lane of ended) lane.die();
  await settle();
  assert.equal(lost.length, 2, "its end may not have arrived: what is not stored goes again");
  assert.deepEqual(errors, [], "two lanes are left");
  for (const lane of on(0)) lane.die();
  await settle();
  assert.equal(errors.length, 1);
  writer.halt();
});

Deno.test("the share of time in which lanes wait is what they wait for frames", async () => {
  const { writer, on, put } = setUp();
  assert.equal(writer.times.takeIdleShare(), 1, "no lane, nothing to send");
  writer.spread(new Map([[0, 1]]));
  await settle();
  writer.times.takeIdleShare();
  await settle();
  assert.equal(writer.times.takeIdleShare(), 1);
  put(1);
  await settle();
  writer.times.takeIdleShare();
  await settle();
  assert.equal(writer.times.takeIdleShare(), 0);
  assert.equal(writer.times.carriedBy(0), 0);
  on(0)[0]?.take();
  await settle();
  assert.equal(writer.times.carriedBy(0), FRAME_BYTES);
  writer.halt();
});

Deno.test("a lane that waits for a limit waits as for a source: more lanes would not help", async () => {
  const limit = new RateLimit(1000, { nowMs: () => 0, wait: () => new Promise(() => {}) });
  // All that is due is gone.
  await limit.turn().room(10_000, new AbortController().signal);
  const { writer, on, put } = setUp({ limits: [limit] });
  writer.spread(new Map([[0, 1]]));
  put(1);
  await settle();
  writer.times.takeIdleShare();
  await settle();
  assert.equal(writer.times.takeIdleShare(), 1);
  assert.equal(on(0)[0]?.writes.length, 0);
  writer.halt();
});

/** More than a connection takes unasked. */
const LARGE_BYTES = 1024 * 1024;

Deno.test("a connection that brings nothing takes no more, and others do", async () => {
  const { writer, on, put } = setUp({ frameBytes: LARGE_BYTES });
  writer.spread(new Map([[0, 1], [1, 1]]));
  await settle();
  for (let frame = 0; frame < 6; frame++) put(frame);
  await settle();
  const [slow, quick] = [on(0)[0]!, on(1)[0]!];
  slow.take();
  for (let frame = 1; frame < 6; frame++) {
    quick.take();
    await settle();
    writer.stored([[frame, 1]]);
    await settle();
  }
  assert.deepEqual([slow.writes.length, quick.writes.length], [1, 5]);
  put(6);
  put(7);
  await settle();
  writer.stored([[0, 1]]);
  await settle();
  assert.equal(slow.writes.length, 2, "what it had was stored");
  writer.halt();
});

Deno.test("a connection that is left alone waits for none", async () => {
  const { writer, on, put } = setUp({ frameBytes: LARGE_BYTES });
  writer.spread(new Map([[0, 1], [1, 1]]));
  await settle();
  put(0);
  put(1);
  put(2);
  await settle();
  const [kept, other] = [on(0)[0]!, on(1)[0]!];
  kept.take();
  await settle();
  assert.equal(kept.writes.length, 1);
  writer.spread(new Map([[0, 1]]));
  other.take();
  await settle();
  assert.equal(kept.writes.length, 2);
  writer.halt();
});

Deno.test("a lane that waits for its connection ends when it is to", async () => {
  const { writer, on, put } = setUp({ frameBytes: LARGE_BYTES });
  writer.spread(new Map([[0, 1], [1, 1], [2, 1]]));
  await settle();
  for (let frame = 0; frame < 3; frame++) put(frame);
  await settle();
  const takeAll = async () => {
    for (const number of [0, 1, 2]) on(number)[0]!.take();
    await settle();
  };
  const closed = () => [0, 1, 2].map((number) => on(number)[0]!.isClosed);
  await takeAll();
  writer.spread(new Map([[1, 1], [2, 1]]));
  await settle();
  await takeAll();
  assert.deepEqual(closed(), [true, false, false]);
  const ended = writer.end(new AbortController().signal);
  await settle();
  await takeAll();
  await ended;
  assert.deepEqual(closed(), [true, true, true]);
});

/** Two connections with a frame each. */
async function oneEach({ writer, put }: Pick<ReturnType<typeof setUp>, "writer" | "put">) {
  writer.spread(new Map([[0, 1], [1, 1]]));
  await settle();
  put(0);
  put(1);
  await settle();
}

/** Two connections with a frame each, of which one was stored, and a look after a time as after many. */
async function oneIsSilent() {
  const clock = { nowMs: 0 };
  const scene = setUp({ frameBytes: LARGE_BYTES, now: () => clock.nowMs });
  const { writer, on } = scene;
  await oneEach(scene);
  on(1)[0]!.take();
  await settle();
  clock.nowMs = 100;
  writer.stored([[1, 1]]);
  await settle();
  const look = (ms: number) => {
    for (const untilMs = clock.nowMs + ms; clock.nowMs <= untilMs; clock.nowMs += 200) {
      writer.tick(clock.nowMs);
    }
  };
  return { ...scene, look };
}

Deno.test("in the end what a silent connection has is sent by others, and not before", async () => {
  const { writer, on, put, lost, isLast, errors, look } = await oneIsSilent();
  look(60_000);
  assert.deepEqual(lost, [], "there is other work");
  isLast.now = true;
  look(0);
  assert.deepEqual([lost, on(0)[0]!.isAborted, on(1)[0]!.isAborted], [[0], true, false]);
  put(2);
  await settle();
  assert.equal(on(1)[0]!.writes.length, 2);
  assert.deepEqual(errors, []);
  writer.halt();
});

Deno.test("a connection that was just given something is not silent", async () => {
  const { writer, lost, isLast, look } = await oneIsSilent();
  isLast.now = true;
  look(1000);
  assert.deepEqual(lost, []);
  writer.halt();
});

Deno.test("the last connection that could is never given up for its silence", async () => {
  const { writer, put, lost, isLast, look } = await oneIsSilent();
  put(2);
  await settle();
  isLast.now = true;
  look(60_000);
  assert.deepEqual(lost, [], "no lane waits for work");
  writer.halt();
});

Deno.test("what a lane wrote that was taken back is sent by others, too", async () => {
  const { writer, on, lost, isLast, errors, look } = await oneIsSilent();
  writer.spread(new Map([[1, 1], [2, 1]]));
  for (let turn = 0; turn < 2; turn++) {
    on(0)[0]!.take();
    await settle();
  }
  assert.equal(on(0)[0]!.isClosed, true);
  isLast.now = true;
  look(60_000);
  assert.deepEqual([lost, errors], [[0], []]);
  writer.halt();
});

Deno.test("a lane that is lost while it waits for its connection ends, and so at a halt", async () => {
  for (const isHalt of [false, true]) {
    const scene = setUp({ frameBytes: LARGE_BYTES });
    const { writer, on, ended } = scene;
    await oneEach(scene);
    on(0)[0]!.take();
    await settle();
    assert.equal(ended.count, 0);
    if (isHalt) writer.halt();
    else on(0)[0]!.die();
    await settle();
    assert.equal(ended.count, isHalt ? 2 : 1);
    writer.halt();
    await settle();
  }
});
