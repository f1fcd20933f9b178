// The system calls of Linux that are made by number.

/** Numbers of system calls; the kernel never changes them. */
export interface CallNumbers {
  readonly bind: number;
  readonly close: number;
  readonly eventfd2: number;
  readonly fchmod: number;
  readonly fchmodat: number;
  readonly fdatasync: number;
  readonly fsync: number;
  readonly ftruncate: number;
  readonly getdents64: number;
  readonly getpeername: number;
  readonly getsockname: number;
  readonly getsockopt: number;
  readonly io_cancel: number;
  readonly io_destroy: number;
  readonly io_getevents: number;
  readonly io_setup: number;
  readonly io_submit: number;
  readonly ioctl: number;
  readonly linkat: number;
  readonly mkdirat: number;
  readonly openat2: number;
  readonly ppoll: number;
  readonly read: number;
  readonly readlinkat: number;
  readonly recvmmsg: number;
  readonly renameat2: number;
  readonly sendfile: number;
  readonly sendmmsg: number;
  readonly sendmsg: number;
  readonly setsockopt: number;
  readonly shutdown: number;
  readonly socket: number;
  readonly statx: number;
  readonly symlinkat: number;
  readonly syncfs: number;
  readonly unlinkat: number;
  readonly utimensat: number;
  readonly write: number;
}

/** By the machine's name, as `process.arch` has it. */
export const NUMBERS: Readonly<Record<string, CallNumbers>> = {
  x64: {
    bind: 49,
    close: 3,
    eventfd2: 290,
    fchmod: 91,
    fchmodat: 268,
    fdatasync: 75,
    fsync: 74,
    ftruncate: 77,
    getdents64: 217,
    getpeername: 52,
    getsockname: 51,
    getsockopt: 55,
    io_cancel: 210,
    io_destroy: 207,
    io_getevents: 208,
    io_setup: 206,
    io_submit: 209,
    ioctl: 16,
    linkat: 265,
    mkdirat: 258,
    openat2: 437,
    ppoll: 271,
    read: 0,
    readlinkat: 267,
    recvmmsg: 299,
    renameat2: 316,
    sendfile: 40,
    sendmmsg: 307,
    sendmsg: 46,
    setsockopt: 54,
    shutdown: 48,
    socket: 41,
    statx: 332,
    symlinkat: 266,
    syncfs: 306,
    unlinkat: 263,
    utimensat: 280,
    write: 1,
  },
  arm64: {
    bind: 200,
    close: 57,
    eventfd2: 19,
    fchmod: 52,
    fchmodat: 53,
    fdatasync: 83,
    fsync: 82,
    ftruncate: 46,
    getdents64: 61,
    getpeername: 205,
    getsockname: 204,
    getsockopt: 209,
    io_cancel: 3,
    io_destroy: 1,
    io_getevents: 4,
    io_setup: 0,
    io_submit: 2,
    ioctl: 29,
    linkat: 37,
    mkdirat: 34,
    openat2: 437,
    ppoll: 73,
    read: 63,
    readlinkat: 78,
    recvmmsg: 243,
    renameat2: 276,
    sendfile: 71,
    sendmmsg: 269,
    sendmsg: 211,
    setsockopt: 208,
    shutdown: 210,
    socket: 198,
    statx: 291,
    symlinkat: 36,
    syncfs: 267,
    unlinkat: 35,
    utimensat: 88,
    write: 64,
  },
};
