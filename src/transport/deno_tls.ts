// Deno's own TLS over TCP, as channels: the only file that touches it. `Deno.connectTls` ignores the name
// that the certificate must have (FACTS 1), so a connection is opened first and TLS started on it.

import { type TcpEnds, type TcpPath, TcpSockets } from "../runtime/tcp_sockets.ts";
import type { ByteChannel, ChannelListener, ChannelStack } from "./tls/channel.ts";
import { SERVER_NAME } from "./tls/channel.ts";
import { type HostPort, PROTOCOLS } from "./transport.ts";

export const DENO_TLS: ChannelStack = {
  addsToRuntimeRoots: true,
  async connect({ address, anchorPem, protocol = "sftpx/1", signal }) {
    const askedMs = performance.now();
    const tcp = await Deno.connect({ hostname: address.hostname, port: address.port, signal });
    const tookMs = performance.now() - askedMs;
    const sockets = TcpSockets.open();
    try {
      tcp.setNoDelay(true);
      // The clock's time is drawn out by whatever else this machine does.
      const rttMs = sockets?.pathOf(endsOf(tcp)).rttMs ?? tookMs;
      const tls = await Deno.startTls(tcp, {
        hostname: SERVER_NAME,
        caCerts: [anchorPem],
        alpnProtocols: [protocol],
      });
      const onDestroyed = () => sockets?.[Symbol.dispose]();
      return new DenoChannel(tls, { rttMs, sockets: () => sockets, onDestroyed });
    } catch (thrown) {
      sockets?.[Symbol.dispose]();
      close(tcp);
      throw thrown;
    }
  },
  // deno-lint-ignore require-await -- every failure is a rejection
  async listen({ hostname, port, certificatePem, keyPem }) {
    const listener = Deno.listenTls({
      hostname,
      port,
      cert: certificatePem,
      key: keyPem,
      alpnProtocols: [...PROTOCOLS],
    });
    return new DenoChannelListener(listener);
  },
};

class DenoChannel implements ByteChannel {
  readonly remote: HostPort;
  readonly rttMs: number | null;
  readonly #tls: Deno.TlsConn;
  readonly #ends: TcpEnds;
  /** A client's own, or a listener's while it has them. */
  readonly #sockets: () => TcpSockets | null;
  readonly #onDestroyed: () => void;
  #isDestroyed = false;

  constructor(
    tls: Deno.TlsConn,
    { rttMs = null, sockets, onDestroyed = () => {} }: {
      readonly rttMs?: number | null;
      readonly sockets: () => TcpSockets | null;
      readonly onDestroyed?: () => void;
    },
  ) {
    this.#tls = tls;
    this.rttMs = rttMs;
    this.#sockets = sockets;
    this.#onDestroyed = onDestroyed;
    this.#ends = endsOf(tls);
    this.remote = this.#ends.remote;
  }

  async handshake(): Promise<string | null> {
    return (await this.#tls.handshake()).alpnProtocol;
  }

  /** As it comes: a promise of our own around each record of 16 KiB is what a receiver feels. */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    return this.#tls.read(into);
  }

  async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    for (let at = 0; at < bytes.byteLength;) {
      at += await this.#tls.write(at === 0 ? bytes : bytes.subarray(at));
    }
  }

  async end(): Promise<void> {
    await this.#tls.closeWrite();
  }

  destroy({ isAtEnd } = { isAtEnd: false }): void {
    if (this.#isDestroyed) return;
    this.#isDestroyed = true;
    // In the middle of a handshake, or with bytes that nobody takes, the runtime goes on with it after a
    // close for as long as the peer lets it.
    if (!isAtEnd) this.#endConnection();
    close(this.#tls);
    this.#onDestroyed();
  }

  path(): TcpPath | null {
    return this.#isDestroyed ? null : this.#sockets()?.pathOf(this.#ends) ?? null;
  }

  #endConnection(): void {
    const shared = this.#sockets();
    if (shared !== null) return void shared.endConnection(this.#ends);
    using own = TcpSockets.open();
    own?.endConnection(this.#ends);
  }
}

class DenoChannelListener implements ChannelListener {
  readonly address: HostPort;
  readonly #listener: Deno.TlsListener;
  #sockets = TcpSockets.open();
  #isClosed = false;

  constructor(listener: Deno.TlsListener) {
    this.#listener = listener;
    const { hostname, port } = listener.addr as Deno.NetAddr;
    this.address = { hostname, port };
    this.#sockets?.sendAtOnce(port);
  }

  async accept(): Promise<ByteChannel | null> {
    for (;;) {
      try {
        const sockets = () => this.#sockets;
        return new DenoChannel(await this.#listener.accept(), { sockets });
      } catch (thrown) {
        // A peer that left before it was taken is no reason to stop, nor is a moment without descriptors.
        if (this.#isClosed || thrown instanceof Deno.errors.BadResource) return null;
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    close(this.#listener);
    this.#sockets?.[Symbol.dispose]();
    this.#sockets = null;
  }
}

function endsOf({ localAddr, remoteAddr }: Deno.Conn): TcpEnds {
  const { hostname, port } = remoteAddr as Deno.NetAddr;
  return { localPort: (localAddr as Deno.NetAddr).port, remote: { hostname, port } };
}

/** After a failure to take a peer. */
const AGAIN_MS = 50;

function close(resource: { close(): void }): void {
  try {
    resource.close();
  } catch {
    // It is closed already.
  }
}
