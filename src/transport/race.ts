// A transport that is a choice of two: QUIC, and TLS over TCP. A client races them for each connection:
// TLS wins a short path, QUIC a long one, and either one where the other is blocked. The same pin holds
// on both, and nothing is said on a connection before it is chosen: who blocks one, or stands in for the
// server there, costs speed, no trust.

import { SftpxError, toldCode, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { escapeText } from "../base/text.ts";
import { formatAddress, isLoopback, mostTelling } from "./addresses.ts";
import { listenOnBoth } from "./merged_listener.ts";
import type { CloseInfo, Connection, ConnectOptions, Transport } from "./transport.ts";

/** What is raced. */
export interface Racers {
  readonly quic: Transport;
  readonly tcp: Transport;
}

/** How long what is waited for; `LIMITS` say why. */
export interface RaceTimes {
  readonly shortPathMs: number;
  readonly stallMs: number;
  readonly silenceMs: number;
  readonly mostSilenceMs: number;
}

const TIMES: RaceTimes = {
  shortPathMs: LIMITS.shortPathMs,
  stallMs: LIMITS.raceStallMs,
  silenceMs: LIMITS.quicSilenceMs,
  mostSilenceMs: LIMITS.mostQuicSilenceMs,
};

/** The transport over both. What it tells its user, it tells once. */
export function raceTransport(racers: Racers, times: Partial<RaceTimes> = {}): Transport {
  const stacks = [racers.quic, racers.tcp];
  const told = new Set<string>();
  const once = (onNotice: (message: string) => void) => (message: string) => {
    if (told.has(message)) return;
    told.add(message);
    onNotice(message);
  };
  return {
    name: "auto",
    addsToRuntimeRoots: stacks.some(({ addsToRuntimeRoots }) => addsToRuntimeRoots),
    stacks,
    unavailable: (wanted) => {
      const reasons = stacks.map((stack) => stack.unavailable(wanted));
      return reasons.includes(null) ? null : reasons.join("; ");
    },
    connect: (options) => {
      const onNotice = options.onNotice === undefined ? () => {} : once(options.onNotice);
      return new Race(racers, { options: { ...options, onNotice }, times: { ...TIMES, ...times } })
        .run();
    },
    listen: (options) => listenOnBoth(racers, options),
  };
}

/** How far one of them is. */
type Side =
  | { readonly state: "waiting" }
  | { readonly state: "dialling" }
  | { readonly state: "made"; readonly connection: Connection }
  | { readonly state: "failed"; readonly error: SftpxError };

/** One connection's race. */
class Race {
  readonly #racers: Racers;
  readonly #options: ConnectOptions & Required<Pick<ConnectOptions, "onNotice">>;
  readonly #times: RaceTimes;
  readonly #won = Promise.withResolvers<Connection>();
  readonly #losers = new AbortController();
  readonly #startMs = performance.now();
  /** Within this machine, where a clock tells how busy it is and nothing of the path. */
  readonly #isLocal: boolean;
  #tcp: Side = { state: "waiting" };
  #quic: Side = { state: "waiting" };
  #quicStartMs = 0;
  /** Round trip of the path, as TCP's first answer told it, and when that came. */
  #rttMs: number | null = null;
  #answeredMs = 0;
  /** What was waited for long enough: QUIC by whom TCP answered, TLS on a path that is short. */
  #isQuicSilent = false;
  #isTlsStalled = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #winner: Connection | null = null;
  #isOver = false;

  constructor(
    racers: Racers,
    { options, times }: {
      readonly options: ConnectOptions & Required<Pick<ConnectOptions, "onNotice">>;
      readonly times: RaceTimes;
    },
  ) {
    this.#racers = racers;
    this.#options = options;
    this.#times = times;
    const { hostname } = options;
    this.#isLocal = times.shortPathMs > 0 && (isLoopback(hostname) || hostname === "localhost");
  }

  async run(): Promise<Connection> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const onAbort = () => this.#giveUp();
    signal?.addEventListener("abort", onAbort);
    try {
      this.#dialTcp();
      // Its answer says how long the path is: on a short one QUIC is not even asked.
      this.#after(this.#isLocal ? this.#stallMs : this.#times.shortPathMs, () => this.#dialQuic());
      return await this.#won.promise;
    } finally {
      this.#isOver = true;
      clearTimeout(this.#timer);
      signal?.removeEventListener("abort", onAbort);
      this.#losers.abort();
      for (const side of [this.#tcp, this.#quic]) {
        if (side.state === "made" && side.connection !== this.#winner) {
          side.connection.close("none", "");
        }
      }
    }
  }

  #dialTcp(): void {
    this.#tcp = { state: "dialling" };
    this.#dial(this.#racers.tcp, {
      onAnswer: (rttMs) => this.#answered(rttMs),
      onSide: (side) => this.#tcp = side,
    });
  }

  #dialQuic(): void {
    if (this.#quic.state !== "waiting" || this.#isOver) return;
    this.#quic = { state: "dialling" };
    this.#quicStartMs = performance.now();
    this.#dial(this.#racers.quic, { onAnswer: () => {}, onSide: (side) => this.#quic = side });
  }

  #dial(
    stack: Transport,
    { onAnswer, onSide }: {
      readonly onAnswer: (rttMs: number) => void;
      readonly onSide: (side: Side) => void;
    },
  ): void {
    const { signal } = this.#options;
    const lost = this.#losers.signal;
    const ends = signal === undefined ? lost : AbortSignal.any([signal, lost]);
    stack.connect({ ...this.#options, onAnswer, signal: ends }).then(
      (connection) => {
        if (this.#isOver) return connection.close("none", "");
        onSide({ state: "made", connection });
        connection.closed.then((info) => {
          if (this.#isOver) return;
          onSide({ state: "failed", error: this.#ended(info) });
          this.#judge();
        });
        this.#judge();
      },
      (thrown) => {
        if (this.#isOver) return;
        onSide({ state: "failed", error: toSftpxError(thrown) });
        this.#judge();
      },
    );
  }

  /** TCP's first packet was answered. */
  #answered(rttMs: number): void {
    if (this.#isOver || this.#rttMs !== null) return;
    this.#rttMs = rttMs;
    this.#answeredMs = performance.now();
    if (!this.#isShort) return this.#dialQuic();
    this.#after(this.#stallMs, () => {
      this.#isTlsStalled = true;
      this.#dialQuic();
      this.#judge();
    });
  }

  get #isShort(): boolean {
    return this.#isLocal || this.#rttMs !== null && this.#rttMs <= this.#times.shortPathMs;
  }

  /** How long a short path's TLS is waited for alone. */
  get #stallMs(): number {
    return this.#isLocal ? this.#times.mostSilenceMs : this.#times.stallMs;
  }

  /** Whether it is decided, after anything that happened. */
  #judge(): void {
    if (this.#isOver) return;
    if (this.#tcp.state === "failed") this.#dialQuic();
    const [tcp, quic] = [this.#tcp, this.#quic];
    if (tcp.state === "failed" && quic.state === "failed") {
      return this.#fail(bothFailed(quic.error, tcp.error));
    }
    if (isImpostor(tcp)) return this.#judgeBeside(tcp.error, { over: "TCP", other: quic });
    if (isImpostor(quic)) return this.#judgeBeside(quic.error, { over: "QUIC", other: tcp });
    if (tcp.state === "made") return this.#judgeTcp(tcp.connection);
    if (quic.state !== "made") return;
    // On a short path TLS is worth a moment, unless it had that already.
    const isTlsNear = tcp.state === "dialling" && this.#isShort && !this.#isTlsStalled;
    if (!isTlsNear) this.#win(quic.connection);
  }

  /**
   * Somebody else answers on one of them: the server proves itself on the other one, which is taken and
   * told, or it does not, in its time.
   */
  #judgeBeside(
    error: SftpxError,
    { over, other }: { readonly over: "TCP" | "QUIC"; readonly other: Side },
  ): void {
    if (other.state !== "made") {
      return this.#after(this.#times.mostSilenceMs, () => this.#fail(error));
    }
    const instead = over === "TCP" ? "over QUIC" : "over TLS on TCP";
    this.#options.onNotice(
      `What answers over ${over} at "${this.#shown}" does not prove the pinned identity: another ` +
        `program, or somebody who impersonates the server. It goes ${instead}, where it is proved`,
    );
    this.#win(other.connection);
  }

  /** There is a connection over TCP: is there one over QUIC to come that is better? */
  #judgeTcp(connection: Connection): void {
    const quic = this.#quic;
    // The rest of the handshake is a round trip as well: one that a busy machine drew out says less. A
    // stack that does not see the first answer takes two for all of it.
    this.#rttMs = this.#rttMs === null
      ? (performance.now() - this.#startMs) / 2
      : Math.min(this.#rttMs, performance.now() - this.#answeredMs);
    if (this.#isShort) return this.#win(connection);
    switch (quic.state) {
      case "made":
        return this.#win(quic.connection);
      case "failed":
        this.#tell(`QUIC does not reach "${this.#shown}" (${stateOf(quic.error)})`);
        return this.#win(connection);
      case "waiting":
        this.#dialQuic();
        return this.#judgeTcp(connection);
      case "dialling":
        if (this.#isQuicSilent) {
          this.#tell(`UDP to "${this.#shown}" is not answered, as if a firewall dropped it`);
          return this.#win(connection);
        }
        return this.#awaitQuic(this.#rttMs);
    }
  }

  #awaitQuic(rttMs: number): void {
    const { silenceMs, mostSilenceMs } = this.#times;
    const waitedMs = performance.now() - this.#quicStartMs;
    const leftMs = Math.min(silenceMs + 2 * rttMs, mostSilenceMs) - waitedMs;
    this.#after(Math.max(0, leftMs), () => {
      this.#isQuicSilent = true;
      this.#judge();
    });
  }

  #tell(found: string): void {
    this.#options.onNotice(`${found}: it goes over TLS on TCP instead`);
  }

  #win(connection: Connection): void {
    this.#winner = connection;
    this.#isOver = true;
    this.#won.resolve(connection);
  }

  #fail(error: SftpxError): void {
    this.#isOver = true;
    this.#won.reject(error);
  }

  /** The caller's time is over, or its user's patience. What is being dialled ends by itself. */
  #giveUp(): void {
    const reason: unknown = this.#options.signal?.reason;
    const isTimeout = reason instanceof DOMException && reason.name === "TimeoutError";
    if (this.#isOver) return;
    this.#isOver = true;
    if (!isTimeout) return this.#won.reject(reason);
    const text = `Cannot connect to "${this.#shown}": no answer in time`;
    this.#won.reject(new SftpxError("unreachable", text, { cause: reason }));
  }

  get #shown(): string {
    return escapeText(formatAddress(this.#options.hostname, this.#options.port));
  }

  /** A connection that ended before it was chosen. */
  #ended({ code, reason, remote }: CloseInfo): SftpxError {
    const told = code === null || code === "none" ? "unreachable" : toldCode(code, "refused");
    const said = reason === "" ? "the connection ended at once" : escapeText(reason);
    return new SftpxError(told, `Cannot connect to "${this.#shown}": ${said}`, { remote });
  }

  /** Only one thing is waited for at a time. */
  #after(delayMs: number, action: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(action, delayMs);
  }
}

function isImpostor(side: Side): side is Extract<Side, { readonly state: "failed" }> {
  return side.state === "failed" && side.error.code === "identity_mismatch";
}

/** The error that says most; what each of them found where that is the same. */
function bothFailed(quic: SftpxError, tcp: SftpxError): SftpxError {
  const telling = mostTelling([quic, tcp]);
  if (quic.code !== tcp.code || quic.code !== "unreachable") return telling;
  const { remote, cause } = quic;
  const text = `${quic.message}; over TCP: ${stateOf(tcp)}`;
  return new SftpxError("unreachable", text, { remote, cause });
}

/** The state found, of `Cannot X "v": state found`. */
function stateOf({ message }: SftpxError): string {
  return /^Cannot [^"]*"[^"]*": (.*)$/s.exec(message)?.[1] ?? message;
}
