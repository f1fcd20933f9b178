// UDP by Linux's own calls: many packets of one size go in one `sendmsg` that the kernel or the network
// card divides (UDP_SEGMENT), and come in as few messages as it can make of them (UDP_GRO). A socket of
// every address tells which one was asked, and answers from it. What the kernel does not take is lost,
// as on any network; only a full socket is told.

import { constants } from "node:os";
import { LIMITS } from "../base/limits.ts";
import { Kernel } from "./kernel.ts";
import type { TakePacket, UdpAddress, UdpOptions, UdpPath, UdpSocket } from "./udp.ts";
import { unscoped } from "./udp_address.ts";
import { type KernelPath, KernelPaths, scopeOf } from "./udp_kernel_paths.ts";
import { SLOTS, UDP_MEMORY_BYTES } from "./udp_layout.ts";
import { LookBudget } from "./udp_look.ts";
import { UdpMemory } from "./udp_memory.ts";
import { AF_INET, AF_INET6 } from "./udp_names.ts";
import { isWildcard, plainHost } from "./udp_paths.ts";
import { requireNet } from "./udp_permission.ts";
import { openWaiter } from "./udp_wait.ts";
import type { Waiter } from "./udp_waiter.ts";

const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const { EAGAIN, EINVAL, EIO, EMSGSIZE, ENOPROTOOPT, EOPNOTSUPP } = constants.errno;
/** What is said of a message that is not divided on its way; anything else passes. */
const UNDIVIDED: ReadonlySet<number> = new Set([EINVAL, EIO, EMSGSIZE, ENOPROTOOPT, EOPNOTSUPP]);

/** Options of a socket: level, number. */
const SO_SNDBUF = [1, 7] as const;
const SO_RCVBUF = [1, 8] as const;
const SO_SNDBUFFORCE = [1, 32] as const;
const SO_RCVBUFFORCE = [1, 33] as const;
const IP_PKTINFO = [0, 8] as const;
const IPV6_V6ONLY = [41, 26] as const;
const IPV6_RECVPKTINFO = [41, 49] as const;
const UDP_GRO = [17, 104] as const;

/** Null where this system, runtime or its permissions have no such calls; throws as `bind` does. */
export function openKernelUdp(options: UdpOptions): Promise<UdpSocket | null> {
  const kernel = Kernel.open({ memoryBytes: UDP_MEMORY_BYTES });
  if (kernel === null) return Promise.resolve(null);
  let socket = -1;
  try {
    const isV6 = options.hostname.includes(":");
    const type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    socket = kernel.call("socket", isV6 ? AF_INET6 : AF_INET, type, 0);
    const opened = KernelSocket.open({ kernel, socket, isV6 }, options);
    if (opened !== null) return Promise.resolve(opened);
  } catch (thrown) {
    leave(kernel, socket);
    return Promise.reject(thrown);
  }
  leave(kernel, socket);
  return Promise.resolve(null);
}

function leave(kernel: Kernel, socket: number): void {
  if (socket >= 0) kernel.attempt("close", socket);
  kernel[Symbol.dispose]();
}

interface Opened {
  readonly kernel: Kernel;
  readonly socket: number;
  readonly isV6: boolean;
}

class KernelSocket implements UdpSocket {
  readonly kind = "kernel";
  readonly local: UdpAddress;
  readonly outgoing: Uint8Array<ArrayBuffer>;
  readonly #kernel: Kernel;
  readonly #memory: UdpMemory;
  readonly #socket: number;
  readonly #isV6: boolean;
  readonly #onReady: () => void;
  readonly #waiter: Waiter;
  readonly #paths: KernelPaths;
  /** The path that the block's headers are laid for. */
  #aimed: UdpPath | null = null;
  /** Messages in the slots, the one being taken, and where in it. */
  #slots = 0;
  #slot = 0;
  #at = 0;
  #segmentBytes = 0;
  #slotPath: KernelPath | null = null;
  /** Whether the kernel had no more when it was last asked. */
  #isDrained = true;
  /** How much of a batch had gone when the socket was full. */
  #sentBytes = 0;
  #isFull = false;
  readonly #look = new LookBudget();
  #turn: ReturnType<typeof setImmediate> | null = null;
  #closing: Promise<void> | null = null;

