// What a system call takes and gives, laid out in the kernel's block of memory: two paths, the structs of
// `openat2`, `utimensat` and `statx`, and a buffer for everything longer. Each is good until the next call.

import { Buffer } from "node:buffer";
import { constants } from "node:os";
import {
  BeneathStats,
  DEV_AT,
  INODE_AT,
  KIND_MASK,
  MODE_AT,
  REGULAR,
  SIZE_AT,
  STATX_BYTES,
} from "./beneath_stats.ts";
import { Kernel, systemError } from "./kernel.ts";

/** Twice what the kernel takes: what is longer is refused by it, with its own error. */
const PATH_BYTES = 8192;
const FIRST_AT = 0;
const SECOND_AT = PATH_BYTES;
const HOW_AT = 2 * PATH_BYTES;
const TIMES_AT = HOW_AT + 64;
const STATX_AT = HOW_AT + 128;
const DATA_AT = 3 * PATH_BYTES;
/** Paths up to this are written letter by letter while they are ASCII. */
const SHORT_CHARS = 256;
/** Size of `struct open_how`. */
export const HOW_BYTES = 24;
/** Where `statx` puts an inode's halves and a device's numbers. */
const IDENTITY_AT: readonly number[] = [INODE_AT, INODE_AT + 4, DEV_AT, DEV_AT + 4];
/** `tv_nsec` that means the moment of the call. */
const UTIME_NOW = 0x3fffffffn;
const SECOND_NS = 1_000_000_000n;

/** Layout of `struct linux_dirent64`, and the kind of a directory in it. */
const RECORD_BYTES_AT = 16;
const KIND_AT = 18;
const NAME_AT = 19;
const DT_UNKNOWN = 0;
const DT_DIRECTORY = 4;
const DT_REGULAR = 8;

/** A name in a directory. */
export interface Listed {
  readonly name: string;
  /** Null where the file system leaves it to a look. */
  readonly kind: "directory" | "file" | "other" | null;
}

/** The kernel, and how its memory is laid out: kept by who opens many directories one after the other. */
export class KernelCalls implements Disposable {
  readonly kernel: Kernel;
  readonly memory: KernelMemory;

  private constructor(kernel: Kernel) {
    this.kernel = kernel;
    this.memory = new KernelMemory(kernel);
  }

  /** Null where `Kernel.open` has none, or its system has no `openat2`. */
  static open(): KernelCalls | null {
    const kernel = Kernel.open();
    if (kernel === null) return null;
    if (kernel.opensBeneath) return new KernelCalls(kernel);
    kernel[Symbol.dispose]();
    return null;
  }

  [Symbol.dispose](): void {
    this.kernel[Symbol.dispose]();
  }
}

export class KernelMemory {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #ascii: Buffer;
  readonly #address: number;
  readonly #view: DataView<ArrayBuffer>;
  readonly #stat: DataView<ArrayBuffer>;
  readonly #encoder = new TextEncoder();
  /** As the runtime names what is not UTF-8: such a name leads nowhere. */
  readonly #names = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #targets = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

  constructor({ memory, address }: Pick<Kernel, "memory" | "address">) {
    this.#bytes = memory;
    this.#ascii = Buffer.from(memory.buffer, memory.byteOffset, memory.byteLength);
    this.#address = address;
    this.#view = new DataView(memory.buffer);
    this.#stat = new DataView(memory.buffer, STATX_AT, STATX_BYTES);
  }

  /** Address of a path, the call's only or first one. */
  first(path: string): number {
    return this.#put(path, FIRST_AT);
  }

  second(path: string): number {
    return this.#put(path, SECOND_AT);
  }

  /** Address of a `struct open_how`. */
  how(flags: number, mode: number, resolve: number): number {
    // The upper halves stay 0.
    this.#view.setUint32(HOW_AT, flags, true);
    this.#view.setUint32(HOW_AT + 8, mode, true);
    this.#view.setUint32(HOW_AT + 16, resolve, true);
    return this.#address + HOW_AT;
  }

  /** Address of two `struct timespec`: now, and a time of modification. */
  times(mtimeNs: bigint): number {
    this.#view.setBigInt64(TIMES_AT, 0n, true);
    this.#view.setBigInt64(TIMES_AT + 8, UTIME_NOW, true);
    this.#view.setBigInt64(TIMES_AT + 16, mtimeNs / SECOND_NS, true);
    this.#view.setBigInt64(TIMES_AT + 24, mtimeNs % SECOND_NS, true);
    return this.#address + TIMES_AT;
  }

