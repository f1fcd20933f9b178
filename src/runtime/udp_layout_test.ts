import assert from "node:assert/strict";
import { LIMITS } from "../base/limits.ts";
import * as layout from "./udp_layout.ts";
import { POLLIN, POLLOUT, WaitMemory } from "./udp_wait_memory.ts";

/** Each place of the block, and how many bytes the kernel or we use there. */
const PLACES: readonly (readonly [atByte: number, bytes: number])[] = [
  [layout.OUTGOING_AT, LIMITS.udpBatchBytes],
  [layout.SLOTS_AT, layout.SLOTS * layout.SLOT_BYTES],
  [layout.IN_HEADERS_AT, layout.SLOTS * layout.HEADER_BYTES],
  [layout.IN_IOVS_AT, layout.SLOTS * layout.IOV_BYTES],
  [layout.IN_NAMES_AT, layout.SLOTS * layout.NAME_BYTES],
  [layout.IN_CONTROLS_AT, layout.SLOTS * layout.CONTROL_BYTES],
  [layout.OUT_HEADERS_AT, LIMITS.udpSegments * layout.HEADER_BYTES],
  [layout.OUT_IOVS_AT, LIMITS.udpSegments * layout.IOV_BYTES],
  [layout.OUT_NAME_AT, layout.NAME_BYTES],
  [layout.OUT_CONTROL_AT, layout.CONTROL_BYTES],
  // The longest that is laid there is a `struct ifreq`.
  [layout.SCRATCH_AT, 40],
  // Two of `struct pollfd`.
  [layout.POLL_AT, 16],
  [layout.COUNT_AT, 8],
  [layout.AIO_CONTEXT_AT, 8],
  [layout.AIO_BLOCKS_AT, 2 * layout.AIO_BLOCK_BYTES],
  [layout.AIO_LIST_AT, 8],
  // A `struct timespec`.
  [layout.NO_TIME_AT, 16],
  [layout.AIO_EVENTS_AT, layout.AIO_EVENTS * layout.AIO_EVENT_BYTES],
];

Deno.test("places of a socket's memory lie one behind the other, each where a pointer may lie", () => {
  let free = 0;
  for (const [at, bytes] of PLACES) {
    assert.ok(at >= free, `${at} lies within what is before it`);
    assert.equal(at % 8, 0);
    free = at + bytes;
  }
  assert.ok(free <= layout.UDP_MEMORY_BYTES);
});

/** Memory that lies beyond what 32 bits address, as it does in a process. */
function memoryAt(address: number) {
  const memory = new Uint8Array(new ArrayBuffer(layout.UDP_MEMORY_BYTES));
  return { memory, wait: new WaitMemory({ memory, address }) };
}

/** Numbers of 32 bits from a place on. */
function words(memory: Uint8Array<ArrayBuffer>, at: number, count: number): readonly number[] {
  const view = new DataView(memory.buffer, at);
  return Array.from({ length: count }, (_, i) => view.getUint32(4 * i, true));
}

Deno.test("a poll that the kernel is to make is laid as its struct iocb, one for each event", () => {
  const address = 0x7f12_3456_7000;
  const { memory, wait } = memoryAt(address);
  for (
    const [event, at] of [
      [POLLIN, layout.AIO_BLOCKS_AT],
      [POLLOUT, layout.AIO_BLOCKS_AT + layout.AIO_BLOCK_BYTES],
    ] as const
  ) {
    memory.fill(0xff, at, at + layout.AIO_BLOCK_BYTES);
    assert.equal(wait.aioPoll(7, 9, event), address + layout.AIO_LIST_AT);
    // Its data, key and flags, command, descriptor and buffer; nothing of the rest but who is told.
    const [head, command, tail] = [[event, 0, 0, 0], [5, 7, event, 0], [0, 0, 0, 0, 0, 0, 1, 9]];
    assert.deepEqual(words(memory, at, 16), [...head, ...command, ...tail]);
    assert.equal(wait.aioBlock(event), address + at);
    const listed = words(memory, layout.AIO_LIST_AT, 2);
    assert.deepEqual(listed, [(address + at) % 2 ** 32, Math.floor((address + at) / 2 ** 32)]);
  }
});

Deno.test("what ppoll takes and tells is laid as two of its struct pollfd", () => {
  const { memory, wait } = memoryAt(0);
  assert.equal(wait.polls(7, 9, POLLOUT), layout.POLL_AT);
  assert.deepEqual(words(memory, layout.POLL_AT, 4), [7, POLLOUT, 9, POLLIN]);
  assert.deepEqual([wait.polled, wait.isRung], [0, false]);
  // The upper half of the second word of each is what was found.
  memory[layout.POLL_AT + 6] = POLLOUT;
  assert.deepEqual([wait.polled, wait.isRung], [POLLOUT, false]);
  memory[layout.POLL_AT + 14] = POLLIN;
  assert.equal(wait.isRung, true);
});
