// What waiting for a socket takes and gives, in that socket's block of memory: what `ppoll` polls, the
// kernel's asynchronous polls and what they tell, and the count that rings a bell.

import type { Kernel } from "./kernel.ts";
import {
  AIO_BLOCK_BYTES,
  AIO_BLOCKS_AT,
  AIO_CONTEXT_AT,
  AIO_EVENT_BYTES,
  AIO_EVENTS_AT,
  AIO_LIST_AT,
  COUNT_AT,
  layPointer,
  NO_TIME_AT,
  POLL_AT,
} from "./udp_layout.ts";

export const POLLIN = 1;
export const POLLOUT = 4;
const IOCB_CMD_POLL = 5;
const IOCB_FLAG_RESFD = 1;

export class WaitMemory {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView<ArrayBuffer>;
  readonly #address: number;

  constructor({ memory, address }: Pick<Kernel, "memory" | "address">) {
    this.#bytes = memory;
    this.#view = new DataView(memory.buffer);
    this.#address = address;
  }

  /** Address of two `struct pollfd`: a socket, and what wakes who waits for it. */
  polls(socket: number, bell: number, events: number): number {
    this.#view.setInt32(POLL_AT, socket, true);
    this.#view.setUint32(POLL_AT + 4, events, true);
    this.#view.setInt32(POLL_AT + 8, bell, true);
    this.#view.setUint32(POLL_AT + 12, POLLIN, true);
    return this.#address + POLL_AT;
  }

  /** What a poll found of the socket. */
  get polled(): number {
    return this.#view.getUint16(POLL_AT + 6, true);
  }

  /** Whether it found the bell rung. */
  get isRung(): boolean {
    return this.#view.getUint16(POLL_AT + 14, true) !== 0;
  }

  /** Address that `io_setup` writes to; it wants a 0 there. */
  contextToFill(): number {
    this.#view.setBigUint64(AIO_CONTEXT_AT, 0n, true);
    return this.#address + AIO_CONTEXT_AT;
  }

  get context(): number {
    return Number(this.#view.getBigUint64(AIO_CONTEXT_AT, true));
  }

  /** Address of the list that asks `io_submit` to ring a bell when a socket is ready for something. */
  aioPoll(socket: number, bell: number, event: number): number {
    const at = blockAt(event);
    this.#bytes.fill(0, at, at + AIO_BLOCK_BYTES);
    this.#view.setUint32(at, event, true);
    this.#view.setUint16(at + 16, IOCB_CMD_POLL, true);
    this.#view.setUint32(at + 20, socket, true);
    this.#view.setUint32(at + 24, event, true);
    this.#view.setUint32(at + 56, IOCB_FLAG_RESFD, true);
    this.#view.setUint32(at + 60, bell, true);
    layPointer(this.#view, AIO_LIST_AT, this.#address + at);
    return this.#address + AIO_LIST_AT;
  }

  /** Address of a poll that was asked for, by which it is called off. */
  aioBlock(event: number): number {
    return this.#address + blockAt(event);
  }

  /** Addresses that `io_getevents` writes to, and of no time at all. */
  aioEventsToFill(): readonly [number, number] {
    return [this.#address + AIO_EVENTS_AT, this.#address + NO_TIME_AT];
  }

  /** What a poll was for. */
  aioEvent(index: number): number {
    return this.#view.getUint32(AIO_EVENTS_AT + index * AIO_EVENT_BYTES, true);
  }

  /** Address of eight bytes that say 1. */
  one(): number {
    this.#view.setUint32(COUNT_AT, 1, true);
    this.#view.setUint32(COUNT_AT + 4, 0, true);
    return this.#address + COUNT_AT;
  }
}

function blockAt(event: number): number {
  return AIO_BLOCKS_AT + (event === POLLIN ? 0 : AIO_BLOCK_BYTES);
}