  /** Address that `statx` writes to. */
  get statx(): number {
    return this.#address + STATX_AT;
  }

  stats(): BeneathStats {
    return new BeneathStats(this.#stat);
  }

  /** Which file `statx` told of: inode and device, in numbers of 32 bits. */
  identity(): readonly number[] {
    return IDENTITY_AT.map((at) => this.#stat.getUint32(at, true));
  }

  isIdentity(known: readonly number[]): boolean {
    return IDENTITY_AT.every((at, i) => this.#stat.getUint32(at, true) === known[i]);
  }

  isFileOf(sizeBytes: number): boolean {
    const same = this.sameOpen();
    return same.isFile && same.sizeBytes === sizeBytes;
  }

  sameOpen(): { readonly sizeBytes: number; readonly isFile: boolean } {
    return {
      sizeBytes: Number(this.#stat.getBigUint64(SIZE_AT, true)),
      isFile: (this.#stat.getUint16(MODE_AT, true) & KIND_MASK) === REGULAR,
    };
  }

  /** Address and length of the buffer for everything longer. */
  get data(): number {
    return this.#address + DATA_AT;
  }

  get dataBytes(): number {
    return this.#bytes.length - DATA_AT;
  }

  /** Puts bytes into the buffer, as many as fit; answers how many. */
  fill(bytes: Uint8Array): number {
    const taken = bytes.subarray(0, this.dataBytes);
    this.#bytes.set(taken, DATA_AT);
    return taken.length;
  }

  /** The text in the first bytes of the buffer; throws where it is not UTF-8. */
  text(lengthBytes: number): string {
    return this.#targets.decode(this.#bytes.subarray(DATA_AT, DATA_AT + lengthBytes));
  }

  /** The records of `getdents64` in the first bytes of the buffer. */
  *listed(lengthBytes: number): Generator<Listed> {
    for (let at = DATA_AT; at < DATA_AT + lengthBytes;) {
      const next = at + this.#view.getUint16(at + RECORD_BYTES_AT, true);
      const end = this.#bytes.indexOf(0, at + NAME_AT);
      const name = this.#name(at + NAME_AT, end);
      const kind = kindOf(this.#bytes[at + KIND_AT] ?? DT_UNKNOWN);
      if (name !== "." && name !== "..") yield { name, kind };
      at = next;
    }
  }

  /** Names by the thousand: ASCII takes a fifth of a decoder's time this way. */
  #name(start: number, end: number): string {
    let all = 0;
    for (let at = start; at < end; at++) all |= this.#bytes[at]!;
    if (all < 0x80) return this.#ascii.toString("latin1", start, end);
    return this.#names.decode(this.#bytes.subarray(start, end));
  }

  /** Letter by letter while it is ASCII, which beats a call out; false where it is not, or too long. */
  #putAscii(path: string, at: number): boolean {
    const { length } = path;
    if (length > SHORT_CHARS) return false;
    const bytes = this.#bytes;
    for (let i = 0; i < length; i++) {
      const code = path.charCodeAt(i);
      if (code === 0 || code > 0x7f) return false;
      bytes[at + i] = code;
    }
    bytes[at + length] = 0;
    return true;
  }

  #put(path: string, at: number): number {
    if (this.#putAscii(path, at)) return this.#address + at;
    const place = this.#bytes.subarray(at, at + PATH_BYTES);
    const { read, written } = this.#encoder.encodeInto(path, place);
    if (read < path.length || written === PATH_BYTES) {
      throw systemError("open", constants.errno.ENAMETOOLONG);
    }
    // The kernel would take what stands before it for the whole.
    if (path.includes("\0")) {
      throw Object.assign(new Error("a path with a NUL"), { code: "ERR_INVALID_ARG_VALUE" });
    }
    place[written] = 0;
    return this.#address + at;
  }
}

function kindOf(type: number): Listed["kind"] {
  if (type === DT_UNKNOWN) return null;
  if (type === DT_DIRECTORY) return "directory";
  return type === DT_REGULAR ? "file" : "other";
}
