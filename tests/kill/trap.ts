// Waits for the moment of a kill: a time, something that the client tells, or a final name that shows.

import { access } from "node:fs/promises";
import type { JsonLine } from "../e2e/json_output.ts";
import type { Trigger } from "./plan.ts";

/** How often a final name is looked for: commits of a small transfer take some milliseconds. */
const LOOK_MS = 4;

export class Trap {
  /** Settles when it is time. */
  readonly sprung: Promise<void>;
  readonly #trigger: Trigger;
  readonly #finalName: string;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #spring: () => void = () => {};
  #progress = 0;
  #isClosed = false;

  /** `finalName` is what stands there once commits have begun. */
  constructor(trigger: Trigger, finalName: string) {
    this.#trigger = trigger;
    this.#finalName = finalName;
    this.sprung = new Promise((resolve) => {
      this.#spring = resolve;
    });
  }

  /** The client was started. */
  arm(): void {
    if (this.#trigger.kind === "time") this.#after(this.#trigger.afterMs, this.#spring);
    if (this.#trigger.kind === "commit") this.#look();
  }

  /** A line that the client told. */
  take(line: JsonLine): void {
    if (line.event !== "progress") return;
    this.#progress++;
    switch (this.#trigger.kind) {
      case "progress":
        if (this.#progress >= this.#trigger.nth) this.#spring();
        break;
      case "bytes":
        if (Number(line["bytesDone"]) >= this.#trigger.bytes) this.#spring();
        break;
      case "commit":
        if (line["phase"] === "commit") this.#after(this.#trigger.afterMs, this.#spring);
        break;
      case "time":
        break;
    }
  }

  /** It springs no more. */
  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #look(): void {
    access(this.#finalName).then(
      () => this.#trigger.kind === "commit" && this.#after(this.#trigger.afterMs, this.#spring),
      () => this.#after(LOOK_MS, () => this.#look()),
    );
  }

  #after(ms: number, then: () => void): void {
    if (this.#isClosed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, ms);
    this.#timers.add(timer);
  }
}
