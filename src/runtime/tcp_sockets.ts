// Three things that Deno does not do for a TCP connection under TLS, done to the sockets themselves, which
// are found among the process's descriptors by their ports. What is small is sent at once, instead of
// waiting for the peer's word on what was small before it, a round trip (Nagle). A connection that is
// given up in the middle of a handshake ends: the runtime would keep its socket for as long as the peer
// likes. And the kernel is asked what it measured of a path. Where system, runtime or permissions have no
// such calls, nothing happens.

import { constants } from "node:os";
import { equalBytes } from "../base/bytes.ts";
import { TokenBucket } from "../base/token_bucket.ts";
import { Kernel } from "./kernel.ts";
import { type CallsAndMemory, SOCKET_MEMORY_BYTES, SocketCalls } from "./receive_buffer.ts";
import { unscoped, v6Bytes } from "./udp_address.ts";

const SOCK_STREAM = 1;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const TCP_INFO = 11;
const SHUT_RDWR = 2;
const AF_INET = 2;
const AF_INET6 = 10;
/** Where a name's length and the name lie in the kernel's memory, and what lies where in a name. */
const LENGTH_AT = 8;
const NAME_AT = 16;
const NAME_BYTES = 128;
const PORT_AT = NAME_AT + 2;
const V4_AT = NAME_AT + 4;
const V6_AT = NAME_AT + 8;
/** Where `struct tcp_info` lies, how much of it is asked for, and what lies where in it. */
const INFO_AT = 16;
const INFO_BYTES = 216;
const MIN_RTT_AT = 148;
const SENT_BYTES_AT = 200;
const SENT_AGAIN_BYTES_AT = 208;
/** No round trip was measured. */
const NO_RTT = 0xffffffff;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
/** Descriptors are given out from the lowest free one on: so long a gap is the end of them. */
const GAP = 512;
/** Before it there may be lower ones that were free again. */
const NEAR = 16;
/** Times that all descriptors are looked through for nothing: a millisecond each where there are many. */
const MISSES = { burst: 16, perSecond: 16 };

/** A TCP connection, by what no other one has; whoever asks for it again by the same object finds it at once. */
export interface TcpEnds {
  readonly localPort: number;
  readonly remote: { readonly hostname: string; readonly port: number };
}

/** What the kernel knows of a connection's path, however busy the program is; null where it does not. */
export interface TcpPath {
  /** Smallest one of the last minutes. */
  readonly rttMs: number | null;
  /** Of the bytes that this end sent, those it sent again. */
  readonly lossRatio: number | null;
}

const NO_PATH: TcpPath = { rttMs: null, lossRatio: null };

/** The sockets of this process: one for all of a listener's, since to begin with calls is dear. */
export class TcpSockets implements Disposable {
  readonly #kernel: CallsAndMemory & Disposable;
  /** Where a connection was found last: the next one that is asked for came soon after it. */
  #near = 0;
  /** Where each connection was found itself: it stays there, until what is there is another one. */
  readonly #places = new WeakMap<TcpEnds, number>();
  readonly #misses = new TokenBucket(MISSES, performance.now());

  /** Of calls of which it disposes with itself. */
  constructor(kernel: CallsAndMemory & Disposable) {
    this.#kernel = kernel;
  }

  /** Null where there are no such calls. */
  static open(): TcpSockets | null {
    const kernel = Kernel.open({ memoryBytes: SOCKET_MEMORY_BYTES });
    return kernel === null ? null : new TcpSockets(kernel);
  }

