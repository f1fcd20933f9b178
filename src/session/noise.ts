// The bytes of a measurement: each lane begins with a frame header that names the transfer, carries
// bytes that do not compress, and ends. Whoever receives them says so in `measured` (I4); what was
// asked for is what must arrive, over all lanes together, and not one byte more is taken (I3).

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { FRAME_HEADER_BYTES, writeFrameHeader } from "../wire/frame.ts";
import type { TransferMessage } from "../wire/messages.ts";
import { whenAborted } from "./abort.ts";
import { refusal } from "./control_channel.ts";
import type { IncomingLane, TransferChannel } from "./hub.ts";
import { limitsOf, pacedIncoming, pacedOutgoing } from "./paced_lane.ts";
import { atMost } from "./patience.ts";
import type { RateLimit } from "./rate_limit.ts";

/** One write, and one read at most. */
const PIECE_BYTES = 1 << 20;
/** Buffers of all lanes of one measurement together (I8): a peer says how many lanes there are. */
const BUFFER_BYTES = 16 << 20;
/** What `getRandomValues` gives at once. */
const RANDOM_BYTES = 65_536;

export interface NoiseOptions {
  /** Over all lanes. */
  readonly bytes: number;
  readonly lanes: number;
  /** What this end keeps to. */
  readonly limit?: RateLimit | null;
  readonly signal: AbortSignal;
}

/** Sends noise; settles with the time until the peer said that all of it is there. */
export async function sendNoise(channel: TransferChannel, options: NoiseOptions): Promise<number> {
  const startMs = performance.now();
  const end = Promise.withResolvers<void>();
  const stop = new AbortController();
  using _aborted = whenAborted(options.signal, end.reject);
  channel.messages.take().then((message) => {
    if (message?.type !== "measured") throw wordProblem(message);
    if (message.bytes !== options.bytes) throw miscounted(message.bytes, options.bytes);
    end.resolve();
  }).catch(end.reject);
  const writing = writeLanes(channel, { ...options, signal: stop.signal }).catch(async (error) => {
    // A peer that gives up says why before it drops the lanes.
    await channel.caughtUp();
    end.reject(error);
  });
  try {
    await end.promise;
    const tookMs = performance.now() - startMs;
    await atMost(writing, LIMITS.refusalMs);
    return tookMs;
  } finally {
    stop.abort(new SftpxError("interrupted", "Cannot measure: it is over"));
  }
}

/** Takes noise and says when all of it is there; settles with the time since the first of it. */
export async function receiveNoise(
  channel: TransferChannel,
  options: NoiseOptions,
): Promise<number> {
  const reader = new NoiseReader(channel, options);
  const end = Promise.withResolvers<number>();
  using _aborted = whenAborted(options.signal, end.reject);
  channel.messages.take().then((message) => end.reject(wordProblem(message)), end.reject);
  reader.run().then(end.resolve, end.reject);
  try {
    const tookMs = await end.promise;
    channel.send({ type: "measured", transfer: channel.transfer, bytes: options.bytes });
    await channel.flushed();
    await reader.ended();
    return tookMs;
  } finally {
    reader.cancel();
  }
}

/** Lanes share what is left to send, so that none waits for a slow one. */
async function writeLanes(
  channel: TransferChannel,
  { bytes, lanes, limit = null, signal }: NoiseOptions,
): Promise<void> {
  const piece = noise(Math.min(PIECE_BYTES, bytes));
  let left = bytes;
  const share = (): number => {
    const shared = Math.min(left, piece.byteLength);
    left -= shared;
    return shared;
  };
  const runs = Array.from({ length: lanes }, async (_, lane) => {
    const { stream } = pacedOutgoing(await channel.openLane(), limitsOf(limit));
    using _aborted = whenAborted(signal, () => stream.abort());
    signal.throwIfAborted();
    try {
      await stream.write(laneHeader(channel.transfer, lane));
      for (let count = share(); count > 0; count = share()) {
        await stream.write(piece.subarray(0, count));
      }
      await stream.close();
    } catch (error) {
      stream.abort();
      throw error;
    }
  });
  const outcomes = await Promise.allSettled(runs);
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
}

class NoiseReader {
  readonly #channel: TransferChannel;
  readonly #options: NoiseOptions;
  readonly #whole = Promise.withResolvers<number>();
  readonly #open = new Set<IncomingLane>();
  #taking: Promise<void> = Promise.resolve();
  readonly #reading: Promise<void>[] = [];
  #count = 0;

  constructor(channel: TransferChannel, options: NoiseOptions) {
    this.#channel = channel;
    this.#options = options;
  }

  /** Settles once every byte is there. */
  run(): Promise<number> {
    this.#taking = this.#take();
    this.#taking.catch(this.#whole.reject);
    return this.#whole.promise;
  }

  /** Every byte is there: the lanes' ends are on their way. */
  async ended(): Promise<void> {
    const all = this.#taking.then(() => Promise.all(this.#reading)).catch(() => {});
    await atMost(all, LIMITS.refusalMs);
  }

  cancel(): void {
    for (const { stream } of this.#open) stream.cancel();
  }

  async #take(): Promise<void> {
    let startMs = 0;
    for (let taken = 0; taken < this.#options.lanes; taken++) {
      const taking = await this.#channel.lanes.take();
      if (taking === null) return; // The session ended, and says so itself.
      const lane = pacedIncoming(taking, this.#options.limit ?? null);
      if (taken === 0) startMs = performance.now();
      this.#open.add(lane);
      const reading = this.#read(lane, startMs).finally(() => this.#open.delete(lane));
      reading.catch(this.#whole.reject);
      this.#reading.push(reading);
    }
    await Promise.all(this.#reading);
    const { bytes } = this.#options;
    if (this.#count < bytes) throw miscounted(this.#count, bytes);
  }

  async #read({ stream }: IncomingLane, startMs: number): Promise<void> {
    const share = Math.floor(BUFFER_BYTES / this.#options.lanes);
    for (let buffer = new ArrayBuffer(Math.min(PIECE_BYTES, share));;) {
      const got = await stream.read(new Uint8Array(buffer));
      if (got === null) return;
      buffer = got.buffer;
      this.#count += got.byteLength;
      const { bytes } = this.#options;
      if (this.#count > bytes) throw miscounted(this.#count, bytes);
      if (this.#count === bytes) this.#whole.resolve(performance.now() - startMs);
    }
  }
}

function wordProblem(message: TransferMessage | null): SftpxError {
  if (message?.type === "abort") return refusal(message);
  const found = message === null ? "it is over" : `"${message.type}" is out of place`;
  return new SftpxError("protocol", `Cannot measure: ${found}`, { remote: true });
}

function miscounted(count: number, bytes: number): SftpxError {
  return new SftpxError("protocol", `Cannot measure: ${count} bytes came where ${bytes} should`, {
    remote: true,
  });
}

function laneHeader(transfer: number, lane: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES);
  writeFrameHeader(bytes, { transfer, frame: lane, records: 0, bodyBytes: 0 });
  return bytes;
}

function noise(bytes: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(bytes);
  for (let at = 0; at < bytes; at += RANDOM_BYTES) {
    crypto.getRandomValues(out.subarray(at, at + RANDOM_BYTES));
  }
  return out;
}
