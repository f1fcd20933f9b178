// What the socket calls of Linux take and give, laid out in one block of memory that no collector moves:
// a batch to be sent, slots for what comes, and the headers of both. Layouts are those of 64-bit Linux;
// addresses and ports are in network order, all else in the machine's own, which is little-endian on
// every machine that `kernel.ts` knows.

import { LIMITS } from "../base/limits.ts";
import type { Kernel } from "./kernel.ts";
import type { UdpAddress } from "./udp.ts";
import { showV6, v4Bytes, v6Bytes } from "./udp_address.ts";
import {
  CONTROL_BYTES,
  CONTROL_BYTES_AT,
  CONTROL_POINTER_AT,
  FLAGS_AT,
  HEADER_BYTES,
  IN_CONTROLS_AT,
  IN_HEADERS_AT,
  IN_IOVS_AT,
  IN_NAMES_AT,
  IOV_BYTES,
  IOV_COUNT_AT,
  IOV_POINTER_AT,
  layPointer,
  NAME_BYTES,
  NAME_BYTES_AT,
  OUT_CONTROL_AT,
  OUT_HEADERS_AT,
  OUT_IOVS_AT,
  OUT_NAME_AT,
  OUTGOING_AT,
  SCRATCH_AT,
  SLOT_BYTES,
  SLOTS,
  SLOTS_AT,
  TAKEN_AT,
} from "./udp_layout.ts";
import { layName, readName } from "./udp_names.ts";

const SOL_IP = 0;
const SOL_UDP = 17;
const SOL_IPV6 = 41;
const IP_PKTINFO = 8;
const IPV6_PKTINFO = 50;
const UDP_SEGMENT = 103;
const UDP_GRO = 104;
const CMSG_HEADER_BYTES = 16;

/** Both ends as numbers: where they are the same, so are the ends. Local is 0 where it is not told. */
export interface RawPath {
  readonly remote: Uint8Array;
  readonly local: Uint8Array;
}

/** The block of one socket, for addresses of one family. */
export class UdpMemory {
  readonly outgoing: Uint8Array<ArrayBuffer>;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #address: number;
  readonly #isV6: boolean;
  /** Bytes of control data that stand ready for what goes, past the size of its segments. */
  #pathControlBytes = 0;

