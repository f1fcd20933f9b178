// How a file is opened and looked at, as the kernel takes it: flags by name, and what every opening has.

import process from "node:process";

/** Flags that are one number everywhere, and two that are not. */
const O_WRONLY = 0o1;
const O_RDWR = 0o2;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_APPEND = 0o2000;
const O_NONBLOCK = 0o4000;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const isArm = process.arch === "arm64";
const O_DIRECTORY = isArm ? 0o40000 : 0o200000;
const O_NOFOLLOW = isArm ? 0o100000 : 0o400000;
const OWN_MODE = 0o600;

/** In a directory's place: a path from the process's own. */
export const AT_FDCWD = -100;
/** What is looked at is the descriptor itself. */
export const AT_EMPTY_PATH = 0x1000;
/** All that a look tells. */
export const STATX_ALL = 0xfff;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_NO_SYMLINKS = 0x04;
/** No link is gone through, wherever in a path it is. */
export const NO_LINKS: number = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS;

const OPEN = {
  read: 0,
  write: O_WRONLY,
  append: O_WRONLY | O_APPEND | O_CREAT,
  create: O_WRONLY | O_CREAT | O_EXCL,
  part: O_RDWR | O_CREAT,
  directory: O_DIRECTORY,
  path: O_PATH,
} as const;
/** By name; with a mode, a file is made that must not be there, and the process's mask holds. */
export type Opening = keyof typeof OPEN | { readonly createMode: number };

/** A directory that only leads on to what is in it. */
export const OPEN_WAY: number = O_PATH | O_DIRECTORY | O_CLOEXEC;

/** What the kernel is told of an opening. */
interface OpenFlags {
  readonly flags: number;
  readonly mode: number;
}

/** By name: parts are opened by the thousand. */
const NAMED = new Map(Object.entries(OPEN).map(([name, own]) => [name, told(own, OWN_MODE)]));

/** Flags and mode of an opening that never waits and goes through no link. */
export function flagsOf(opening: Opening): OpenFlags {
  if (typeof opening === "string") return NAMED.get(opening)!;
  return told(OPEN.create, opening.createMode);
}

function told(own: number, createMode: number): OpenFlags {
  const more = O_NOFOLLOW | O_CLOEXEC | (own === O_PATH ? 0 : O_NONBLOCK);
  return { flags: own | more, mode: (own & O_CREAT) === 0 ? 0 : createMode };
}
