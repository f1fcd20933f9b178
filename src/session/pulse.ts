// Whether a session's peer is there: pings and their pongs, the round trip, and a watch over silence.
// A transport answers for a program that hangs; only the program itself answers a ping.

import { SftpxError } from "../base/errors.ts";

export interface PulseOptions {
  /** Sends a ping; throws when the control stream takes nothing any more. */
  readonly ping: (token: number) => void;
  /** As `ping`, but only where there is room: nothing piles up (I8). */
  readonly ask: (token: number) => void;
  /** The peer said nothing for as long as it was watched for. */
  readonly onSilence: (error: SftpxError) => void;
}

export class Pulse {
  readonly #options: PulseOptions;
  readonly #waiting = new Map<number, (isThere: boolean) => void>();
  #nextToken = 1;
  /** Whether the peer said anything since {@linkcode watch} last looked. */
  #heard = false;
  #watchTimer: ReturnType<typeof setTimeout> | undefined;
  #isEnded = false;
  #rttMs: number | null = null;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  /** Smallest round trip so far, milliseconds; null before the first answer. */
  get rttMs(): number | null {
    return this.#rttMs;
  }

  /** The peer said something. */
  heard(): void {
    this.#heard = true;
  }

  pong(token: number): void {
    this.#waiting.get(token)?.(true);
  }

  /**
   * Until the session ends: tells of a peer that says nothing for `timeoutMs`, although asked. Its
   * program may hang while its transport still answers; a busy one (walking, hashing) answers.
   */
  watch(timeoutMs: number): void {
    clearTimeout(this.#watchTimer);
    if (this.#isEnded) return;
    let asked = false;
    let lookedMs = performance.now();
    const look = () => {
      const sinceMs = performance.now() - lookedMs;
      lookedMs += sinceMs;
      // A look that comes late says that this end stood still: what it was told is yet to be read.
      if (!this.#heard && asked && sinceMs < timeoutMs) {
        const text = `Lost the peer: it has not answered for ${timeoutMs / 1000} s`;
        return this.#options.onSilence(new SftpxError("lost", text));
      }
      asked = !this.#heard;
      this.#heard = false;
      try {
        if (asked) this.#options.ask(this.#nextToken++);
      } catch {
        // That is no answer either.
      }
      this.#watchTimer = setTimeout(look, timeoutMs / 2);
    };
    this.#watchTimer = setTimeout(look, timeoutMs / 2);
  }

  /** Whether the peer answers a ping in time; false once the session is over. */
  async answers(withinMs: number): Promise<boolean> {
    if (this.#isEnded) return false;
    const token = this.#nextToken++;
    const answer = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => answer.resolve(false), withinMs);
    this.#waiting.set(token, answer.resolve);
    const startMs = performance.now();
    try {
      this.#options.ping(token);
      const isThere = await answer.promise;
      if (isThere) this.#rttMs = Math.min(this.#rttMs ?? Infinity, performance.now() - startMs);
      return isThere;
    } catch {
      return false; // Its control stream takes nothing any more.
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(token);
    }
  }

  /** Smallest round trip of so many pings, milliseconds; null when the peer does not answer. */
  async roundTripMs(
    { pings, timeoutMs }: { readonly pings: number; readonly timeoutMs: number },
  ): Promise<number | null> {
    let smallest: number | null = null;
    for (let ping = 0; ping < pings; ping++) {
      const startMs = performance.now();
      if (!await this.answers(timeoutMs)) return null;
      const tookMs = performance.now() - startMs;
      smallest = Math.min(smallest ?? tookMs, tookMs);
    }
    return smallest;
  }

  /** The session is over: nobody answers any more. */
  end(): void {
    this.#isEnded = true;
    clearTimeout(this.#watchTimer);
    for (const answer of this.#waiting.values()) answer(false);
  }
}
