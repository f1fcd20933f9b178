// The system calls of Linux that `node:fs` does not have, through the C library's `syscall` and the
// runtime's foreign function interface. Where it may not be used, does not load or the kernel is another
// one there is none: never a crash, never a question. Only numbers are passed; what they point to lies in
// one block of memory that no collector moves.

import { createRequire } from "node:module";
import { constants } from "node:os";
import process from "node:process";
import { linuxErrorName } from "../base/errno.ts";
import { openDenoLibrary, openLibrary } from "./c_library.ts";
import { type CallNumbers, NUMBERS } from "./kernel_numbers.ts";
import { type Shape, SHAPE_OF, SHAPES } from "./kernel_shapes.ts";
import { isDeno } from "./runtime.ts";

export type { CallNumbers } from "./kernel_numbers.ts";

/** Enough for paths, and for what is read and listed at a time. */
const MEMORY_BYTES = 256 * 1024;

/** The six arguments of a call; those left out are 0. */
export type CallArguments = readonly [a?: number, b?: number, c?: number, d?: number, e?: number];

/**
 * What a runtime offers: one foreign function, and where memory lies. The kernel's own answer, -errno,
 * the C library does not hand out: `syscall` makes -1 of it and leaves the number in `errno`, which is
 * the calling thread's own. Both runtimes make these calls on the thread that asks (Deno's are not
 * `nonblocking`, but for those aside, whose number is lost), where nothing else of ours can run meanwhile,
 * and `errno` is then read as memory, by no further foreign call. Only the runtime's own work between two
 * instructions could change it (collecting garbage), and only where a system call of that fails. Were it
 * wrong all the same, what it would bring about the kernel still refuses: it finds the way beneath the root
 * anew at each call, and puts a file by `linkat` where nothing is to be replaced.
 */
export interface Foreign {
  syscall(number: number, a: number, b: number, c: number, d: number, e: number): number;
  /** A call by its number, of a shape where the runtime makes a difference; null where it does not. */
  readonly shaped: { readonly [S in Shape]: (number: number) => Call } | null;
  /** On a thread of its own; null where the runtime has no such calls. */
  readonly syscallAside:
    | ((number: number, a: number, b: number, c: number, d: number, e: number) => Promise<number>)
    | null;
  errno(): number;
  addressOf(memory: Uint8Array<ArrayBuffer>): number;
  close(): void;
}

/** One of the kernel's calls. */
type Call = (a: number, b: number, c: number, d: number, e: number) => number;

export class Kernel implements Disposable {
  /** What calls read from and write to; its first byte is at `address`. */
  readonly memory: Uint8Array<ArrayBuffer>;
  readonly address: number;
  readonly numbers: CallNumbers;
  readonly #foreign: Foreign;
  /** How each call is made. */
  readonly #calls: { readonly [Name in keyof CallNumbers]: Call };

  private constructor(foreign: Foreign, numbers: CallNumbers, memoryBytes: number) {
    this.#foreign = foreign;
    this.numbers = numbers;
    this.#calls = callsOf(foreign, numbers);
    // Of a buffer of its own: Bun's engine moves what is small when its buffer is first asked for.
    this.memory = new Uint8Array(new ArrayBuffer(memoryBytes));
    this.address = foreign.addressOf(this.memory);
  }

  /** Null where this runtime, its permissions or this system have none. */
  static open({ memoryBytes = MEMORY_BYTES, openForeign = foreignHere }: {
    readonly memoryBytes?: number;
    readonly openForeign?: () => Foreign | null;
  } = {}): Kernel | null {
    const numbers = process.platform === "linux" ? NUMBERS[process.arch] : undefined;
    const foreign = numbers === undefined ? null : openForeign();
    if (numbers === undefined || foreign === null) return null;
    return new Kernel(foreign, numbers, memoryBytes);
  }

  /** Makes a call; throws as `node:fs` does where it fails, with `code` and `errno`. */
  call(name: keyof CallNumbers, a = 0, b = 0, c = 0, d = 0, e = 0): number {
    const result = this.attempt(name, a, b, c, d, e);
    if (result < 0) throw systemError(name, -result);
    return result;
  }

  /** Makes a call; answers -errno where it fails: an error is dear where failing is an everyday thing. */
  attempt(name: keyof CallNumbers, a = 0, b = 0, c = 0, d = 0, e = 0): number {
    for (;;) {
      const result = this.#calls[name](a, b, c, d, e);
      if (result >= 0) return result;
      const errno = this.#foreign.errno();
      if (errno !== constants.errno.EINTR) return -errno;
      // Linux has given the number back by then: it may be another file's.
      if (name === "close") return 0;
    }
  }

  /** Whether `callAside` is there. */
  get hasAside(): boolean {
    return this.#foreign.syscallAside !== null;
  }

  /**
   * Makes a call that waits, on a thread of the runtime; -1 where it fails. Its memory is to stay as it
   * is meanwhile, and the kernel is not to be disposed of.
   */
  async callAside(name: keyof CallNumbers, ...values: CallArguments): Promise<number> {
    const [a = 0, b = 0, c = 0, d = 0, e = 0] = values;
    const { syscallAside } = this.#foreign;
    if (syscallAside === null) throw new TypeError("this runtime makes no calls aside");
    return await syscallAside(this.numbers[name], a, b, c, d, e);
  }

  [Symbol.dispose](): void {
    this.#foreign.close();
  }

  /** Whether the system has `openat2` and lets it be used: it then refuses a struct of no size as such. */
  get opensBeneath(): boolean {
    this.#foreign.syscall(this.numbers.openat2, 0, this.address, this.address, 0, 0);
    return this.#foreign.errno() === constants.errno.EINVAL;
  }
}

