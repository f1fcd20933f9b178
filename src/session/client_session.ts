// A client's session with a server: dialled, pinned, proved, and parted from in order. Nothing of the
// client goes out before the server is pinned. Further connections are joined by `Joining`.

import { SftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { untilAborted } from "../transport/addresses.ts";
import type { Connection } from "../transport/transport.ts";
import { anchorPem } from "../trust/certificate.ts";
import type { Admitted } from "../trust/grant.ts";
import { type Identity, identityName, loadIdentity } from "../trust/identity.ts";
import { emptyRootStore } from "../trust/root_store.ts";
import type { Message, Welcome } from "../wire/messages.ts";
import { AGENT } from "./agent.ts";
import { ControlChannel } from "./control_channel.ts";
import { clientHandshake, goesWithProof, type Opening } from "./handshake.ts";
import { HeadStart, type Outlook, type PathSight } from "./head_start.ts";
import { Hub, type TransferChannel } from "./hub.ts";
import { Joining } from "./joining.ts";
import { isLocalAddress, type LaneChoice } from "./lane_control.ts";
import type { Remote, SessionOptions } from "./options.ts";
import { atMost } from "./patience.ts";
import type { WatchOptions } from "./pulse.ts";
import { type ReachOptions, reachWithin } from "./reach.ts";
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
  /** What the opening message opened, on its way since the proof; null where there was none, or too long. */
  readonly #opened: TransferChannel | null;
  /** The manifest went with the opening message. */
  readonly hasManifest: boolean;
  readonly #joining: Joining;
  readonly #isLong: boolean;

  private constructor(
    { identity, welcome, hub, opened, hasManifest, remote, address, headStart }: {
      identity: Identity;
      welcome: Welcome;
      hub: Hub;
      opened: TransferChannel | null;
      hasManifest: boolean;
      remote: Remote;
      address: string;
      headStart: HeadStart;
    },
    options: SessionOptions,
  ) {
    this.#opened = opened;
    this.hasManifest = hasManifest;
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
    this.#joining = new Joining(options, { welcome, hub, remote, early: headStart.early });
    this.#isLong = headStart.isLong;
  }

  /**
   * `watch` is how long its silence is borne; as long as it may be out of reach by default. `opening` is
   * what a transfer is to be opened with by `opened`: it goes with the proof where it is short, and the
   * `manifest` with it where there is one by then and the server takes it, see `hasManifest`. By `outlook`
   * a transfer makes ready what it will need.
   */
  static async open(
    options: SessionOptions & Pick<ReachOptions, "waitsForBusy">,
    remote: Remote,
    { watch = { silenceMs: options.timeoutMs }, opening = null, manifest = null, outlook = null }: {
      readonly watch?: WatchOptions;
      readonly opening?: Opening | null;
      readonly manifest?: (() => readonly Message[]) | null;
      readonly outlook?: Outlook | null;
    } = {},
  ): Promise<ClientSession> {
    if (options.transport.addsToRuntimeRoots) emptyRootStore();
    const identity = await loadIdentity(options.identityPath, { create: true });
    const pin = { protocol: "sftpx/1", anchorPem: anchorPem(remote.identity) } as const;
    const onNotice = (message: string) => options.onEvent({ kind: "notice", message });
    let answeredMs: number | null = null;
    const onAnswer = (rttMs: number) => void (answeredMs = Math.min(answeredMs ?? rttMs, rttMs));
    const to = { ...options, addresses: remote.addresses, onNotice, onAnswer };
    let session: ClientSession;
    try {
      session = await reachWithin(
        to,
        async (dial, signal) => {
          const askedMs = performance.now();
          const first = await dial(pin);
          const dialMs = performance.now() - askedMs;
          return await ClientSession.#start(first, {
            options,
            identity,
            remote,
            opening: opening !== null && goesWithProof(opening) ? opening : null,
            manifest,
            outlook,
            path: { rttMs: answeredMs ?? first.stats().rttMs, dialMs },
            signal,
          });
        },
      );
    } catch (thrown) {
      throw expecting(remote, thrown);
    }
    session.hub.watch(watch);
    session.hub.expect(session.#joining.begin());
    return session;
  }

  /** Proves who this is on the session's first connection, which ends if that fails. */
  static async #start(
    connection: Connection,
    { options, identity, remote, opening, manifest, outlook, path, signal }: {
      options: SessionOptions;
      identity: Identity;
      remote: Remote;
      opening: Opening | null;
      manifest: (() => readonly Message[]) | null;
      outlook: Outlook | null;
      path: PathSight;
      signal: AbortSignal;
    },
  ): Promise<ClientSession> {
    const address = connection.remoteAddress;
    const headStart = new HeadStart(options, { remote, first: connection, outlook, path });
    try {
      const { stack, remoteAddress } = connection;
      const told = { kind: "connected", transport: stack, address: remoteAddress } as const;
      options.onEvent({ ...told, connection: 0 });
      const control = new ControlChannel(await connection.openControl());
      let hasManifest = false;
      const welcome = await untilAborted(
        clientHandshake(control, {
          identity,
          serverIdentity: remote.identity,
          ticket: remote.ticket,
          agent: AGENT,
          opening,
          manifest,
          onManifest: () => void (hasManifest = true),
          meanwhile: () => headStart.helloLeft(),
          onProof: () => headStart.proofSaid(control),
          isLocal: isLocalAddress(address),
        }),
        signal,
      );
      const hub = new Hub(control, connection);
      // Before anything is read: the answer may be there already.
      const opened = opening && hub.open(opening.transfer, { sent: opening });
      hub.start();
      const session = { identity, welcome, hub, opened, hasManifest, remote, address, headStart };
      return new ClientSession(session, options);
    } catch (error) {
      connection.close("none", "");
      await headStart[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The channel of the transfer that `opening` opens; one it was not opened with is opened now. */
  opened({ transfer }: Opening): TransferChannel {
    return this.#opened ?? this.hub.open(transfer);
  }

  /** Says bye and waits until the server has closed, so that nothing sent last is lost. */
  async part(): Promise<void> {
    await atMost(this.hub.bye().then(() => this.hub.ended, () => {}), LIMITS.partingMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#joining.abort();
    this.hub.close("none", "");
    await this.#joining.settled;
    await Promise.all(this.hub.connections.map((connection) => connection.closed));
    await this.#joining[Symbol.asyncDispose]();
  }

  /** There is something to move: connections that were dialled early join. */
  joinEarly(): void {
    this.#joining.joinEarly();
  }

  /** Settles when all further connections are there, or have failed. */
  get joined(): Promise<void> {
    return this.#joining.begun;
  }

  /** Settles when no further connection is on its way. */
  get settled(): Promise<void> {
    return this.#joining.settled;
  }

  /** How a push chooses its lanes; so many of them, or 0 for as many as help. */
  lanes(lanes: number): LaneChoice {
    const joining = this.#joining;
    const { connections, mostConnections, hasOther } = joining;
    return {
      connections,
      lanes,
      mostConnections,
      hasOther,
      isLong: this.#isLong,
      widen: (goal) => joining.widen(goal),
      earlyLeft: () => joining.earlyLeft,
      joinEarly: () => joining.joinEarly(),
      onChange: (listener) => void (joining.onChange = listener),
    };
  }

  /** The server asks for connections, which only a client opens: as many as it may, if it is to choose. */
  widen(goal: Parameters<LaneChoice["widen"]>[0]): void {
    if (this.#joining.connections === 0) this.#joining.widen(goal);
  }
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
