// One TLS connection as the bytes it carries in order, both ways: what `connection.ts` stands on, and
// behind which Deno's TLS and `node:tls` look alike.

import type { TcpPath } from "../../runtime/tcp_sockets.ts";
import type { ConnectOptions, HostPort, ListenOptions } from "../transport.ts";
import type { Address } from "../addresses.ts";

export interface ByteChannel {
  readonly remote: HostPort;
  /** One round trip: of the packet that opened the TCP connection; null at a server. */
  readonly rttMs: number | null;
  /** What the kernel measured since; absent, or null, where it does not tell. */
  path?(): TcpPath | null;
  /** Completes the handshake, and tells what was agreed on by ALPN; rejects with the stack's own error. */
  handshake(): Promise<string | null>;
  /** Puts at least one byte into memory that stays its owner's; null at the end. One at a time. */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Settles when all of it was taken and its memory is free. One at a time. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Nothing more is written, and the peer is told. */
  end(): Promise<void>;
  /** All is over at once; what is under way rejects. `isAtEnd`: all was read. Never throws. */
  destroy(options?: { readonly isAtEnd: boolean }): void;
}

/** Channels that come to a port. */
export interface ChannelListener {
  readonly address: HostPort;
  /** The next peer, of which nothing but its address is known yet; null once closed. */
  accept(): Promise<ByteChannel | null>;
  close(): void;
}

/** Opens and takes channels, over the runtime's own TLS. */
export interface ChannelStack {
  /** An anchor only adds to the runtime's roots. */
  readonly addsToRuntimeRoots: boolean;
  /** Opens a TCP connection; the handshake is the channel's. Rejects with the stack's own error. */
  connect(
    to: Pick<ConnectOptions, "anchorPem" | "protocol"> & {
      readonly address: Address;
      readonly signal: AbortSignal;
    },
  ): Promise<ByteChannel>;
  listen(
    at: Pick<ListenOptions, "hostname" | "port" | "certificatePem" | "keyPem">,
  ): Promise<ChannelListener>;
}

/** What every certificate of ours is issued to. */
export const SERVER_NAME = "sftpx";
