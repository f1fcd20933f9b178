// For tests only: two ends of a connection in memory, a control stream and a clock that a test feeds by
// hand, and messages that are valid.

import assert from "node:assert/strict";
import { SftpxError } from "../base/errors.ts";
import { memoryTransport } from "../transport/memory.ts";
import type { Connection, ControlStream, Transport } from "../transport/transport.ts";
import type { Hello, Offer } from "../wire/messages.ts";
import { ControlChannel } from "./control_channel.ts";
import type { SessionOptions } from "./options.ts";

/** One connection, and a channel over its control stream, at both ends. */
export interface Pair {
  readonly client: Connection;
  readonly server: Connection;
  readonly near: ControlChannel;
  readonly far: ControlChannel;
  /** Loses the connection in silence. */
  cut(): void;
}

export async function pairOf(): Promise<Pair> {
  const network = memoryTransport();
  const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
  const listener = await network.listen(at);
  const client = await network.connect({ ...listener.address, anchorPem: "" });
  const server = await listener.accept();
  assert.ok(server !== null);
  listener.close();
  const near = new ControlChannel(await client.openControl());
  const [far] = await Promise.all([server.acceptControl(), announce(near)]);
  const channel = new ControlChannel(far);
  assert.equal((await channel.receive())?.type, "ping");
  return { client, server, near, far: channel, cut: () => network.cut() };
}

/** A stream shows at the other end once it carries bytes. */
async function announce(channel: ControlChannel): Promise<void> {
  channel.send({ type: "ping", token: 0 });
  await channel.flushed();
}

/** As much of a session's options as reaching its server takes, over this transport. */
export function reachingBy(
  transport: Pick<Transport, "name" | "connect">,
  more: Partial<SessionOptions> = {},
): SessionOptions {
  return {
    transport,
    connections: 0,
    congestion: "auto",
    timeoutMs: 5_000,
    onEvent: () => {},
    signal: new AbortController().signal,
    ...more,
  } as SessionOptions;
}

/** Two streams that are each other's far end; `pieceBytes` cuts what one read answers. */
export async function streams(
  { pieceBytes = Infinity }: { pieceBytes?: number } = {},
): Promise<{ near: ControlStream; far: ControlStream; connection: Connection }> {
  const network = memoryTransport({ readBytes: pieceBytes });
  const at = { hostname: "127.0.0.1", port: 0, certificatePem: "", keyPem: "" };
  const listener = await network.listen(at);
  const connection = await network.connect({ ...listener.address, anchorPem: "" });
  const server = await listener.accept();
  assert.ok(server !== null);
  listener.close();
  const near = await connection.openControl();
  return { near, far: await farOf(server, near), connection };
}

/** The far end of a control stream, shown by an ignorable message of no bytes. */
async function farOf(server: Connection, near: ControlStream): Promise<ControlStream> {
  const nothing = Uint8Array.of(0xff, 0xff, 0, 0, 0, 0);
  const [far] = await Promise.all([server.acceptControl(), near.write(nothing)]);
  for (let left = nothing.byteLength; left > 0;) {
    left -= (await far.read(new Uint8Array(left)))?.byteLength ?? left;
  }
  return far;
}

/** A control stream of fixed pieces, then its end; what is written to it is kept. */
export function scripted(pieces: readonly Uint8Array[]): ControlStream & {
  readonly written: Uint8Array[];
} {
  const left = [...pieces];
  const written: Uint8Array[] = [];
  return {
    written,
    read: (into) => {
      const piece = left.shift();
      if (piece === undefined) return Promise.resolve(null);
      const out = new Uint8Array(into.buffer.transfer(), 0, piece.byteLength);
      out.set(piece);
      return Promise.resolve(out);
    },
    write: (bytes) => {
      written.push(bytes.slice());
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
    abort: () => {},
    cancel: () => {},
  };
}

export function helloOf(more: Partial<Hello> = {}): Hello {
  const nonce = new Uint8Array(32).fill(7);
  return { type: "hello", version: 1, capabilities: [], nonce, agent: "test", ...more };
}

export function offerOf(transfer: number): Offer {
  return {
    type: "offer",
    transfer,
    sources: [{ name: "f", kind: "file", contents: false }],
    destination: "",
    intoDirectory: false,
    chunkBytes: 65_536,
    checksum: false,
    atomic: false,
    given: ["f"],
    nowNs: 1n,
    delete: false,
    filters: [],
    dryRun: false,
  };
}

/** The time and the timer that was set last, both in a test's hands until disposed of. */
export class HandClock implements Disposable {
  readonly #real = { now: performance.now, setTimeout: globalThis.setTimeout };
  #timer: () => void = () => {};
  nowMs = 0;
  /** When the timer that was set last is to go off. */
  dueMs = Infinity;

  constructor() {
    performance.now = () => this.nowMs;
    const setTimeout = (timer: () => void, delayMs: number) => {
      this.#timer = timer;
      this.dueMs = this.nowMs + delayMs;
    };
    Object.assign(globalThis, { setTimeout });
  }

  /** The timer goes off. */
  goOff(): void {
    this.#timer();
  }

  [Symbol.dispose](): void {
    performance.now = this.#real.now;
    globalThis.setTimeout = this.#real.setTimeout;
  }
}

/** Counts timers that were set, and neither went off nor were cleared, until it is disposed of. */
export class PendingTimers implements Disposable {
  readonly #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };
  readonly #pending = new Set<unknown>();

  constructor() {
    const { setTimeout: set, clearTimeout: clear } = this.#real;
    const setTimeout = (onTime: () => void, delayMs?: number) => {
      const timer = set(() => {
        this.#pending.delete(timer);
        onTime();
      }, delayMs);
      this.#pending.add(timer);
      return timer;
    };
    const clearTimeout = (timer?: Parameters<typeof clear>[0]) => {
      this.#pending.delete(timer);
      clear(timer);
    };
    Object.assign(globalThis, { setTimeout, clearTimeout });
  }

  get count(): number {
    return this.#pending.size;
  }

  [Symbol.dispose](): void {
    Object.assign(globalThis, this.#real);
  }
}

/** For `assert.rejects` and `assert.throws`. */
export function isCode(code: SftpxError["code"], remote?: boolean): (thrown: unknown) => boolean {
  return (thrown) =>
    thrown instanceof SftpxError && thrown.code === code &&
    (remote === undefined || thrown.remote === remote);
}
