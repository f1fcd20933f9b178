// Widens the receive buffer of a UDP socket that the runtime opened and gives nobody a handle of: what
// comes while its thread computes overflows the kernel's default one, and congestion control answers
// each such burst. The socket is found among the process's descriptors, by kind and port. Only a way to
// lose less: where system, runtime or permissions have no such calls, or it is not found, nothing happens.

import { constants } from "node:os";
import { LIMITS } from "../base/limits.ts";
import { Kernel } from "./kernel.ts";

const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_RCVBUF = 8;
const SO_RCVBUFFORCE = 33;
const SOCK_DGRAM = 2;
const AF_INET = 2;
const AF_INET6 = 10;
/** A number, its length, and an address with its length: where each lies in the kernel's memory. */
const NUMBER_AT = 0;
const NUMBER_BYTES = 4;
const LENGTH_AT = 8;
const NAME_AT = 16;
const NAME_BYTES = 128;
/** Where `struct sockaddr_in` and `sockaddr_in6` have the port, its high byte first. */
const PORT_AT = 2;
/** All that these calls need of it. */
export const SOCKET_MEMORY_BYTES = 256;
/** Descriptors are given out from the lowest free one on: so long a gap is the end of them. */
const GAP = 512;

/** Asks for so large a buffer; answers the bytes that it now has, or null where there is no such socket. */
export function widenReceiveBuffer(
  port: number,
  { bytes = LIMITS.udpReceiveBufferBytes }: { readonly bytes?: number } = {},
): number | null {
  using kernel = Kernel.open({ memoryBytes: SOCKET_MEMORY_BYTES });
  if (kernel === null) return null;
  const calls = new SocketCalls(kernel);
  const socket = calls.find(port, SOCK_DGRAM);
  if (socket === null) return null;
  calls.widen(socket, bytes);
  return calls.option(socket, SO_RCVBUF);
}

/** What of a kernel it takes to ask for sockets. */
export type CallsAndMemory = Pick<Kernel, "memory" | "address" | "attempt">;

/** Calls on sockets that the runtime opened, which are found by kind and port. */
export class SocketCalls {
  readonly #kernel: CallsAndMemory;
  readonly #view: DataView<ArrayBuffer>;

  constructor(kernel: CallsAndMemory) {
    this.#kernel = kernel;
    this.#view = new DataView(kernel.memory.buffer);
  }

  /** The socket of a kind that is bound to a port. A server listens for streams on the same one. */
  find(port: number, kind: number): number | null {
    for (let socket = 0, gap = 0; gap < GAP; socket++) {
      const found = this.#portOf(socket);
      if (found === port && this.option(socket, SO_TYPE) === kind) return socket;
      gap = found === null ? gap + 1 : 0;
    }
    return null;
  }

  /** Above what the system allows everybody only with the privilege; never narrower than it is. */
  widen(socket: number, bytes: number): void {
    // What is asked for is doubled by the kernel, for what it keeps beside the bytes themselves.
    if ((this.option(socket, SO_RCVBUF) ?? 0) >= 2 * bytes) return;
    if (!this.set(socket, { name: SO_RCVBUFFORCE, value: bytes })) {
      this.set(socket, { name: SO_RCVBUF, value: bytes });
    }
  }

  option(socket: number, name: number): number | null {
    const { address } = this.#kernel;
    this.#view.setInt32(LENGTH_AT, NUMBER_BYTES, true);
    const at = [address + NUMBER_AT, address + LENGTH_AT] as const;
    const done = this.#kernel.attempt("getsockopt", socket, SOL_SOCKET, name, ...at);
    return done < 0 ? null : this.#view.getInt32(NUMBER_AT, true);
  }

  set(
    socket: number,
    { level = SOL_SOCKET, name, value }: {
      readonly level?: number;
      readonly name: number;
      readonly value: number;
    },
  ): boolean {
    this.#view.setInt32(NUMBER_AT, value, true);
    const at = [this.#kernel.address + NUMBER_AT, NUMBER_BYTES] as const;
    return this.#kernel.attempt("setsockopt", socket, level, name, ...at) >= 0;
  }

  /** -1 for another descriptor than a socket's of the internet, null for none. */
  #portOf(descriptor: number): number | null {
    const { address } = this.#kernel;
    this.#view.setInt32(LENGTH_AT, NAME_BYTES, true);
    this.#view.setUint16(NAME_AT, 0, true);
    const at = [address + NAME_AT, address + LENGTH_AT] as const;
    const done = this.#kernel.attempt("getsockname", descriptor, ...at);
    if (done === -constants.errno.EBADF) return null;
    const family = this.#view.getUint16(NAME_AT, true);
    if (done < 0 || (family !== AF_INET && family !== AF_INET6)) return -1;
    return this.#view.getUint16(NAME_AT + PORT_AT, false);
  }
}
