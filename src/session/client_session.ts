// A client's session with a server: dialled, pinned, proved, joined by further connections, and parted
// from in order. Nothing of the client goes out before the server is pinned.

import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { dialFirst, untilAborted } from "../transport/addresses.ts";
import type { Connection } from "../transport/transport.ts";
import { anchorPem } from "../trust/certificate.ts";
import { type Identity, identityName, loadIdentity } from "../trust/identity.ts";
import { emptyRootStore } from "../trust/root_store.ts";
import type { Welcome } from "../wire/messages.ts";
import { AGENT } from "./agent.ts";
import { ControlChannel } from "./control_channel.ts";
import { clientHandshake, clientJoin } from "./handshake.ts";
import { Hub } from "./hub.ts";
import type { Remote, TransferOptions } from "./options.ts";
import { atMost } from "./patience.ts";
import type { SessionEnds } from "./receipt.ts";

/** A session with a server, over one or more connections. */
export class ClientSession implements AsyncDisposable {
  readonly identity: Identity;
  readonly welcome: Welcome;
  readonly hub: Hub;
  readonly ends: SessionEnds & { readonly serverName: string };

  private constructor(identity: Identity, welcome: Welcome, hub: Hub, remote: Remote) {
    this.identity = identity;
    this.welcome = welcome;
    this.hub = hub;
    this.ends = {
      serverIdentity: remote.identity,
      clientIdentity: identity.publicKey,
      serverName: identityName(remote.identity),
    };
  }

  static async open(options: TransferOptions, remote: Remote): Promise<ClientSession> {
    if (options.transport.addsToRuntimeRoots) emptyRootStore();
    const identity = await loadIdentity(options.identityPath, { create: true });
    const timeout = new AbortController();
    const timer = setTimeout(() => timeout.abort(timeoutReason()), options.timeoutMs);
    const signal = AbortSignal.any([options.signal, timeout.signal]);
    const connect = (): Promise<Connection> => connectTo(options, { remote, signal });
    let first: Connection | null = null;
    try {
      const connection = first = await connect();
      options.onEvent({
        kind: "connected",
        address: connection.remoteAddress,
        transport: options.transport.name,
      });
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
      const session = new ClientSession(identity, welcome, hub, remote);
      await session.#join(options, connect, signal);
      hub.watch(options.timeoutMs);
      return session;
    } catch (thrown) {
      first?.close("none", "");
      if (timeout.signal.aborted && !options.signal.aborted) {
        const { hostname, port } = remote.addresses[0]!;
        const seconds = options.timeoutMs / 1000;
        throw new SftpxError(
          "unreachable",
          `Cannot reach ${hostname}:${port}: no answer within ${seconds} s`,
          { cause: thrown },
        );
      }
      throw thrown;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Says bye and waits until the server has closed, so that nothing sent last is lost. */
  async part(): Promise<void> {
    await atMost(this.hub.bye().then(() => this.hub.ended, () => {}), LIMITS.partingMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hub.close("none", "");
    await Promise.all(this.hub.connections.map((connection) => connection.closed));
  }

  /** Opens the further connections; one that fails is done without. */
  async #join(
    options: TransferOptions,
    connect: () => Promise<Connection>,
    signal: AbortSignal,
  ): Promise<void> {
    const most = Math.min(options.connections, this.welcome.maxConnections);
    const joins = Array.from({ length: Math.max(0, most - 1) }, async (_, index) => {
      const connection = await connect();
      try {
        const control = new ControlChannel(await connection.openControl());
        const { welcome, ends: { serverIdentity } } = this;
        const number = index + 1;
        await untilAborted(
          clientJoin(control, { welcome, serverIdentity, connection: number, agent: AGENT }),
          signal,
        );
        this.hub.addConnection(connection);
      } catch (error) {
        connection.close("none", "");
        throw error;
      }
    });
    for (const outcome of await Promise.allSettled(joins)) {
      if (outcome.status === "fulfilled") continue;
      const { message } = toSftpxError(outcome.reason);
      options.onEvent({ kind: "notice", message: `a further connection failed: ${message}` });
    }
  }
}

/** What `AbortSignal.timeout` gives, which cannot be called off. */
function timeoutReason(): DOMException {
  return new DOMException("The operation timed out", "TimeoutError");
}

/** Tries every address of a server at once, each a little after the one before. */
async function connectTo(
  options: TransferOptions,
  { remote, signal }: { remote: Remote; signal: AbortSignal },
): Promise<Connection> {
  const { transport, congestion } = options;
  const pem = anchorPem(remote.identity);
  return await dialFirst(
    remote.addresses,
    ({ hostname, port }, attemptSignal) =>
      transport.connect({
        hostname,
        port,
        anchorPem: pem,
        congestion,
        signal: AbortSignal.any([signal, attemptSignal]),
      }),
    { signal },
  );
}
