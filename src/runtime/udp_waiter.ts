// What waits for a socket, and what it is given.

import type { Kernel } from "./kernel.ts";

/** Tells when a socket is ready: once for each time it was asked. */
export interface Waiter {
  /** Waits for packets, and where told also for room to send; asked again before, for both. */
  wait(alsoRoom: boolean): void;
  /** Settles when nothing waits any more; the socket is closed after. */
  close(): Promise<void>;
}

/** What of the kernel waiting takes. */
export type WaitKernel = Pick<
  Kernel,
  "memory" | "address" | "attempt" | "call" | "callAside" | "hasAside"
>;

export interface WaiterOptions {
  readonly kernel: WaitKernel;
  readonly socket: number;
  readonly onReady: () => void;
}

const EFD_CLOEXEC = 0o2000000;
const EFD_NONBLOCK = 0o4000;
export const BELL_FLAGS = EFD_CLOEXEC | EFD_NONBLOCK;
/** After which a wait that the kernel refused (no memory, say) is tried again. */
export const RETRY_MS = 10;
