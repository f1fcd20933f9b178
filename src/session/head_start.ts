// What begins on a long path before the server has answered, where connecting showed that the path is long:
// further connections are dialled once the hello has left, and what frames need is made ready once the
// offer has. Each round trip is time that nobody needs for anything else.

import { LIMITS } from "../base/limits.ts";
import type { Connection } from "../transport/transport.ts";
import type { ControlChannel } from "./control_channel.ts";
import { EarlyConnections, earlyCount } from "./early_connections.ts";
import { isLocalAddress } from "./lane_control.ts";
import type { Remote, SessionOptions } from "./options.ts";
import { turnOfLoop } from "./patience.ts";

/** What a transfer knows of what will be moved while its server is being reached. */
export interface Outlook {
  /** Several connections may carry it sooner than one. */
  readonly isForSeveral: boolean;
  /** What takes time until frames flow may begin. */
  prepare(): void;
}

/** How long the path is, as far as anything told before a word was said on it. */
export interface PathSight {
  /** Its round trip; null where neither kernel nor transport told. */
  readonly rttMs: number | null;
  /** What connecting took by the clock: a round trip at least, and whatever else kept this machine. */
  readonly dialMs: number;
}

/**
 * A clock's time is taken for a long path from here on. Over a path of a millisecond the first connection
 * of Deno's QUIC took a busy machine 60 to 97: a wrong guess costs three handshakes, and the plan takes the
 * connections back.
 */
const LONG_DIAL_MS = 60;

export class HeadStart implements AsyncDisposable {
  readonly #options: SessionOptions;
  readonly #remote: Remote;
  readonly #first: Connection;
  readonly #outlook: Outlook | null;
  readonly #path: PathSight;
  #early: EarlyConnections | null = null;
  #isOver = false;

  constructor(
    options: SessionOptions,
    { remote, first, outlook, path }: {
      readonly remote: Remote;
      readonly first: Connection;
      /** Null where nothing is moved. */
      readonly outlook: Outlook | null;
      readonly path: PathSight;
    },
  ) {
    this.#options = options;
    this.#remote = remote;
    this.#first = first;
    this.#outlook = outlook;
    this.#path = path;
  }

  /** Null where none was dialled. */
  get early(): EarlyConnections | null {
    return this.#early;
  }

  get isLong(): boolean {
    if (isLocalAddress(this.#first.remoteAddress)) return false;
    const { rttMs, dialMs } = this.#path;
    return rttMs === null ? dialMs >= LONG_DIAL_MS : rttMs >= LIMITS.shortPathMs;
  }

  /** This end's hello has left. */
  helloLeft(): void {
    if (this.#isOver || !this.#outlook?.isForSeveral || !this.isLong) return;
    const count = earlyCount(this.#options, this.#first.stack);
    if (count === 0) return;
    const { rttMs: toldMs, dialMs } = this.#path;
    const [remote, first, rttMs] = [this.#remote, this.#first, toldMs ?? dialMs];
    this.#early = new EarlyConnections(this.#options, { remote, first, rttMs, count });
  }

  /** The proof was said, and what goes with it: it leaves first. */
  async proofSaid(control: ControlChannel): Promise<void> {
    if (!this.isLong || this.#outlook === null) return;
    await control.flushed().catch(() => {}); // Told by whoever waits for the welcome.
    await turnOfLoop();
    if (!this.#isOver) this.#outlook.prepare();
  }

  /** There will be no session: what was begun for it ends, and nothing begins any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#early?.[Symbol.asyncDispose]();
  }
}
