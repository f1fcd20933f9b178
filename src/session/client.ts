// The client's end of a session: connect, prove, transfer once, part in order. `push` and `pull`
// never reject: whatever goes wrong is the summary's error, so that a caller has one end to tell.

import { mkdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { equalBytes } from "../base/bytes.ts";
import { SftpxError, toSftpxError } from "../base/errors.ts";
import { LIMITS } from "../base/limits.ts";
import { dialFirst, untilAborted } from "../transport/addresses.ts";
import { diskError } from "../store/disk_error.ts";
import { openStore } from "../store/open.ts";
import type { ReceiveTransfer, Store } from "../store/store.ts";
import { anchorPem } from "../trust/certificate.ts";
import { type Identity, identityName, loadIdentity } from "../trust/identity.ts";
import { emptyRootStore } from "../trust/root_store.ts";
import type { Connection } from "../transport/transport.ts";
import type { Offer, TransferMessage, Welcome } from "../wire/messages.ts";
import { AGENT } from "./agent.ts";
import { formatCompression } from "./compression.ts";
import { ControlChannel, refusal } from "./control_channel.ts";
import { Equipment } from "./equipment.ts";
import { clientHandshake, clientJoin } from "./handshake.ts";
import { failedSummary } from "./progress.ts";
import { Hub, type TransferChannel } from "./hub.ts";
import type {
  PullOptions,
  PushOptions,
  Remote,
  TransferOptions,
  TransferSummary,
} from "./options.ts";
import { receiptCheck, receiptSigner, type SessionEnds } from "./receipt.ts";
import { runReceive } from "./receive_run.ts";
import { resumeKey } from "./resume_key.ts";
import { runSend } from "./send_run.ts";
import { endsOpen, type ResolvedSource, resolveLocalSource } from "./sources.ts";

/** The only transfer of a client's session. */
const TRANSFER = 1;

/** Sends local sources to a server. */
export async function push(options: PushOptions): Promise<TransferSummary> {
  return await attempt(options, async () => {
    const { sources, missing } = await resolveSources(options.sources);
    await using equipment = await equip(options);
    await using store = new OpenStore(
      await openStore({ root: null, workerUrl: options.workers.store, keep: false }),
    );
    await using session = await ClientSession.open(options, options.remote);
    if (!session.welcome.write) {
      throw new SftpxError("refused", "Cannot push: the grant is to read");
    }
    const offer = offerOf(options, sources);
    const channel = session.hub.open(TRANSFER);
    options.onEvent({
      kind: "start",
      direction: "push",
      chunkBytes: offer.chunkBytes,
      peer: session.ends.serverName,
    });
    const summary = await runSend({
      channel,
      offer,
      sources: sources.map((source) => source.walk),
      missing,
      hashing: equipment.hashing,
      store: store.it,
      pool: equipment.pool,
      compression: options.compression,
      lanes: options.lanes,
      reserve: (chunkBytes) => equipment.reserveSlots(chunkBytes),
      verifyReceipt: receiptCheck(session.ends, "client"),
      onEvent: options.onEvent,
      signal: options.signal,
    });
    await session.part();
    return summary;
  });
}

/** Fetches remote sources into a local destination. */
export async function pull(options: PullOptions): Promise<TransferSummary> {
  return await attempt(options, async () => {
    const remote = sameServer(options.remotes);
    await using equipment = await equip(options);
    await using session = await ClientSession.open(options, remote);
    if (!session.welcome.read) {
      throw new SftpxError("refused", "Cannot pull: the grant is to write");
    }
    const channel = session.hub.open(TRANSFER);
    const offer = await requestOffer(options, channel);
    options.onEvent({
      kind: "start",
      direction: "pull",
      chunkBytes: offer.chunkBytes,
      peer: session.ends.serverName,
    });
    const place = await localPlace(options.destination, offer);
    await using store = new OpenStore(
      await openStore({ root: place.root, workerUrl: options.workers.store, keep: false }),
    );
    const transfer: ReceiveTransfer = {
      key: resumeKey(equipment.hashing, {
        peer: session.ends.serverIdentity,
        direction: "pull",
        destination: place.destination,
        given: options.remotes.map(({ path }) => path),
      }),
      destination: place.destination,
      intoDirectory: place.intoDirectory,
      sources: offer.sources,
      chunkBytes: offer.chunkBytes,
      checksum: options.checksum,
      writeOnce: false,
      mayRead: true,
      senderNowNs: offer.nowNs,
    };
    const begun = await store.it.begin(transfer);
    using share = equipment.reserveSlots(begun.chunkBytes);
    const summary = await runReceive({
      channel,
      offer: { ...offer, atomic: options.atomic },
      begun,
      hashing: equipment.hashing,
      store: store.it,
      pool: equipment.pool,
      slots: share.slots,
      sign: receiptSigner(session.ends, { transfer: TRANSFER, identity: session.identity }),
      onEvent: options.onEvent,
      signal: options.signal,
    });
    await session.part();
    return summary;
  });
}

/** A store that is closed when its block ends. */
class OpenStore implements AsyncDisposable {
  readonly it: Store;

  constructor(store: Store) {
    this.it = store;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.it.close();
  }
}

/** A session with a server, over one or more connections. */
class ClientSession implements AsyncDisposable {
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
    const patience = Promise.withResolvers<void>();
    const timer = setTimeout(patience.resolve, LIMITS.partingMs);
    const parted = this.hub.bye().then(() => this.hub.ended, () => {});
    await Promise.race([parted, patience.promise]);
    clearTimeout(timer);
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

/** Local sources that exist; with several, one that is missing fails alone. */
async function resolveSources(given: readonly string[]): Promise<{
  sources: ResolvedSource[];
  missing: { path: string; error: SftpxError }[];
}> {
  const sources: ResolvedSource[] = [];
  const missing: { path: string; error: SftpxError }[] = [];
  for (const path of given) {
    try {
      sources.push(await resolveLocalSource(path));
    } catch (thrown) {
      missing.push({ path, error: toSftpxError(thrown) });
    }
  }
  if (sources.length === 0) throw missing[0]!.error;
  return { sources, missing };
}

function offerOf(options: PushOptions, sources: readonly ResolvedSource[]): Offer {
  const { path } = options.remote;
  return {
    type: "offer",
    transfer: TRANSFER,
    sources: sources.map((source) => source.offered),
    destination: path.replace(/\/+$/, ""),
    intoDirectory: path.endsWith("/") || options.sources.length > 1,
    chunkBytes: options.chunkBytes,
    checksum: options.checksum,
    atomic: options.atomic,
    given: options.sources,
    nowNs: BigInt(Date.now()) * 1_000_000n,
  };
}

/** Asks for the remote sources; answers the server's offer once it is what was asked for. */
async function requestOffer(options: PullOptions, channel: TransferChannel): Promise<Offer> {
  channel.send({
    type: "request",
    transfer: TRANSFER,
    sources: options.remotes.map(({ path }) => ({ path })),
    chunkBytes: options.chunkBytes,
    compress: formatCompression(options.compression),
    lanes: options.lanes,
  });
  const message = await untilAborted(channel.messages.take(), options.signal);
  const offer = expectOffer(message);
  checkRequested(options.remotes, offer);
  return offer;
}

function expectOffer(message: TransferMessage | null): Offer {
  if (message?.type === "offer") return message;
  if (message?.type === "abort") throw refusal(message);
  throw new SftpxError("protocol", "Cannot pull: the server sent no offer", { remote: true });
}

/** Refuses sources nobody asked for (CVE-2019-6111 and its like). */
function checkRequested(remotes: readonly Remote[], offer: Offer): void {
  const wanted = remotes.every(({ path }, index) => {
    const offered = offer.sources[index];
    if (offered === undefined) return false;
    if (offered.contents) return path === "" || endsOpen(path);
    return offered.name === basename(path);
  });
  if (wanted && offer.sources.length === remotes.length) return;
  throw new SftpxError("refused", "Cannot pull: the server offers what was not asked for", {
    remote: true,
  });
}

/** Where a pull lands: the directory that gets `.sftpx`, and the path below it. */
async function localPlace(
  given: string,
  offer: Offer,
): Promise<{ root: string; destination: string; intoDirectory: boolean }> {
  const path = resolve(given);
  const make = async (directory: string): Promise<string> => {
    try {
      await mkdir(directory, { recursive: true });
      return await realpath(directory);
    } catch (thrown) {
      throw diskError(thrown, `make "${given}"`);
    }
  };
  const several = offer.sources.length > 1;
  const treeLike = several || offer.sources.some((source) => source.kind === "directory");
  const isDirectory = await stat(path).then((found) => found.isDirectory(), () => false);
  if (treeLike || isDirectory || endsOpen(given)) {
    return { root: await make(path), destination: "", intoDirectory: true };
  }
  return { root: await make(dirname(path)), destination: basename(path), intoDirectory: false };
}

function sameServer(remotes: readonly Remote[]): Remote {
  const first = remotes[0];
  if (first === undefined) throw new TypeError("A pull needs a source");
  for (const remote of remotes) {
    if (equalBytes(remote.identity, first.identity)) continue;
    throw new SftpxError("usage", "Cannot pull from two servers at once");
  }
  return first;
}

function equip(options: TransferOptions): Promise<Equipment> {
  return Equipment.start({
    chunkWorkerUrl: options.workers.chunk,
    workerCount: options.workerCount,
    depth: options.depth,
  });
}

/** Turns a throw into the summary of a transfer that never began. */
async function attempt(
  options: TransferOptions,
  work: () => Promise<TransferSummary>,
): Promise<TransferSummary> {
  const startMs = performance.now();
  try {
    return await work();
  } catch (thrown) {
    const reason = options.signal.aborted ? options.signal.reason : thrown;
    return failedSummary(toSftpxError(reason), { chunkBytes: options.chunkBytes, startMs });
  }
}
