// Two muxes that hand each other what they say, for tests: step by step, without a network or a clock.

import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { LIMITS } from "../src/base/limits.ts";
import type { SftpxError } from "../src/base/errors.ts";
import { encodeHeader, HEADER_BYTES, type MuxFrame } from "../src/transport/tls/frames.ts";
import { type ControlSides, Mux, type MuxHost } from "../src/transport/tls/mux.ts";
import type { ReceiveSide } from "../src/transport/tls/receive_side.ts";
import { WindowBudget } from "../src/transport/tls/window_budget.ts";

/** One end, and what it was told. */
export class End implements MuxHost {
  readonly mux: Mux;
  readonly budget: WindowBudget;
  readonly lanes: ReceiveSide[] = [];
  sides: ControlSides | null = null;
  ended: { readonly code: number; readonly reason: string } | null = null;
  freed = 0;
  cameToRead = 0;
  over = false;

  constructor(
    {
      isServer,
      isProved = true,
      budgetBytes = LIMITS.muxWindowsBytes,
      mostWindowBytes = LIMITS.muxWindowBytes,
    }: {
      readonly isServer: boolean;
      readonly isProved?: boolean;
      readonly budgetBytes?: number;
      readonly mostWindowBytes?: number;
    },
  ) {
    this.budget = new WindowBudget(budgetBytes);
    this.mux = new Mux(this, { isServer, windows: this.budget, mostWindowBytes });
    if (isProved) this.mux.proved();
  }

  explain(found: string): Error {
    return new Error(found);
  }
  wake(): void {}
  readerCame(): void {
    this.cameToRead++;
  }
  lane(lane: ReceiveSide): void {
    this.lanes.push(lane);
  }
  control(sides: ControlSides): void {
    this.sides = sides;
  }
  laneDone(): void {
    this.freed++;
  }
  closed(code: number, reason: string): void {
    assert.equal(this.ended, null, "it is closed a second time");
    this.ended = { code, reason };
  }

  /** What it says next, as one piece; null for nothing. Every write of it is done. */
  says(): Uint8Array<ArrayBuffer> | null {
    const next = this.mux.takeOutgoing();
    if (next === null) return null;
    const payload = next.payload ?? new Uint8Array(0);
    const bytes = new Uint8Array(next.head.byteLength + payload.byteLength);
    bytes.set(next.head);
    bytes.set(payload, next.head.byteLength);
    this.mux.sent({ tookMs: LIMITS.muxFrameMs });
    return bytes;
  }

  /** Hears bytes, so many at a time at most. */
  hears(bytes: Uint8Array, most = Infinity): void {
    for (let at = 0; at < bytes.byteLength;) {
      const room = this.mux.room();
      assert.ok(room.byteLength > 0, "there is no room for what comes");
      const count = Math.min(room.byteLength, bytes.byteLength - at, most);
      room.set(bytes.subarray(at, at + count));
      this.mux.received(count);
      at += count;
    }
  }

  /** Hears frames that a peer of its own making sends, each with its payload's bytes. */
  hearsFrames(...frames: readonly MuxFrame[]): void {
    for (const frame of frames) {
      const head = new Uint8Array(HEADER_BYTES);
      encodeHeader(frame, new DataView(head.buffer));
      this.hears(head);
      if (frame.kind === "data") this.hears(new Uint8Array(frame.bytes).fill(0x5a));
      if (frame.kind === "close") this.hears(new Uint8Array(frame.reasonBytes).fill(0x41));
    }
  }

  /** What it refuses the frames with. */
  refuses(...frames: readonly MuxFrame[]): string {
    try {
      this.hearsFrames(...frames);
    } catch (thrown) {
      assert.equal((thrown as SftpxError).code, "protocol");
      return (thrown as SftpxError).message;
    }
    assert.fail("it took them all");
  }
}

/** Readers and writers go on as far as they can. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Hands over all that both have to say, until neither has anything; so many bytes at a time. */
export async function exchange(a: End, b: End, most = Infinity): Promise<number> {
  let total = 0;
  for (let isQuiet = false; !isQuiet;) {
    isQuiet = true;
    await turn();
    for (const [from, to] of [[a, b], [b, a]] as const) {
      const said = from.says();
      if (said === null) continue;
      isQuiet = false;
      total += said.byteLength;
      to.hears(said, most);
    }
  }
  return total;
}
