// A transport that is a choice of two: QUIC, and TLS over TCP. A client races them for each connection:
// TLS wins a short path, QUIC a long one, and either one where the other is blocked. The same pin holds
// on both, and nothing is said on a connection before it is chosen: who blocks one, or stands in for the
// server there, costs speed, no trust.

import type { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { isLoopback } from "./addresses.ts";
import { listenOnBoth } from "./merged_listener.ts";
import { Runner, type Side } from "./race_side.ts";
import { besideImpostor, bothFailed, insteadOfQuic, quicSilent, tooLate } from "./race_texts.ts";
import type { Connection, ConnectOptions, Transport } from "./transport.ts";

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
  /** QUIC, once TCP has failed: a host that answers there has had its say, however long its caller waits. */
  readonly aloneMs: number;
}

const TIMES: RaceTimes = {
  shortPathMs: LIMITS.shortPathMs,
  stallMs: LIMITS.raceStallMs,
  silenceMs: LIMITS.quicSilenceMs,
  mostSilenceMs: LIMITS.mostQuicSilenceMs,
  aloneMs: LIMITS.quicAloneMs,
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

/** One connection's race. */
class Race {
  readonly #options: ConnectOptions & Required<Pick<ConnectOptions, "onNotice">>;
  readonly #times: RaceTimes;
  readonly #won = Promise.withResolvers<Connection>();
  readonly #startMs = performance.now();
  /** Within this machine, where a clock tells how busy it is and nothing of the path. */
  readonly #isLocal: boolean;
  readonly #tcp: Runner;
  readonly #quic: Runner;
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
    { quic, tcp }: Racers,
    { options, times }: {
      readonly options: ConnectOptions & Required<Pick<ConnectOptions, "onNotice">>;
      readonly times: RaceTimes;
    },
  ) {
    this.#options = options;
    this.#times = times;
    const { hostname } = options;
    this.#isLocal = times.shortPathMs > 0 && (isLoopback(hostname) || hostname === "localhost");
    const running = { options, onChange: () => this.#judge() };
    this.#tcp = new Runner(tcp, running);
    this.#quic = new Runner(quic, running);
  }

  async run(): Promise<Connection> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    const onAbort = () => this.#giveUp();
    signal?.addEventListener("abort", onAbort);
    try {
      this.#tcp.dial((rttMs) => this.#answered(rttMs));
      // Its answer says how long the path is: on a short one QUIC is not even asked.
      const alone = this.#isLocal ? this.#stallMs : this.#times.shortPathMs;
      this.#after(alone, () => this.#quic.dial());
      return await this.#won.promise;
    } finally {
      this.#isOver = true;
      clearTimeout(this.#timer);
      signal?.removeEventListener("abort", onAbort);
      this.#tcp.leave(this.#winner);
      this.#quic.leave(this.#winner);
    }
  }

  /** TCP's first packet was answered. */
  #answered(rttMs: number): void {
    if (this.#isOver || this.#rttMs !== null) return;
    this.#rttMs = rttMs;
    this.#answeredMs = performance.now();
    this.#options.onAnswer?.(rttMs);
    if (!this.#isShort) return this.#quic.dial();
    this.#after(this.#stallMs, () => {
      this.#isTlsStalled = true;
      this.#quic.dial();
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
    if (this.#tcp.side.state === "failed") this.#quic.dial();
    const [tcp, quic] = [this.#tcp.side, this.#quic.side];
    if (tcp.state === "failed" && quic.state === "failed") {
      return this.#fail(bothFailed(quic.error, tcp.error));
    }
    if (isImpostor(tcp)) return this.#judgeBeside(tcp.error, { over: "TCP", other: quic });
    if (isImpostor(quic)) return this.#judgeBeside(quic.error, { over: "QUIC", other: tcp });
    if (tcp.state === "made") return this.#judgeTcp(tcp.connection);
    if (quic.state !== "made") return this.#awaitAlone();
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
    this.#options.onNotice(besideImpostor(this.#options, over));
    this.#win(other.connection);
  }

  /** There is a connection over TCP: is there one over QUIC to come that is better? */
  #judgeTcp(connection: Connection): void {
    const quic = this.#quic.side;
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
        this.#options.onNotice(insteadOfQuic(this.#options, quic.error));
        return this.#win(connection);
      case "waiting":
        this.#quic.dial();
        return this.#judgeTcp(connection);
      case "dialling":
        if (this.#isQuicSilent) {
          this.#options.onNotice(insteadOfQuic(this.#options, "silent"));
          return this.#win(connection);
        }
        return this.#awaitQuic(this.#rttMs);
    }
  }

  /** Where TCP has failed, no more than QUIC is waited for. */
  #awaitAlone(): void {
    const { side } = this.#tcp;
    if (side.state !== "failed") return;
    const { error } = side;
    this.#after(this.#times.aloneMs, () => {
      this.#fail(bothFailed(quicSilent(this.#options), error));
    });
  }

  #awaitQuic(rttMs: number): void {
    const { silenceMs, mostSilenceMs } = this.#times;
    const waitedMs = performance.now() - this.#quic.askedMs;
    const leftMs = Math.min(silenceMs + 2 * rttMs, mostSilenceMs) - waitedMs;
    this.#after(Math.max(0, leftMs), () => {
      this.#isQuicSilent = true;
      this.#judge();
    });
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
    if (this.#isOver) return;
    this.#isOver = true;
    const reason: unknown = this.#options.signal?.reason;
    const isTimeout = reason instanceof DOMException && reason.name === "TimeoutError";
    this.#won.reject(isTimeout ? tooLate(this.#options, reason) : reason);
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
