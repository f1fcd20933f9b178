// A transport on a thread of its own, started once it is used: a core's worth of QUIC beside this one's. It
// is the stack it hosts in every respect but one: whose connection comes in is decided ahead, by `admit`,
// for a screen cannot be asked across threads.

import { sourceOf } from "../../base/address.ts";
import type { Rate } from "../../base/token_bucket.ts";
import { spawnWorker, type WorkerAccess } from "../../runtime/runtime.ts";
import { closeOnAbort } from "../close_on_abort.ts";
import {
  type Connection,
  type ConnectOptions,
  type HostPort,
  type Listener,
  type ListenOptions,
  type Transport,
  wantedOf,
} from "../transport.ts";
import { Calls } from "./calls.ts";
import { ThreadConnection } from "./connection.ts";
import type { ToHost } from "./messages.ts";

export interface ThreadOptions {
  /** URL of `workers/transport.ts`, made in `mod.ts`. */
  readonly workerUrl: URL;
  /** Deno's QUIC, as this thread has it: no other stack can be on two threads of a process. */
  readonly stack: Transport;
  /** Handshakes that peers may begin with its listeners. */
  readonly arrivals?: Rate;
}

/** What a transport's thread may do: it has no business with files. */
const ACCESS: WorkerAccess = { read: [], write: [], net: true };

/** A listener whose screen is a list. */
export interface ThreadListener extends Listener {
  /** Lets in connections from these addresses, and from no others, once it settles. */
  admit(addresses: readonly string[]): Promise<void>;
}

export class ThreadTransport implements Transport, AsyncDisposable {
  readonly name: string;
  readonly addsToRuntimeRoots: boolean;
  readonly #stack: Transport;
  readonly #options: ThreadOptions;
  /** Once something was asked of it. */
  #calls: Calls | null = null;
  #isEnded = false;

  constructor(options: ThreadOptions) {
    const { stack } = options;
    this.name = stack.name;
    this.addsToRuntimeRoots = stack.addsToRuntimeRoots;
    this.#stack = stack;
    this.#options = options;
  }

  unavailable(...wanted: Parameters<Transport["unavailable"]>): string | null {
    return this.#stack.unavailable(...wanted);
  }

  async connect({ signal, ...wanted }: ConnectOptions): Promise<Connection> {
    const { hostname, port, anchorPem, protocol, patienceMs } = wanted;
    const options = {
      ...wantedOf(wanted),
      ...(protocol === undefined ? {} : { protocol }),
      ...(patienceMs === undefined ? {} : { patienceMs }),
      hostname,
      port,
      anchorPem,
    };
    const calls = this.#start();
    const as = calls.number();
    const opened = await calls.ask<"connect">({ kind: "connect", as, options }, { signal });
    return new ThreadConnection(calls, as, opened);
  }

  async listen({ signal, ...wanted }: ListenOptions): Promise<ThreadListener> {
    const { hostname, port, certificatePem, keyPem } = wanted;
    const options = { ...wantedOf(wanted), hostname, port, certificatePem, keyPem };
    const calls = this.#start();
    const as = calls.number();
    const address = await calls.ask<"listen">({ kind: "listen", as, options }, { signal });
    return new HostedListener(calls, as, { address, signal });
  }

  /** Ends the thread, with the connections on it, whose other ends are told. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true;
    await this.#calls?.end();
  }

  #start(): Calls {
    if (this.#isEnded) throw new TypeError("the transport's thread was ended before");
    if (this.#calls !== null) return this.#calls;
    const { workerUrl, arrivals } = this.#options;
    const worker = spawnWorker(workerUrl, { name: "sftpx network", access: ACCESS });
    const init: ToHost = { kind: "init", ...(arrivals === undefined ? {} : { arrivals }) };
    worker.postMessage(init);
    return this.#calls = new Calls(worker);
  }
}

class HostedListener implements ThreadListener {
  readonly address: HostPort;
  readonly #calls: Calls;
  readonly #number: number;
  readonly #forget: () => void;
  #isClosed = false;

  constructor(
    calls: Calls,
    number: number,
    { address, signal }: { readonly address: HostPort; readonly signal: AbortSignal | undefined },
  ) {
    this.#calls = calls;
    this.#number = number;
    this.address = address;
    this.#forget = closeOnAbort(this, signal);
  }

  async admit(addresses: readonly string[]): Promise<void> {
    const admitted = addresses.map(sourceOf);
    await this.#calls.ask<"admit">({ kind: "admit", of: this.#number, addresses: admitted });
  }

  async accept(): Promise<Connection | null> {
    if (this.#isClosed) return null;
    const as = this.#calls.number();
    const opened = await this.#calls.ask<"accept">({ kind: "accept", of: this.#number, as });
    return opened === null ? null : new ThreadConnection(this.#calls, as, opened);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#forget();
    this.#calls.say({ kind: "shut", of: this.#number });
  }
}
