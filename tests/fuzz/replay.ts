// A script done by one end of a session, after a handshake that is in order. It goes on whatever the
// other end does, and waits for nothing for long.

import type { Connection, ControlStream, SendStream } from "../../src/transport/transport.ts";
import type { ControlChannel } from "../../src/session/control_channel.ts";
import { messageBytes } from "./script.ts";
import type { Step } from "./tap.ts";

/** An honest answer takes a few milliseconds; a liar is not always given one, and then asks in vain. */
const PATIENCE_MS = 40;
const LITTLE_PATIENCE_MS = 3;

export interface ReplayEnd {
  readonly connection: Connection;
  readonly stream: ControlStream;
  /** Has done the handshake. */
  readonly channel: ControlChannel;
}

/** What came of a script. */
export interface Replayed {
  /** Types of the messages that the other end said. */
  readonly heard: readonly string[];
}

/** Does all steps, one after the other; ends early once the other end is gone. */
export async function replay(
  { connection, stream, channel }: ReplayEnd,
  steps: readonly Step[],
): Promise<Replayed> {
  const listening = new Listening(connection, channel);
  const lanes = new Map<number, SendStream>();
  for (const step of steps) {
    if (listening.isOver) break;
    try {
      await doStep(step, { connection, stream, lanes, listening });
    } catch {
      // The other end gave up a stream, or left: what else there is to say may be said all the same.
    }
    if (step.kind === "cut") break;
  }
  return { heard: listening.heard };
}

async function doStep(
  step: Step,
  { connection, stream, lanes, listening }: {
    readonly connection: Connection;
    readonly stream: ControlStream;
    readonly lanes: Map<number, SendStream>;
    readonly listening: Listening;
  },
): Promise<void> {
  switch (step.kind) {
    case "say":
      return await inTime(stream.write(messageBytes(step)));
    case "raw":
      return await inTime(stream.write(step.bytes.slice()));
    case "lane": {
      const lane = lanes.get(step.lane) ?? await connection.openLane();
      lanes.set(step.lane, lane);
      return await inTime(lane.write(step.bytes.slice()));
    }
    case "hear":
      return await listening.until(() => listening.heard.includes(step.type));
    case "take":
      return await listening.until(() => listening.takenBytes >= step.bytes);
    case "cut":
      return;
  }
}

/** Reads all that the other end says and sends. */
class Listening {
  readonly heard: string[] = [];
  takenBytes = 0;
  isOver = false;
  #isDisappointed = false;
  #news = Promise.withResolvers<void>();

  constructor(connection: Connection, channel: ControlChannel) {
    this.#listen(channel);
    this.#takeLanes(connection);
    connection.closed.then(() => {
      this.isOver = true;
      this.#tell();
    });
  }

  /** Waits for something, and not for long where it waited in vain before. */
  async until(holds: () => boolean): Promise<void> {
    const isVain = this.#isDisappointed || this.heard.includes("abort");
    await inTime(this.#until(holds), isVain ? LITTLE_PATIENCE_MS : PATIENCE_MS);
    if (!holds()) this.#isDisappointed = true;
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!holds() && !this.isOver) await this.#news.promise;
  }

  async #listen(channel: ControlChannel): Promise<void> {
    try {
      for (;;) {
        const message = await channel.receive();
        if (message === null) return;
        this.heard.push(message.type);
        if (message.type === "ping") channel.send({ type: "pong", token: message.token });
        this.#tell();
      }
    } catch {
      // It is gone.
    }
  }

  async #takeLanes(connection: Connection): Promise<void> {
    for (;;) {
      const lane = await connection.acceptLane().catch(() => null);
      if (lane === null) return;
      this.#drain(lane);
    }
  }

  async #drain(lane: { read(into: Uint8Array<ArrayBuffer>): Promise<Uint8Array | null> }) {
    try {
      for (;;) {
        const read = await lane.read(new Uint8Array(65_536));
        if (read === null) return;
        this.takenBytes += read.byteLength;
        this.#tell();
      }
    } catch {
      // It is gone.
    }
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

async function inTime(doing: Promise<unknown>, patienceMs: number = PATIENCE_MS): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, patienceMs);
  try {
    await Promise.race([doing, promise]);
  } finally {
    clearTimeout(timer);
    doing.catch(() => {});
  }
}
