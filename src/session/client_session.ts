// A client's session with a server: dialled, pinned, proved, joined by further connections, and parted
// from in order. Nothing of the client goes out before the server is pinned.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { untilAborted } from "../transport/addresses.ts";
import type { Connection } from "../transport/transport.ts";
import { anchorPem } from "../trust/certificate.ts";
import type { Admitted } from "../trust/grant.ts";
import { type Identity, identityName, loadIdentity } from "../trust/identity.ts";
import { emptyRootStore } from "../trust/root_store.ts";
import type { Welcome } from "../wire/messages.ts";
import { AGENT } from "./agent.ts";
import { ControlChannel } from "./control_channel.ts";
import { clientHandshake, clientJoin } from "./handshake.ts";
import { Hub } from "./hub.ts";
import type { Remote, SessionOptions } from "./options.ts";
import { atMost } from "./patience.ts";
import type { WatchOptions } from "./pulse.ts";
import { type DialOptions, type ReachOptions, reachWithin } from "./reach.ts";
import type { SessionEnds } from "./receipt.ts";

/** A session with a server, over one or more connections. */
export class ClientSession implements AsyncDisposable {
  readonly identity: Identity;
  readonly welcome: Welcome;
  /** What the server lets this client do, and for what it was shown. */
  readonly admitted: Admitted<Pick<Welcome, "read" | "write">>;
  readonly hub: Hub;
  readonly ends: SessionEnds & { readonly serverName: string };
  /** The server's, as its first connection reached it. */
  readonly address: string;
  readonly #closing = new AbortController();
  #joining: Promise<void> = Promise.resolve();

  private constructor(
    { identity, welcome, hub, remote, address }: {
      identity: Identity;
      welcome: Welcome;
      hub: Hub;
      remote: Remote;
      address: string;
    },
  ) {
    this.identity = identity;
    this.welcome = welcome;
    this.admitted = { grant: welcome, by: remote.ticket === null ? "key" : "ticket" };
    this.hub = hub;
    this.address = address;
    this.ends = {
      serverIdentity: remote.identity,
      clientIdentity: identity.publicKey,
      serverName: identityName(remote.identity),
    };
  }

  /** `watch` is how long its silence is borne; as long as it may be out of reach by default. */
  static async open(
    options: SessionOptions & Pick<ReachOptions, "waitsForBusy">,
    remote: Remote,
    watch: WatchOptions = { silenceMs: options.timeoutMs },
  ): Promise<ClientSession> {
    if (options.transport.addsToRuntimeRoots) emptyRootStore();
    const identity = await loadIdentity(options.identityPath, { create: true });
    const pin = { protocol: "sftpx/1", anchorPem: anchorPem(remote.identity) } as const;
    const to = { ...options, addresses: remote.addresses };
    let session: ClientSession;
    try {
      session = await reachWithin(
        to,
        async (dial, signal) =>
          await ClientSession.#start(await dial(pin), { options, identity, remote, signal }),
      );
    } catch (thrown) {
      throw expecting(remote, thrown);
    }
    session.hub.watch(watch);
    session.#joining = session.#join(options, to, pin);
    session.hub.expect(session.#joining);
    return session;
  }

  /** Proves who this is on the session's first connection, which ends if that fails. */
  static async #start(
    connection: Connection,
    { options, identity, remote, signal }: {
      options: SessionOptions;
      identity: Identity;
      remote: Remote;
      signal: AbortSignal;
    },
  ): Promise<ClientSession> {
    const address = connection.remoteAddress;
    try {
      connected(options, connection, 0);
      const control = new ControlChannel(await connection.openControl());
      const welcome = await untilAborted(
        clientHandshake(control, {
          identity,
          serverIdentity: remote.identity,
          ticket: remote.ticket,
          agent: AGENT,
        }),
        signal,
      );
      const hub = new Hub(control, connection);
      hub.start();
      return new ClientSession({ identity, welcome, hub, remote, address });
    } catch (error) {
      connection.close("none", "");
      throw error;
    }
  }

  /** Says bye and waits until the server has closed, so that nothing sent last is lost. */
  async part(): Promise<void> {
    await atMost(this.hub.bye().then(() => this.hub.ended, () => {}), LIMITS.partingMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.hub.close("none", "");
    await this.#joining;
    await Promise.all(this.hub.connections.map((connection) => connection.closed));
  }

  /** Settles when all further connections are there, or have failed. */
  get joined(): Promise<void> {
    return this.#joining;
  }

  /** Opens the further connections; one that fails is done without. */
  async #join(options: SessionOptions, to: ReachOptions, pin: DialOptions): Promise<void> {
    const most = Math.min(options.connections, this.welcome.maxConnections);
    const signal = AbortSignal.any([options.signal, this.#closing.signal]);
    const timeoutMs = Math.min(options.timeoutMs, LIMITS.handshakeMs);
    const joins = Array.from(
      { length: Math.max(0, most - 1) },
      (_, index) =>
        reachWithin({ ...to, timeoutMs, waitsForBusy: true, signal }, async (dial, signal) => {
          const connection = await dial(pin);
          await this.#add(connection, { number: index + 1, signal });
          connected(options, connection, index + 1);
        }),
    );
    for (const outcome of await Promise.allSettled(joins)) {
      if (outcome.status === "fulfilled" || signal.aborted) continue;
      const { message } = toSftpxError(outcome.reason);
      options.onEvent({ kind: "notice", message: `a further connection failed: ${message}` });
    }
  }

  /** Joins a connection to this session; it ends if that fails. */
  async #add(
    connection: Connection,
    { number, signal }: { readonly number: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const { welcome, ends: { serverIdentity } } = this;
    try {
      const control = new ControlChannel(await connection.openControl());
      await untilAborted(
        clientJoin(control, { welcome, serverIdentity, connection: number, agent: AGENT }),
        signal,
      );
      this.hub.addConnection(connection, { number });
    } catch (error) {
      connection.close("none", "");
      throw error;
    }
  }
}

function connected({ onEvent }: SessionOptions, over: Connection, number: number): void {
  const { stack, remoteAddress } = over;
  onEvent({ kind: "connected", transport: stack, address: remoteAddress, connection: number });
}

/** Says which identity was expected where the server is another one. */
function expecting({ identity }: Remote, thrown: unknown): unknown {
  if (!(thrown instanceof SftpxError) || thrown.code !== "identity_mismatch") return thrown;
  const { message, remote, cause } = thrown;
  return new SftpxError("identity_mismatch", `${message} ${identityName(identity)}`, {
    remote,
    cause,
  });
}
