import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import { type MemoryOptions, memoryTransport } from "../transport/memory.ts";
import type { Connection } from "../transport/transport.ts";
import { type Admitted, grantOfAccess } from "../trust/grant.ts";
import { FRAME_HEADER_BYTES, writeFrameHeader } from "../wire/frame.ts";
import type { Measure, TransferMessage } from "../wire/messages.ts";
import { isCode } from "./_fixture.ts";
import { ControlChannel } from "./control_channel.ts";
import { Hub, type IncomingLane, type TransferChannel } from "./hub.ts";
import { Mailbox } from "./mailbox.ts";
import { receiveNoise, sendNoise } from "./noise.ts";
import { Measurements, type ServeMeasureOptions } from "./serve_measure.ts";

const MiB = 1 << 20;

/** Two ends of a session; what the client asks for is the test's to serve. */
interface Scene extends AsyncDisposable {
  readonly hub: Hub;
  readonly client: Connection;
  /** The server's side of the session. */
  readonly measurements: Measurements;
  /** The next thing asked for. */
  asked(): Promise<{ channel: TransferChannel; first: TransferMessage }>;
}

async function scene(options: MemoryOptions = {}): Promise<Scene> {
  const network = memoryTransport(options);
  const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
  const listener = await network.listen(at);
  const client = await network.connect({ ...listener.address, anchorPem: "" });
  const far = await listener.accept();
  assert.ok(far !== null);
  listener.close();
  const near = new ControlChannel(await client.openControl());
  near.send({ type: "ping", token: 0 });
  const hub = new Hub(near, client);
  const server = new Hub(new ControlChannel(await far.acceptControl()), far);
  const opened = new Mailbox<{ channel: TransferChannel; first: TransferMessage }>();
  server.onOpen = (channel, first) => opened.put({ channel, first });
  hub.start();
  server.start();
  return {
    hub,
    client,
    measurements: new Measurements(),
    asked: async () => (await opened.take())!,
    [Symbol.asyncDispose]: async () => {
      hub.close("none", "");
      await Promise.all([client.closed, far.closed]);
    },
  };
}

const NEVER = new AbortController().signal;
const BOTH: Admitted = { grant: grantOfAccess("both"), by: "ticket" };

function measureOf(more: Partial<Measure> = {}): Measure {
  return { type: "measure", transfer: 1, direction: "up", bytes: 3 * MiB, lanes: 3, ...more };
}

/** Serves the next thing asked for. */
async function serving(
  { asked, measurements }: Scene,
  options: Partial<ServeMeasureOptions> = {},
): Promise<{ bytes: number }> {
  const { channel, first } = await asked();
  assert.ok(first.type === "measure");
  return await measurements.serve(channel, first, {
    admitted: BOTH,
    signal: NEVER,
    ...options,
  });
}

for (const direction of ["up", "down"] as const) {
  for (
    const [bytes, lanes] of [[1, 1], [1, 4], [2 * MiB + 7, 1], [5 * MiB, 3], [MiB, 40]] as const
  ) {
    Deno.test(`a measurement ${direction} moves ${bytes} bytes over ${lanes} lanes`, async () => {
      let carried = 0;
      await using it = await scene({ deliver: (count) => void (carried += count) });
      const channel = it.hub.open(1);
      const served = serving(it);
      channel.send(measureOf({ direction, bytes, lanes }));
      await channel.caughtUp();
      const noise = { bytes, lanes, signal: NEVER };
      const tookMs = direction === "up"
        ? await sendNoise(channel, noise)
        : await receiveNoise(channel, noise);
      assert.ok(tookMs >= 0);
      channel.close();
      assert.deepEqual(await served, { bytes });
      assert.ok(carried >= bytes + lanes * FRAME_HEADER_BYTES);
    });
  }
}

Deno.test("what is measured does not compress", async () => {
  await using it = await scene();
  const channel = it.hub.open(1);
  const served = serving(it);
  channel.send(measureOf({ direction: "down", bytes: MiB, lanes: 1 }));
  const lane = await channel.lanes.take();
  assert.ok(lane !== null);
  const seen = new Map<number, number>();
  for (let count = 0; count < MiB;) {
    const got = await lane.stream.read(new Uint8Array(MiB));
    assert.ok(got !== null);
    for (const byte of got) seen.set(byte, (seen.get(byte) ?? 0) + 1);
    count += got.byteLength;
  }
  assert.equal(seen.size, 256);
  assert.ok(Math.max(...seen.values()) < 2 * MiB / 256);
  channel.send({ type: "measured", transfer: 1, bytes: MiB });
  await served;
});

Deno.test("a direction the grant does not allow is refused, and no lane is opened", async () => {
  for (const direction of ["up", "down"] as const) {
    await using it = await scene();
    const channel = it.hub.open(1);
    const grant = grantOfAccess(direction === "up" ? "read" : "write");
    const served = serving(it, { admitted: { grant, by: "key" } });
    channel.send(measureOf({ direction }));
    await assert.rejects(served, isCode("refused"));
    await channel.caughtUp();
    assert.deepEqual(channel.lanes.drain(), []);
  }
});

Deno.test("measurements of one session run one after the other", async () => {
  await using it = await scene();
  const channels = [it.hub.open(1), it.hub.open(2)] as const;
  for (const { send, transfer } of channels) send(measureOf({ transfer, direction: "down" }));
  const served = [serving(it), serving(it)];
  let hasBegun = false;
  const second = channels[1].lanes.take().then((lane) => {
    hasBegun = true;
    return lane;
  });
  for (let round = 0; round < 5; round++) await channels[0].caughtUp();
  assert.equal(hasBegun, false);
  await receiveNoise(channels[0], { bytes: 3 * MiB, lanes: 3, signal: NEVER });
  assert.notEqual(await second, null);
  channels[1].send({ type: "abort", transfer: 2, code: "interrupted", message: "enough" });
  await served[0];
  await assert.rejects(served[1]!, isCode("interrupted", true));
});

