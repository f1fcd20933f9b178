// The server: one root, many clients. Lets in whom reception takes in, runs their sessions, and stops
// in order. Nothing is open by default; see admissions.ts.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { issueLeaf } from "../trust/certificate.ts";
import { type Admitted, grantOfAccess } from "../trust/grant.ts";
import { type Identity, identityName, loadIdentity } from "../trust/identity.ts";
import { encodeTicket } from "../trust/ticket.ts";
import { type Connection, type Listener, stackOf, wantedOf } from "../transport/transport.ts";
import { whenAborted } from "./abort.ts";
import { Admissions, type Caller } from "./admissions.ts";
import { ticketAddresses } from "./advertise.ts";
import { Equipment } from "./equipment.ts";
import { FurtherPorts } from "./further_ports.ts";
import { Guests } from "./guests.ts";
import type { Admission } from "./handshake.ts";
import { THREADED_STACK } from "./network_threads.ts";
import type { ServeHandle, ServeOptions, TransferSummary } from "./options.ts";
import { OneTransfer } from "./one_transfer.ts";
import { type NewSession, Reception } from "./reception.ts";
import { openServedRoot } from "./served_root.ts";
import { ServedSession } from "./served_session.ts";
import { Takeover } from "./takeover.ts";
import { serveAccess } from "./worker_access.ts";

const SECRET_BYTES = 32;

/** Starts serving; settles once the listener is bound. */
export async function serve(options: ServeOptions): Promise<ServeHandle> {
  const server = new Server(options);
  return await server.start();
}

class Server {
  readonly #options: ServeOptions;
  readonly #guests = new Guests();
  readonly #ended = Promise.withResolvers<TransferSummary | null>();
  readonly #takeover: Takeover;
  readonly #stop = new AbortController();
  #looking: Promise<void> = Promise.resolve();
  readonly #connections = new Set<Connection>();
  /** Sessions that run, those that came while the server stops included. */
  readonly #runs = new Set<Promise<void>>();
  #identity!: Identity;
  #root!: string;
  #store!: Store;
  #equipment!: Equipment;
  #admissions!: Admissions;
  #reception!: Reception;
  #listener: Listener | null = null;
  /** Null where its QUIC has this thread alone. */
  #ports: FurtherPorts | null = null;
  /** What `once` waits for; to look, ask or measure is no transfer. */
  readonly #once: OneTransfer | null;
  #transfers = 0;
  #stopping = false;

  constructor(options: ServeOptions) {
    this.#options = options;
    const { timeoutMs: stillMs, takeoverMs: mostMs = LIMITS.takeoverMs } = options;
    this.#takeover = new Takeover({ stillMs, mostMs });
    this.#once = options.once
      ? new OneTransfer({
        waitMs: options.timeoutMs,
        onOver: (summary) => this.#finish(summary),
      })
      : null;
  }

