// A server's further ports, so that its QUIC uses several cores: a thread of its own behind each, started
// when a session first asks. They are open to addresses of sessions that asked, and to nobody else; whoever
// comes is for reception to judge. After the last such session they let nobody in, and stay a while for the
// next one: what a thread held is given back late, and transfers come one after another.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import type { Rate } from "../base/token_bucket.ts";
import { mayUseNetwork } from "../runtime/runtime.ts";
import { formatAddress } from "../transport/addresses.ts";
import { type ThreadListener, ThreadTransport } from "../transport/thread/thread.ts";
import type { Connection, HostPort, ListenOptions, Transport } from "../transport/transport.ts";
import type { NetworkThreads } from "./network_threads.ts";

export interface FurtherPortsOptions {
  readonly threads: NetworkThreads;
  /** Deno's QUIC. */
  readonly stack: Transport;
  /** As the first port listens, which is told once it does. */
  readonly listen: Omit<ListenOptions, "screen" | "signal" | "onNotice">;
  /** Takes in a connection that came by one of them. */
  readonly onConnection: (connection: Connection) => void;
  readonly onNotice: (message: string) => void;
  /** Handshakes that may begin at all of them together; as many as at the first port where absent. */
  readonly arrivals?: Rate;
  /** How long they stay without a session. */
  readonly idleMs?: number;
}

/** A port with its thread. */
interface Door {
  readonly thread: ThreadTransport;
  readonly listener: ThreadListener;
}

const LAST_PORT = 65_535;

const ARRIVALS: Rate = { burst: LIMITS.arrivalsAtOnce, perSecond: LIMITS.arrivalsPerSecond };

export class FurtherPorts implements AsyncDisposable {
  readonly #options: FurtherPortsOptions;
  /** Addresses of the sessions that asked. */
  readonly #sessions = new Map<number, string>();
  #doors: Door[] = [];
  /** Why one could not be opened: told once. */
  readonly #told = new Set<string>();
  /** Ports open and close one after the other. */
  #turn: Promise<void> = Promise.resolve();
  #idle: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;

  constructor(options: FurtherPortsOptions) {
    this.#options = options;
  }

  /** How many there are for who asks. */
  get count(): number {
    return this.#options.threads.count;
  }

  /** Opens them for a session whose client came from this address; those that could be. Never rejects. */
  async ask(session: number, address: string): Promise<readonly number[]> {
    if (this.#isClosed) return [];
    this.#sessions.set(session, address);
    await this.#inTurn(async () => {
      if (this.#sessions.size > 0 && this.#doors.length === 0) await this.#open();
    });
    // Whoever is told a port may be there before the thread has heard of the address.
    await this.#admit();
    return this.#doors.map(({ listener }) => listener.address.port);
  }

  /** The session is over: its address is let in no more, once it settles. */
  async leave(session: number): Promise<void> {
    if (!this.#sessions.delete(session)) return;
    if (this.#sessions.size === 0) this.#rest();
    await this.#admit();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#idle);
    this.#sessions.clear();
    await this.#admit();
    await this.#inTurn(() => this.#close());
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    return this.#turn = this.#turn.then(work);
  }

  /** They close if no other session asks in time. */
  #rest(): void {
    const close = async () => {
      if (this.#sessions.size === 0) await this.#close();
    };
    const { idleMs = LIMITS.networkIdleMs } = this.#options;
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#inTurn(close), idleMs);
  }

  /** Never rejects: a thread that died lets nobody in. */
  async #admit(): Promise<void> {
    const addresses = [...this.#sessions.values()];
    await Promise.allSettled(this.#doors.map(({ listener }) => listener.admit(addresses)));
  }

  async #open(): Promise<void> {
    const opened = Array.from({ length: this.count }, (_, index) => this.#openOne(index));
    const doors = (await Promise.all(opened)).filter((door) => door !== null);
    this.#doors = doors;
    for (const door of doors) this.#accept(door);
  }

  async #openOne(index: number): Promise<Door | null> {
    const { threads: { workerUrl }, stack, listen, onNotice } = this.#options;
    const { burst, perSecond } = this.#options.arrivals ?? ARRIVALS;
    const arrivals = { burst: Math.ceil(burst / this.count), perSecond: perSecond / this.count };
    const thread = new ThreadTransport({ workerUrl, stack, arrivals });
    try {
      return { thread, listener: await listenNear(thread, { listen, index }) };
    } catch (thrown) {
      await thread[Symbol.asyncDispose]();
      const { message } = toSftpxError(thrown);
      if (!this.#told.has(message)) onNotice(`a further port could not be opened: ${message}`);
      this.#told.add(message);
      return null;
    }
  }

  /** A thread that dies takes its port with it; the others stay. */
  async #accept(door: Door): Promise<void> {
    for (;;) {
      const connection = await door.listener.accept().catch(() => null);
      if (connection === null) break;
      this.#options.onConnection(connection);
    }
    this.#doors = this.#doors.filter((other) => other !== door);
    await door.thread[Symbol.asyncDispose]();
  }

  async #close(): Promise<void> {
    const doors = this.#doors;
    this.#doors = [];
    await Promise.all(doors.map(({ thread }) => thread[Symbol.asyncDispose]()));
  }
}

/** The port right after the last one, which a firewall can be told of; any other where that is taken. */
async function listenNear(
  thread: ThreadTransport,
  { listen, index }: { readonly listen: HostPort & ListenOptions; readonly index: number },
): Promise<ThreadListener> {
  const port = listen.port + 1 + index;
  const mayUse = (port: number) => mayUseNetwork(formatAddress(listen.hostname, port));
  const isThere = port <= LAST_PORT && mayUse(port);
  if (!isThere && !mayUse(0)) {
    const found = `it may not be used, run again with --allow-net=${listen.hostname}`;
    throw new SftpxError("permission", `Cannot listen on a further port: ${found}`);
  }
  try {
    return await thread.listen({ ...listen, port: isThere ? port : 0 });
  } catch (thrown) {
    if (!isThere || !mayUse(0) || toSftpxError(thrown).code !== "io") throw thrown;
    return await thread.listen({ ...listen, port: 0 });
  }
}
