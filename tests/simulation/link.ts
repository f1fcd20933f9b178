// What lies between two simulated ends: a control stream that keeps order, and lanes that keep it
// only among their own frames, stall, repeat frames and break.

import type { Message } from "../../src/wire/messages.ts";
import type { Clock, Random } from "./clock.ts";
import type { SimulatedFrame } from "./model_source.ts";

/** Changes what a liar says; an empty answer swallows it. */
export type Lie<T> = (said: T) => readonly T[];

/** One direction of the control stream. */
export class ControlPipe {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #lie: Lie<Message>;
  readonly #deliver: (message: Message) => void;
  #lastMs = 0;

  constructor(
    { clock, random }: { clock: Clock; random: Random },
    { lie, deliver }: { lie: Lie<Message> | undefined; deliver: (message: Message) => void },
  ) {
    this.#clock = clock;
    this.#random = random;
    this.#lie = lie ?? ((message) => [message]);
    this.#deliver = deliver;
  }

  send(message: Message): void {
    for (const said of this.#lie(message)) {
      // A copy, as the wire makes one: later changes at this end must not travel.
      const copy = structuredClone(said);
      this.#lastMs = Math.max(this.#lastMs, this.#clock.nowMs + 1 + this.#random.below(30));
      this.#clock.after(this.#lastMs - this.#clock.nowMs, () => this.#deliver(copy));
    }
  }
}

export interface LaneOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly lie: Lie<SimulatedFrame> | undefined;
  readonly deliver: (lane: Lane, frame: SimulatedFrame) => void;
}

/** One lane. */
export class Lane {
  /** Frames written to it. */
  readonly frames: number[] = [];
  isBusy = false;
  isLost = false;
  readonly #options: LaneOptions;
  readonly #speed: number;
  #lastMs = 0;
  #cutMs = Infinity;

  constructor(options: LaneOptions) {
    this.#options = options;
    this.#speed = options.random.pick([1, 5, 60]);
  }

  /** Takes a frame; `taken` when its buffer is free, unless the lane broke before. */
  write(frame: SimulatedFrame, taken: () => void): void {
    const { clock, random, lie, deliver } = this.#options;
    this.isBusy = true;
    this.frames.push(frame.frame);
    clock.after(random.below(5 * this.#speed), () => {
      this.isBusy = false;
      if (!this.isLost) taken();
    });
    const stallMs = random.chance(0.05) ? 400 : 0;
    const arrivesMs = clock.nowMs + 1 + random.below(20 * this.#speed) + stallMs;
    this.#lastMs = Math.max(this.#lastMs, arrivesMs);
    for (const sent of lie?.(frame) ?? [frame]) {
      const atMs = this.#lastMs;
      clock.after(atMs - clock.nowMs, () => {
        if (atMs <= this.#cutMs) deliver(this, sent);
      });
    }
  }

  /** Breaks; what is under way may still arrive for a moment. */
  lose(): void {
    this.isLost = true;
    this.#cutMs = this.#options.clock.nowMs + this.#options.random.below(40);
  }
}
