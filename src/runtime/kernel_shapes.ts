// Which of a system call's arguments are addresses. Deno calls a foreign function without a detour only
// where each argument is of the type that was declared, and V8 throws optimised code away, with all that
// called it, whenever a number comes where a 64-bit one was declared: a look at a file took 1.5 µs more,
// and for each of hundreds of such moments a compiler's thread. So what is called by the thousand is
// declared as the kernel has it: `int` and pointers.

import type { CallNumbers } from "./kernel_numbers.ts";

/**
 * The call's number, then up to five arguments: `i` of 32 bits, `p` an address, `z` a size. What the kernel
 * takes 64 bits of is no `i`: nobody promises what the upper half of one's register has.
 */
export const SHAPES = {
  ipz: ["i64", "i32", "pointer", "usize"],
  ipiip: ["i64", "i32", "pointer", "i32", "i32", "pointer"],
  ippz: ["i64", "i32", "pointer", "pointer", "usize"],
  ipipi: ["i64", "i32", "pointer", "i32", "pointer", "i32"],
} as const;

export type Shape = keyof typeof SHAPES;

/** Calls that are made often; the kernel takes no notice of arguments that a call does not have. */
export const SHAPE_OF: { readonly [Name in keyof CallNumbers]?: Shape } = {
  close: "ipiip",
  // No path, but a mode, which is mostly that of the file before.
  fchmod: "ipiip",
  fchmodat: "ipiip",
  fsync: "ipiip",
  getdents64: "ipiip",
  linkat: "ipipi",
  mkdirat: "ipiip",
  openat2: "ippz",
  read: "ipz",
  readlinkat: "ippz",
  recvmmsg: "ipiip",
  renameat2: "ipipi",
  sendmmsg: "ipiip",
  sendmsg: "ipiip",
  statx: "ipiip",
  syncfs: "ipiip",
  unlinkat: "ipiip",
  utimensat: "ippz",
};
