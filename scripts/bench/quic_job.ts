// What `bench quic` and `bench wan` tell a peer process, as its one argument, and what it answers: lines
// of JSON. A peer runs in Deno and in Bun alike. It moves bytes until it is killed; the receiver says
// when its measured time begins and ends, so that a whole run is seconds long, however fast it is.

import type { Congestion, ConnectionStats } from "../../src/transport/transport.ts";

/** Ways to move bytes that are measured; `memory` is both ends in one process and no socket. */
export type Stack = "memory" | "classes" | "quiche" | "deno-quic";

export interface PeerJob {
  readonly side: "receive" | "send";
  readonly stack: Stack;
  /** Where the receiver listens. */
  readonly hostname: string;
  readonly port: number;
  readonly lanes: number;
  readonly connections: number;
  readonly congestion: Congestion;
  /** UDP payload of a packet; the stacks that find their own do not look at it. */
  readonly packetBytes: number;
  /** From the first byte to where the measured time begins. */
  readonly warmSeconds: number;
  /** The measured time. */
  readonly seconds: number;
  readonly certificatePem: string;
  readonly keyPem: string;
  readonly anchorPem: string;
}

/**
 * A line of a receiver: where it listens, where the measured time begins, and what it came to; of a
 * sender: how its connections fare, now and then.
 */
export type PeerLine =
  | { readonly line: "listening"; readonly port: number; readonly udp: string }
  | { readonly line: "begin" }
  | { readonly line: "end"; readonly bytes: number; readonly seconds: number }
  | { readonly line: "state"; readonly connections: readonly ConnectionStats[] };

/** Counts what arrives, and says on stdout when the measured time begins and ends. */
export class Meter {
  readonly #warmMs: number;
  readonly #measuredMs: number;
  #state: "idle" | "warm" | "measured" | "over" = "idle";
  #sinceMs = 0;
  #bytes = 0;

  constructor(job: Pick<PeerJob, "warmSeconds" | "seconds">) {
    this.#warmMs = job.warmSeconds * 1000;
    this.#measuredMs = job.seconds * 1000;
  }

  get over(): boolean {
    return this.#state === "over";
  }

  add(bytes: number): void {
    const nowMs = performance.now();
    const elapsedMs = nowMs - this.#sinceMs;
    switch (this.#state) {
      case "idle":
        this.#begin("warm", nowMs);
        if (this.#warmMs === 0) this.#measure(nowMs);
        return;
      case "warm":
        if (elapsedMs >= this.#warmMs) this.#measure(nowMs);
        return;
      case "measured":
        this.#bytes += bytes;
        if (elapsedMs < this.#measuredMs) return;
        this.#state = "over";
        return say({ line: "end", bytes: this.#bytes, seconds: elapsedMs / 1000 });
      case "over":
        return;
    }
  }

  #measure(nowMs: number): void {
    this.#begin("measured", nowMs);
    say({ line: "begin" });
  }

  #begin(state: "warm" | "measured", nowMs: number): void {
    this.#state = state;
    this.#sinceMs = nowMs;
  }
}

export function say(line: PeerLine): void {
  console.log(JSON.stringify(line));
}
