// Looking for a peer that was lost, or that is busy: what is worth another try, how long it goes on,
// how long to pause, and in words what came of it. No clock and no chance: both are arguments.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { backoffMs } from "./patience.ts";

/** What the end of an attempt means for its command. */
export type Verdict = "lost" | "busy" | "over";

/** Whether an attempt that ended so is worth another one. */
export function verdictOf(
  error: SftpxError,
  { began, isLooking }: {
    /** It had a session. */
    readonly began: boolean;
    /** The peer was there before: what would be definite at a first contact is not. */
    readonly isLooking: boolean;
  },
): Verdict {
  switch (error.code) {
    case "busy":
      return "busy";
    case "lost":
      return began || isLooking ? "lost" : "over";
    case "terminated":
      return error.remote && (began || isLooking) ? "lost" : "over";
    case "unreachable":
      return isLooking && !began ? "lost" : "over";
    default:
      return "over";
  }
}

/** An attempt that ended, as a search takes it in. */
export interface Miss {
  readonly verdict: Exclude<Verdict, "over">;
  readonly error: SftpxError;
  /** When the peer was last heard; null where there was no session. */
  readonly heardMs: number | null;
  readonly nowMs: number;
}

export class Search {
  readonly #timeoutMs: number;
  readonly #cause: SftpxError;
  readonly #sinceMs: number;
  readonly #wasLost: boolean;
  #verdict: Miss["verdict"];
  #deadlineMs = 0;
  #tries: number;

  /** `tries` are those to no avail that count already, for the pauses between them. */
  constructor(
    miss: Miss,
    { timeoutMs, tries }: { readonly timeoutMs: number; readonly tries: number },
  ) {
    this.#timeoutMs = timeoutMs;
    this.#cause = miss.error;
    this.#verdict = miss.verdict;
    this.#wasLost = miss.verdict === "lost";
    this.#sinceMs = this.#wasLost ? miss.heardMs ?? miss.nowMs : miss.nowMs;
    this.#tries = tries;
    this.#extend(miss);
  }

  /** What it is about: the first that went wrong. */
  get cause(): SftpxError {
    return this.#cause;
  }

  /** The peer was lost, and not only busy. */
  get wasLost(): boolean {
    return this.#wasLost;
  }

  /** A further attempt was in vain. */
  miss(miss: Miss): void {
    this.#tries++;
    // A peer that answers is there: it is waited for from its first "busy", or looked for anew.
    const isNews = miss.verdict !== this.#verdict || miss.verdict === "lost";
    if (miss.heardMs !== null && isNews) this.#extend(miss);
    if (miss.heardMs !== null) this.#verdict = miss.verdict;
  }

  /** Time until it is given up. */
  leftMs(nowMs: number): number {
    return Math.max(0, this.#deadlineMs - nowMs);
  }

  /** Seconds since the peer was there. */
  seconds(nowMs: number): number {
    return Math.round(nowMs - this.#sinceMs) / 1000;
  }

  /** How long to wait before the next attempt, of which there is always one; `chance` is in [0, 1). */
  pauseMs(nowMs: number, chance: number): number {
    const pauseMs = backoffMs(this.#tries, chance);
    const leftMs = this.leftMs(nowMs);
    // However short the time is, the first attempt has some; the last ones do not crowd.
    const leastMs = this.#tries === 0 ? 0 : Math.min(LIMITS.minBackoffMs, leftMs);
    return Math.min(pauseMs, Math.max(leftMs / 2, leastMs));
  }

  /**
   * How long one attempt may take to reach the peer. A first packet that is dropped is repeated ever
   * more rarely: a fresh attempt finds a peer that is back sooner than an old one.
   */
  reachMs(nowMs: number): number {
    const doubled = LIMITS.silenceMs * 2 ** Math.min(this.#tries, 16);
    return Math.max(1, Math.min(this.leftMs(nowMs), doubled));
  }

  /** The error of a command whose time is over. */
  gaveUp(): SftpxError {
    const { code, message, remote } = this.#cause;
    const withinS = this.#timeoutMs / 1000;
    const text = this.#verdict === "busy"
      ? `${message}; waited ${withinS} s for it`
      : `${message}; not found again within ${withinS} s`;
    const ended = this.#verdict === "busy" ? "busy" : this.#wasLost ? code : "lost";
    return new SftpxError(ended, text, { remote, cause: this.#cause });
  }

  /** The error of a command that found the peer, and was turned down. */
  turnedDown(error: SftpxError): SftpxError {
    if (!this.#wasLost) return error;
    const { code, message, remote } = error;
    const text = `${this.#cause.message}; then: ${message}`;
    return new SftpxError(code, text, { remote, cause: error });
  }

  #extend({ verdict, heardMs, nowMs }: Miss): void {
    const timeoutMs = this.#timeoutMs;
    const sinceMs = verdict === "busy" ? nowMs : heardMs ?? nowMs;
    // An end that stood still for long heard nothing for long: it looks for the peer all the same.
    this.#deadlineMs = Math.max(sinceMs + timeoutMs, nowMs + timeoutMs / 2);
  }
}
