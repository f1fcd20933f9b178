import assert from "node:assert/strict";
import { constants } from "node:os";
import process from "node:process";
import { Kernel } from "./kernel.ts";
import { UDP_MEMORY_BYTES } from "./udp_layout.ts";
import { openWaiter } from "./udp_wait.ts";
import type { WaitKernel } from "./udp_waiter.ts";

const isLinux = process.platform === "linux";

/** A kernel whose waiting fails while `isShort` says so; counts how often, and calls by name. */
class ShortKernel implements Disposable {
  readonly kernel: WaitKernel;
  readonly calls = new Map<string, number>();
  isShort = false;
  failures = 0;
  readonly #kernel: Kernel;

  constructor() {
    const kernel = Kernel.open({ memoryBytes: UDP_MEMORY_BYTES });
    assert.ok(kernel !== null);
    this.#kernel = kernel;
    const fails = (name: string) => {
      this.calls.set(name, (this.calls.get(name) ?? 0) + 1);
      const is = this.isShort && (name === "ppoll" || name === "io_submit");
      if (is) this.failures++;
      return is;
    };
    this.kernel = {
      memory: kernel.memory,
      address: kernel.address,
      hasAside: kernel.hasAside,
      call: (name, ...values) => kernel.call(name, ...values),
      attempt: (name, ...values) =>
        fails(name) ? -constants.errno.EAGAIN : kernel.attempt(name, ...values),
      callAside: (name, ...values) =>
        fails(name) ? Promise.resolve(-1) : kernel.callAside(name, ...values),
    };
  }

  count(name: string): number {
    return this.calls.get(name) ?? 0;
  }

  /** What stands in for a socket: it has a packet where it counts 1. */
  descriptor(count: 0 | 1): number {
    return this.#kernel.call("eventfd2", count, 0);
  }

  [Symbol.dispose](): void {
    this.#kernel[Symbol.dispose]();
  }
}

const turn = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

Deno.test({
  name: "who waits is told though the kernel refused the wait for a while, and nothing spins",
  ignore: !isLinux,
  fn: async () => {
    using short = new ShortKernel();
    const socket = short.descriptor(1);
    let wake = () => {};
    const told = () => new Promise<void>((resolve) => wake = resolve);
    const first = told();
    const waiter = openWaiter({ kernel: short.kernel, socket, onReady: () => wake() });
    assert.ok(waiter !== null);
    waiter.wait(false);
    await first;
    const second = told();
    short.isShort = true;
    waiter.wait(true);
    await turn(0);
    assert.ok(short.failures > 0 && short.failures < 50, `${short.failures} failures`);
    short.isShort = false;
    await second;
    await waiter.close();
    short.kernel.attempt("close", socket);
  },
});

Deno.test({
  name: "a wait that the kernel refuses can be closed",
  ignore: !isLinux,
  fn: async () => {
    using short = new ShortKernel();
    const socket = short.descriptor(0);
    const waiter = openWaiter({ kernel: short.kernel, socket, onReady: () => assert.fail() });
    assert.ok(waiter !== null);
    short.isShort = true;
    waiter.wait(false);
    await turn(0);
    await waiter.close();
    short.kernel.attempt("close", socket);
  },
});

Deno.test({
  name: "no context of polls is ended when a socket closes: the next one has it (Bun)",
  ignore: !isLinux || !("Bun" in globalThis),
  fn: async () => {
    let made = 0;
    for (let round = 0; round < 5; round++) {
      using short = new ShortKernel();
      const socket = short.descriptor(0);
      const waiter = openWaiter({ kernel: short.kernel, socket, onReady: () => {} });
      waiter?.wait(true);
      await waiter?.close();
      short.kernel.attempt("close", socket);
      assert.equal(short.count("io_destroy"), 0);
      made += short.count("io_setup");
    }
    assert.ok(made <= 1, `${made} contexts`);
  },
});
