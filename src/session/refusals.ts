// What a server tells of those it turns away: the first of an address at once, all that follow in one
// line with their number. A flood fills neither a log nor the time of those who read it.

import { sourceOf } from "../base/address.ts";
import type { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";

/** What is told of one that was turned away. */
interface Refused extends Pick<SftpxError, "code" | "message"> {
  /** Of a key that this server knows, which proved it; null for strangers, who have any number. */
  readonly identity?: string | null;
}

/** One that was turned away, or several from one address with the same code and known identity. */
export interface Refusal {
  /** The last one's; `*` where many addresses share a line. */
  readonly address: string;
  readonly identity: string | null;
  readonly code: string;
  readonly message: string;
  readonly count: number;
}

interface RefusalsOptions {
  /** How long those that follow are counted before they are told. */
  readonly everyMs: number;
  readonly onRefusal: (refusal: Refusal) => void;
}

export class Refusals implements Disposable {
  readonly #options: RefusalsOptions;
  /** Addresses and codes that were told lately, and what came of them since. */
  readonly #told = new Map<string, Refusal | null>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  #isOver = false;

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  add({ code, message, identity: known = null }: Refused, remoteAddress: string): void {
    if (this.#isOver) return;
    const own = `${code} ${sourceOf(remoteAddress)} ${known ?? ""}`;
    const isMany = !this.#told.has(own) && this.#told.size >= LIMITS.refusalLines;
    const key = isMany ? MANY : own;
    const address = isMany ? "*" : remoteAddress;
    const identity = isMany ? null : known;
    const held = this.#told.get(key);
    const refusal = { address, identity, code, message, count: (held?.count ?? 0) + 1 };
    if (held === undefined && !isMany) {
      this.#told.set(key, null);
      this.#options.onRefusal(refusal);
    } else {
      this.#told.set(key, refusal);
    }
    this.#timer ??= setTimeout(() => this.#tell(), this.#options.everyMs);
  }

  /** Tells what is left. What is added from here on is told to nobody. */
  [Symbol.dispose](): void {
    this.#isOver = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#tell();
  }

  #tell(): void {
    this.#timer = null;
    const held = [...this.#told];
    this.#told.clear();
    for (const [key, refusal] of held) {
      if (refusal === null) continue;
      this.#options.onRefusal(refusal);
      this.#told.set(key, null);
    }
    // Who still comes is counted on; who stopped is told at once the next time.
    if (this.#told.size > 0 && !this.#isOver) {
      this.#timer = setTimeout(() => this.#tell(), this.#options.everyMs);
    }
  }
}

const MANY = "*";