  /** Has a listener's connections, from now on, send at once; false where it could not be. */
  sendAtOnce(listenerPort: number): boolean {
    const calls = new SocketCalls(this.#kernel);
    const socket = calls.find(listenerPort, SOCK_STREAM);
    if (socket === null) return false;
    return calls.set(socket, { level: IPPROTO_TCP, name: TCP_NODELAY, value: 1 });
  }

  /** Ends a connection both ways, whoever holds its socket; false where it could not be. */
  endConnection(ends: TcpEnds, nowMs: number = performance.now()): boolean {
    const socket = this.#findAgain(ends, nowMs);
    if (socket === null) return false;
    return this.#kernel.attempt("shutdown", socket, SHUT_RDWR) >= 0;
  }

  /** What the kernel measured of a connection's path. */
  pathOf(ends: TcpEnds, nowMs: number = performance.now()): TcpPath {
    const socket = this.#findAgain(ends, nowMs);
    return socket === null ? NO_PATH : infoOf(this.#kernel, socket);
  }

  #findAgain(ends: TcpEnds, nowMs: number): number | null {
    const known = this.#places.get(ends);
    if (known !== undefined && this.#find(ends, { from: known, to: known + 1 }) !== null) {
      return known;
    }
    const from = Math.max(0, this.#near - NEAR);
    const socket = this.#find(ends, { from, to: this.#near + NEAR }) ?? this.#findAfar(ends, nowMs);
    if (socket === null) return null;
    this.#near = socket;
    this.#places.set(ends, socket);
    return socket;
  }

  /** One that its peer broke off is nowhere: strangers have all be looked through only so often. */
  #findAfar(ends: TcpEnds, nowMs: number): number | null {
    if (!this.#misses.has(nowMs)) return null;
    const socket = this.#find(ends, { from: 0 });
    if (socket === null) this.#misses.spend(1, nowMs);
    return socket;
  }

  #find(
    { localPort, remote }: TcpEnds,
    { from, to = Infinity }: { readonly from: number; readonly to?: number },
  ): number | null {
    const far = v6Bytes(unscoped(remote.hostname));
    for (let socket = from, gap = 0; gap < GAP && socket < to; socket++) {
      const end = nameOf(this.#kernel, { call: "getpeername", socket });
      gap = end === null ? gap + 1 : 0;
      if (end === null || end.port !== remote.port || !equalBytes(end.address, far)) continue;
      if (nameOf(this.#kernel, { call: "getsockname", socket })?.port === localPort) return socket;
    }
    return null;
  }

  [Symbol.dispose](): void {
    this.#kernel[Symbol.dispose]();
  }
}

function infoOf(kernel: CallsAndMemory, socket: number): TcpPath {
  const view = new DataView(kernel.memory.buffer);
  view.setInt32(LENGTH_AT, INFO_BYTES, true);
  const at = [kernel.address + INFO_AT, kernel.address + LENGTH_AT] as const;
  if (kernel.attempt("getsockopt", socket, IPPROTO_TCP, TCP_INFO, ...at) < 0) return NO_PATH;
  const known = view.getInt32(LENGTH_AT, true);
  const rtt = known < MIN_RTT_AT + 4 ? NO_RTT : view.getUint32(INFO_AT + MIN_RTT_AT, true);
  const rttMs = rtt === NO_RTT ? null : rtt / 1000;
  // An older kernel fills less of it.
  if (known < INFO_BYTES) return { rttMs, lossRatio: null };
  const sent = Number(view.getBigUint64(INFO_AT + SENT_BYTES_AT, true));
  const again = Number(view.getBigUint64(INFO_AT + SENT_AGAIN_BYTES_AT, true));
  return { rttMs, lossRatio: sent === 0 ? null : again / sent };
}

/** One end of a socket, its address as IPv6; port -1 for what has none, null for no descriptor. */
function nameOf(
  kernel: CallsAndMemory,
  { call, socket }: { readonly call: "getpeername" | "getsockname"; readonly socket: number },
): { readonly port: number; readonly address: Uint8Array } | null {
  const view = new DataView(kernel.memory.buffer);
  view.setInt32(LENGTH_AT, NAME_BYTES, true);
  view.setUint16(NAME_AT, 0, true);
  const done = kernel.attempt(call, socket, kernel.address + NAME_AT, kernel.address + LENGTH_AT);
  if (done === -constants.errno.EBADF) return null;
  const family = view.getUint16(NAME_AT, true);
  if (done < 0 || (family !== AF_INET && family !== AF_INET6)) return NO_NAME;
  const address = family === AF_INET6
    ? kernel.memory.slice(V6_AT, V6_AT + 16)
    : Uint8Array.from([...MAPPED_PREFIX, ...kernel.memory.subarray(V4_AT, V4_AT + 4)]);
  return { port: view.getUint16(PORT_AT, false), address };
}

const NO_NAME = { port: -1, address: new Uint8Array(0) };
