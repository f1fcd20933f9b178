// Where what the socket calls of Linux take and give lies in one block of memory that no collector moves:
// a batch to be sent, slots for what comes, the headers of both, and what is polled. Layouts are those of
// 64-bit Linux.

import { LIMITS } from "../base/limits.ts";

/** Messages taken in one call; each may be many packets of one sender (GRO). */
export const SLOTS = 8;
export const SLOT_BYTES = 65_536;
/** `struct mmsghdr`: a `struct msghdr`, then the length that was taken. */
export const HEADER_BYTES = 64;
export const NAME_BYTES_AT = 8;
export const IOV_POINTER_AT = 16;
export const IOV_COUNT_AT = 24;
export const CONTROL_POINTER_AT = 32;
export const CONTROL_BYTES_AT = 40;
export const FLAGS_AT = 48;
export const TAKEN_AT = 56;
export const IOV_BYTES = 16;
export const NAME_BYTES = 32;
export const CONTROL_BYTES = 128;

export const OUTGOING_AT = 0;
export const SLOTS_AT = SLOT_BYTES;
export const IN_HEADERS_AT = SLOTS_AT + SLOTS * SLOT_BYTES;
export const IN_IOVS_AT = IN_HEADERS_AT + SLOTS * HEADER_BYTES;
export const IN_NAMES_AT = IN_IOVS_AT + SLOTS * IOV_BYTES;
export const IN_CONTROLS_AT = IN_NAMES_AT + SLOTS * NAME_BYTES;
export const OUT_HEADERS_AT = IN_CONTROLS_AT + SLOTS * CONTROL_BYTES;
export const OUT_IOVS_AT = OUT_HEADERS_AT + LIMITS.udpSegments * HEADER_BYTES;
export const OUT_NAME_AT = OUT_IOVS_AT + LIMITS.udpSegments * IOV_BYTES;
export const OUT_CONTROL_AT = OUT_NAME_AT + NAME_BYTES;
export const SCRATCH_AT = OUT_CONTROL_AT + CONTROL_BYTES;
export const POLL_AT = SCRATCH_AT + 64;
export const COUNT_AT = POLL_AT + 16;
export const AIO_CONTEXT_AT = COUNT_AT + 8;
export const AIO_BLOCKS_AT = AIO_CONTEXT_AT + 8;
export const AIO_BLOCK_BYTES = 64;
export const AIO_LIST_AT = AIO_BLOCKS_AT + 2 * AIO_BLOCK_BYTES;
export const NO_TIME_AT = AIO_LIST_AT + 8;
export const AIO_EVENTS_AT = NO_TIME_AT + 16;
export const AIO_EVENT_BYTES = 32;
/** Polls under way at once: one for packets, one for room, and as many done and not yet told. */
export const AIO_EVENTS = 4;
export const UDP_MEMORY_BYTES = AIO_EVENTS_AT + AIO_EVENTS * AIO_EVENT_BYTES;

/** Lays the address of a place. */
export function layPointer(view: DataView<ArrayBuffer>, at: number, address: number): void {
  view.setUint32(at, address % 2 ** 32, true);
  view.setUint32(at + 4, Math.floor(address / 2 ** 32), true);
}
