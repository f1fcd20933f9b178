// The threads that a client's further connections run on, one after the other in turn: started with the
// first connection each carries, ended with the session.

import { LIMITS } from "../base/limits.ts";
import { cores } from "../runtime/runtime.ts";
import { ThreadTransport } from "../transport/thread/thread.ts";
import { stackOf, type Transport } from "../transport/transport.ts";
import type { WorkerUrls } from "./options.ts";

/** Threads that a command may spread its connections over QUIC over, besides its own. */
export interface NetworkThreads {
  /** 0 for none. */
  readonly count: number;
  /** URL of `workers/transport.ts`. */
  readonly workerUrl: URL;
}

/** The one stack that runs on several threads: quiche's addon loads once a process, TLS needs none. */
export const THREADED_STACK = "deno-quic";

/** Below it the command's own thread and its workers keep all cores busy. */
const LEAST_CORES = 3;

/** Half of the cores go to the network where nobody says: the workers have the other half. */
export function networkThreads(
  wanted: number | null,
  { transport: workerUrl }: Pick<WorkerUrls, "transport">,
  { coreCount = cores() }: { readonly coreCount?: number } = {},
): { readonly networkThreads?: NetworkThreads } {
  const many = coreCount < LEAST_CORES ? 0 : Math.floor(coreCount / 2);
  const count = Math.min(wanted ?? many, LIMITS.networkThreads);
  return workerUrl === undefined || count === 0 ? {} : { networkThreads: { count, workerUrl } };
}

/** What its user should know who asked for threads that `transport` has no use for; null where it has. */
export function unusedThreads(wanted: number | null, transport: Transport): string | null {
  if (wanted === null || wanted === 0) return null;
  if (stackOf(transport, THREADED_STACK).name === THREADED_STACK) return null;
  return `--network-threads ${wanted} changes nothing: only Deno's QUIC runs on several threads`;
}

export class OwnThreads implements AsyncDisposable {
  readonly #threads: NetworkThreads | undefined;
  readonly #started: ThreadTransport[] = [];

  constructor(threads: NetworkThreads | undefined) {
    this.#threads = threads;
  }

  /** What the further connection of this number is dialled by: `stack` itself where it has no thread. */
  of(number: number, stack: Transport): Transport {
    const { count, workerUrl } = this.#threads ?? { count: 0 };
    if (count === 0 || workerUrl === undefined || stack.name !== THREADED_STACK) return stack;
    return this.#started[(number - 1) % count] ??= new ThreadTransport({ workerUrl, stack });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#started.map((thread) => thread?.[Symbol.asyncDispose]()));
  }
}
