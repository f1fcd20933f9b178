// A datagram to a socket in the file system by the kernel's own calls: where the runtime has none of that
// kind (Bun's `node:dgram` is UDP alone).

import { encodeUtf8 } from "../base/bytes.ts";
import { Kernel } from "./kernel.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** Most bytes of a socket's name. */
const NAME_BYTES = 108;
/** Where in the kernel's memory lie the message's head, what it points to, and what is said. */
const ADDRESS_AT = 128;
const PARTS_AT = 64;
const TEXT_AT = 512;
const TEXT_BYTES = 4096;

/** A way to say something to one socket. */
export class DatagramToFile implements Disposable {
  readonly #kernel: Kernel;
  readonly #socket: number;

  private constructor(kernel: Kernel, socket: number) {
    this.#kernel = kernel;
    this.#socket = socket;
  }

  /** `name` is a path, or begins with NUL where it is none. Null where there are no such calls. */
  static open(name: string): DatagramToFile | null {
    const nameBytes = encodeUtf8(name);
    const kernel = nameBytes.length < NAME_BYTES ? Kernel.open() : null;
    if (kernel === null) return null;
    const kind = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
    const socket = kernel.attempt("socket", AF_UNIX, kind, 0);
    if (socket < 0) {
      kernel[Symbol.dispose]();
      return null;
    }
    layOut(kernel, nameBytes);
    return new DatagramToFile(kernel, socket);
  }

  /** Says it, or not: whoever listens may be gone or full. */
  send(text: string): void {
    const bytes = encodeUtf8(text).subarray(0, TEXT_BYTES);
    this.#kernel.memory.set(bytes, TEXT_AT);
    viewOf(this.#kernel).setBigUint64(PARTS_AT + 8, BigInt(bytes.length), true);
    this.#kernel.attempt("sendmsg", this.#socket, this.#kernel.address, MSG_NOSIGNAL);
  }

  [Symbol.dispose](): void {
    this.#kernel.attempt("close", this.#socket);
    this.#kernel[Symbol.dispose]();
  }
}

/** The `struct msghdr` that is the same for every message: one address, one part. */
function layOut(kernel: Kernel, nameBytes: Uint8Array): void {
  const view = viewOf(kernel);
  const pointer = (at: number, to: number) =>
    view.setBigUint64(at, BigInt(kernel.address + to), true);
  pointer(0, ADDRESS_AT);
  view.setUint32(8, 2 + nameBytes.length, true);
  pointer(16, PARTS_AT);
  view.setBigUint64(24, 1n, true);
  pointer(PARTS_AT, TEXT_AT);
  view.setUint16(ADDRESS_AT, AF_UNIX, true);
  kernel.memory.set(nameBytes, ADDRESS_AT + 2);
}

function viewOf({ memory }: Kernel): DataView {
  return new DataView(memory.buffer, memory.byteOffset, memory.byteLength);
}
