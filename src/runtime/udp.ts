// UDP for a program that moves many packets a turn: a socket of the kernel's own calls where those may
// be used (Linux, foreign functions), else one of `node:dgram`. Both look the same from here.

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
  /** Called from the event loop when packets came, or when a socket that was full takes more. */
  readonly onReady: () => void;
}

export interface UdpSocket {
  readonly kind: "kernel" | "dgram";
  readonly local: UdpAddress;
  /** Where packets to be sent are laid, one after the other. Never moves. */
  readonly outgoing: Uint8Array<ArrayBuffer>;
  /** Hands over packets that are there, about so many at most; answers how many. */
  receive(take: TakePacket, mostPackets: number): number;
  /**
   * Sends what lies in the first bytes of `outgoing` as packets of `packetBytes` each, the last one as
   * long as what is left. False where the socket is full: nothing was sent, and `onReady` follows.
   */
  send(totalBytes: number, packetBytes: number, path: UdpPath): boolean;
  /** The path from this socket to somewhere. */
  pathTo(remote: UdpAddress): UdpPath;
  /** Settles when nothing of it is left. */
  close(): Promise<void>;
}