function callsOf(
  { shaped, syscall }: Foreign,
  numbers: CallNumbers,
): { readonly [Name in keyof CallNumbers]: Call } {
  const names = Object.keys(numbers) as (keyof CallNumbers)[];
  const plain = (number: number): Call => (a, b, c, d, e) => syscall(number, a, b, c, d, e);
  const calls = names.map((name) => {
    const shape = SHAPE_OF[name];
    const make = shape === undefined ? plain : shaped?.[shape] ?? plain;
    return [name, make(numbers[name])];
  });
  return Object.fromEntries(calls);
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

/** Looked for once: where much is asked for that is not there, errors are an everyday thing. */
const CODES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.errno).toReversed().map(([code, errno]) => [errno, code]),
);

function codeOf(errno: number): string {
  return CODES.get(errno) ?? linuxErrorName(errno) ?? `E${errno}`;
}

function foreignHere(): Foreign | null {
  return isDeno() ? foreignOfDeno() : openLibrary(foreignOfBun);
}

function foreignOfDeno(): Foreign | null {
  const library = openDenoLibrary({
    syscall: { parameters: ["i64", "i64", "i64", "i64", "i64", "i64"], result: "i32" },
    syscallAside: {
      name: "syscall",
      parameters: ["i64", "i64", "i64", "i64", "i64", "i64"],
      result: "i32",
      nonblocking: true,
    },
    ipz: { name: "syscall", parameters: SHAPES.ipz, result: "i32" },
    ipiip: { name: "syscall", parameters: SHAPES.ipiip, result: "i32" },
    ippz: { name: "syscall", parameters: SHAPES.ippz, result: "i32" },
    ipipi: { name: "syscall", parameters: SHAPES.ipipi, result: "i32" },
    __errno_location: { parameters: [], result: "pointer" },
  });
  const at = library?.symbols.__errno_location() ?? null;
  if (library === null || at === null) return null;
  const { symbols } = library;
  const errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(at, 4));
  // Its types say `bigint`; it takes numbers as well, and those are not made anew for every call.
  const syscall = symbols.syscall as unknown as Foreign["syscall"];
  const aside = symbols.syscallAside as unknown as Foreign["syscallAside"];
  return {
    syscall: (number, a, b, c, d, e) => syscall(number, a, b, c, d, e),
    shaped: shapedOfDeno(symbols),
    syscallAside: aside,
    errno: () => errno[0] ?? 0,
    addressOf: (memory) => Number(Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory))),
    close: () => library.close(),
  };
}

type Pointer = ReturnType<typeof Deno.UnsafePointer.create>;

/** `syscall` as it is declared for each shape. */
interface ShapedSymbols {
  ipz(number: bigint, a: number, b: Pointer, c: bigint): number;
  ipiip(number: bigint, a: number, b: Pointer, c: number, d: number, e: Pointer): number;
  ippz(number: bigint, a: number, b: Pointer, c: Pointer, d: bigint): number;
  ipipi(number: bigint, a: number, b: Pointer, c: number, d: Pointer, e: number): number;
}

function shapedOfDeno(symbols: ShapedSymbols): NonNullable<Foreign["shaped"]> {
  // What a call points to lies in one block, mostly where it did the time before.
  return {
    ipz: (number) => {
      const [wide, first, size] = [BigInt(number), new LastPointer(), new LastSize()];
      return (a, b, c) => symbols.ipz(wide, a, first.of(b), size.of(c));
    },
    ipiip: (number) => {
      const [wide, first, last] = [BigInt(number), new LastPointer(), new LastPointer()];
      return (a, b, c, d, e) => symbols.ipiip(wide, a, first.of(b), c, d, last.of(e));
    },
    ippz: (number) => {
      const [wide, first, second] = [BigInt(number), new LastPointer(), new LastPointer()];
      const size = new LastSize();
      return (a, b, c, d) => symbols.ippz(wide, a, first.of(b), second.of(c), size.of(d));
    },
    ipipi: (number) => {
      const [wide, first, second] = [BigInt(number), new LastPointer(), new LastPointer()];
      return (a, b, c, d, e) => symbols.ipipi(wide, a, first.of(b), c, second.of(d), e);
    },
  };
}

/** The address that was pointed to last, which is mostly the next one's too. */
class LastPointer {
  #address = 0;
  #pointer: Pointer = null;

  of(address: number): Pointer {
    if (address === 0) return null;
    if (address !== this.#address) {
      this.#pointer = Deno.UnsafePointer.create(BigInt(address));
      this.#address = address;
    }
    return this.#pointer;
  }
}

/** The size that was given last. */
class LastSize {
  #size = 0;
  #wide = 0n;

  of(size: number): bigint {
    if (size !== this.#size) {
      this.#wide = BigInt(size);
      this.#size = size;
    }
    return this.#wide;
  }
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

/** Throws in any other runtime as well. */
function foreignOfBun(library: string): Foreign {
  const ffi = createRequire(import.meta.url)("bun:ffi") as BunFfi;
  const { symbols, close } = ffi.dlopen(library, {
    syscall: { args: ["i64", "i64", "i64", "i64", "i64", "i64"], returns: "i32" },
    __errno_location: { args: [], returns: "ptr" },
  });
  const errnoAt = symbols.__errno_location();
  return {
    syscall: (number, a, b, c, d, e) => symbols.syscall(number, a, b, c, d, e),
    shaped: null,
    syscallAside: null,
    errno: () => ffi.read.i32(errnoAt, 0),
    addressOf: (memory) => ffi.ptr(memory),
    close,
  };
}
