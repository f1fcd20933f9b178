// Reaching a server in time: every address at once, one patience for all of it, and in words what
// stood in the way. Shared by a session and by a first contact.

import { SftpxError, toldError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";
import {
  dialFirst,
  formatAddress,
  SILENCE,
  SILENCE_ON_BOTH,
  SILENCE_OVER_TCP,
} from "../transport/addresses.ts";
import { backoffMs, pause } from "./patience.ts";
import {
  type Connection,
  type HostPort,
  type Protocol,
  type Transport,
  type Wanted,
  wantedOf,
} from "../transport/transport.ts";

export interface ReachOptions extends Wanted {
  readonly transport: Transport;
  /** Tried side by side, the first one first. */
  readonly addresses: readonly HostPort[];
  /** What its user should know of how it is reached. */
  readonly onNotice?: (message: string) => void;
  /** Told how long the path is, by a transport that sees it before it has connected. */
  readonly onAnswer?: (rttMs: number) => void;
  /** Longest time for all of it. */
  readonly timeoutMs: number;
  /** A server that is busy is waited for within that time, unless its caller waits by itself. */
  readonly waitsForBusy?: boolean;
  readonly signal: AbortSignal;
}

/** What is spoken on a connection, and what its server is pinned by. */
export interface DialOptions {
  readonly protocol: Protocol;
  readonly anchorPem: string;
}

/** Opens a connection, within the time of {@linkcode reachWithin}. */
export type Dial = (how: DialOptions) => Promise<Connection>;

/**
 * Runs `work`, which reaches a server and first speaks with it, within its time. A time that runs out
 * is `unreachable`, and so is a connection that ends on the way; one that the server closed with a
 * reason keeps that reason. A door with too many peers at it is tried again until the time is over.
 */
export async function reachWithin<T>(
  options: ReachOptions,
  work: (dial: Dial, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const endMs = performance.now() + options.timeoutMs;
  for (let tries = 0;; tries++) {
    const leftMs = Math.max(1, endMs - performance.now());
    const timeoutMs = tries === 0 ? options.timeoutMs : leftMs;
    try {
      return await reachOnce({ ...options, timeoutMs }, work);
    } catch (thrown) {
      const error = thrown instanceof SftpxError ? thrown : null;
      if (error?.code !== "busy" || options.waitsForBusy === false) throw thrown;
      const pauseMs = backoffMs(tries, Math.random());
      if (performance.now() + pauseMs >= endMs) throw thrown;
      await pause(pauseMs, options.signal);
      options.signal.throwIfAborted();
    }
  }
}

async function reachOnce<T>(
  options: ReachOptions,
  work: (dial: Dial, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { transport, addresses, timeoutMs, onNotice, onAnswer } = options;
  const timeout = new AbortController();
  const timer = setTimeout(() => timeout.abort(timeoutReason()), timeoutMs);
  const signal = AbortSignal.any([options.signal, timeout.signal]);
  const made: Connection[] = [];
  const dial: Dial = async (how) => {
    const connection = await dialFirst(
      addresses,
      ({ hostname, port }, lost) =>
        transport.connect({
          ...how,
          ...wantedOf(options),
          ...(onNotice === undefined ? {} : { onNotice }),
          ...(onAnswer === undefined ? {} : { onAnswer }),
          hostname,
          port,
          // It ends by this end's clock, and says so.
          patienceMs: timeoutMs + LIMITS.connectionIdleMs,
          signal: AbortSignal.any([signal, lost]),
        }),
      { signal },
    );
    made.push(connection);
    return connection;
  };
  try {
    return await work(dial, signal);
  } catch (thrown) {
    if (options.signal.aborted) throw options.signal.reason;
    if (timeout.signal.aborted) throw noAnswer(options, thrown);
    throw made[0] === undefined ? thrown : await endedEarly(made[0], thrown);
  } finally {
    clearTimeout(timer);
    if (signal.aborted) { for (const connection of made) connection.close("none", ""); }
  }
}

/** What a person can try is the advice of `unreachable`; what was tried is said here. */
function noAnswer({ transport, addresses, timeoutMs }: ReachOptions, cause: unknown): SftpxError {
  const [first, ...others] = addresses;
  const shown = first === undefined ? "" : escapeText(formatAddress(first.hostname, first.port));
  const also = others.length === 0
    ? ""
    : ` or ${others.length} more ${others.length === 1 ? "address" : "addresses"}`;
  const { stacks = [], name } = transport;
  const silence = name === "tls" ? SILENCE_OVER_TCP : stacks.length > 0 ? SILENCE_ON_BOTH : SILENCE;
  return new SftpxError(
    "unreachable",
    `Cannot reach "${shown}"${also}: no answer within ${seconds(timeoutMs)} s; ${silence}`,
    { cause },
  );
}

/** Whole milliseconds at most: what is left of a time after a first try is no round number. */
function seconds(timeMs: number): number {
  return Math.round(timeMs) / 1000;
}

/** A connection that ended before there was a session. */
async function endedEarly(connection: Connection, thrown: unknown): Promise<unknown> {
  if (!(thrown instanceof SftpxError) || thrown.code !== "lost") return thrown;
  const { code, reason, remote } = await connection.closed;
  const shown = connection.remoteAddress;
  const said = reason === "" ? "it gave no reason" : escapeText(reason);
  if (remote && code !== null && code !== "none") {
    const { code: told } = toldError({ code, message: "" }, "refused");
    return new SftpxError(told, `The server "${shown}" closed the connection: ${said}`, {
      remote,
      cause: thrown,
    });
  }
  return new SftpxError(
    "unreachable",
    `Cannot reach "${shown}": the connection ended before there was a session`,
    { remote, cause: thrown },
  );
}

/** What `AbortSignal.timeout` gives, which cannot be called off. */
function timeoutReason(): DOMException {
  return new DOMException("The operation timed out", "TimeoutError");
}
