// One of the two that race for a connection: it waits, is dialled, and is made or fails. One that is made
// and ends before it was chosen has failed.

import { type SftpxError, toSftpxError } from "../base/errors.ts";
import { endedAtOnce } from "./race_texts.ts";
import type { Connection, ConnectOptions, Transport } from "./transport.ts";

/** How far it is. */
export type Side =
  | { readonly state: "waiting" }
  | { readonly state: "dialling" }
  | { readonly state: "made"; readonly connection: Connection }
  | { readonly state: "failed"; readonly error: SftpxError };

export class Runner {
  readonly #stack: Transport;
  readonly #options: ConnectOptions;
  readonly #onChange: () => void;
  readonly #leaving = new AbortController();
  #side: Side = { state: "waiting" };
  #askedMs = 0;

  /** `onChange` is called when it is made or has failed, and not once it was left. */
  constructor(
    stack: Transport,
    { options, onChange }: { readonly options: ConnectOptions; readonly onChange: () => void },
  ) {
    this.#stack = stack;
    this.#options = options;
    this.#onChange = onChange;
  }

  get side(): Side {
    return this.#side;
  }

  /** When it was dialled, by the monotonic clock. */
  get askedMs(): number {
    return this.#askedMs;
  }

  /** Dials it, once. */
  dial(onAnswer: (rttMs: number) => void = () => {}): void {
    if (this.#side.state !== "waiting" || this.#isLeft) return;
    this.#side = { state: "dialling" };
    this.#askedMs = performance.now();
    const { signal } = this.#options;
    const left = this.#leaving.signal;
    const ends = signal === undefined ? left : AbortSignal.any([signal, left]);
    this.#stack.connect({ ...this.#options, onAnswer, signal: ends }).then(
      (connection) => this.#made(connection),
      (thrown) => this.#turn({ state: "failed", error: toSftpxError(thrown) }),
    );
  }

  /** It is not wanted any more, but for a connection that was chosen. */
  leave(chosen: Connection | null): void {
    this.#leaving.abort();
    const side = this.#side;
    if (side.state === "made" && side.connection !== chosen) side.connection.close("none", "");
  }

  get #isLeft(): boolean {
    return this.#leaving.signal.aborted;
  }

  #made(connection: Connection): void {
    if (this.#isLeft) return connection.close("none", "");
    connection.closed.then((info) =>
      this.#turn({ state: "failed", error: endedAtOnce(this.#options, info) })
    );
    this.#turn({ state: "made", connection });
  }

  #turn(side: Side): void {
    if (this.#isLeft) return;
    this.#side = side;
    this.#onChange();
  }
}
