// Whether a session's peer is there: pings and their pongs, the round trip, and a watch over silence.
// A transport answers for a program that hangs; only the program itself answers a ping.

import { SftpxError } from "../base/errors.ts";

/** Looks at a silent peer in the time it has: the peer is asked at the second one. */
const LOOKS = 4;
/** Round trips that a peer has to answer in: a full link carries the answer late. */
const PATIENT_ROUNDS = 4;

export interface PulseOptions {
  /** Sends a ping; throws when the control stream takes nothing any more. */
  readonly ping: (token: number) => void;
  /** As `ping`, but only where there is room: nothing piles up (I8). False where there was none. */
  readonly ask: (token: number) => boolean;
  /** The peer said nothing for as long as it was watched for. */
  readonly onSilence: (error: SftpxError) => void;
}

/** How long a silent peer is waited for. */
export interface WatchOptions {
  readonly silenceMs: number;
  /** On a slow path it is longer, four times the round trip that was last felt, and at most this. */
  readonly mostMs?: number;
}

export class Pulse {
  readonly #options: PulseOptions;
  readonly #waiting = new Map<number, (isThere: boolean) => void>();
  #nextToken = 1;
  /** When the peer last said anything. */
  #heardMs = performance.now();
  /** When it last said anything where its answers come. */
  #saidMs = this.#heardMs;
  /** The question of the watch that is not answered. */
  #asked: { readonly token: number; readonly atMs: number } | null = null;
  #watchTimer: ReturnType<typeof setTimeout> | undefined;
  #isEnded = false;
  #rttMs: number | null = null;
  #lastRttMs = 0;

  constructor(options: PulseOptions) {
    this.#options = options;
  }

  /** Smallest round trip so far, milliseconds; null before the first answer. */
  get rttMs(): number | null {
    return this.#rttMs;
  }

  /** When the peer last said anything, by the monotonic clock. */
  get heardMs(): number {
    return this.#heardMs;
  }

  /** Something came of the peer. */
  heard(): void {
    this.#heardMs = performance.now();
  }

  /** The peer said something where its answers come. */
  said(): void {
    this.heard();
    this.#saidMs = this.#heardMs;
  }

  pong(token: number): void {
    this.#waiting.get(token)?.(true);
    if (this.#asked?.token !== token) return;
    this.#felt(performance.now() - this.#asked.atMs);
    this.#asked = null;
  }

  /**
   * Until the session ends: asks the peer now and then, and tells of one that says nothing for so long,
   * or does not answer. Its program may hang while its transport still repeats what it once sent; a
   * busy one (walking, hashing) answers.
   */
  watch({ silenceMs, mostMs = silenceMs }: WatchOptions): void {
    clearTimeout(this.#watchTimer);
    if (this.#isEnded) return;
    const intervalMs = silenceMs / LOOKS;
    this.heard();
    let lookedMs = this.#heardMs;
    let askedMs = lookedMs;
    const look = () => {
      const nowMs = performance.now();
      const isLate = nowMs - lookedMs >= 2 * intervalMs;
      lookedMs = nowMs;
      // This end stood still: what it was told meanwhile is yet to be read, and it asks anew.
      if (isLate) this.#stoodStill(nowMs - silenceMs / 2);
      const limitMs = Math.min(Math.max(silenceMs, PATIENT_ROUNDS * this.#lastRttMs), mostMs);
      if (this.#isSilent(nowMs, limitMs)) return this.#options.onSilence(silence(limitMs));
      if (this.#asked === null && (isLate || nowMs - askedMs >= silenceMs / 2)) {
        askedMs = nowMs;
        this.#ask(nowMs);
      }
      this.#watchTimer = setTimeout(look, intervalMs);
    };
    this.#watchTimer = setTimeout(look, intervalMs);
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
      if (isThere) this.#felt(performance.now() - startMs);
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

  /**
   * Only a peer that was asked is silent: behind much that is yet to be sent no question fits. Its answer
   * stands behind all that it had said before, which a slow path brings in its time.
   */
  #isSilent(nowMs: number, limitMs: number): boolean {
    if (this.#asked === null) return false;
    const sinceMs = Math.min(this.#heardMs, this.#asked.atMs);
    return nowMs - Math.max(sinceMs, this.#saidMs) >= limitMs;
  }

  #stoodStill(heardMs: number): void {
    this.#heardMs = Math.max(this.#heardMs, heardMs);
    this.#asked = null;
  }

  #ask(nowMs: number): void {
    const token = this.#nextToken++;
    this.#asked = { token, atMs: nowMs };
    try {
      if (!this.#options.ask(token)) this.#asked = null;
    } catch {
      // That is no answer either.
    }
  }

  #felt(rttMs: number): void {
    this.#rttMs = Math.min(this.#rttMs ?? Infinity, rttMs);
    this.#lastRttMs = rttMs;
  }
}

function silence(limitMs: number): SftpxError {
  const seconds = Math.round(limitMs) / 1000;
  return new SftpxError("lost", `Lost the peer: it has not answered for ${seconds} s`);
}