  private constructor(
    { kernel, socket, isV6 }: Opened,
    { memory, local, onReady }: { memory: UdpMemory; local: UdpAddress; onReady: () => void },
  ) {
    this.#kernel = kernel;
    this.#memory = memory;
    this.#socket = socket;
    this.#isV6 = isV6;
    this.#onReady = onReady;
    this.local = local;
    this.outgoing = memory.outgoing;
    this.#paths = new KernelPaths({ kernel, memory, socket, local });
    const waiter = openWaiter({ kernel, socket, onReady: () => this.#ready() });
    if (waiter === null) throw new NoWaiter();
    this.#waiter = waiter;
    waiter.wait(false);
  }

  static open(opened: Opened, options: UdpOptions): KernelSocket | null {
    const { kernel, socket, isV6 } = opened;
    const memory = new UdpMemory(kernel, isV6);
    const set = ([level, name]: readonly [number, number], value: number) =>
      kernel.attempt("setsockopt", socket, level, name, memory.option(value), 4) === 0;
    const { hostname, port, receiveBufferBytes, sendBufferBytes } = options;
    if (isV6) set(IPV6_V6ONLY, 0);
    if (isWildcard(hostname)) set(isV6 ? IPV6_RECVPKTINFO : IP_PKTINFO, 1);
    set(UDP_GRO, 1);
    if (receiveBufferBytes !== undefined) {
      set(SO_RCVBUFFORCE, receiveBufferBytes) || set(SO_RCVBUF, receiveBufferBytes);
    }
    if (sendBufferBytes !== undefined) {
      set(SO_SNDBUFFORCE, sendBufferBytes) || set(SO_SNDBUF, sendBufferBytes);
    }
    const scope = scopeOf(hostname, { kernel, memory, socket });
    kernel.call("bind", socket, ...memory.name({ host: hostname, port }, scope));
    kernel.call("getsockname", socket, ...memory.nameToFill());
    try {
      return new KernelSocket(opened, {
        memory,
        local: memory.readName(),
        onReady: options.onReady,
      });
    } catch (thrown) {
      if (thrown instanceof NoWaiter) return null;
      throw thrown;
    }
  }

  receive(take: TakePacket, mostPackets: number): number {
    if (this.#closing !== null) return 0;
    let taken = 0;
    try {
      while (taken < mostPackets && (this.#slot < this.#slots || this.#fill())) {
        const path = this.#slotPath ?? this.#openSlot();
        const slot = this.#slot;
        const end = this.#memory.slotBytes(slot);
        const from = this.#at;
        const packetBytes = this.#segmentBytes === 0 ? end : this.#segmentBytes;
        this.#at = Math.min(end, from + packetBytes);
        const packet = this.#memory.packet(slot, from, this.#at);
        this.#look.moved(packet.length);
        if (this.#at >= end) this.#leaveSlot();
        taken++;
        take(packet, path);
        if (this.#closing !== null) return taken;
      }
    } finally {
      if (taken > 0) this.#look.took(performance.now());
      this.#goOn();
    }
    return taken;
  }

  send(totalBytes: number, packetBytes: number, path: UdpPath): boolean {
    if (this.#closing !== null) return true;
    const way = this.#paths.of(path);
    if (this.#aimed !== way) {
      this.#memory.aim(way.remote, way.fromHost, way.scope);
      this.#aimed = way;
    }
    for (let at = this.#sentBytes; at < totalBytes;) {
      const sent = way.isDivided && packetBytes < totalBytes
        ? this.#sendDivided(at, Math.min(totalBytes, at + LIMITS.udpSegments * packetBytes), {
          packetBytes,
          way,
        })
        : this.#sendEach(at, totalBytes, packetBytes);
      if (sent < 0) {
        this.#sentBytes = at;
        this.#isFull = true;
        this.#waiter.wait(true);
        return false;
      }
      at += sent;
    }
    this.#sentBytes = 0;
    this.#look.moved(totalBytes);
    return true;
  }

  pathTo(remote: UdpAddress): UdpPath {
    requireNet(unscoped(remote.host), remote.port);
    return this.#paths.to({ host: plainHost(remote.host), port: remote.port });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
    await this.#waiter.close();
    leave(this.#kernel, this.#socket);
  }

  /** What was ready when it was waited for. */
  #ready(): void {
    if (this.#closing !== null) return;
    this.#isFull = false;
    this.#isDrained = false;
    this.#look.woken(performance.now());
    this.#onReady();
  }

  /** Sees to it that `onReady` is called when there is cause: now, soon, or when the kernel says so. */
  #goOn(): void {
    if (this.#closing !== null || this.#turn !== null) return;
    if (this.#slot >= this.#slots && this.#isDrained) {
      if (!this.#look.mayLook(performance.now())) {
        this.#waiter.wait(this.#isFull);
        return;
      }
    }
    this.#turn = setImmediate(() => this.#lookOn());
  }

  /** A turn of the event loop costs less than being woken by another thread. */
  #lookOn(): void {
    this.#turn = null;
    this.#look.looked(performance.now());
    if (this.#slot < this.#slots || this.#fill()) {
      this.#onReady();
      return;
    }
    this.#goOn();
  }

  /** Takes messages from the kernel, where all slots were emptied; false where it has none. */
  #fill(): boolean {
    for (let slot = 0; slot < this.#slots; slot++) this.#memory.freeSlot(slot);
    this.#slot = 0;
    this.#slots = 0;
    const { incoming } = this.#memory;
    const count = this.#kernel.attempt("recvmmsg", this.#socket, incoming, SLOTS, MSG_DONTWAIT);
    this.#isDrained = count < SLOTS;
    if (count <= 0) return false;
    this.#slots = count;
    return true;
  }

  #openSlot(): KernelPath {
    this.#segmentBytes = this.#memory.segmentBytes(this.#slot);
    this.#at = 0;
    this.#slotPath = this.#paths.ofSlot(this.#slot);
    return this.#slotPath;
  }

  #leaveSlot(): void {
    this.#slot++;
    this.#slotPath = null;
  }

  /** What was sent of a batch in one call, in bytes; -1 where the socket is full. */
  #sendDivided(
    at: number,
    end: number,
    { packetBytes, way }: { readonly packetBytes: number; readonly way: KernelPath },
  ): number {
    const message = this.#memory.message(at, end, packetBytes);
    const result = this.#kernel.attempt("sendmsg", this.#socket, message, MSG_DONTWAIT);
    if (result >= 0) return end - at;
    if (result === -EAGAIN) return -1;
    // Whatever else keeps them from going now is packets lost.
    if (!UNDIVIDED.has(-result)) return end - at;
    // A way whose card, or whose longest packet, does not allow it: each by itself from now on.
    way.isDivided = false;
    return 0;
  }

  /** The same, a message a packet. */
  #sendEach(at: number, end: number, packetBytes: number): number {
    const count = this.#memory.each(at, end, packetBytes);
    const { messages } = this.#memory;
    const result = this.#kernel.attempt("sendmmsg", this.#socket, messages, count, MSG_DONTWAIT);
    if (result === -EAGAIN) return -1;
    // Whatever else keeps the first of them from going is a packet lost.
    return Math.min(end - at, Math.max(1, result) * packetBytes);
  }
}

/** A socket that nobody could be woken for. */
class NoWaiter extends Error {}
