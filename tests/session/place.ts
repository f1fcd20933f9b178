// Whole sessions inside one process: a network of its own, real disk and real workers, servers and
// clients with identities of their own. What is opened is closed and removed at the end.

import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { WORKERS } from "../../mod.ts";
import { SftpxError } from "../../src/base/errors.ts";
import { LIMITS } from "../../src/base/limits.ts";
import { pull, push } from "../../src/session/client.ts";
import type {
  PullOptions,
  PushOptions,
  Remote,
  ServeEvent,
  ServeHandle,
  ServeOptions,
  SessionEvent,
  SessionOptions,
  TransferOptions,
  TransferSummary,
} from "../../src/session/options.ts";
import { DEFAULT_POLICY } from "../../src/session/options.ts";
import { serve } from "../../src/session/serve.ts";
import { type MemoryOptions, memoryTransport } from "../../src/transport/memory.ts";
import type { MemoryTransport } from "../../src/transport/memory.ts";
import { parseIdentityName } from "../../src/trust/identity.ts";
import { decodeTicket } from "../../src/trust/ticket.ts";
import { removeTree } from "../e2e/trees.ts";

/** What somebody told, in order; and what is yet to be told. */
export class EventLog<E> {
  readonly items: E[] = [];
  readonly #waiting = new Set<(event: E) => void>();

