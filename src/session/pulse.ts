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

/** How long a peer is waited for that is asked whether it is there. */
export interface PatienceOptions {
  /** For its answer. */
  readonly withinMs: number;
  /** For its answer as long as something else comes of it: then it is there. */
  readonly mostMs: number;
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

  /** Round trip that was last felt, with what a full link adds to it; 0 before the first answer. */
  get lastRttMs(): number {
    return this.#lastRttMs;
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
  answers(withinMs: number): Promise<boolean> {
    return this.#answered(withinMs, () => false);
  }

  /**
   * Whether the peer is there: it answers in time, or a full link still brings what it sent before its
   * answer. One that was killed sends nothing: it is gone once nothing came for as long as it had to
   * answer. False once the session is over.
   */
  isThere({ withinMs, mostMs }: PatienceOptions): Promise<boolean> {
    const startMs = performance.now();
    return this.#answered(withinMs, () => {
      const tookMs = performance.now() - startMs;
      const heardAfterMs = this.#heardMs - startMs;
      if (heardAfterMs > 0 && tookMs >= mostMs) return true;
      const leftMs = withinMs - (tookMs - Math.max(0, heardAfterMs));
      return leftMs > 0 && Math.min(leftMs, mostMs - tookMs);
    });
  }

  /** Asks; where there is no answer in time `onLate` decides, or says how long it is waited for on. */
  async #answered(withinMs: number, onLate: () => boolean | number): Promise<boolean> {
    if (this.#isEnded) return false;
    const token = this.#nextToken++;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const startMs = performance.now();
    const look = () => {
      const found = onLate();
      if (typeof found === "boolean") resolve(found);
      else timer = setTimeout(look, found);
    };
    let timer = setTimeout(look, withinMs);
    this.#waiting.set(token, (isAnswer) => {
      if (isAnswer) this.#felt(performance.now() - startMs);
      resolve(isAnswer);
    });
    try {
      this.#options.ping(token);
      return await promise;
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
