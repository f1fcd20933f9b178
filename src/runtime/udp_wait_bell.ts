// Waiting for a socket in Bun, whose loop reads an eventfd as a stream: the kernel itself rings that bell
// when the socket is ready (`io_submit` with IOCB_CMD_POLL), and no thread waits at all.
// Ending the context of such polls holds up the caller for 25 ms and more (`io_destroy` waits until no
// core looks at it), so polls are called off one by one and the context serves the next socket.

import { constants } from "node:os";
import { AIO_EVENTS } from "./udp_layout.ts";
import { POLLIN, POLLOUT, WaitMemory } from "./udp_wait_memory.ts";
import { BELL_FLAGS, RETRY_MS, type Waiter, type WaiterOptions } from "./udp_waiter.ts";

/** What of Bun's global is used. */
interface BunGlobal {
  file(fd: number): { stream(): ReadableStream<Uint8Array> };
}

/** Contexts of this process that no socket has, and that no poll is left of: as many as were in use. */
const spareContexts: number[] = [];

const { EINPROGRESS, EINVAL } = constants.errno;

/** The kernel polls, and rings a bell that the loop reads. */
export class BellWaiter implements Waiter {
  readonly #options: WaiterOptions;
  readonly #memory: WaitMemory;
  readonly #context: number;
  readonly #bell: number;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #reading: Promise<void>;
  /** Polls that the kernel has, by what they are for. */
  #events = 0;
  /** What was asked for and was not taken by the kernel. */
  #wanted = 0;
  #retry: ReturnType<typeof setTimeout> | null = null;
  #isClosed = false;

  private constructor(
    options: WaiterOptions,
    { memory, context, bell }: { memory: WaitMemory; context: number; bell: number },
  ) {
    this.#options = options;
    this.#memory = memory;
    this.#context = context;
    this.#bell = bell;
    const { Bun } = globalThis as unknown as { Bun: BunGlobal };
    this.#reader = Bun.file(bell).stream().getReader();
    this.#reading = this.#read();
  }

  static open(options: WaiterOptions): BellWaiter | null {
    const { kernel } = options;
    if (typeof (globalThis as { Bun?: BunGlobal }).Bun?.file !== "function") return null;
    const memory = new WaitMemory(kernel);
    const context = spareContexts.pop() ?? newContext(options, memory);
    if (context === null) return null;
    const bell = kernel.attempt("eventfd2", 0, BELL_FLAGS);
    if (bell < 0) {
      spareContexts.push(context);
      return null;
    }
    const waiter = new BellWaiter(options, { memory, context, bell });
    if (waiter.#submit(POLLIN)) return waiter;
    waiter.close();
    return null;
  }

  wait(alsoRoom: boolean): void {
    if (this.#isClosed) return;
    this.#wanted |= alsoRoom ? POLLIN | POLLOUT : POLLIN;
    for (const event of [POLLIN, POLLOUT]) {
      if ((this.#wanted & ~this.#events & event) !== 0) this.#submit(event);
    }
    if ((this.#wanted & ~this.#events) === 0) this.#wanted = 0;
    else this.#retryLater();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    const { kernel } = this.#options;
    this.#callOff(POLLIN);
    this.#callOff(POLLOUT);
    // Those called off ring as well: the socket is free when they are in.
    if (this.#events === 0) this.#reader.cancel();
    await this.#reading;
    if (this.#events === 0) spareContexts.push(this.#context);
    else kernel.attempt("io_destroy", this.#context);
    kernel.attempt("close", this.#bell);
  }

  #callOff(event: number): void {
    if ((this.#events & event) === 0) return;
    const { kernel } = this.#options;
    const [result] = this.#memory.aioEventsToFill();
    const block = this.#memory.aioBlock(event);
    const answer = kernel.attempt("io_cancel", this.#context, block, result);
    // 0 is what kernels said that handed the event over at once; EINVAL, that it is over already.
    if (answer === 0) this.#events &= ~event;
    else if (answer !== -EINPROGRESS && answer !== -EINVAL) this.#reader.cancel();
  }

  /** The kernel was short of memory, say: without a poll nobody would ring. */
  #retryLater(): void {
    if (this.#retry !== null || this.#isClosed) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.wait(false);
    }, RETRY_MS);
  }

  #submit(event: number): boolean {
    const { kernel, socket } = this.#options;
    const blocks = this.#memory.aioPoll(socket, this.#bell, event);
    const isTaken = kernel.attempt("io_submit", this.#context, 1, blocks) === 1;
    if (isTaken) this.#events |= event;
    return isTaken;
  }

  async #read(): Promise<void> {
    const { kernel, onReady } = this.#options;
    for (;;) {
      const { done } = await this.#reader.read();
      if (done) return;
      const [events, noTime] = this.#memory.aioEventsToFill();
      const count = kernel.attempt("io_getevents", this.#context, 0, AIO_EVENTS, events, noTime);
      for (let i = 0; i < count; i++) this.#events &= ~this.#memory.aioEvent(i);
      if (this.#isClosed && this.#events === 0) return await this.#reader.cancel();
      if (count > 0 && !this.#isClosed) onReady();
    }
  }
}

function newContext({ kernel }: WaiterOptions, memory: WaitMemory): number | null {
  return kernel.attempt("io_setup", AIO_EVENTS, memory.contextToFill()) < 0 ? null : memory.context;
}
