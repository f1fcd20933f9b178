// The system calls of Linux that `node:fs` does not have, through the C library's `syscall` and the
// runtime's foreign function interface. Where it may not be used, does not load or the kernel is another
// one there is none: never a crash, never a question. Only numbers are passed; what they point to lies in
// one block of memory that no collector moves.

import { createRequire } from "node:module";
import { constants } from "node:os";
import process from "node:process";

/** The C library where Linux systems have it: glibc's name, then musl's. */
const LIBRARIES: readonly string[] = [
  "libc.so.6",
  "libc.musl-x86_64.so.1",
  "libc.musl-aarch64.so.1",
];
const MEMORY_BYTES = 256 * 1024;

/** Numbers of system calls; the kernel never changes them. */
export interface CallNumbers {
  readonly close: number;
  readonly fchmod: number;
  readonly fchmodat: number;
  readonly fdatasync: number;
  readonly fsync: number;
  readonly ftruncate: number;
  readonly getdents64: number;
  readonly linkat: number;
  readonly mkdirat: number;
  readonly openat2: number;
  readonly readlinkat: number;
  readonly renameat2: number;
  readonly sendfile: number;
  readonly statx: number;
  readonly symlinkat: number;
  readonly unlinkat: number;
  readonly utimensat: number;
  readonly write: number;
}

const NUMBERS: Readonly<Record<string, CallNumbers>> = {
  x64: {
    close: 3,
    fchmod: 91,
    fchmodat: 268,
    fdatasync: 75,
    fsync: 74,
    ftruncate: 77,
    getdents64: 217,
    linkat: 265,
    mkdirat: 258,
    openat2: 437,
    readlinkat: 267,
    renameat2: 316,
    sendfile: 40,
    statx: 332,
    symlinkat: 266,
    unlinkat: 263,
    utimensat: 280,
    write: 1,
  },
  arm64: {
    close: 57,
    fchmod: 52,
    fchmodat: 53,
    fdatasync: 83,
    fsync: 82,
    ftruncate: 46,
    getdents64: 61,
    linkat: 37,
    mkdirat: 34,
    openat2: 437,
    readlinkat: 78,
    renameat2: 276,
    sendfile: 71,
    statx: 291,
    symlinkat: 36,
    unlinkat: 35,
    utimensat: 88,
    write: 64,
  },
};

/** The six arguments of a call; those left out are 0. */
export type CallArguments = readonly [a?: number, b?: number, c?: number, d?: number, e?: number];

/**
 * What a runtime offers: one foreign function, and where memory lies. The kernel's own answer, -errno,
 * the C library does not hand out: `syscall` makes -1 of it and leaves the number in `errno`, which is
 * the calling thread's own. Both runtimes make these calls on the thread that asks (Deno's are not
 * `nonblocking`), where nothing else of ours can run meanwhile, and `errno` is then read as memory, by
 * no further foreign call. Only the runtime's own work between two instructions could change it
 * (collecting garbage), and only where a system call of that fails. Were it wrong all the same, what it
 * would bring about the kernel still refuses: it finds the way beneath the root anew at each call, and
 * puts a file by `linkat` where nothing is to be replaced.
 */
interface Foreign {
  syscall(number: number, a: number, b: number, c: number, d: number, e: number): number;
  errno(): number;
  addressOf(memory: Uint8Array<ArrayBuffer>): number;
  close(): void;
}

export class Kernel implements Disposable {
  /** What calls read from and write to; its first byte is at `address`. */
  readonly memory: Uint8Array<ArrayBuffer> = new Uint8Array(MEMORY_BYTES);
  readonly address: number;
  readonly numbers: CallNumbers;
  readonly #foreign: Foreign;

  private constructor(foreign: Foreign, numbers: CallNumbers) {
    this.#foreign = foreign;
    this.numbers = numbers;
    this.address = foreign.addressOf(this.memory);
  }

