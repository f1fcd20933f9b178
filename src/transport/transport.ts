// The one interface every transport has: deno_quic, quiche, tls and memory. A transport moves bytes
// between two programs that pinned each other's identity; it knows nothing of messages, frames or files.
// Bytes written are never copied by contract: a buffer belongs to the transport until the promise of its
// write settles.

import type { ErrorCode } from "../base/errors.ts";

/** Congestion controllers a user may name; `auto` leaves it to the transport. */
export type Congestion = "auto" | "cubic" | "bbr" | "reno";

/**
 * What is spoken on a connection, agreed on in the TLS handshake (ALPN). On `sftpx-claim/1` the client
 * says nothing: the server names its identity on one lane and closes.
 */
export type Protocol = "sftpx/1" | "sftpx-claim/1";

/** Every protocol a listener agrees to; a peer that offers none of them is refused. */
export const PROTOCOLS: readonly Protocol[] = ["sftpx/1", "sftpx-claim/1"];

/** A place on the network. */
export interface HostPort {
  /** Host name or address, IPv6 without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** A way to move bytes: one object for each stack. */
export interface Transport {
  /** Stable name for logs and `--version --verbose`. */
  readonly name: string;
  /** An anchor only adds to the runtime's roots here: they must be emptied before connecting. */
  readonly addsToRuntimeRoots: boolean;
  /**
   * Where it chooses between several, those: each can be dialled by itself for a further connection of a
   * session that another one began. Absent where it is one stack.
   */
  readonly stacks?: readonly Transport[];
  /**
   * Whether this runtime, with its permissions and flags, can use it, and it can do what is wanted; a
   * reason when not.
   */
  unavailable(wanted?: Wanted): string | null;
  /** Opens one connection to a server pinned by its identity (or by an anchor of the caller's). */
  connect(options: ConnectOptions): Promise<Connection>;
  /** Binds and listens. Port 0 picks one. */
  listen(options: ListenOptions): Promise<Listener>;
}

/** The one of its stacks that is called so, for a further connection; itself where it is one stack. */
export function stackOf(transport: Transport, name: string): Transport {
  return transport.stacks?.find((stack) => stack.name === name) ?? transport;
}

/** What not every stack can do. */
export interface Wanted {
  readonly congestion?: Congestion;
  /** Bytes of one stream that may be under way; left to the transport where absent. */
  readonly windowBytes?: number;
}

/** What is wanted, of options that say more. */
export function wantedOf({ congestion, windowBytes }: Wanted): Wanted {
  return {
    ...(congestion === undefined ? {} : { congestion }),
    ...(windowBytes === undefined ? {} : { windowBytes }),
  };
}

export interface ConnectOptions extends Wanted {
  /** Host name or address; resolved by the transport, all addresses tried. */
  readonly hostname: string;
  readonly port: number;
  /** DER or PEM anchor that the server's chain must lead to; see trust/anchor. */
  readonly anchorPem: string;
  /** `sftpx/1` by default. */
  readonly protocol?: Protocol;
  /**
   * Told once, before the handshake is over, how long the other end's host took to answer, by a stack
   * that sees it: a round trip. Nothing is proved by it.
   */
  readonly onAnswer?: (rttMs: number) => void;
  /**
   * How long an answer is waited for at least, unless the signal ends it: a stack's own patience is that
   * with a connection that falls silent, which may be shorter.
   */
  readonly patienceMs?: number;
  /** What its user should know of how it is reached. */
  readonly onNotice?: (message: string) => void;
  readonly signal?: AbortSignal;
}

export interface ListenOptions extends Wanted {
  readonly hostname: string;
  readonly port: number;
  /** Leaf and chain, PEM, and the leaf's PKCS#8 key, PEM; see trust/certificate. */
  readonly certificatePem: string;
  readonly keyPem: string;
  /** Everybody may come in where it is absent. */
  readonly screen?: Screen;
  /** What its user should know of how it listens. */
  readonly onNotice?: (message: string) => void;
  readonly signal?: AbortSignal;
}

/**
 * Whether a peer of this address may shake hands, asked once for each connection before its handshake
 * goes on. One that may not is closed as `busy`.
 */
export type Screen = (remoteAddress: string) => boolean;

export interface Listener {
  /** The address bound, with the port picked. */
  readonly address: HostPort;
  /** Next connection, or null once the listener is closed. A failed handshake is not reported. */
  accept(): Promise<Connection | null>;
  /** Stops listening; connections accepted before go on. */
  close(): void;
}

/** Figures a transport may know of a connection; null where it does not. */
export interface ConnectionStats {
  readonly rttMs: number | null;
  readonly lossRatio: number | null;
  readonly windowBytes: number | null;
  /** What controls its sending, where its stack chose it. */
  readonly congestion?: Exclude<Congestion, "auto">;
}

/** How a connection ended. `code` is null for a silent loss (idle, reset). */
export interface CloseInfo {
  readonly code: ErrorCode | "none" | null;
  readonly reason: string;
  readonly remote: boolean;
}

export interface Connection {
  /** Name of the one stack that carries it, as its transport is called. */
  readonly stack: string;
  /** The other end, `address:port`, IPv4-mapped addresses shown as plain IPv4. */
  readonly remoteAddress: string;
  /** What the handshake agreed on. */
  readonly protocol: Protocol;
  /** Client: opens the control stream. Exactly once. */
  openControl(): Promise<ControlStream>;
  /** Server: the control stream the client opened. Exactly once. */
  acceptControl(): Promise<ControlStream>;
  /** Opens a lane towards the peer. */
  openLane(): Promise<SendStream>;
  /** Next lane the peer opened, or null once the connection is closed. */
  acceptLane(): Promise<ReceiveStream | null>;
  /**
   * Server: the peer has proved who it is. Until then a stack whose windows are its own lets none grow
   * (I8); absent where they are not.
   */
  proved?(): void;
  stats(): ConnectionStats;
  /** Closes with an error code (QUIC: application code of the table), or in order with "none". */
  close(code: ErrorCode | "none", reason: string): void;
  /** Settles (never rejects) when the connection has ended, whoever ended it. */
  readonly closed: Promise<CloseInfo>;
}

export interface SendStream {
  /**
   * Settles when the transport has taken all bytes and the buffer may be used again. Rejects with
   * SftpxError `lost` when the connection or stream is gone.
   */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Ends the stream in order. */
  close(): Promise<void>;
  /** Gives the stream up; what was written may or may not arrive. Never throws. */
  abort(): void;
}

export interface ReceiveStream {
  /**
   * Reads at least one byte into `into`, whose buffer is detached, or given away where an engine would
   * copy it: not to be used again. The answer is a view of the same memory, `into`'s offset kept, its
   * length what was read. Null at end of stream (which is never success, I4). Rejects with SftpxError
   * `lost` when the connection is gone. A stack that can wait for more at a time answers at `leastBytes`,
   * or at the end of the stream, which is cheaper than many small answers.
   */
  read(
    into: Uint8Array<ArrayBuffer>,
    options?: { readonly leastBytes?: number },
  ): Promise<Uint8Array<ArrayBuffer> | null>;
  /** Gives the stream up. Never throws. */
  cancel(): void;
}

/** A stream both ways; one for each connection, opened by the client. */
export interface ControlStream extends SendStream, ReceiveStream {}
