// Waiting for a socket without holding up the event loop. In Deno a thread of the runtime sits in
// `ppoll`, and a bell (an eventfd) calls it back. Bun makes no calls aside, but its loop reads an
// eventfd as a stream: there the kernel itself rings the bell when the socket is ready (`io_submit`
// with IOCB_CMD_POLL), and no thread waits at all.

import { AIO_EVENTS, POLLIN, POLLOUT, type UdpMemory } from "./udp_memory.ts";
import type { Kernel } from "./kernel.ts";

/** Tells when a socket is ready: once for each time it was asked. */
export interface Waiter {
  /** Waits for packets, and where told also for room to send; asked again before, for both. */
  wait(alsoRoom: boolean): void;
  /** Settles when nothing waits any more; the socket is closed after. */
  close(): Promise<void>;
}

export interface WaiterOptions {
  readonly kernel: Kernel;
  readonly memory: UdpMemory;
  readonly socket: number;
  readonly onReady: () => void;
}

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
const BELL_FLAGS = EFD_CLOEXEC | EFD_NONBLOCK;

/** Null where the runtime or the system has no such way. */
export function openWaiter(options: WaiterOptions): Waiter | null {
  return options.kernel.hasAside ? new AsideWaiter(options) : BellWaiter.open(options);
}

/** A thread of the runtime polls. */
class AsideWaiter implements Waiter {
  readonly #options: WaiterOptions;
  readonly #bell: number;
  /** What is polled for now; null while nothing is. */
  #events: number | null = null;
  #wanted = 0;
  #polling: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(options: WaiterOptions) {
    this.#options = options;
    this.#bell = options.kernel.call("eventfd2", 0, BELL_FLAGS);
  }

  wait(alsoRoom: boolean): void {
    if (this.#isClosed) return;
    this.#wanted |= alsoRoom ? POLLIN | POLLOUT : POLLIN;
    if (this.#events === null) this.#polling = this.#poll();
    else if ((this.#events & this.#wanted) !== this.#wanted) this.#ring();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#events !== null) this.#ring();
    await this.#polling;
    this.#options.kernel.attempt("close", this.#bell);
  }

  async #poll(): Promise<void> {
    const { kernel, memory, socket, onReady } = this.#options;
    do {
      this.#events = this.#wanted;
      await kernel.callAside("ppoll", memory.polls(socket, this.#bell, this.#events), 2);
      // Rung to poll for more: the bell is emptied, and it begins anew.
      if (memory.isRung) kernel.attempt("read", this.#bell, memory.one(), 8);
    } while (!this.#isClosed && memory.polled === 0);
    this.#events = null;
    this.#wanted = 0;
    if (!this.#isClosed) onReady();
  }

  #ring(): void {
    this.#options.kernel.attempt("write", this.#bell, this.#options.memory.one(), 8);
  }
}

/** What of Bun's global is used. */
interface BunGlobal {
  file(fd: number): { stream(): ReadableStream<Uint8Array> };
}

/** The kernel polls, and rings a bell that the loop reads. */
class BellWaiter implements Waiter {
  readonly #options: WaiterOptions;
  readonly #context: number;
  readonly #bell: number;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #reading: Promise<void>;
  /** Polls that the kernel has, by what they are for. */
  #events = 0;
  #isClosed = false;

  private constructor(options: WaiterOptions, context: number, bell: number) {
    this.#options = options;
    this.#context = context;
    this.#bell = bell;
    const { Bun } = globalThis as unknown as { Bun: BunGlobal };
    this.#reader = Bun.file(bell).stream().getReader();
    this.#reading = this.#read();
  }

  static open(options: WaiterOptions): Waiter | null {
    const { kernel, memory } = options;
    if (typeof (globalThis as { Bun?: BunGlobal }).Bun?.file !== "function") return null;
    if (kernel.attempt("io_setup", AIO_EVENTS, memory.contextToFill()) < 0) return null;
    const context = memory.context;
    const bell = kernel.attempt("eventfd2", 0, BELL_FLAGS);
    if (bell >= 0) {
      const waiter = new BellWaiter(options, context, bell);
      if (waiter.#submit(POLLIN)) return waiter;
      waiter.close();
      return null;
    }
    kernel.attempt("io_destroy", context);
    return null;
  }

  wait(alsoRoom: boolean): void {
    if (this.#isClosed) return;
    if ((this.#events & POLLIN) === 0) this.#submit(POLLIN);
    if (alsoRoom && (this.#events & POLLOUT) === 0) this.#submit(POLLOUT);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const { kernel } = this.#options;
    // Ends what it polls for, before the socket goes.
    kernel.attempt("io_destroy", this.#context);
    await this.#reader.cancel();
    await this.#reading;
    kernel.attempt("close", this.#bell);
  }

  #submit(event: number): boolean {
    const { kernel, memory, socket } = this.#options;
    const blocks = memory.aioPoll(socket, this.#bell, event);
    const isTaken = kernel.attempt("io_submit", this.#context, 1, blocks) === 1;
    if (isTaken) this.#events |= event;
    return isTaken;
  }

  async #read(): Promise<void> {
    const { kernel, memory, onReady } = this.#options;
    for (;;) {
      const { done } = await this.#reader.read();
      if (done || this.#isClosed) return;
      const [events, noTime] = memory.aioEventsToFill();
      const count = kernel.attempt("io_getevents", this.#context, 0, AIO_EVENTS, events, noTime);
      for (let i = 0; i < count; i++) this.#events &= ~memory.aioEvent(i);
      if (count > 0) onReady();
    }
  }
}