  readonly put = (event: E): void => {
    this.items.push(event);
    for (const wake of [...this.#waiting]) wake(event);
  };

  /** The first event, past ones included, of which this holds. */
  async until(holds: (event: E) => boolean): Promise<E> {
    const past = this.items.find(holds);
    if (past !== undefined) return past;
    return await this.next(holds);
  }

  /** The next event of which this holds. */
  async next(holds: (event: E) => boolean): Promise<E> {
    const { promise, resolve } = Promise.withResolvers<E>();
    const wake = (event: E) => {
      if (holds(event)) resolve(event);
    };
    this.#waiting.add(wake);
    try {
      return await promise;
    } finally {
      this.#waiting.delete(wake);
    }
  }
}

/** One server that runs. */
export class RunningServer {
  readonly root: string;
  readonly handle: ServeHandle;
  readonly events: EventLog<ServeEvent>;
  readonly #stop: AbortController;

  constructor(
    root: string,
    { handle, events, stop }: {
      handle: ServeHandle;
      events: EventLog<ServeEvent>;
      stop: AbortController;
    },
  ) {
    this.root = root;
    this.handle = handle;
    this.events = events;
    this.#stop = stop;
  }

  /** Where it is; with its ticket if it minted one. */
  remote(path = ""): Remote {
    const { address, identity, ticket } = this.handle;
    return {
      addresses: [{ hostname: "127.0.0.1", port: address.port }],
      identity: parseIdentityName(identity),
      ticket: ticket === null ? null : decodeTicket(ticket).secret,
      path,
    };
  }

  /** Summaries of the transfers that ended, in that order. */
  get summaries(): readonly TransferSummary[] {
    return this.events.items.flatMap((event) =>
      event.kind === "transfer_done" ? [event.summary] : []
    );
  }

  /** Settles once what a transfer has stored so far was given to the journal. */
  async journalled(): Promise<void> {
    await ticked(
      this.events,
      (event) =>
        event.kind === "transfer" && event.event.kind === "progress" && event.event.bytesDone > 0,
    );
  }

  /** As a signal does. */
  async stop(): Promise<TransferSummary | null> {
    this.#stop.abort(new SftpxError("terminated", "The server stops"));
    return await this.handle.ended;
  }
}

/** Settles once what a pull has stored so far was given to its journal. */
export async function journalled({ events }: ClientRun): Promise<void> {
  await ticked(events, (event) => event.kind === "progress" && event.bytesDone > 0);
}

/** Waits for as many reports as the journal's clock may need: one comes with each tick. */
async function ticked<E>(events: EventLog<E>, grows: (event: E) => boolean): Promise<void> {
  await events.until(grows);
  const ticks = Math.ceil(LIMITS.journalMs / PROGRESS_MS) + 1;
  for (let tick = 0; tick < ticks; tick++) await events.next(grows);
}

/** A client's run: its end, and what it told. */
export interface ClientRun {
  readonly events: EventLog<SessionEvent>;
  readonly summary: Promise<TransferSummary>;
}

/** How often a transfer reports. */
const PROGRESS_MS = 200;

export type Overrides =
  & Partial<Omit<TransferOptions, "onEvent">>
  & Partial<Pick<PullOptions, "policy">>
  & Pick<PushOptions, "links">
  & { readonly home?: string };

/** A directory and a network that are gone at the end. */
export class Place implements AsyncDisposable {
  readonly network: MemoryTransport;
  readonly directory: string;
  readonly #servers: RunningServer[] = [];

  private constructor(directory: string, network: MemoryTransport) {
    this.directory = directory;
    this.network = network;
  }

  /** `within` is the directory that it is made in. */
  static async open(
    { within = tmpdir(), ...options }: MemoryOptions & { readonly within?: string } = {},
  ): Promise<Place> {
    const directory = await fs.realpath(await fs.mkdtemp(join(within, "sftpx-session-")));
    return new Place(directory, memoryTransport(options));
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  async serve(options: Partial<ServeOptions> = {}): Promise<RunningServer> {
    const events = new EventLog<ServeEvent>();
    const stop = new AbortController();
    const root = options.root ?? this.path("root");
    const handle = await serve({
      workers: WORKERS,
      transport: this.network,
      listen: { hostname: "127.0.0.1", port: 0 },
      advertise: [],
      identityPath: this.path("server/identity"),
      access: "both",
      once: false,
      timeoutMs: 10_000,
      keepForMs: LIMITS.keepForMs,
      policy: DEFAULT_POLICY,
      authorizedKeysPath: null,
      mintTicket: true,
      workerCount: 1,
      depth: 0,
      congestion: "auto",
      onEvent: events.put,
      signal: stop.signal,
      ...options,
      root,
    });
    const server = new RunningServer(root, { handle, events, stop });
    this.#servers.push(server);
    return server;
  }

  /** How a client of this place opens a session. */
  session(more: Partial<SessionOptions> = {}): SessionOptions {
    return {
      transport: this.network,
      identityPath: this.path("client/identity"),
      connections: 1,
      congestion: "auto",
      timeoutMs: 10_000,
      onEvent: () => {},
      signal: new AbortController().signal,
      ...more,
    };
  }

  /** Starts a push of paths in this place. */
  push(
    sources: readonly string[],
    remote: Remote,
    overrides: Overrides = {},
  ): ClientRun {
    const events = new EventLog<SessionEvent>();
    const options: PushOptions = {
      ...this.#options(overrides, events),
      sources: sources.map((source) => source.startsWith("/") ? source : this.path(source)),
      remote,
    };
    return { events, summary: push(options) };
  }

  /** Starts a pull into a path in this place. */
  pull(remotes: readonly Remote[], destination: string, overrides: Overrides = {}): ClientRun {
    const events = new EventLog<SessionEvent>();
    const options: PullOptions = {
      ...this.#options(overrides, events),
      remotes,
      keepForMs: LIMITS.keepForMs,
      policy: overrides.policy ?? DEFAULT_POLICY,
      destination: destination.startsWith("/") ? destination : this.path(destination),
    };
    return { events, summary: pull(options) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      for (const server of this.#servers) await server.stop();
    } finally {
      await removeTree(this.directory);
    }
  }

  #options(overrides: Overrides, events: EventLog<SessionEvent>): TransferOptions {
    const { home = "client", ...rest } = overrides;
    return {
      ...this.session({ identityPath: this.path(`${home}/identity`) }),
      workers: WORKERS,
      chunkBytes: 65_536,
      compression: { kind: "none" },
      workerCount: 1,
      depth: 0,
      lanes: 2,
      checksum: false,
      atomic: false,
      filters: [],
      files: null,
      dryRun: false,
      delete: false,
      tellEntries: false,
      ...rest,
      onEvent: events.put,
    };
  }
}

/** A summary that went well; its failure in words otherwise. */
export function assertDone(summary: TransferSummary): void {
  assert.equal(summary.error, null, String(summary.error?.stack));
  assert.ok(summary.ok);
}

/** What a dry run would do, by path; what would fail, with its code. */
export function planOf(run: ClientRun): Record<string, string> {
  return Object.fromEntries(
    run.events.items.flatMap((event) =>
      event.kind === "plan"
        ? [[event.path, event.code === undefined ? event.action : `fail ${event.code}`]]
        : []
    ),
  );
}

/** What became of each entry that was told, by path. */
export function entriesOf(run: ClientRun): Record<string, string> {
  return Object.fromEntries(
    run.events.items.flatMap((event) => event.kind === "entry" ? [[event.path, event.result]] : []),
  );
}

/** A summary's error code, for short comparisons. */
export function codeOf(summary: TransferSummary | undefined): string | null {
  assert.ok(summary !== undefined);
  return summary.error?.code ?? null;
}

/** Holds back what a network delivers, once so much went through: the middle of a transfer. */
export class Gate {
  readonly #afterBytes: number;
  readonly #reached = Promise.withResolvers<void>();
  readonly #open = Promise.withResolvers<void>();
  #passedBytes = 0;

  constructor(afterBytes: number) {
    this.#afterBytes = afterBytes;
  }

  /** For `MemoryOptions.deliver`. */
  readonly deliver = async (bytes: number): Promise<void> => {
    this.#passedBytes += bytes;
    if (this.#passedBytes <= this.#afterBytes) return;
    this.#reached.resolve();
    await this.#open.promise;
  };

  get reached(): Promise<void> {
    return this.#reached.promise;
  }

  open(): void {
    this.#open.resolve();
  }
}

/** Sends `tree` to the server or fetches it from there; `to` is the receiving directory. */
export interface Way {
  readonly from: string;
  readonly to: string;
  readonly run: (more?: Overrides) => ClientRun;
}

export function wayOf(
  direction: "push" | "pull",
  place: Place,
  server: Pick<RunningServer, "root" | "remote">,
): Way {
  return direction === "push"
    ? {
      from: place.path("tree"),
      to: `${server.root}/into`,
      run: (more = {}) => place.push(["tree/"], server.remote("into"), more),
    }
    : {
      from: `${server.root}/tree`,
      to: place.path("into"),
      run: (more = {}) => place.pull([server.remote("tree/")], "into", more),
    };
}
