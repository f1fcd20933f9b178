// A file or directory that is open, and what is done to it by its descriptor alone: no path leads anywhere
// else meanwhile.

import type { BigIntStats } from "node:fs";
import type { CallArguments, CallNumbers } from "./kernel.ts";
import type { KernelMemory } from "./kernel_memory.ts";

/** What is to be known of a file that is written to by another descriptor. */
export interface SameOpen {
  readonly sizeBytes: number;
  readonly isFile: boolean;
}

/** A file or directory that is open. */
export interface OpenBeneath {
  look(): BigIntStats;
  /** Whether it is a regular file of so many bytes. */
  isFileOf(sizeBytes: number): boolean;
  /** What a descriptor of `node:fs` has open, if it is this very file, else null: theirs are the system's. */
  lookBy(fd: number): SameOpen | null;
  /** Sets the time of its last change, and that of its last use to now. */
  setTime(mtimeNs: bigint): void;
  setMode(mode: number): void;
  resize(sizeBytes: number): void;
  write(bytes: Uint8Array): void;
  sync(options: { readonly data: boolean }): void;
  /** Everything that is left in another one. */
  copyFrom(other: OpenBeneath): void;
}

/** A file system that is synced as a whole. */
export interface HeldWhole extends Disposable {
  /** The device that lies on it. */
  readonly device: bigint;
  /** Makes durable what was written to it, whoever did; throws what failed since it was held, once. */
  sync(): void;
}

/** What an open file goes by. */
export interface FileCalls {
  readonly memory: KernelMemory;
  call(name: keyof CallNumbers, ...values: CallArguments): number;
  look(fd: number): BigIntStats;
  /** Has the kernel tell of a descriptor in the memory. */
  fill(fd: number): void;
}

/** How much of a file the kernel copies at a call. */
const COPY_BYTES = 1 << 30;

export class OpenFile implements OpenBeneath {
  readonly #fd: number;
  readonly #calls: FileCalls;

  constructor(fd: number, calls: FileCalls) {
    this.#fd = fd;
    this.#calls = calls;
  }

  look(): BigIntStats {
    return this.#calls.look(this.#fd);
  }

  isFileOf(sizeBytes: number): boolean {
    const { memory, fill } = this.#calls;
    fill(this.#fd);
    return memory.isFileOf(sizeBytes);
  }

  lookBy(fd: number): SameOpen | null {
    const { memory, fill } = this.#calls;
    fill(this.#fd);
    const own = memory.identity();
    fill(fd);
    return memory.isIdentity(own) ? memory.sameOpen() : null;
  }

  setTime(mtimeNs: bigint): void {
    const { memory, call } = this.#calls;
    // Without a path it is the descriptor's own file.
    call("utimensat", this.#fd, 0, memory.times(mtimeNs), 0);
  }

  setMode(mode: number): void {
    this.#calls.call("fchmod", this.#fd, mode);
  }

  resize(sizeBytes: number): void {
    this.#calls.call("ftruncate", this.#fd, sizeBytes);
  }

  write(bytes: Uint8Array): void {
    const { memory, call } = this.#calls;
    for (let done = 0; done < bytes.length;) {
      const filled = memory.fill(bytes.subarray(done));
      done += call("write", this.#fd, memory.data, filled);
    }
  }

  sync({ data }: { readonly data: boolean }): void {
    this.#calls.call(data ? "fdatasync" : "fsync", this.#fd);
  }

  copyFrom(other: OpenBeneath): void {
    if (!(other instanceof OpenFile)) throw new TypeError("Cannot copy: it is open elsewhere");
    while (this.#calls.call("sendfile", this.#fd, other.#fd, 0, COPY_BYTES) > 0);
  }
}

/** Holds the file system of a directory that is open; closes it when that is let go of. */
export function holdWhole(fd: number, { call, look }: Pick<FileCalls, "call" | "look">): HeldWhole {
  let held: number | null = fd;
  return {
    device: deviceOf(fd, { call, look }),
    sync: () => {
      // Its number may be another file's by now, and that one's file system is not what is meant (I2).
      if (held === null) throw new TypeError("a file system was let go of before it was synced");
      call("syncfs", held);
    },
    [Symbol.dispose]: () => {
      const open = held;
      held = null;
      if (open !== null) call("close", open);
    },
  };
}

function deviceOf(fd: number, { call, look }: Pick<FileCalls, "call" | "look">): bigint {
  try {
    return look(fd).dev;
  } catch (thrown) {
    call("close", fd);
    throw thrown;
  }
}