  /** Null where this runtime, its permissions or this system have none. */
  static open(): Kernel | null {
    const numbers = process.platform === "linux" ? NUMBERS[process.arch] : undefined;
    const foreign = numbers === undefined ? null : openForeign();
    if (numbers === undefined || foreign === null) return null;
    const kernel = new Kernel(foreign, numbers);
    if (kernel.#opensBeneath) return kernel;
    kernel[Symbol.dispose]();
    return null;
  }

  /** Makes a call; throws as `node:fs` does where it fails, with `code` and `errno`. */
  call(name: keyof CallNumbers, ...[a = 0, b = 0, c = 0, d = 0, e = 0]: CallArguments): number {
    for (;;) {
      const result = this.#foreign.syscall(this.numbers[name], a, b, c, d, e);
      if (result >= 0) return result;
      const errno = this.#foreign.errno();
      if (errno !== constants.errno.EINTR) throw systemError(name, errno);
    }
  }

  [Symbol.dispose](): void {
    this.#foreign.close();
  }

  /** Whether the system has `openat2` and lets it be used: it then refuses a struct of no size as such. */
  get #opensBeneath(): boolean {
    this.#foreign.syscall(this.numbers.openat2, 0, this.address, this.address, 0, 0);
    return this.#foreign.errno() === constants.errno.EINVAL;
  }
}

/** An error as `node:fs` throws it. */
export function systemError(name: string, errno: number): Error {
  const code = codeOf(errno);
  return Object.assign(new Error(`${code}: ${name} failed`), {
    code,
    errno: -errno,
    syscall: name,
  });
}

function codeOf(errno: number): string {
  const found = Object.entries(constants.errno).find(([, value]) => value === errno);
  return found?.[0] ?? `E${errno}`;
}

function openForeign(): Foreign | null {
  for (const library of LIBRARIES) {
    try {
      return typeof Deno === "undefined" ? foreignOfBun(library) : foreignOfDeno(library);
    } catch {
      // Not allowed, or another C library: the next name, and in the end none.
    }
  }
  return null;
}

function foreignOfDeno(library: string): Foreign {
  if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") throw new Error("no FFI");
  const { symbols, close } = opened(Deno.dlopen(library, {
    syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64"], result: "i32" },
    __errno_location: { parameters: [], result: "pointer" },
  }));
  const at = symbols.__errno_location();
  if (at === null) throw new Error("no errno");
  const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(at, 4));
  // Its types say `bigint`; it takes numbers as well, and those are not made anew for every call.
  const syscall = symbols.syscall as unknown as Foreign["syscall"];
  return {
    syscall: (number, a, b, c, d, e) => syscall(number, a, b, c, d, e),
    errno: () => errno[0] ?? 0,
    addressOf: (memory) => Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory))),
    close,
  };
}

/** A library whose `close` stands by itself. */
function opened<S extends Deno.ForeignLibraryInterface>(library: Deno.DynamicLibrary<S>) {
  return { symbols: library.symbols, close: () => library.close() };
}

/** What of `bun:ffi` is used; it is there in Bun only, so nothing imports it. */
interface BunFfi {
  dlopen(library: string, symbols: Readonly<Record<string, unknown>>): {
    readonly symbols: {
      syscall(...values: readonly number[]): number;
      __errno_location(): number;
    };
    close(): void;
  };
  readonly read: { i32(address: number, offsetBytes: number): number };
  ptr(memory: Uint8Array): number;
}

function foreignOfBun(library: string): Foreign {
  const ffi = createRequire(import.meta.url)("bun:ffi") as BunFfi;
  const { symbols, close } = ffi.dlopen(library, {
    syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  });
  const errnoAt = symbols.__errno_location();
  return {
    syscall: (number, a, b, c, d, e) => symbols.syscall(number, a, b, c, d, e),
    errno: () => ffi.read.i32(errnoAt, 0),
    addressOf: (memory) => ffi.ptr(memory),
    close,
  };
}
