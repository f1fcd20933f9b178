// Small files read whole by the kernel's own calls, five of them: `node:fs` looks at every directory of a
// path for a worker that may not do everything, which was half of what packing thousands of files took.
// Gives the bytes of the file that was seen or none: no link is gone through, nothing is read that the
// runtime was not allowed. What else goes wrong is left to `node:fs`, which says it in its own words.

import { dirname } from "node:path";
import { BENEATH_NAME } from "./beneath.ts";
import { isStampOf, type SeenStamp, STATX_BYTES } from "./beneath_stats.ts";
import { HOW_BYTES, KernelCalls } from "./kernel_memory.ts";
import { AT_EMPTY_PATH, AT_FDCWD, flagsOf, NO_LINKS, STATX_ALL } from "./open_flags.ts";
import { mayReadBelow } from "./place_permission.ts";

/** Up to this its copy out of the kernel's block of memory costs less than the calls that it saves. */
const MOST_BYTES = 64 * 1024;

const { flags: READ_FLAGS } = flagsOf("read");

export class SmallFiles implements Disposable {
  readonly #calls: KernelCalls;
  readonly #stat: DataView<ArrayBuffer>;
  readonly #data: Uint8Array<ArrayBuffer>;
  /** Path that may be read with all that is below it; null while none is known. */
  #allowed: string | null = null;

  private constructor(calls: KernelCalls) {
    this.#calls = calls;
    const { kernel, memory } = calls;
    const block = kernel.memory.buffer;
    this.#stat = new DataView(block, memory.statx - kernel.address, STATX_BYTES);
    this.#data = new Uint8Array(block, memory.data - kernel.address, MOST_BYTES);
  }

  /** Null where the runtime, its permissions or the system have no such calls, or `without` names them. */
  static open({ without }: { readonly without: readonly string[] }): SmallFiles | null {
    const calls = without.includes(BENEATH_NAME) ? null : KernelCalls.open();
    return calls === null ? null : new SmallFiles(calls);
  }

  /**
   * Reads as many bytes as `into` takes, from the beginning of a file; nothing may be made of them unless
   * it answers "read". "changed": it is not the file that was seen, before or after. "unread": another way
   * is to be tried.
   */
  read(path: string, { seen, into }: {
    readonly seen: SeenStamp;
    readonly into: Uint8Array;
  }): "read" | "changed" | "unread" {
    if (into.length > MOST_BYTES || !this.#mayRead(path)) return "unread";
    const { kernel, memory } = this.#calls;
    const how = memory.how(READ_FLAGS, 0, NO_LINKS);
    const fd = kernel.attempt("openat2", AT_FDCWD, memory.first(path), how, HOW_BYTES);
    if (fd < 0) return "unread";
    try {
      const before = this.#stateOf(fd, seen);
      if (before !== "same") return before;
      const got = kernel.attempt("read", fd, memory.data, into.length);
      if (got !== into.length) return "unread";
      into.set(this.#data.subarray(0, got));
      const after = this.#stateOf(fd, seen);
      return after === "same" ? "read" : after;
    } finally {
      kernel.attempt("close", fd);
    }
  }

  [Symbol.dispose](): void {
    this.#calls[Symbol.dispose]();
  }

  /** Whether an open file is the one that was seen; "unread" where the kernel does not tell. */
  #stateOf(fd: number, seen: SeenStamp): "same" | "changed" | "unread" {
    const { kernel, memory } = this.#calls;
    const here = memory.first("");
    const got = kernel.attempt("statx", fd, here, AT_EMPTY_PATH, STATX_ALL, memory.statx);
    if (got < 0) return "unread";
    return isStampOf(this.#stat, seen) ? "same" : "changed";
  }

  /** The runtime is asked once for all that lies below one place. */
  #mayRead(path: string): boolean {
    if (this.#allowed !== null && isBelow(path, this.#allowed)) return true;
    if (!mayReadBelow(path)) return false;
    let place = path;
    for (;;) {
      const above = dirname(place);
      if (above === place || !mayReadBelow(above)) break;
      place = above;
    }
    this.#allowed = place;
    return true;
  }
}

/** Whether a path is another one or lies below it, as both are written: one that climbs is asked about. */
function isBelow(path: string, place: string): boolean {
  if (path.includes("/..")) return false;
  return path === place || path.startsWith(place.endsWith("/") ? place : `${place}/`);
}
