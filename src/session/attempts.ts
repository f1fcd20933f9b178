// One command's attempts at its transfer. A peer that is lost in the middle is looked for, and the same
// transfer begun again under its resume key: a reconnect is a resume. One that is busy is waited for.
// Whatever else a peer answers is the command's end; so is its user's signal, at any moment.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { ClientSession } from "./client_session.ts";
import type { SessionEvent, TransferOptions, TransferSummary } from "./options.ts";
import { pause } from "./patience.ts";
import { failedSummary } from "./progress.ts";
import { Search, type Verdict, verdictOf } from "./search.ts";
import { Telling } from "./telling.ts";

/** What one attempt has to go by, and tells on its way. */
export interface Attempt {
  readonly onEvent: (event: SessionEvent) => void;
  /** Longest time for reaching the server. */
  readonly timeoutMs: number;
  /** Bytes of files left this end. */
  readonly onCarried: (rawBytes: number) => void;
  /** There is a session. */
  readonly onSession: (session: ClientSession) => void;
  /** Both ends are at the transfer. */
  readonly onAccepted: () => void;
}

/** Makes attempts until one is the command's last. Never rejects: what went wrong is in the summary. */
export async function runAttempts(
  options: TransferOptions,
  work: (attempt: Attempt) => Promise<TransferSummary>,
): Promise<TransferSummary> {
  return await new Attempts(options, work).run();
}

/** How an attempt ended. */
interface Ending {
  readonly summary: TransferSummary;
  readonly error: SftpxError | null;
  /** Of its session, where it had one. */
  readonly session: ClientSession | null;
  /** Both ends were at it. */
  readonly isAccepted: boolean;
}

class Attempts {
  readonly #options: TransferOptions;
  readonly #work: (attempt: Attempt) => Promise<TransferSummary>;
  readonly #telling: Telling;
  /** Set while the peer is looked for. */
  #search: Search | null = null;
  /** The wait for a busy peer that its last accept ended, until anything new is stored. */
  #waited: Search | null = null;
  /** Sessions in a row that came to nothing before anything new was stored. */
  #fruitless = 0;

  constructor(options: TransferOptions, work: (attempt: Attempt) => Promise<TransferSummary>) {
    this.#options = options;
    this.#work = work;
    this.#telling = new Telling(options.onEvent);
  }

  async run(): Promise<TransferSummary> {
    for (;;) {
      const markBefore = this.#telling.mark;
      const { summary, error, ...how } = await this.#attempt();
      if (error === null) return this.#telling.summary(summary);
      const last = this.#judge(error, { ...how, isFurther: this.#telling.mark > markBefore }) ??
        await this.#pause();
      if (last !== null) return this.#telling.summary({ ...summary, ok: false, error: last });
      this.#telling.next(summary);
    }
  }

  async #attempt(): Promise<Ending> {
    const { chunkBytes, dryRun } = this.#options;
    const startMs = performance.now();
    let session: ClientSession | null = null;
    let isAccepted = false;
    try {
      const summary = await this.#work({
        onEvent: this.#telling.tell,
        timeoutMs: this.#search?.reachMs(startMs) ?? this.#options.timeoutMs,
        onCarried: this.#telling.carried,
        onSession: (opened) => session = opened,
        onAccepted: () => {
          isAccepted = true;
          this.#found(session);
        },
      });
      return { summary, error: summary.error, session, isAccepted };
    } catch (thrown) {
      const error = toSftpxError(thrown);
      return {
        summary: failedSummary(error, { chunkBytes, startMs, dryRun }),
        error,
        session,
        isAccepted,
      };
    }
  }

  /** The error that ends the command; null where another attempt may mend it. */
  #judge(
    error: SftpxError,
    { session, isAccepted, isFurther }: Pick<Ending, "session" | "isAccepted"> & {
      readonly isFurther: boolean;
    },
  ): SftpxError | null {
    const { signal, dryRun } = this.#options;
    if (signal.aborted) return toSftpxError(signal.reason);
    if (dryRun) return error; // Nothing is lost with it.
    if (isFurther) this.#waited = null;
    const search = this.#search;
    const verdict = verdictOf(error, { began: session !== null, isLooking: search !== null });
    if (verdict === "over") return search?.turnedDown(error) ?? error;
    // One that takes a transfer on and then has no time for it is no better than one that is lost.
    if (isAccepted || verdict === "lost" && session !== null) {
      this.#fruitless = isFurther ? 0 : this.#fruitless + 1;
      if (this.#fruitless >= LIMITS.fruitlessSessions) return fruitless(error);
    }
    const nowMs = performance.now();
    const heardMs = heardAt(verdict, { session, nowMs });
    const miss = { verdict, error, heardMs, nowMs };
    const waited = search ?? (verdict === "busy" ? this.#waited : null);
    waited?.miss(miss);
    if (search === null) this.#look(waited ?? new Search(miss, this.#searching));
    return null;
  }

  get #searching(): { readonly timeoutMs: number; readonly tries: number } {
    return { timeoutMs: this.#options.timeoutMs, tries: Math.max(0, this.#fruitless - 1) };
  }

  #look(search: Search): void {
    this.#search = search;
    this.#telling.missing(search.cause, search.leftMs(performance.now()));
  }

  #found(session: ClientSession | null): void {
    const search = this.#search;
    if (search === null) return;
    this.#search = null;
    const { wasLost } = search;
    // An accept alone is no end of waiting.
    this.#waited = wasLost ? null : search;
    const seconds = search.seconds(performance.now());
    this.#telling.found({ address: session?.address ?? "", seconds, wasLost });
  }

  /** Waits before the next attempt; the error that ends the command once there is no time for one. */
  async #pause(): Promise<SftpxError | null> {
    const search = this.#search;
    if (search === null) return null;
    const { signal } = this.#options;
    const nowMs = performance.now();
    if (search.leftMs(nowMs) === 0) return search.gaveUp();
    await pause(search.pauseMs(nowMs, Math.random()), signal);
    return signal.aborted ? toSftpxError(signal.reason) : null;
  }
}

/** When the peer last gave a sign of life; null where it gave none. */
function heardAt(
  verdict: Exclude<Verdict, "over">,
  { session, nowMs }: { readonly session: ClientSession | null; readonly nowMs: number },
): number | null {
  return verdict === "busy" ? nowMs : session?.hub.heardMs ?? null;
}

function fruitless({ code, message, remote }: SftpxError): SftpxError {
  const text =
    `${message}; ${LIMITS.fruitlessSessions} times in a row before anything new was stored`;
  return new SftpxError(code, text, { remote });
}
