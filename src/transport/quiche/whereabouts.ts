// Where the peer of one connection is, and whether that is proved. A server follows a client whose port
// changed, as a NAT's does, and only at the same IP address; a client that comes from another one
// connects anew. Until the new port is proved it is sent little: whoever copies packets or forges their
// sender must not point a flood at somebody else (RFC 9000, section 9.3).

import { LIMITS } from "../../base/limits.ts";
import type { UdpPath } from "../../runtime/udp.ts";
import type { NativeAddress } from "./binding.ts";
import { isAddressedTo } from "./connection_ids.ts";

/** A place that is not proved, and the bytes that went there and came from there. */
interface Doubt {
  /** Ids that were told there alone: what is addressed to one of them was heard there. */
  readonly freshIds: Uint8Array[];
  receivedBytes: number;
  sentBytes: number;
  /** Packets that may go there now: one for each that came, lest data use up what the ids need. */
  packets: number;
}

/** Answers to an address that is not proved (RFC 9000, section 8.1). */
const DOUBT_FACTOR = 3;

export class Whereabouts {
  readonly #isServer: boolean;
  #path: UdpPath;
  /** The last place that was proved: coming back to it needs no proof. */
  #proved: UdpPath;
  #doubt: Doubt | null = null;

  constructor(path: UdpPath, { isServer }: { readonly isServer: boolean }) {
    this.#path = path;
    this.#proved = path;
    this.#isServer = isServer;
  }

  get path(): UdpPath {
    return this.#path;
  }

  get isDoubtful(): boolean {
    return this.#doubt !== null;
  }

  /** Whether the peer may be there: a client talks to the address it called, and a server is followed nowhere. */
  mayBe({ remote }: UdpPath): boolean {
    return isSame(remote, this.#path.remote) ||
      (this.#isServer && remote.host === this.#path.remote.host);
  }

  /**
   * The peer's own packet, not seen before, came from there. True where it moved to a place that is to be
   * proved: by ids that only it is told there.
   */
  seen(packet: Uint8Array, path: UdpPath): boolean {
    const isMoved = !isSame(path.remote, this.#path.remote);
    this.#path = path;
    if (isSame(path.remote, this.#proved.remote)) this.#settle();
    else if (isMoved) {
      this.#doubt = { freshIds: [], receivedBytes: packet.byteLength, sentBytes: 0, packets: 1 };
      return true;
    } else if (this.#doubt !== null) {
      this.#doubt.receivedBytes += packet.byteLength;
      this.#doubt.packets++;
      if (this.#doubt.freshIds.some((id) => isAddressedTo(packet, id))) this.#settle();
    }
    return false;
  }

  /** The next packets tell the peer of these. */
  told(freshIds: readonly Uint8Array[]): void {
    this.#doubt?.freshIds.push(...freshIds);
  }

  get freshIds(): readonly Uint8Array[] {
    return this.#doubt?.freshIds ?? [];
  }

  /** What may be written there now. */
  roomOf(into: Uint8Array): Uint8Array {
    if (this.#doubt === null) return into;
    const { receivedBytes, sentBytes, packets } = this.#doubt;
    const creditBytes = DOUBT_FACTOR * receivedBytes + LIMITS.moveBytes - sentBytes;
    const mostBytes = packets > 0 ? LIMITS.leastPacketBytes : 0;
    return into.subarray(0, Math.max(0, Math.min(creditBytes, mostBytes)));
  }

  /** The peer has been silent for long enough to be asked again. */
  allowOne(): void {
    if (this.#doubt !== null) this.#doubt.packets = 1;
  }

  sent(bytes: number): void {
    if (this.#doubt === null || bytes === 0) return;
    this.#doubt.sentBytes += bytes;
    this.#doubt.packets--;
  }

  #settle(): void {
    this.#proved = this.#path;
    this.#doubt = null;
  }
}

function isSame(a: NativeAddress, b: NativeAddress): boolean {
  return a.port === b.port && a.host === b.host;
}