  constructor({ memory, address }: Pick<Kernel, "memory" | "address">, isV6: boolean) {
    this.#bytes = memory;
    this.#view = new DataView(memory.buffer);
    this.#address = address;
    this.#isV6 = isV6;
    this.outgoing = memory.subarray(OUTGOING_AT, OUTGOING_AT + LIMITS.udpBatchBytes);
    for (let i = 0; i < SLOTS; i++) {
      this.#layHeader(IN_HEADERS_AT + i * HEADER_BYTES, {
        nameAt: IN_NAMES_AT + i * NAME_BYTES,
        iovAt: IN_IOVS_AT + i * IOV_BYTES,
        controlAt: IN_CONTROLS_AT + i * CONTROL_BYTES,
      });
      this.#layIov(IN_IOVS_AT + i * IOV_BYTES, SLOTS_AT + i * SLOT_BYTES, SLOT_BYTES);
      this.freeSlot(i);
    }
    for (let i = 0; i < LIMITS.udpSegments; i++) {
      this.#layHeader(OUT_HEADERS_AT + i * HEADER_BYTES, {
        nameAt: OUT_NAME_AT,
        iovAt: OUT_IOVS_AT + i * IOV_BYTES,
        controlAt: OUT_CONTROL_AT,
      });
    }
  }

  /** Address of the headers that `recvmmsg` fills. */
  get incoming(): number {
    return this.#address + IN_HEADERS_AT;
  }

  /** Lets a slot be filled anew: the kernel writes lengths where it read them. */
  freeSlot(slot: number): void {
    const at = IN_HEADERS_AT + slot * HEADER_BYTES;
    this.#view.setUint32(at + NAME_BYTES_AT, NAME_BYTES, true);
    this.#view.setUint32(at + CONTROL_BYTES_AT, CONTROL_BYTES, true);
  }

  slotBytes(slot: number): number {
    return this.#view.getUint32(IN_HEADERS_AT + slot * HEADER_BYTES + TAKEN_AT, true);
  }

  /** A part of what a slot holds. */
  packet(slot: number, at: number, end: number): Uint8Array<ArrayBuffer> {
    const base = SLOTS_AT + slot * SLOT_BYTES;
    return this.#bytes.subarray(base + at, base + end);
  }

  /** Size of a slot's packets but the last; 0 where it holds one. */
  segmentBytes(slot: number): number {
    const at = this.#find(slot, SOL_UDP, UDP_GRO);
    return at < 0 ? 0 : this.#view.getInt32(at, true);
  }

  /** What tells one path from another, as text: for what is not the one that came just before. */
  pathKey(slot: number): string {
    const { remote, local } = this.#rawPath(slot);
    return `${remote.join()} ${local.join()}`;
  }

  /** Whether two slots are of one path. */
  isSamePath(slot: number, known: RawPath): boolean {
    const { remote, local } = this.#rawPath(slot);
    return equal(remote, known.remote) && equal(local, known.local);
  }

  /** A path's bytes, kept apart from the block. */
  rawPath(slot: number): RawPath {
    const { remote, local } = this.#rawPath(slot);
    return { remote: remote.slice(), local: local.slice() };
  }

  /** Where a slot's packets came from. */
  remote(slot: number): UdpAddress {
    return readName(this.#view, IN_NAMES_AT + slot * NAME_BYTES);
  }

  /** The address they came to; null where the socket was not asked to tell. */
  localHost(slot: number): string | null {
    const { local } = this.#rawPath(slot);
    if (local.length === 0) return null;
    return local.length === 4 ? local.join(".") : showV6(local);
  }

  /** Lays where packets go, and where from (null: the system chooses), for the calls that follow. */
  aim(remote: UdpAddress, fromHost: string | null, scope: number): void {
    layName(this.#view, OUT_NAME_AT, { address: remote, scope, isV6: this.#isV6 });
    this.#pathControlBytes = 0;
    if (fromHost === null) return;
    const at = OUT_CONTROL_AT;
    const data = at + CMSG_HEADER_BYTES;
    if (this.#isV6) {
      this.#layControl(at, { level: SOL_IPV6, type: IPV6_PKTINFO, dataBytes: 20 });
      this.#bytes.set(v6Bytes(fromHost), data);
      this.#view.setUint32(data + 16, scope, true);
    } else {
      this.#layControl(at, { level: SOL_IP, type: IP_PKTINFO, dataBytes: 12 });
      this.#view.setUint32(data, 0, true);
      this.#bytes.set(v4Bytes(fromHost), data + 4);
      this.#view.setUint32(data + 8, 0, true);
    }
    this.#pathControlBytes = this.#isV6 ? 40 : 32;
  }

  /** Lays one message of many packets; answers its address for `sendmsg`. */
  message(at: number, end: number, segmentBytes: number): number {
    this.#layIov(OUT_IOVS_AT, OUTGOING_AT + at, end - at);
    let controlBytes = this.#pathControlBytes;
    if (end - at > segmentBytes) {
      const controlAt = OUT_CONTROL_AT + controlBytes;
      this.#layControl(controlAt, { level: SOL_UDP, type: UDP_SEGMENT, dataBytes: 2 });
      this.#view.setUint16(controlAt + CMSG_HEADER_BYTES, segmentBytes, true);
      controlBytes += 24;
    }
    this.#layOut(OUT_HEADERS_AT, controlBytes);
    return this.#address + OUT_HEADERS_AT;
  }

  /** Lays messages of one packet each, as many as fit; answers how many. They are at `messages`. */
  each(at: number, end: number, packetBytes: number): number {
    const count = Math.min(LIMITS.udpSegments, Math.ceil((end - at) / packetBytes));
    for (let i = 0; i < count; i++) {
      const from = at + i * packetBytes;
      const lengthBytes = Math.min(packetBytes, end - from);
      this.#layIov(OUT_IOVS_AT + i * IOV_BYTES, OUTGOING_AT + from, lengthBytes);
      this.#layOut(OUT_HEADERS_AT + i * HEADER_BYTES, this.#pathControlBytes);
    }
    return count;
  }

  get messages(): number {
    return this.#address + OUT_HEADERS_AT;
  }

  /** Address of an address for `bind`, and its length. */
  name(address: UdpAddress, scope: number): readonly [number, number] {
    const lengthBytes = layName(this.#view, SCRATCH_AT, { address, scope, isV6: this.#isV6 });
    return [this.#address + SCRATCH_AT, lengthBytes];
  }

  /** Lets `getsockname` write an address, which `readName` then reads. */
  nameToFill(): readonly [number, number] {
    this.#view.setUint32(SCRATCH_AT + 32, NAME_BYTES, true);
    return [this.#address + SCRATCH_AT, this.#address + SCRATCH_AT + 32];
  }

  readName(): UdpAddress {
    return readName(this.#view, SCRATCH_AT);
  }

  /** Address of a number, as `setsockopt` takes one. */
  option(value: number): number {
    this.#view.setInt32(SCRATCH_AT, value, true);
    return this.#address + SCRATCH_AT;
  }

  /** Address of a `struct ifreq` with a name; the index that is found is `interfaceIndex`. */
  interfaceRequest(name: string): number {
    this.#bytes.fill(0, SCRATCH_AT, SCRATCH_AT + 40);
    new TextEncoder().encodeInto(name, this.#bytes.subarray(SCRATCH_AT, SCRATCH_AT + 15));
    return this.#address + SCRATCH_AT;
  }

  get interfaceIndex(): number {
    return this.#view.getInt32(SCRATCH_AT + 16, true);
  }

  #rawPath(slot: number): RawPath {
    const nameAt = IN_NAMES_AT + slot * NAME_BYTES;
    const remote = this.#bytes.subarray(nameAt, nameAt + (this.#isV6 ? 28 : 8));
    const at = this.#isV6
      ? this.#find(slot, SOL_IPV6, IPV6_PKTINFO)
      : this.#find(slot, SOL_IP, IP_PKTINFO);
    if (at < 0) return { remote, local: this.#bytes.subarray(0, 0) };
    // Of IPv4's, the address to answer from stands before the one in the header.
    const local = this.#isV6
      ? this.#bytes.subarray(at, at + 16)
      : this.#bytes.subarray(at + 4, at + 8);
    return { remote, local };
  }

  /** Where a piece of control data of a slot begins; -1 where it has none of the kind. */
  #find(slot: number, level: number, type: number): number {
    const header = IN_HEADERS_AT + slot * HEADER_BYTES;
    const first = IN_CONTROLS_AT + slot * CONTROL_BYTES;
    const end = first + this.#view.getUint32(header + CONTROL_BYTES_AT, true);
    for (let at = first; at + CMSG_HEADER_BYTES <= end;) {
      const lengthBytes = this.#view.getUint32(at, true);
      if (lengthBytes < CMSG_HEADER_BYTES) break;
      const isOfKind = this.#view.getInt32(at + 8, true) === level &&
        this.#view.getInt32(at + 12, true) === type;
      if (isOfKind) return at + CMSG_HEADER_BYTES;
      at += (lengthBytes + 7) & ~7;
    }
    return -1;
  }

  #layControl(
    at: number,
    { level, type, dataBytes }: { level: number; type: number; dataBytes: number },
  ): void {
    this.#view.setUint32(at, CMSG_HEADER_BYTES + dataBytes, true);
    this.#view.setUint32(at + 4, 0, true);
    this.#view.setInt32(at + 8, level, true);
    this.#view.setInt32(at + 12, type, true);
  }

  #layHeader(
    at: number,
    { nameAt, iovAt, controlAt }: { nameAt: number; iovAt: number; controlAt: number },
  ): void {
    this.#layPointer(at, nameAt);
    this.#layPointer(at + IOV_POINTER_AT, iovAt);
    this.#view.setUint32(at + IOV_COUNT_AT, 1, true);
    this.#layPointer(at + CONTROL_POINTER_AT, controlAt);
  }

  #layOut(at: number, controlBytes: number): void {
    this.#view.setUint32(at + NAME_BYTES_AT, this.#isV6 ? 28 : 16, true);
    this.#view.setUint32(at + CONTROL_BYTES_AT, controlBytes, true);
    this.#view.setUint32(at + FLAGS_AT, 0, true);
  }

  #layIov(at: number, dataAt: number, lengthBytes: number): void {
    this.#layPointer(at, dataAt);
    this.#view.setUint32(at + 8, lengthBytes, true);
  }

  #layPointer(at: number, target: number): void {
    layPointer(this.#view, at, this.#address + target);
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
