// UDP for a program that moves many packets a turn: a socket of the kernel's own calls where those may
// be used (Linux, foreign functions), else one of `node:dgram`. Both look the same from here.

import { leftOut } from "./runtime.ts";
import { openDgram } from "./udp_dgram.ts";
import { openKernelUdp } from "./udp_kernel.ts";
import { requireNet } from "./udp_permission.ts";

/** What `SFTPX_WITHOUT` names to leave the kernel's own calls alone. */
export const SENDMSG_NAME = "sendmsg";

/** A place, its host as a literal; IPv4-mapped ones are plain IPv4. */
export interface UdpAddress {
  readonly host: string;
  readonly port: number;
}

/** Both ends of what a packet travels; the same object for the same pair, as long as it is in use. */
export interface UdpPath {
  readonly local: UdpAddress;
  readonly remote: UdpAddress;
}

/** What is done with a packet that came; its bytes are good until it returns. */
export type TakePacket = (packet: Uint8Array<ArrayBuffer>, path: UdpPath) => void;

export interface UdpOptions {
  /** Address to bind, a literal; port 0 picks one. */
  readonly hostname: string;
  readonly port: number;
  /** Wanted sizes of the kernel's buffers; it gives what it may. */
  readonly receiveBufferBytes?: number;
  readonly sendBufferBytes?: number;
  /**
   * Called from the event loop, never from within a call, when packets came, and again as long as some
   * are left; also when a socket that was full takes more.
   */
  readonly onReady: () => void;
}

export interface UdpSocket {
  readonly kind: "kernel" | "dgram";
  readonly local: UdpAddress;
  /** Where packets to be sent are laid, one after the other. Never moves. */
  readonly outgoing: Uint8Array<ArrayBuffer>;
  /**
   * Hands over packets that are there, about so many at most; answers how many. What `take` throws
   * comes out of here, and the packets behind that one are lost.
   */
  receive(take: TakePacket, mostPackets: number): number;
  /**
   * Sends what lies in the first bytes of `outgoing` as packets of `packetBytes` each, the last one as
   * long as what is left. False where the socket is full: `onReady` follows, and then the same is to
   * be sent again, `outgoing` untouched until then, or given up. A packet that the system does not take
   * for another reason is a packet lost.
   */
  send(totalBytes: number, packetBytes: number, path: UdpPath): boolean;
  /**
   * The path from this socket to somewhere: packets from there come on it, whichever of the machine's
   * addresses they came to. Throws where the runtime lacks the permission (`NotCapable`).
   */
  pathTo(remote: UdpAddress): UdpPath;
  /** Settles when nothing of it is left. */
  close(): Promise<void>;
}

/** Binds a socket; throws with the system's `code`, or as `NotCapable`, where it cannot. */
export async function openUdp(options: UdpOptions): Promise<UdpSocket> {
  requireNet(options.hostname, options.port);
  const kernel = leftOut().includes(SENDMSG_NAME) ? null : await openKernelUdp(options);
  return kernel ?? await openDgram(options);
}
