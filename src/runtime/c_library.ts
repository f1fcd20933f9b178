// The C library of a Linux system, opened by the runtime's foreign function interface. Where that may not
// be used, or the library is not there or has no such function, there is none: never a crash, and never a
// question.

import { granted } from "./runtime.ts";

/** The names it goes by: glibc's, then musl's. */
const NAMES: readonly string[] = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

/** What `open` makes of the first name that it does not throw for; null where it throws for each. */
export function openLibrary<T>(open: (name: string) => T): T | null {
  for (const name of NAMES) {
    try {
      return open(name);
    } catch {
      // Another C library: the next name, and in the end none.
    }
  }
  return null;
}

/** Functions of it in Deno. */
export interface DenoLibrary<S extends Deno.ForeignLibraryInterface> {
  readonly symbols: Deno.DynamicLibrary<S>["symbols"];
  close(): void;
}

/** Opens it in Deno for these functions; null where one of them is not to be had. */
export function openDenoLibrary<S extends Deno.ForeignLibraryInterface>(
  functions: S,
): DenoLibrary<S> | null {
  if (!granted({ name: "ffi" })) return null;
  return openLibrary((name) => Deno.dlopen(name, functions));
}