Deno.test("a measurement waits for a receiver that does not read (I8)", async () => {
  let carried = 0;
  await using it = await scene({
    inFlightBytes: 64 * 1024,
    deliver: (bytes) => void (carried += bytes),
  });
  const channel = it.hub.open(1);
  const served = serving(it);
  channel.send(measureOf({ direction: "down", bytes: 64 * MiB, lanes: 2 }));
  const lanes = [await channel.lanes.take(), await channel.lanes.take()];
  await channel.caughtUp();
  await channel.caughtUp();
  assert.ok(carried < MiB, `${carried} bytes went out to nobody`);
  for (const lane of lanes) lane?.stream.cancel();
  channel.send({ type: "abort", transfer: 1, code: "interrupted", message: "enough" });
  await assert.rejects(served, isCode("interrupted", true));
});

Deno.test("more than was agreed ends the measurement (I3)", async () => {
  await using it = await scene();
  const channel = it.hub.open(1);
  const served = serving(it);
  channel.send(measureOf({ bytes: 1000, lanes: 1 }));
  await channel.caughtUp();
  const lane = await openLane(channel);
  await lane.write(new Uint8Array(1001));
  await assert.rejects(served, isCode("protocol", true));
});

Deno.test("a lane too many is not taken for one of the measurement's", async () => {
  await using it = await scene();
  const channel = it.hub.open(1);
  const served = serving(it);
  channel.send(measureOf({ bytes: 1000, lanes: 1 }));
  await channel.caughtUp();
  const [first, second] = [await openLane(channel), await openLane(channel)];
  await second.write(new Uint8Array(1000));
  await first.write(new Uint8Array(999));
  await first.close();
  await assert.rejects(served, isCode("protocol", true));
});

Deno.test("lanes that end too early are no measurement (I4)", async () => {
  await using it = await scene();
  const channel = it.hub.open(1);
  const served = serving(it);
  channel.send(measureOf({ bytes: 1000, lanes: 2 }));
  await channel.caughtUp();
  for (const share of [400, 599]) {
    const lane = await openLane(channel);
    await lane.write(new Uint8Array(share));
    await lane.close();
  }
  await assert.rejects(served, isCode("protocol", true));
});

Deno.test("an answer that counts otherwise, or is another message, is no answer", async () => {
  for (
    const [answer, code] of [
      [{ type: "measured", transfer: 1, bytes: 3 * MiB - 1 }, "protocol"],
      [{ type: "done", transfer: 1 }, "protocol"],
      [{ type: "abort", transfer: 1, code: "no_space", message: "full" }, "no_space"],
    ] as const
  ) {
    await using it = await scene();
    const channel = it.hub.open(1);
    const served = serving(it);
    channel.send(measureOf({ direction: "down" }));
    channel.send(answer);
    await assert.rejects(served, isCode(code, true));
  }
});

Deno.test("a server that stops ends a measurement with its reason", async () => {
  for (const direction of ["up", "down"] as const) {
    await using it = await scene({ inFlightBytes: 4096 });
    const stop = new AbortController();
    const channel = it.hub.open(1);
    const served = serving(it, { signal: stop.signal });
    channel.send(measureOf({ direction }));
    await channel.caughtUp();
    const reason = new Error("it stops");
    stop.abort(reason);
    await assert.rejects(served, (error) => (error as Error).message === "it stops");
  }
});

Deno.test("a measurement ends with its session", async () => {
  for (const direction of ["up", "down"] as const) {
    await using it = await scene();
    const channel = it.hub.open(1);
    const served = serving(it);
    channel.send(measureOf({ direction, bytes: LIMITS.measureBytes }));
    await channel.caughtUp();
    it.client.close("none", "");
    await assert.rejects(served, isCode("lost"));
  }
});

Deno.test("the buffers of all lanes of a measurement are within one budget (I8)", async () => {
  const lanes = new Mailbox<IncomingLane>();
  const asked: number[] = [];
  const count = 64;
  for (let lane = 0; lane < count; lane++) {
    const stream = {
      read: (into: Uint8Array<ArrayBuffer>) => {
        asked.push(into.buffer.byteLength);
        return Promise.resolve(null);
      },
      cancel: () => {},
    };
    const stats = () => ({ rttMs: null, lossRatio: null, windowBytes: null });
    lanes.put({
      connection: 0,
      address: "",
      stack: "memory",
      stats,
      stream,
      opening: new Uint8Array(),
    });
  }
  const messages = new Mailbox<TransferMessage>();
  const channel = { transfer: 1, messages, lanes } as Partial<TransferChannel> as TransferChannel;
  const options = { bytes: 100 * MiB, lanes: count, signal: NEVER };
  await assert.rejects(receiveNoise(channel, options), isCode("protocol", true));
  messages.close();
  assert.equal(asked.length, count);
  assert.ok(asked.reduce((sum, bytes) => sum + bytes, 0) <= 16 * MiB);
});

async function openLane(channel: TransferChannel) {
  const { stream } = await channel.openLane();
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  writeFrameHeader(header, { transfer: channel.transfer, frame: 0, records: 0, bodyBytes: 0 });
  await stream.write(header);
  return stream;
}
