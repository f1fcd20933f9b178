// The server: one root, many clients. Takes connections in, admits who may come, runs their
// transfers, and stops in order. Nothing is open by default: without a ticket or an authorized key
// nobody gets in.

import { createHash } from "node:crypto";
import { mkdir, realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { openStore } from "../store/open.ts";
import type { Store } from "../store/store.ts";
import { issueLeaf } from "../trust/certificate.ts";
import { type AuthorizedKeys, loadAuthorizedKeys } from "../trust/authorized_keys.ts";
import { type Grant, grantOfAccess, narrowGrant } from "../trust/grant.ts";
import { type Identity, identityName, loadIdentity } from "../trust/identity.ts";
import { encodeTicket } from "../trust/ticket.ts";
import { TicketBook } from "../trust/ticket_book.ts";
import type { Connection, Listener } from "../transport/transport.ts";
import { AGENT } from "./agent.ts";
import { ControlChannel } from "./control_channel.ts";
import { Equipment } from "./equipment.ts";
import { type Admission, serverHandshake } from "./handshake.ts";
import { Hub } from "./hub.ts";
import type { ServeHandle, ServeOptions, TransferSummary } from "./options.ts";
import { atMost } from "./patience.ts";
import { advertisedAddresses } from "./advertise.ts";
import { ServedSession } from "./served_session.ts";
import { LaneWatch, Strangers } from "./strangers.ts";
import { Takeover } from "./takeover.ts";

/** How long a ticket of `serve` is good for. */
const TICKET_LIFE_MS = 24 * 60 * 60 * 1000;
const SECRET_BYTES = 32;

/** Starts serving; settles once the listener is bound. */
export async function serve(options: ServeOptions): Promise<ServeHandle> {
  const server = new Server(options);
  return await server.start();
}

class Server {
  readonly #options: ServeOptions;
  readonly #sessions = new Map<number, ServedSession>();
  readonly #ended = Promise.withResolvers<TransferSummary | null>();
  readonly #takeover = new Takeover();
  readonly #stop = new AbortController();
  readonly #connections = new Set<Connection>();
  readonly #strangers = new Strangers();
  /** Sessions that run, those that came while the server stops included. */
  readonly #runs = new Set<Promise<void>>();
  #identity!: Identity;
  #root!: string;
  #store!: Store;
  #equipment!: Equipment;
  #book!: TicketBook;
  #keys: AuthorizedKeys | null = null;
  #listener: Listener | null = null;
  #transfers = 0;
  #stopping = false;

  constructor(options: ServeOptions) {
    this.#options = options;
  }

  async start(): Promise<ServeHandle> {
    const options = this.#options;
    this.#identity = await loadIdentity(options.identityPath, { create: true });
    if (options.authorizedKeysPath !== null) {
      this.#keys = await loadAuthorizedKeys(options.authorizedKeysPath);
    }
    this.#root = await openRoot(options.root);
    const { certificatePem, keyPem } = await issueLeaf(this.#identity, { nowMs: Date.now() });
    this.#store = await openStore({
      root: this.#root,
      workerUrl: options.workers.store,
      keep: true,
    });
    try {
      this.#equipment = await Equipment.start({
        chunkWorkerUrl: options.workers.chunk,
        workerCount: options.workerCount,
        depth: options.depth,
      });
      this.#book = await TicketBook.open(ticketBookPath(options.identityPath, this.#root));
      this.#listener = await options.transport.listen({
        ...options.listen,
        certificatePem,
        keyPem,
        congestion: options.congestion,
      });
      const ticket = options.mintTicket ? await this.#mint(this.#listener) : null;
      const onAbort = () => this.#finish(null);
      options.signal.addEventListener("abort", onAbort);
      const over = () => options.signal.removeEventListener("abort", onAbort);
      this.#ended.promise.then(over, over);
      if (options.signal.aborted) onAbort();
      this.#accept(this.#listener);
      return {
        address: this.#listener.address,
        identity: this.#identity.name,
        ticket,
        ended: this.#ended.promise,
      };
    } catch (error) {
      this.#listener?.close();
      await this.#equipment?.[Symbol.asyncDispose]();
      await this.#store.close();
      throw error;
    }
  }

  async #mint(listener: Listener): Promise<string> {
    const { advertise, once, access } = this.#options;
    const nowMs = Date.now();
    const secret = await this.#book.mint({
      uses: once ? 1 : null,
      expiresMs: nowMs + TICKET_LIFE_MS,
      nowMs,
      grant: grantOfAccess(access),
    });
    const addresses = advertise.length > 0
      ? advertise.map(({ hostname, port }) => ({
        hostname,
        port: port === 0 ? listener.address.port : port,
      }))
      : advertisedAddresses(listener.address);
    return encodeTicket({ identity: this.#identity.publicKey, secret, addresses });
  }

  async #accept(listener: Listener): Promise<void> {
    for (;;) {
      const connection = await listener.accept().catch(() => null);
      if (connection === null) return;
      this.#connections.add(connection);
      connection.closed.then(() => this.#connections.delete(connection));
      this.#takeIn(connection).catch((thrown) => {
        const { code, message } = toSftpxError(thrown);
        connection.close(code, "");
        const address = connection.remoteAddress;
        this.#options.onEvent({ kind: "peer_refused", address, code, message });
      });
    }
  }

  /** The handshake of one connection, within its time; a refusal is told to the peer. */
  async #takeIn(connection: Connection): Promise<void> {
    using _place = this.#strangers.enter(connection.remoteAddress);
    using lanes = new LaneWatch(connection);
    const { handshakeMs = LIMITS.handshakeMs } = this.#options;
    const late = new SftpxError(
      "refused",
      "Cannot take the client in: its handshake took too long",
    );
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      connection.close("refused", late.message);
    }, handshakeMs);
    let control: ControlChannel | null = null;
    try {
      control = new ControlChannel(await connection.acceptControl());
      const handshaken = await serverHandshake(control, {
        identity: this.#identity,
        agent: AGENT,
        admit: (client, ticket) => this.#admit(client, ticket),
        sessionOf: (session) => this.#sessions.get(session) ?? null,
      });
      if (this.#stopping) throw new SftpxError("terminated", "The server stops");
      const firstLane = lanes.pass();
      if (handshaken.kind === "session") {
        const hub = new Hub(control, connection, { firstLane });
        return this.#open(hub, connection, handshaken);
      }
      const session = this.#sessions.get(handshaken.session);
      if (session === undefined) connection.close("none", ""); // It ended in between.
      else session.hub.addConnection(connection, { firstLane });
    } catch (thrown) {
      if (isLate) throw late;
      if (lanes.tooEarly !== null) throw lanes.tooEarly;
      const error = toSftpxError(thrown);
      if (control !== null && error.code !== "lost") await sayRefusal(control, connection, error);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #admit(client: Uint8Array, ticket: Uint8Array | null): Admission {
    if (this.#sessions.size >= LIMITS.sessions) {
      throw new SftpxError("busy", "Cannot take the client in: too many sessions are open");
    }
    let session: number;
    do session = crypto.getRandomValues(new Uint32Array(1))[0]!; while (
      this.#sessions.has(session)
    );
    const key = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
    return { session, key, grant: this.#grantOf(client, ticket) };
  }

  /** What a client may do: by its key if it is authorized, else by its ticket. */
  #grantOf(client: Uint8Array, ticket: Uint8Array | null): Grant {
    const access = grantOfAccess(this.#options.access);
    const authorized = this.#keys?.lookup(client) ?? null;
    if (authorized !== null) return narrowGrant(access, authorized);
    if (ticket !== null) {
      const { grant } = this.#book.redeem(ticket, { identity: client, nowMs: Date.now() });
      return narrowGrant(access, grant);
    }
    throw new SftpxError(
      "refused",
      "Cannot take the client in: it has no ticket and is not authorized",
    );
  }

  #open(
    hub: Hub,
    connection: Connection,
    { clientIdentity, ticket, admission }: {
      clientIdentity: Uint8Array;
      ticket: Uint8Array | null;
      admission: Admission;
    },
  ): void {
    const authorized = this.#keys?.lookup(clientIdentity) ?? null;
    const session = new ServedSession({
      hub,
      clientIdentity,
      admission,
      identity: this.#identity,
      root: this.#root,
      store: this.#store,
      equipment: this.#equipment,
      takeover: this.#takeover,
      claimTicket: async () => {
        if (ticket === null || authorized !== null) return null;
        const bearer = { identity: clientIdentity, nowMs: Date.now() };
        return await this.#book.begin(this.#book.redeem(ticket, bearer).id, bearer);
      },
      nextTransfer: () => ++this.#transfers,
      onEvent: this.#options.onEvent,
      onDone: (summary) => this.#done(summary),
      signal: this.#stop.signal,
    });
    this.#sessions.set(admission.session, session);
    this.#options.onEvent({
      kind: "peer",
      address: connection.remoteAddress,
      identity: identityName(clientIdentity),
    });
    const run = session.run().then(() => {
      this.#sessions.delete(admission.session);
      this.#runs.delete(run);
    });
    this.#runs.add(run);
  }

  #done(summary: TransferSummary): void {
    if (this.#options.once) this.#finish(summary);
  }

  /** Stops in order: no new peers, running transfers aborted, state closed. */
  #finish(summary: TransferSummary | null): void {
    // A signal also cuts short what `once` still waits for.
    if (summary === null) this.#stop.abort(new SftpxError("terminated", "The server stops"));
    if (this.#stopping) return;
    this.#stopping = true;
    this.#shutDown().then(() => this.#ended.resolve(summary), this.#ended.reject);
  }

  async #shutDown(): Promise<void> {
    this.#listener?.close();
    await Promise.all([...this.#sessions.values()].map((session) => session.settled()));
    for (const connection of this.#connections) connection.close("none", "");
    await Promise.all([...this.#connections].map((connection) => connection.closed));
    await Promise.all(this.#runs);
    try {
      await this.#book.clear();
    } finally {
      await this.#equipment[Symbol.asyncDispose]();
      await this.#store.close();
    }
  }
}

/**
 * Where the tickets of a root are kept: in the user's own directory, because whoever made the served
 * one could have put tickets of their own into it.
 */
export function ticketBookPath(identityPath: string, root: string): string {
  const name = createHash("sha256").update(root).digest("hex");
  return join(dirname(resolve(identityPath)), "tickets", `${name}.json`);
}

/** The served directory; made when it does not exist. */
async function openRoot(given: string): Promise<string> {
  const path = resolve(given);
  try {
    await mkdir(path, { recursive: true });
    return await realpath(path);
  } catch (error) {
    const found = error instanceof Error ? error.message : String(error);
    throw new SftpxError("io", `Cannot serve "${given}": ${found}`, { cause: error });
  }
}

/** Tells a peer why it is not let in, and gives it a moment to read it. */
async function sayRefusal(
  control: ControlChannel,
  connection: Connection,
  error: SftpxError,
): Promise<void> {
  try {
    control.send({ type: "refuse", code: error.code, message: error.message });
    await control.flushed();
    await control.close();
    await atMost(connection.closed, LIMITS.refusalMs);
  } catch {
    // The peer is gone already.
  }
}