  async start(): Promise<ServeHandle> {
    const options = this.#options;
    this.#identity = await loadIdentity(options.identityPath, { create: true });
    const mayWrite = grantOfAccess(options.access).write;
    this.#root = await openServedRoot(options.root, { create: mayWrite });
    this.#admissions = await Admissions.open({ ...options, root: this.#root });
    try {
      const { certificatePem, keyPem } = await issueLeaf(this.#identity, { nowMs: Date.now() });
      // Who only reads leaves nothing behind, and may serve what it cannot write to.
      this.#store = await openStore({
        root: mayWrite ? this.#root : null,
        workerUrl: options.workers.store,
        keep: true,
        keepForMs: options.keepForMs,
      });
      const { rateBytesPerSecond } = options;
      this.#equipment = await Equipment.start({
        chunkWorkerUrl: options.workers.chunk,
        workerCount: options.workerCount,
        depth: options.depth,
        access: serveAccess(this.#root, { mayWrite }),
        ...(rateBytesPerSecond === undefined ? {} : { rateBytesPerSecond }),
      });
      await this.#equipment.ready;
      this.#reception = this.#receive();
      this.#listener = await options.transport.listen({
        ...options.listen,
        screen: this.#reception.screen,
        certificatePem,
        keyPem,
        ...wantedOf(options),
        onNotice: (message) => options.onEvent({ kind: "notice", message }),
      });
      this.#ports = this.#furtherPorts({ certificatePem, keyPem });
      this.#admissions.announce({
        port: this.#listener.address.port,
        addresses: ticketAddresses(this.#listener.address, options.advertise),
      });
      return this.#run(this.#listener);
    } catch (error) {
      this.#listener?.close();
      await this.#reception?.[Symbol.asyncDispose]();
      await this.#equipment?.[Symbol.asyncDispose]();
      await this.#store?.close();
      this.#admissions.close();
      throw error;
    }
  }

  #run(listener: Listener): ServeHandle {
    const { mintTicket, signal } = this.#options;
    const ticket = mintTicket ? this.#mint(listener) : null;
    const aborted = whenAborted(signal, () => this.#abort());
    const over = () => aborted[Symbol.dispose]();
    this.#ended.promise.then(over, over);
    this.#accept(listener);
    return {
      reload: () => this.#reload(),
      address: listener.address,
      identity: this.#identity.name,
      ticket,
      ended: this.#ended.promise,
    };
  }

  #receive(): Reception {
    const { handshakeMs = LIMITS.handshakeMs, refusalsToldMs = LIMITS.refusalsToldMs } =
      this.#options;
    return new Reception({
      identity: this.#identity,
      handshakeMs,
      refusalsToldMs,
      admit: (caller, address) => this.#admit(caller, address),
      isKnown: (identity) => this.#admissions.knows(identity),
      sessionOf: (session, address) =>
        this.#guests.sessionFor({ session, address }, this.#admissions),
      check: () => this.#check(),
      onSession: (client) => this.#open(client),
      onRefused: (refusal) => this.#options.onEvent({ kind: "peer_refused", ...refusal }),
    });
  }

  #mint(listener: Listener): string {
    const { advertise, once } = this.#options;
    const secret = this.#admissions.mint({ once });
    const addresses = ticketAddresses(listener.address, advertise);
    return encodeTicket({ identity: this.#identity.publicKey, secret, addresses });
  }

  async #accept(listener: Listener): Promise<void> {
    for (;;) {
      const connection = await listener.accept().catch(() => null);
      if (connection === null) return;
      this.#takeIn(connection, { joinsOnly: false });
    }
  }

  #takeIn(connection: Connection, how: { readonly joinsOnly: boolean }): void {
    this.#connections.add(connection);
    connection.closed.then(() => this.#connections.delete(connection));
    this.#reception.takeIn(connection, how);
  }

  #furtherPorts(
    leaf: { readonly certificatePem: string; readonly keyPem: string },
  ): FurtherPorts | null {
    const { networkThreads: threads, transport, onEvent } = this.#options;
    const stack = stackOf(transport, THREADED_STACK);
    if (threads === undefined || threads.count === 0 || stack.name !== THREADED_STACK) return null;
    return new FurtherPorts({
      threads,
      stack,
      listen: { ...this.#listener!.address, ...leaf, ...wantedOf(this.#options) },
      onConnection: (connection) => this.#takeIn(connection, { joinsOnly: true }),
      onNotice: (message) => onEvent({ kind: "notice", message }),
    });
  }

  async #admit(caller: Caller, address: string): Promise<Admission> {
    await this.#lookForKeys();
    // Who has no business here learns nothing of how busy it is.
    const admitted = this.#admissions.grantOf(caller, address);
    const session = this.#guests.numberFor({ caller, address });
    const key = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
    return { session, key, admitted, ports: this.#ports?.count ?? 0 };
  }

  /** Asked anew for all that a client asks for: keys and tickets change while it is here. */
  async #grantOf(caller: Caller, address: string): Promise<Admitted> {
    await this.#lookForKeys();
    this.#check();
    return this.#admissions.grantOf(caller, address);
  }

  /** Keys that were changed in their file count without a signal. */
  #lookForKeys(): Promise<void> {
    // One after the other: nobody is let in by keys that are just being replaced.
    this.#looking = this.#looking.then(async () => {
      if (await this.#admissions.haveKeysChanged()) await this.#reload();
    });
    return this.#looking;
  }

  #check(): void {
    if (this.#stopping) throw new SftpxError("terminated", "The server stops");
  }

  #open({ hub, caller, admission, address }: NewSession): void {
    const stop = new AbortController();
    const stopped = whenAborted(this.#stop.signal, (reason) => stop.abort(reason));
    const ports = this.#ports;
    const session = new ServedSession({
      hub,
      clientIdentity: caller.identity,
      admission,
      identity: this.#identity,
      root: this.#root,
      policy: this.#options.policy,
      store: this.#store,
      equipment: this.#equipment,
      takeover: this.#takeover,
      grantOf: () => this.#grantOf(caller, address),
      claimUse: (purpose) => this.#admissions.claimTicket(caller, purpose),
      openPorts: ports === null ? undefined : () => ports.ask(admission.session, address),
      nextTransfer: () => ++this.#transfers,
      onEvent: this.#options.onEvent,
      onBegan: () => this.#once?.began(),
      onDone: (summary, { began }) => {
        if (began && !summary.dryRun) this.#once?.done(summary);
      },
      signal: stop.signal,
    });
    this.#guests.add(admission.session, { session, caller, address, stop });
    const who = { address, identity: identityName(caller.identity) };
    this.#options.onEvent({ kind: "peer", ...who });
    const run = session.run().then(() => {
      stopped[Symbol.dispose]();
      this.#guests.leave(admission.session);
      ports?.leave(admission.session);
      this.#runs.delete(run);
      // In a server that stops it is the server who leaves: its last word is what it served.
      if (!this.#stopping) this.#options.onEvent({ kind: "peer_left", ...who });
    });
    this.#runs.add(run);
  }

  /** Never rejects: what is wrong with the file is told, and the keys read before hold. */
  async #reload(): Promise<void> {
    try {
      const keys = await this.#admissions.reload();
      this.#options.onEvent({ kind: "reloaded", keys, error: null });
    } catch (thrown) {
      this.#options.onEvent({ kind: "reloaded", keys: null, error: toSftpxError(thrown) });
      return;
    }
    this.#guests.turnOut(this.#admissions);
  }

  /** A signal also cuts short what `once` still waits for. */
  #abort(): void {
    this.#stop.abort(new SftpxError("terminated", "The server stops"));
    this.#finish(this.#once?.giveUp() ?? null);
  }

  /** Stops in order: no new peers, running transfers aborted, state closed. */
  #finish(summary: TransferSummary | null): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#shutDown().then(() => this.#ended.resolve(summary), this.#ended.reject);
  }

  async #shutDown(): Promise<void> {
    this.#listener?.close();
    await this.#guests.settled();
    for (const connection of this.#connections) connection.close("none", "");
    await Promise.all([...this.#connections].map((connection) => connection.closed));
    await Promise.all(this.#runs);
    await this.#ports?.[Symbol.asyncDispose]();
    await this.#reception[Symbol.asyncDispose]();
    try {
      this.#admissions.end();
    } finally {
      await this.#equipment[Symbol.asyncDispose]();
      await this.#store.close();
    }
  }
}
